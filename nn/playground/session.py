"""A session of the playground: what a person does with it.

It trains, goes to any step, changes something, and describes itself. Playing at a speed is left to
the server, and `timeline.py` decides how a step is reached again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .address import State, read_state, write_state
from .choices import LIMITS, choices
from .datasets import completed_data, make_data
from .explaining import explained_step
from .frames import frame_of
from .lane import Lane
from .measures import predicted
from .nudging import Nudge, nudge
from .settings import Settings, whole
from .stopped import Stop, why_it_stopped
from .tables import Table
from .timeline import Change, Progress, Timeline
from .upcoming import Upcoming
from .view import View

if TYPE_CHECKING:
    from tinygrad_edu.stepping import Stepper

__all__ = ["Session"]

_NO_TABLE = {"label": "", "features": [], "file": "", "digest": ""}


class Session:
    """A network that trains, and every step of it that was reached; for one thread at a time.

    Parameters
    ----------
    settings : Settings
    table : Table, optional
        What `read_table` returned, for the data ``csv``.

    Attributes
    ----------
    settings : Settings
        Those of the branch where the session is.
    data : Dataset
    timeline : Timeline
        The branches, and the lanes: one for each optimizer.
    viewed : View
        What frames show.
    ahead : State or None
        What was opened, as long as it is not reached.
    table, offered : Table or None
        The one of this run, and one of which columns have to be chosen: by `change`.

    Examples
    --------
    >>> from nn.playground.session import Session
    >>> session = Session.open("data=circles&hidden=4tanh")
    >>> session.step(50)
    50
    >>> session.change({"optimizers": [{"name": "SGD", "lr": 0.03}]})
    >>> session.step(10), session.position
    (10, (1, 60))
    >>> session.seek(0, 20)
    True
    >>> session.state
    'data=circles&hidden=4tanh&step=20'
    """

    def __init__(self, settings: Settings | None = None, table: Table | None = None) -> None:
        self.table = table
        self.offered: Table | None = None
        self._selected = 0
        self.ahead: State | None = None
        self._upcoming = Upcoming()
        self._begin(Settings() if settings is None else settings)

    @classmethod
    def open(
        cls,
        state: str | Settings = "",
        table: Table | None = None,
        progress: Progress | None = None,
    ) -> Session:
        """Open a state: its data, its changes, and the step that it was at.

        Parameters
        ----------
        state : str or Settings
            What `state` returned; settings begin at step 0.
        table : Table, optional
            What `read_table` returned, for the data ``csv``.
        progress : callable, optional
            Called now and then with the step that was reached; the session stays there if it
            returns False, and `arrive` goes on.

        Returns
        -------
        Session

        Raises
        ------
        ValueError
            In one line: the part of the text, what was found, and what was expected.
        """
        if isinstance(state, Settings):
            return cls(state, table)
        read = read_state(state)
        session = cls(read.settings, table)
        session.ahead = read
        session.arrive(progress)
        return session

    def arrive(self, progress: Progress | None = None) -> bool:
        """Train on to the state that was opened, with its changes, if `progress` ended that.

        Parameters
        ----------
        progress : callable, optional
            As for `open`.

        Returns
        -------
        bool
            Whether nothing is ahead any more: False if `progress` ended it again.
        """
        target = self.ahead
        if target is None:
            return True
        data = self.settings.data  # with the columns that the text left open
        left = target.changes[len(self.timeline.line()) - 1 :]
        changes = [replace(one, settings=replace(one.settings, data=data)) for one in left]
        if self.timeline.follow(changes, target.step, progress):
            self.select(target.lane)
            self.ahead = None
        elif self.stopped:
            self.ahead = None  # what is ahead will never be reached
        return self.ahead is None

    def _begin(self, settings: Settings) -> None:
        """Begin a run; nothing is changed if the data cannot be made."""
        is_offered = self.offered is not None and self.offered.fits(settings.data)
        table = self.offered if is_offered else self.table
        settings = replace(settings, data=completed_data(settings.data, table))
        data = make_data(settings.data, settings.seed, table)
        self.data, self.timeline = data, Timeline(settings, data)
        if is_offered:
            self.table, self.offered = table, None
        self.ahead = None
        hidden = [layer.units for layer in settings.hidden]
        self.viewed = View(data, [len(data.features), *hidden, data.outputs])
        self._stops: WeakKeyDictionary[Lane, Stop] = WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"Session.open({self.state!r})"

    # Where it is -------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The settings of the branch where the session is."""
        return self.timeline.branch.settings

    @property
    def position(self) -> tuple[int, int]:
        """The number of the branch, and the step."""
        return self.timeline.branch.number, self.timeline.step

    @property
    def lanes(self) -> list[Lane]:
        """The lanes, each with its ``network`` and its ``optimizer``."""
        return self.timeline.lanes

    @property
    def selected(self) -> int:
        """The number of the lane whose network is shown; the last one where there are fewer."""
        return min(self._selected, len(self.lanes) - 1)

    @property
    def lane(self) -> Lane:
        """The lane that is selected."""
        return self.timeline.lanes[self.selected]

    @property
    def stopped(self) -> bool:
        """Whether all lanes stopped, because their next step is not finite."""
        return all(lane.stopped is not None for lane in self.lanes)

    @property
    def choices(self) -> dict[str, Any]:
        """What can be chosen, and the columns of the table, as plain data."""
        table = self.table if self.offered is None else self.offered
        return {**choices(), "csv": None if table is None else table.to_json()}

    @property
    def state(self) -> str:
        """The settings, changes and position as a text that `open` reads."""
        start, *changes = (branch.change for branch in self.timeline.line())
        return write_state(State(start.settings, tuple(changes), self.timeline.step, self.selected))

    # What a person does ------------------------------------------------------------------------

    def step(self, count: int = 1, progress: Progress | None = None) -> int:
        """Train.

        Parameters
        ----------
        count : int
            How many steps.
        progress : callable, optional
            Called now and then with the step that was reached; training ends there if it returns
            False.

        Returns
        -------
        int
            How many steps were made: fewer than `count` if all lanes stopped, because their next
            step is not finite, or if `progress` ended it.

        Raises
        ------
        ValueError
            If the run would be longer than a million steps.
        """
        count = whole("step", count, 0, LIMITS["steps"])
        if self.timeline.step + count > LIMITS["steps"]:
            raise ValueError(
                f"step {self.timeline.step + count}: a run has at most {LIMITS['steps']} steps"
            )
        return self.timeline.advance(count, progress)

    def seek(self, branch: int, step: int, progress: Progress | None = None) -> bool:
        """Go to a step that was reached before, exactly as it was.

        Parameters
        ----------
        branch : int
        step : int
        progress : callable, optional
            As for `step`.

        Returns
        -------
        bool
            Whether it was reached; False if `progress` ended it.

        Raises
        ------
        ValueError
            If there is no such branch or step.
        RuntimeError
            If the weights are not those that were shown before.
        """
        return self.timeline.seek(branch, step, progress)

    def restart(self) -> None:
        """Begin the run anew, with the settings of the current branch."""
        self._begin(self.settings)

    def change(self, given: Mapping[str, Any]) -> None:
        """Change settings: training goes on in a new branch, or a new run begins.

        Other data, layers or another seed begin a new run. So does any change before the first
        step. Several changes at the same step are one branch. With other optimizers, each lane
        keeps its weights; it keeps the optimizer's state if the class is the same, and a new class
        starts without. A new lane starts from the weights of the selected one.

        Parameters
        ----------
        given : mapping
            Some of the settings, as plain values; see `Settings`.

        Raises
        ------
        ValueError
            In one line: the setting, what was found, and what was expected. Nothing is changed.
        """
        new = self.settings.changed(given)
        timeline = self.timeline
        is_fresh = timeline.branch.parent is None and timeline.branch.last == 0
        if new.begins_new_run(self.settings) or is_fresh:
            self._begin(new)
        elif new != self.settings:
            timeline.leave_empty_branch()
            if new != self.settings:
                timeline.change(Change(timeline.step, new, lane=self.selected))

    def branch(self) -> None:
        """Begin a branch at this step without a change."""
        change = Change(self.timeline.step, self.settings, lane=self.selected)
        self.timeline.change(change, "branch")

    def nudge(self, layer: int, row: int | str | None, column: int, by: float) -> Nudge:
        """Change one weight or bias of the selected network by hand; a new branch begins.

        Parameters
        ----------
        layer : int
            The linear layer, counted from 1.
        row : int or None
            The input unit, counted from 0; None or ``"bias"`` for the bias.
        column : int
            The output unit, counted from 0.
        by : float
            What is added.

        Returns
        -------
        Nudge
            The loss of the next batch before and after, and what the gradient predicted.
        """
        return nudge(self, layer, row, column, by)

    def next(self, layer: int, row: int | str | None, column: int) -> dict[str, float | None]:
        """Return one weight of the selected network, and what the next step makes of it.

        Parameters
        ----------
        layer, row, column : int
            As for `nudge`.

        Returns
        -------
        dict
            ``value`` and ``to``, which is None if the next step is not finite.
        """
        return self._upcoming.value(self.timeline, self.selected, layer, row, column)

    def select(self, lane: int) -> None:
        """Show the network of another lane."""
        self._selected = self._lane_number(lane)

    def _lane_number(self, lane: Any) -> int:
        return whole("lane", lane, 0, len(self.lanes) - 1)

    def view(
        self,
        features: Sequence[int] | None = None,
        units: Mapping[Any, int] | None = None,
    ) -> None:
        """Choose what frames show.

        Parameters
        ----------
        features : sequence of two int, optional
            The features on the axes of the maps.
        units : mapping of int to int, optional
            For a linear layer, counted from 1, the first unit that is shown; 0 is the input.
        """
        self.viewed.choose(features, units)

    def predict(self, values: Sequence[float]) -> dict[str, Any]:
        """Predict one row with the selected network.

        Parameters
        ----------
        values : sequence of float
            The features in their original units; for digits 64 pixels from 0 to 1.

        Returns
        -------
        dict
            ``probabilities`` of the classes, or the ``value`` of a regression, and a ``text``.
        """
        return predicted(self.lane, self.data, values)

    def points(self, points: Sequence[Sequence[float]]) -> None:
        """Train on points that were drawn: x, y and class; a new run begins."""
        self.change({"data": {"name": "drawn", "drawn": points}})

    def load_table(self, table: Table) -> None:
        """Train on a table, on its usual columns; a new run begins.

        Parameters
        ----------
        table : Table
            What `read_table` returned.

        Raises
        ------
        ValueError
            If these columns cannot be used; the run stays. Where others can, the table is offered.
        """
        before, self.offered = self.offered, table
        try:
            self._begin(self.settings.changed({"data": {"name": "csv", **_NO_TABLE}}))
        except ValueError:
            if not table.predictable:
                self.offered = before
            raise

    # What it shows -----------------------------------------------------------------------------

    def snapshot(self, full: bool = True) -> dict[str, Any]:
        """Describe the session as plain data for a page; see `frame_of`.

        Parameters
        ----------
        full : bool
            With the points, and all of the curves.
        """
        self.timeline.check()
        return frame_of(self, full)

    def why_stopped(self, lane: int) -> Stop | None:
        """Explain why a lane stopped, because its next step is not finite; None if it did not."""
        chosen = self.lanes[self._lane_number(lane)]
        if chosen.stopped is None:
            return None
        if chosen not in self._stops:
            self._stops[chosen] = why_it_stopped(self.timeline, lane)
        return self._stops[chosen]

    def explain(
        self, branch: int | None = None, step: int | None = None, lane: int | None = None
    ) -> Stepper:
        """Explain the next step: its batch, weights, gradients and update, in the stepper.

        Parameters
        ----------
        branch, step, lane : int, optional
            Another step that was reached, or another lane. The session does not move.

        Returns
        -------
        Stepper

        Raises
        ------
        ValueError
            If there is no such step, or the network is too large for the stepper.

        Examples
        --------
        >>> from nn.playground.session import Session
        >>> session = Session.open("data=xor&hidden=3tanh&step=20")
        >>> page = session.explain(step=5)
        >>> page.story.steps[1].sentence, session.position
        ('z1 = x @ W1 + b1, shapes (10, 2) @ (2, 3) + (3,) -> (10, 3)', (0, 20))
        """
        here, now = self.position
        number = self.selected if lane is None else self._lane_number(lane)
        chosen = here if branch is None else branch
        return explained_step(self.timeline, chosen, now if step is None else step, number)
