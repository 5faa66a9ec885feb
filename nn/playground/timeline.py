"""Branches of a run, and any of their steps again, bit for bit.

A branch is a stretch of steps in which nothing was changed. Some states are kept; any other step is
reached from the one before it by training again, because batches follow from the seed. A digest of
each state that was shown is compared when the step is reached again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from .branches import Branch, Change, Nudging, Schedule, apply_nudging, matching
from .datasets import Dataset
from .lane import Batch, Lane
from .measures import measured
from .settings import Settings

__all__ = ["Branch", "Change", "Nudging", "Progress", "Schedule", "Timeline", "matching"]

Progress: TypeAlias = Callable[[int], object]
"""Called between pieces with the step that was reached; training ends there if it returns False."""

MOST_BYTES = 64 * 2**20
"""The memory for states that are kept, all branches together."""
MOST_KEPT = 128
"""The largest number of states that a branch keeps."""
MOST_DIGESTS = 1024
MOST_BRANCHES = 100
_NOWHERE = 2**62  # after all steps
PIECE = 64
"""Steps between two checks that weights are finite."""


class Timeline:
    """The branches of one run, and the lanes at one of their steps.

    Parameters
    ----------
    settings : Settings
    data : Dataset

    Attributes
    ----------
    branches : dict of int to Branch
    branch : Branch
        Where the lanes are.
    step : int
        At which of its steps.
    lanes : list of Lane
    """

    def __init__(self, settings: Settings, data: Dataset) -> None:
        self.data = data
        schedule = Schedule(settings.seed, len(data.train), settings.batch)
        root = Branch(0, None, Change(0, settings), "start", schedule, 0)
        self.branches = {0: root}
        self.branch, self.step = root, 0
        self.lanes = self._new_lanes(settings)
        self._keep()
        self._add_to_curve()

    def _new_lanes(self, settings: Settings) -> list[Lane]:
        return [Lane(settings, n, self.data) for n in range(len(settings.optimizers))]

    # Steps -----------------------------------------------------------------------------------

    def batch(self) -> Batch:
        """Return the batch that the next step trains on."""
        rows = self.branch.schedule.batch_at(self.step)
        return self.data.train[rows], self.data.train_labels[rows]

    def advance(self, count: int, progress: Progress | None = None) -> int:
        """Train all lanes; a lane whose next step is not finite stops, and others go on.

        Parameters
        ----------
        count : int
        progress : callable, optional
            Called between pieces with the step that was reached; training ends there if it returns
            False.

        Returns
        -------
        int
            How many steps were made: fewer than `count` if all lanes stopped.
        """
        done = 0
        while done < count:
            piece = min(count - done, self._until_next_stop())
            made = self._piece(piece)
            done += made
            if made < piece or (progress is not None and progress(self.step) is False):
                break
        return done

    def follow(
        self, changes: Sequence[Change], step: int, progress: Progress | None = None
    ) -> bool:
        """Train to a step, and make changes at their steps on the way.

        Parameters
        ----------
        changes : sequence of Change
        step : int
        progress : callable, optional
            As for `advance`.

        Returns
        -------
        bool
            Whether it was reached: False if `progress` ended it, or if all lanes stopped.
        """
        for change in changes:
            if not self._train_to(change.step, progress):
                return False
            self.change(change)
        return self._train_to(step, progress)

    def _train_to(self, step: int, progress: Progress | None) -> bool:
        left = step - self.step
        return self.advance(left, progress) == left

    def _until_next_stop(self) -> int:
        """Return how many steps are left to the next point of the curve, state, or check."""
        branch, step = self.branch, self.step
        spacings = [PIECE, branch.spacing]
        if step >= branch.last:
            spacings.append(branch.every)
        return min(spacing - step % spacing for spacing in spacings)

    def _piece(self, count: int) -> int:
        first = self.step
        x, y = self.data.train, self.data.train_labels
        batches = [(x[r], y[r]) for r in self.branch.schedule.batches(first, first + count)]
        made = max(lane.run(batches, first) for lane in self.lanes)
        self.step += made
        branch = self.branch
        for n, lane in enumerate(self.lanes):
            if lane.stopped is not None:
                branch.stops[n] = lane.stopped
        is_new = self.step > branch.last
        branch.last = max(branch.last, self.step)
        if made and self.step % branch.spacing == 0:
            self._keep()
        if is_new and self.step % branch.every == 0:
            self._add_to_curve()
        return made

    # Branches --------------------------------------------------------------------------------

    def change(self, change: Change, what: str = "") -> Branch:
        """Begin a branch at the step where the lanes are.

        Parameters
        ----------
        change : Change
        what : str
            The change in words; by default how the settings differ.

        Returns
        -------
        Branch
        """
        number = max(self.branches) + 1
        schedule = self.branch.schedule.changed(change.settings.batch, self.step)
        what = what or str(change.nudging or self.branch.settings.difference(change.settings))
        branch = Branch(number, self.branch.number, change, what, schedule, self.step)
        branch.stopped = tuple(lane.stopped for lane in self.lanes)
        self._keep()
        lanes = self._lanes_after(self.branch.settings, self.lanes, change)
        self.branches[number] = branch
        self.branch, self.lanes = branch, lanes
        self._keep()
        self._add_to_curve()
        self._forget_branches()
        return branch

    def leave_empty_branch(self) -> None:
        """Go back to the parent, and forget this branch, if it only changed settings so far.

        So a slider that is dragged makes one branch, and not one for each of its positions.
        """
        branch = self.branch
        has_children = any(other.parent == branch.number for other in self.branches.values())
        is_empty = branch.last == branch.at and branch.change.nudging is None and not has_children
        if is_empty and branch.parent is not None:
            self.seek(branch.parent, branch.at)
            del self.branches[branch.number]

    def _lanes_after(self, old: Settings, lanes: list[Lane], change: Change) -> list[Lane]:
        """Return the lanes that continue others with new settings.

        A lane keeps its weights. If the class of its optimizer is unchanged, it keeps the state
        too. A lane that is new starts from the weights of the selected lane.
        """
        new = change.settings
        found = self._new_lanes(new)
        origin = matching(old.optimizers, new.optimizers)
        for n, lane in enumerate(found):
            source = origin[n]
            before = lanes[change.lane if source is None else source]
            state = before.state()
            if source is None or before.entry.name != lane.entry.name:
                state = replace(state, memory=tuple({} for _ in state.memory))
            lane.load(replace(state, stopped=None))
        if (nudging := change.nudging) is not None:
            apply_nudging(found[nudging.lane], nudging)
        return found

    def _forget_branches(self) -> None:
        """Forget the oldest branches that lead nowhere, if there are too many."""
        while len(self.branches) > MOST_BRANCHES:
            needed = {branch.parent for branch in self.branches.values()}
            needed |= {branch.number for branch in self.line()}
            free = [number for number in self.branches if number not in needed]
            if not free:
                raise ValueError(f"{MOST_BRANCHES} changes in a row are the most; start anew")
            del self.branches[free[0]]

    def line(self, number: int | None = None) -> list[Branch]:
        """Return the branches that lead to a branch, from the first one; by default to this one."""
        branch = self.branch if number is None else self._known(number)
        found = [branch]
        while branch.parent is not None:
            branch = self.branches[branch.parent]
            found.append(branch)
        return found[::-1]

    def _known(self, number: int) -> Branch:
        if number not in self.branches:
            listed = ", ".join(map(str, self.branches))
            raise ValueError(f"there is no branch {number}; the branches are {listed}")
        return self.branches[number]

    # Going back ------------------------------------------------------------------------------

    def seek(self, number: int, step: int, progress: Progress | None = None) -> bool:
        """Go to a step that was reached before.

        Parameters
        ----------
        number : int
            The branch.
        step : int
        progress : callable, optional
            As for `advance`.

        Returns
        -------
        bool
            Whether it was reached: False if `progress` ended it. The lanes are at a step before it.

        Raises
        ------
        ValueError
            If there is no such step.
        RuntimeError
            If the state is not the one that was shown before.
        """
        branch = self._known(number)
        if isinstance(step, bool) or not isinstance(step, int):
            raise ValueError(f"step: {step!r}, expected a whole number")
        if not branch.at <= step <= branch.last:
            raise ValueError(
                f"step: {step}, but branch {number} has the steps {branch.at} to {branch.last}"
            )
        for part, stretch in self._path(branch, step):
            if (part.number, stretch.start) != (self.branch.number, self.step):
                self._enter(part, stretch.start)
            length = stretch.stop - stretch.start
            if self.advance(length, progress) < length:
                return False
        for n, lane in enumerate(self.lanes):
            if branch.stops.get(n) == step:  # as it was found when the next step was tried
                lane.stopped = step
        self.check()
        return True

    def _path(self, branch: Branch, step: int) -> list[tuple[Branch, range]]:
        """Return the stretches to train again, from the nearest state that is kept."""
        found: list[tuple[Branch, range]] = []
        while True:
            starts = [kept for kept in branch.kept if kept <= step]
            if self.branch is branch and self.step <= step:
                starts.append(self.step)
            if starts or branch.parent is None:
                found.append((branch, range(max(starts, default=0), step)))
                return found[::-1]
            found.append((branch, range(branch.at, step)))
            step, branch = branch.at, self.branches[branch.parent]

    def _enter(self, branch: Branch, step: int) -> None:
        """Set the lanes to the start of a stretch."""
        if step in branch.kept:
            if branch is not self.branch:
                self.lanes = self._new_lanes(branch.settings)
            for lane, state in zip(self.lanes, branch.kept[step], strict=True):
                lane.load(state)
        elif branch.parent is None:
            self.lanes = self._new_lanes(branch.settings)
        else:  # the lanes are at the end of the parent's stretch
            self.lanes = self._lanes_after(self.branch.settings, self.lanes, branch.change)
        self.branch, self.step = branch, step

    def twin(self) -> Timeline:
        """Return a timeline with the same branches and lanes of its own, which can be elsewhere.

        It must `seek` before anything else.
        """
        twin = copy.copy(self)
        twin.branch, twin.step = self.branches[0], _NOWHERE
        twin.lanes = self._new_lanes(twin.branch.settings)
        return twin

    # What is kept ----------------------------------------------------------------------------

    def _keep(self) -> None:
        """Keep this state, and drop others if there are too many or too large ones."""
        branch = self.branch
        branch.keep(self.step, tuple(lane.state() for lane in self.lanes))
        if len(branch.kept) > MOST_KEPT:
            branch.thin()
        while self.bytes_kept > MOST_BYTES:
            max(self.branches.values(), key=lambda each: each.size).thin()

    @property
    def bytes_kept(self) -> int:
        """The memory of all states that are kept."""
        return sum(branch.size for branch in self.branches.values())

    def digest(self) -> bytes:
        """Return a digest of the weights and the states of the optimizers of all lanes."""
        return b"".join(lane.state().digest() for lane in self.lanes)

    def check(self) -> None:
        """Compare this state with the one that was shown before at this step, if it was.

        Raises
        ------
        RuntimeError
            If they differ.
        """
        digests = self.branch.digests
        now = self.digest()
        before = digests.get(self.step)
        if before is not None and before != now:
            raise RuntimeError(
                f"step {self.step} of branch {self.branch.number} is not what it was before: the "
                "replay differs; please report this"
            )
        digests[self.step] = now
        if len(digests) > MOST_DIGESTS:
            for step in list(digests)[::2]:
                del digests[step]

    # Curves ----------------------------------------------------------------------------------

    def _add_to_curve(self) -> None:
        self.branch.add_to_curve(self.step, [measured(lane, self.data) for lane in self.lanes])
