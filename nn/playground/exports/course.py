"""The course of one lane: what was changed at which step, read back from the line of branches.

A lane may continue another one under another number, so the line is followed from its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..branches import Branch, Nudging, Schedule, matching
from ..settings import OptimizerSettings

__all__ = ["Stretch", "course_of"]


@dataclass(frozen=True)
class Stretch:
    """Steps of a lane between two changes.

    Attributes
    ----------
    first, last : int
        Training goes from step `first` to step `last`; equal if there is nothing to train.
    stopped : bool
        Whether the lane stopped at `last`, because its next step is not finite.
    entry : OptimizerSettings
    is_new : bool
        Whether its optimizer starts with an empty memory.
    frozen : tuple of int
    l2 : float
    schedule : Schedule
    nudging : Nudging or None
        What was changed by hand before the first of these steps.
    what : str
        What began it, in words; empty for what does not concern this lane.
    """

    first: int
    last: int
    stopped: bool
    entry: OptimizerSettings
    is_new: bool
    frozen: tuple[int, ...]
    l2: float
    schedule: Schedule
    nudging: Nudging | None
    what: str


def course_of(
    line: Sequence[Branch], lane: int, step: int, stopped: int | None
) -> tuple[Stretch, ...]:
    """Return the stretches of a lane, from step 0 to where it is.

    Parameters
    ----------
    line : sequence of Branch
        The branches that lead to the present one.
    lane : int
        Its number in the last of them.
    step : int
        Where the session is.
    stopped : int or None
        Where the lane stopped in the last branch.

    Returns
    -------
    tuple of Stretch
    """
    found: list[Stretch] = []
    for place in range(len(line) - 1, -1, -1):
        branch, parent = line[place], line[place - 1] if place else None
        settings, change = branch.settings, branch.change
        entry, source, is_new = settings.optimizers[lane], lane, True
        if parent is not None:
            origin = matching(parent.settings.optimizers, settings.optimizers)[lane]
            source = change.lane if origin is None else origin
            before = parent.settings.optimizers[source]
            is_new = origin is None or before.name != entry.name
        nudging = change.nudging
        if nudging is not None and nudging.lane != lane:
            nudging = None
        last = step if stopped is None else stopped
        found.append(
            Stretch(
                first=branch.at,
                last=last,
                stopped=stopped is not None,
                entry=entry,
                is_new=is_new,
                frozen=settings.frozen,
                l2=settings.l2,
                schedule=branch.schedule,
                nudging=nudging,
                what=branch.what,
            )
        )
        lane, step = source, branch.at
        stopped = branch.stopped[lane] if parent is not None else None
    return tuple(found[::-1])
