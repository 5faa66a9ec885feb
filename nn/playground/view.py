"""What one viewer of a session sees: the axes of maps, units of wide layers, curves sent so far.

Training does not depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .choices import REACH
from .datasets import Dataset
from .settings import whole
from .timeline import Branch

__all__ = ["Axes", "Curves", "View"]

Array = NDArray[Any]
SHOWN_UNITS = 16
"""Units of a layer, or inputs, that a frame has; others are scrolled to."""
SHOWN_PIXELS = 64


def _reach(data: Dataset, n: int) -> tuple[float, float]:
    """Return the range of a feature over all rows, and a little more."""
    values = np.concatenate([data.train[:, n], data.test[:, n]])
    low, high = float(values.min()), float(values.max())
    more = 0.08 * (high - low) or 1.0
    return low - more, high + more


@dataclass
class Axes:
    """Two features, and how far a map of them reaches.

    Attributes
    ----------
    features : tuple of int
        The same feature twice, if there is only one.
    ranges : tuple of (float, float)
        The range of each, in the units of the network.
    """

    features: tuple[int, int]
    ranges: tuple[tuple[float, float], tuple[float, float]]
    _grids: dict[int, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Dataset, i: int, j: int) -> Axes:
        """Choose two features; columns reach as far as their rows, other data as far as `REACH`.

        Parameters
        ----------
        data : Dataset
        i, j : int
        """
        if data.images or data.is_made:
            return cls((i, j), ((-REACH, REACH), (-REACH, REACH)))
        return cls((i, j), (_reach(data, i), _reach(data, j)))

    def grid(self, data: Dataset, side: int) -> Array:
        """Return the rows of a grid; the first one is at the lower left.

        Parameters
        ----------
        data : Dataset
        side : int
            Points on a side.
        """
        if side not in self._grids:
            (i, j), (along, up) = self.features, self.ranges
            rows = np.tile(data.train.mean(0, dtype=np.float32), (side * side, 1))
            rows[:, j] = np.repeat(np.linspace(*up, side, dtype=np.float32), side)
            rows[:, i] = np.tile(np.linspace(*along, side, dtype=np.float32), side)
            self._grids[side] = rows
        return self._grids[side]

    def in_units(self, data: Dataset, rows: Array) -> Array:
        """Return rows in the original units."""
        return rows * data.scale + data.centre

    def to_json(self, data: Dataset) -> dict[str, Any]:
        """Return the features and their ranges in the original units."""
        found: dict[str, Any] = {"features": list(self.features)}
        for name, n, ends in zip("xy", self.features, self.ranges, strict=True):
            found[name] = [float(end * data.scale[n] + data.centre[n]) for end in ends]
        found["note"] = "other features at their mean" if len(data.features) > 2 else ""
        return found


@dataclass
class Curves:
    """Which points of a branch's curve were sent."""

    branch: int = -1
    every: int = 1
    sent: int = 0

    def since_last(self, branch: Branch, full: bool) -> dict[str, Any]:
        """Return the points since the last call, or all if they were thinned since.

        Parameters
        ----------
        branch : Branch
        full : bool
            Return all.
        """
        if full or (self.branch, self.every) != (branch.number, branch.every):
            self.sent = 0
        self.branch, self.every = branch.number, branch.every
        found = {"from": self.sent, **branch.curve_from(self.sent)}
        self.sent = len(branch.curve)
        return found


class View:
    """What frames of a session show.

    Parameters
    ----------
    data : Dataset
    sizes : sequence of int
        Units of each layer, the inputs first.

    Attributes
    ----------
    axes : Axes
    curves : Curves
    """

    def __init__(self, data: Dataset, sizes: Sequence[int]) -> None:
        self._data, self._sizes = data, tuple(sizes)
        self._first: dict[int, int] = {}
        self.axes, self.curves = Axes.of(data, 0, min(1, len(data.features) - 1)), Curves()

    def choose(self, features: Any, units: Any) -> None:
        """Choose axes and units; see `Session.view`. Nothing is changed if something is wrong."""
        axes = self.axes if features is None else self._axes(features)
        first = {} if units is None else self._units(units)
        self.axes = axes
        self._first |= first

    def _axes(self, features: Any) -> Axes:
        most = len(self._data.features) - 1
        if not isinstance(features, list | tuple) or len(features) != 2:
            raise ValueError(f"features: {features!r}, expected the numbers of two features")
        i, j = (whole("features", n, 0, most) for n in features)
        if i == j and most:
            raise ValueError(f"features: {i} twice, expected two different features")
        return Axes.of(self._data, i, j)

    def _units(self, units: Any) -> dict[int, int]:
        if not isinstance(units, Mapping):
            raise ValueError(f"units: {units!r}, expected the first unit by layer")
        found: dict[int, int] = {}
        for layer, first in units.items():
            text = str(layer)
            n = whole("layer", int(text) if text.isdecimal() else layer, 0, len(self._sizes) - 1)
            found[n] = whole("first unit", first, 0, self._sizes[n] - 1)
        return found

    def shown(self, layer: int) -> slice:
        """Return which units of a layer frames have; layer 0 is the input.

        Parameters
        ----------
        layer : int
        """
        size = self._sizes[layer]
        most = SHOWN_UNITS if layer or not self._data.images else SHOWN_PIXELS
        first = max(0, min(self._first.get(layer, 0), size - most))
        return slice(first, min(size, first + most))
