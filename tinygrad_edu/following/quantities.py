"""What is true of a function: every value on the way forward, and the gradient of each.

A value of the learner's code is matched with these up to transposition, reshaping and one factor.
Numbers that do not depend on the order of the elements rule out nearly all of them first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..tensor import Tensor

__all__ = ["Match", "Quantities", "Quantity"]

Array: TypeAlias = NDArray[Any]

_BELIEVED = 1e-8  # how close a match must be, relative to the largest element
_ROUND_OFF = 1e-10
_FEWEST = 2  # a single number is a multiple of any other
_LARGEST = 500_000


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """A value of the forward pass, or its gradient.

    Attributes
    ----------
    tensor : Tensor or None
        The tensor of the graph; None for a constant.
    kind : str
        ``"value"`` or ``"gradient"``.
    array : ndarray
    """

    tensor: Tensor | None
    kind: Literal["value", "gradient"]
    array: Array

    @property
    def is_of_input(self) -> bool:
        """Whether it belongs to an input of the function."""
        return self.tensor is not None and self.tensor.node is None


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A value that is a quantity, up to a factor.

    Attributes
    ----------
    quantity : Quantity
    factor : float
        The value is the quantity times this.
    arrangement : str
        ``""`` if the elements are in place, or ``"transposed"``, ``"reshaped"``, ``"permuted"``.
    """

    quantity: Quantity
    factor: float
    arrangement: str


class Quantities:
    """The quantities of a graph, to be looked up by value.

    Parameters
    ----------
    values : iterable of (Tensor or None, array)
    gradients : iterable of (Tensor, array)
    """

    def __init__(
        self,
        values: Iterable[tuple[Tensor | None, Any]],
        gradients: Iterable[tuple[Tensor, Any]],
    ) -> None:
        found = [Quantity(tensor, "value", np.asarray(array)) for tensor, array in values]
        found += [Quantity(tensor, "gradient", np.asarray(array)) for tensor, array in gradients]
        self.all = [one for one in found if _is_numeric(one.array)]
        marks = [_invariants(one.array) for one in self.all]
        self._marks = np.array(marks) if marks else np.zeros((0, 3))

    def matches(self, value: Any) -> list[Match]:
        """List what a value can be, the closest arrangement and the factors 1 first."""
        if not isinstance(value, np.ndarray):
            return []
        array = value
        if not _is_numeric(array) or array.size < _FEWEST:
            return []
        mark = np.array(_invariants(array))
        if not mark[1]:  # all zero, or not finite
            return []
        near = (self._marks[:, 0] == mark[0]) & (
            np.abs(self._marks[:, 1:] - mark[1:]).max(axis=1) < 1e-6
        )
        found = []
        for place in np.flatnonzero(near):
            match = _match(array, self.all[place])
            if match is not None:
                found.append(match)
        return sorted(found, key=lambda one: (_ORDER[one.arrangement], abs(one.factor - 1) > 1e-9))

    def like(self, shape: tuple[int, ...]) -> list[Quantity]:
        """List the gradients of a shape, or of the transposed shape."""
        return [
            one
            for one in self.all
            if one.kind == "gradient"
            and one.array.ndim == len(shape)
            and one.array.shape in (shape, shape[::-1])
        ]


_ORDER = {"": 0, "transposed": 1, "reshaped": 2, "permuted": 3}


def _is_numeric(array: Array) -> bool:
    return array.dtype.kind in "fiub" and 0 < array.size <= _LARGEST


def _invariants(array: Array) -> tuple[float, float, float]:
    """Return numbers that depend neither on the order of the elements nor on a factor."""
    flat = np.abs(array.reshape(-1).astype(np.float64))
    with np.errstate(all="ignore"):
        norm = float(np.sqrt((flat * flat).sum()))
        if not norm or not np.isfinite(norm):
            return float(array.size), 0.0, 0.0
        flat /= norm
        return float(array.size), float(flat.sum()) / np.sqrt(flat.size), float((flat**4).sum())


def _match(array: Array, quantity: Quantity) -> Match | None:
    other = quantity.array.astype(np.float64)
    array = array.astype(np.float64)
    for arrangement, arranged in _arranged(array, other.shape):
        factor = _factor(arranged, other)
        if factor:
            return Match(quantity, factor, arrangement)
    one, two = np.sort(array.reshape(-1)), np.sort(other.reshape(-1))
    if one.size > 3:
        factor = _factor(one, two) or _factor(one[::-1], two)
        if factor:
            return Match(quantity, factor, "permuted")
    return None


def _arranged(array: Array, shape: tuple[int, ...]) -> Sequence[tuple[str, Array]]:
    found = []
    if array.shape == shape:
        found.append(("", array))
    if array.ndim == 2 and array.T.shape == shape:
        found.append(("transposed", array.T))
    if array.shape != shape:
        found.append(("reshaped", array.reshape(shape)))
    return found


def _factor(array: Array, of: Array) -> float:
    """Return the factor by which an array is a multiple of another; 0 if it is not."""
    square = float((of * of).sum())
    factor = float((array * of).sum()) / square if square else 0.0
    difference = float(np.abs(array - factor * of).max())
    if difference > _BELIEVED * float(np.abs(array).max()):
        return 0.0
    whole = round(factor)  # up to round-off
    return float(whole) if whole and abs(factor - whole) <= _ROUND_OFF * abs(whole) else factor
