"""The two features that a map shows, and the curves that were sent.

Both belong to one viewer of a session; training does not depend on them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .datasets import Dataset
from .timeline import Branch

__all__ = ["Axes", "Curves"]

Array = NDArray[Any]


@dataclass
class Axes:
    """Two features, and how far a map of them reaches.

    Attributes
    ----------
    features : tuple of int
    low, high : float
        The range of both, in the units of the network.
    """

    features: tuple[int, int] = (0, 1)
    low: float = -1.2
    high: float = 1.2
    _grids: dict[int, Array] = field(default_factory=dict)

    def grid(self, data: Dataset, side: int) -> Array:
        """Return the rows of a grid; the first one is at the lower left.

        Parameters
        ----------
        data : Dataset
        side : int
            Points on a side.
        """
        if side not in self._grids:
            i, j = self.features
            line = np.linspace(self.low, self.high, side, dtype=np.float32)
            rows = np.tile(data.train.mean(0, dtype=np.float32), (side * side, 1))
            if i != j:
                rows[:, i], rows[:, j] = np.tile(line, side), np.repeat(line, side)
            else:
                rows[:, i] = np.tile(line, side)
            self._grids[side] = rows
        return self._grids[side]

    def in_units(self, data: Dataset, rows: Array) -> Array:
        """Return rows in the original units."""
        return rows * data.scale + data.centre

    def to_json(self, data: Dataset) -> dict[str, Any]:
        """Return the features and their ranges in the original units."""
        found: dict[str, Any] = {"features": list(self.features)}
        for name, n in zip("xy", self.features, strict=True):
            ends = [self.low, self.high]
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
        steps = list(branch.curve)[self.sent :]
        names = ("train", "test", "score")
        found = {
            "from": self.sent,
            "steps": steps,
            "lanes": [
                {name: [branch.curve[step][n][name] for step in steps] for name in names}
                for n in range(len(branch.settings.optimizers))
            ],
        }
        self.sent += len(steps)
        return found
