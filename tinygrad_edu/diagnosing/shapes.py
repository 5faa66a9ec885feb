"""Brings gradients by hand into the shapes of their inputs, and says what a wrong shape looks like.

Values are compared only to tell which of several causes it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..tensor import Tensor
from ..texts import shape_text
from .observations import BELIEVED
from .results import Diagnosis
from .search import Search, agrees

__all__ = ["Fit", "fitted_shape"]

Array = NDArray[Any]


class Fit(NamedTuple):
    """A gradient brought into the shape of its input.

    Attributes
    ----------
    array : ndarray or None
        The gradient; None if it does not fit.
    problem : str
        What is wrong with its own shape; empty if that fits.
    diagnosis : Diagnosis or None
        What that looks like, where its numbers tell.
    """

    array: Array | None
    problem: str = ""
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Misfit:
    """A gradient of another shape than its input, with what it is compared to."""

    array: Array
    name: str
    shape: tuple[int, ...]
    right: Array
    upstream: Array
    place: str

    def fit(self, array: Array | None, kind: str = "", words: str = "") -> Fit:
        problem = f"shape {shape_text(self.array.shape)}, expected {shape_text(self.shape)}"
        told = f"looks like this: {words}"
        diagnosis = Diagnosis(kind, told, self.place, (self.name,)) if kind else None
        return Fit(array, problem, diagnosis)


def fitted_shape(array: Array, name: str, leaf: Tensor, search: Search) -> Fit:
    """Bring a gradient into the shape of its input, and say what was wrong with its own."""
    shape = leaf.shape
    if array.shape == shape:
        return Fit(array)
    if array.shape == (1, *shape) or (1, *array.shape) == shape:
        return Fit(array.reshape(shape))  # a row of one, as legacy models store biases
    sites = [one for one in search.sent if one.source is leaf]
    place = search.place_of(sites[-1].tensor) if sites else ""
    upstream = np.asarray(sites[-1].upstream) if sites else np.zeros(0)
    misfit = _Misfit(array, name, shape, search.automatic[name], upstream, place)
    for step in (_transposed, _reshaped, _not_summed, _summed_too_far, _summed_over_rows):
        found = step(misfit)
        if found is not None:
            return found
    return misfit.fit(None)


def _transposed(one: _Misfit) -> Fit | None:
    if one.array.ndim != 2 or one.array.shape != one.shape[::-1]:
        return None
    if not agrees(one.array.T, one.right, BELIEVED):
        return one.fit(one.array.T)
    words = f"the gradient of {one.name} is transposed (at {one.place})"
    return one.fit(one.array.T, "transposed", words)


def _reshaped(one: _Misfit) -> Fit | None:
    if one.array.size != one.right.size:
        return None
    if not agrees(one.array.reshape(one.shape), one.right, BELIEVED):
        return None
    words = f"the numbers are right, and only the shape of {one.name} is not"
    return one.fit(None, "shape", words)


def _not_summed(one: _Misfit) -> Fit | None:
    extra = one.array.ndim - len(one.shape)
    if extra <= 0 or one.array.shape[extra:] != one.shape:
        return None
    summed = one.array.sum(axis=tuple(range(extra)))
    if not agrees(summed, one.right, BELIEVED):
        return one.fit(summed)
    axes = "axis 0, the batch" if extra == 1 else f"the first {extra} axes"
    words = f"the gradient of {one.name} was not summed over {axes} (at {one.place})"
    return one.fit(summed, "bias not summed", words)


def _summed_too_far(one: _Misfit) -> Fit | None:
    if one.array.size != 1 or not agrees(one.array.sum(), one.right.sum(), BELIEVED):
        return None
    words = f"the gradient of {one.name} was summed over all axes (at {one.place})"
    return one.fit(None, "summed too far", words)


def _summed_over_rows(one: _Misfit) -> Fit | None:
    if one.array.ndim != 1 or one.upstream.ndim != 2:
        return None
    if not agrees(one.array, one.upstream.sum(axis=1), BELIEVED, one.upstream):
        return None
    words = (
        f"the gradient of {one.name} was summed over axis 1, not over axis 0, the batch "
        f"(at {one.place})"
    )
    return one.fit(None, "bias not summed", words)
