"""What a run consists of: branches, the changes that began them, and the rows of each step.

Nothing trains here; `timeline.py` does. Every change is plain data, which the address bar holds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .lane import Lane, LaneState, linears
from .settings import OptimizerSettings, Settings, whole

if TYPE_CHECKING:
    from tinygrad_edu import Tensor

    from ..layers.containers import Sequential

__all__ = ["Branch", "Change", "Nudging", "Schedule", "apply_nudging", "matching"]


MOST_POINTS = 400
"""The largest number of points of a curve."""
SHOWN_MEASURES = ("train", "test", "score")


@dataclass(frozen=True)
class Nudging:
    """A change of one weight or bias by hand.

    Attributes
    ----------
    lane : int
    layer : int
        The linear layer, counted from 1.
    row : int or None
        The input unit, counted from 0; None for the bias.
    column : int
        The output unit, counted from 0.
    by : float
    """

    lane: int
    layer: int
    row: int | None
    column: int
    by: float

    @classmethod
    def of(cls, lane: int, layer: int, row: int | str | None, column: int, by: float) -> Nudging:
        """Return a nudge, in which the row of a bias may have the name ``"bias"``.

        Parameters
        ----------
        lane, layer, row, column, by
            As the attributes; a row may also be ``"bias"``.

        Raises
        ------
        ValueError
            If the row is another text.
        """
        if isinstance(row, str):
            if row != "bias":
                raise ValueError(f"row: {row[:20]!r}, expected a whole number or bias")
            row = None
        return cls(lane, layer, row, column, by)

    def place_in(self, network: Sequential) -> tuple[Tensor, tuple[int, ...]]:
        """Return the parameter of a network that it is about, and the index in it."""
        layers = linears(network)
        layer = layers[whole("nudge layer", self.layer, 1, len(layers)) - 1]
        inputs, units = layer.weight.shape
        column = whole("nudge column", self.column, 0, units - 1)
        if self.row is not None:
            return layer.weight, (whole("nudge row", self.row, 0, inputs - 1), column)
        assert layer.bias is not None  # all layers of the playground have one
        return layer.bias, (column,)

    def __str__(self) -> str:
        place = f"b{self.layer}[{self.column}]"
        if self.row is not None:
            place = f"W{self.layer}[{self.row}, {self.column}]"
        return f"{place} {'+' if self.by >= 0 else '−'} {abs(self.by):g}"


@dataclass(frozen=True)
class Change:
    """What was changed at a step; training goes on with other settings.

    Attributes
    ----------
    step : int
    settings : Settings
        The settings from this step on.
    nudging : Nudging or None
    lane : int
        The lane that was selected: a new lane starts from its weights.
    """

    step: int
    settings: Settings
    nudging: Nudging | None = None
    lane: int = 0


@dataclass(frozen=True)
class Schedule:
    """Which rows each step trains on.

    The order of the rows of an epoch is drawn from ``[seed, 2, epoch]``. The last batch of an epoch
    has the rows that are left. A change of the batch size begins a new epoch.

    Attributes
    ----------
    seed, rows, batch : int
    step, epoch : int
        A step at which an epoch begins, and the number of that epoch.

    Examples
    --------
    >>> from nn.playground.timeline import Schedule
    >>> schedule = Schedule(seed=0, rows=7, batch=3)
    >>> [len(schedule.batch_at(step)) for step in range(4)], schedule.epoch_at(3)
    ([3, 3, 1, 3], 1)
    """

    seed: int
    rows: int
    batch: int
    step: int = 0
    epoch: int = 0

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches of an epoch."""
        return -(-self.rows // self.batch)

    def epoch_at(self, step: int) -> int:
        """Return the number of the epoch of a step."""
        return self.epoch + (step - self.step) // self.steps_per_epoch

    def batch_at(self, step: int) -> NDArray[Any]:
        """Return the rows that a step trains on."""
        within = (step - self.step) % self.steps_per_epoch
        order = self._order(self.epoch_at(step))
        return order[within * self.batch : (within + 1) * self.batch]

    def _order(self, epoch: int) -> NDArray[Any]:
        return np.random.default_rng([self.seed, 2, epoch]).permutation(self.rows)

    def batches(self, first: int, last: int) -> Iterator[NDArray[Any]]:
        """Yield the rows of the steps from `first` up to, and without, `last`."""
        epoch, order = -1, np.empty(0, int)
        for step in range(first, last):
            if (now := self.epoch_at(step)) != epoch:
                epoch, order = now, self._order(now)
            within = (step - self.step) % self.steps_per_epoch
            yield order[within * self.batch : (within + 1) * self.batch]

    def changed(self, batch: int, step: int) -> Schedule:
        """Return the schedule from a step on, with this batch size."""
        if batch == self.batch:
            return self
        started = (step - self.step) % self.steps_per_epoch != 0
        return replace(self, batch=batch, step=step, epoch=self.epoch_at(step) + started)


@dataclass
class Branch:
    """A stretch of steps in which nothing was changed.

    Attributes
    ----------
    number : int
    parent : int or None
    change : Change
        What began it, and the settings that hold in it.
    what : str
        The change in words.
    schedule : Schedule
    last : int
        The last step that was reached.
    kept : dict of int to tuple of LaneState
        States by step; every branch can do without.
    spacing : int
        The steps between two kept states.
    digests : dict of int to bytes
        Of the states that were shown.
    curve : dict of int to list
        For each lane, losses and score by step. The first point is that of the step at which the
        branch began.
    every : int
        The steps between two points of the curve.
    stops : dict of int to int
        For each lane that stopped, at which step.
    size : int
        The bytes of the states that are kept.
    stopped : tuple of int or None
        Where the lanes of the parent had stopped when this branch began; they go on in it, from
        their last finite weights.
    """

    number: int
    parent: int | None
    change: Change
    what: str
    schedule: Schedule
    last: int
    kept: dict[int, tuple[LaneState, ...]] = field(default_factory=dict, repr=False)
    spacing: int = 64
    digests: dict[int, bytes] = field(default_factory=dict, repr=False)
    curve: dict[int, list[dict[str, float | None]]] = field(default_factory=dict, repr=False)
    every: int = 1
    stops: dict[int, int] = field(default_factory=dict, repr=False)
    size: int = 0
    stopped: tuple[int | None, ...] = ()

    @property
    def at(self) -> int:
        """The step at which it began."""
        return self.change.step

    def keep(self, step: int, states: tuple[LaneState, ...]) -> None:
        """Keep the states of the lanes at a step."""
        if step not in self.kept:
            self.size += sum(state.size for state in states)
            self.kept[step] = states

    def thin(self) -> None:
        """Keep fewer states, at a larger spacing; a single one goes too."""
        left = self.kept if len(self.kept) > 1 else {}
        while len(left) == len(self.kept) > 1:
            self.spacing *= 2
            left = {step: self.kept[step] for step in self.kept if step % self.spacing == 0}
        self.kept = left
        self.size = sum(state.size for states in left.values() for state in states)

    def add_to_curve(self, step: int, measures: list[dict[str, float | None]]) -> None:
        """Add a point; keep half of the points if there are too many."""
        self.curve[step] = measures
        if len(self.curve) > MOST_POINTS:
            self.every *= 2
            left = [s for s in self.curve if s % self.every == 0 or s == self.at]
            self.curve = {s: self.curve[s] for s in left}

    def curve_from(self, first: int = 0) -> dict[str, Any]:
        """Return the curve without its `first` points, as plain data."""
        steps = list(self.curve)[first:]
        lanes = [
            {name: [self.curve[step][n][name] for step in steps] for name in SHOWN_MEASURES}
            for n in range(len(self.settings.optimizers))
        ]
        return {"steps": steps, "lanes": lanes}

    @property
    def settings(self) -> Settings:
        """The settings that hold in it."""
        return self.change.settings


def apply_nudging(lane: Lane, nudging: Nudging) -> None:
    """Change one weight or bias of a lane."""
    parameter, place = nudging.place_in(lane.network)
    values = parameter.data.copy()
    values[place] += np.float32(nudging.by)
    parameter.data = values


def matching(
    old: Sequence[OptimizerSettings], new: Sequence[OptimizerSettings]
) -> list[int | None]:
    """Return for each new optimizer which old one it continues; None for a new lane.

    Both lists keep their order. If some were removed, those that fit best stay.
    """
    if len(old) <= len(new):
        return [n if n < len(old) else None for n in range(len(new))]

    def fit(chosen: tuple[int, ...]) -> tuple[int, int]:
        pairs = [(old[i], entry) for i, entry in zip(chosen, new, strict=True)]
        return sum(a == b for a, b in pairs), sum(a.name == b.name for a, b in pairs)

    best = max(itertools.combinations(range(len(old)), len(new)), key=fit)
    return list(best)
