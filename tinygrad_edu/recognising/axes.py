"""Recognises functions along an axis: softmax, averages, normalisations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..tensor import Tensor
from .ancestry import FEWEST_DIFFERENT, Ancestry, close, is_floating, is_varied, tolerance_of
from .functions import Found, Function, values_of_call

__all__ = ["along_an_axis"]

Array: TypeAlias = NDArray[Any]

_MOST_BACK = 6  # tensors to go back from a result


def along_an_axis(graph: Ancestry, functions: Sequence[Function]) -> Iterator[Found]:
    trials = _Trials(functions)
    for result in graph.order:
        if not is_floating(result):
            continue
        for source in graph.sources(result, _MOST_BACK):
            if source.size < FEWEST_DIFFERENT or result.size > source.size:
                continue
            if graph.mixes(source, result):
                yield from trials.of(source, result)


class _Trials:
    """Tries functions that have an axis, and remembers what one row of each source leads to."""

    def __init__(self, functions: Sequence[Function]) -> None:
        along = [
            (name, forward, declared, dict(variant))
            for name, forward, declared in functions
            if declared.kind == "axis"
            for variant in ({}, *declared.variants)
        ]
        self.keeping = [one for one in along if not _reduces(one[1])]
        self.reducing = [one for one in along if _reduces(one[1])]
        self.names = [name for name, _, declared in functions if declared.kind == "normalised"]
        self.rows: dict[tuple[int, int | None, int, bool], tuple[float, float, Array]] = {}
        self.varied: dict[int, bool] = {}
        self.centred: dict[tuple[int, int | None], bool] = {}

    def of(self, source: Tensor, result: Tensor) -> Iterator[Found]:
        """Yield the functions along an axis that a pair fits."""
        x, out = source._data, result._data
        same, tolerance = x.shape == out.shape, tolerance_of(source, result)
        functions = self.keeping if same else self.reducing
        for axis in _axes(x.shape):
            count = x.size if axis is None else x.shape[axis]
            if count < 2 or not (same or out.size * count == x.size):
                continue
            place, first, others = _middle(x.shape, axis)
            value = out.item(first if same else others)
            for number, (name, _, declared, variant) in enumerate(functions):
                low, high = declared.bounds
                if not low <= value <= high:
                    continue
                start, size, row = self._row(source, axis, number, place, same)
                if not abs(start - value) <= tolerance * size:
                    continue
                seen = out[place].reshape(-1) if same else row
                if close(seen, row, tolerance) and self._confirmed(
                    functions[number], source, result, axis
                ):
                    yield name, source, result, {"axis": axis, **variant}
            if same and self._is_centred(result, axis):
                found = _normalised(x, out, axis, tolerance)
                if found is not None:
                    for name in self.names:
                        yield name, source, result, {"axis": axis, **found}

    def _row(
        self, source: Tensor, axis: int | None, number: int, place: Any, same: bool
    ) -> tuple[float, float, Array]:
        """Return the result for one row of a source: first element, largest, and all."""
        key = id(source), axis, number, same
        if key not in self.rows:
            _, forward, _, variant = (self.keeping if same else self.reducing)[number]
            row = np.asarray(source._data[place].reshape(-1), np.float64)
            expected = np.asarray(values_of_call(forward(row, axis=0, **variant))).reshape(-1)
            self.rows[key] = float(expected[0]), float(np.abs(expected).max()), expected
        return self.rows[key]

    def _confirmed(
        self, function: tuple[Any, ...], source: Tensor, result: Tensor, axis: int | None
    ) -> bool:
        _, forward, _, variant = function
        x, tolerance = np.asarray(source._data, np.float64), tolerance_of(source, result)
        if id(source) not in self.varied:
            self.varied[id(source)] = is_varied(x)
        if not self.varied[id(source)]:
            return False
        seen = result._data.reshape(-1)
        if x.size == seen.size and close(seen, x.reshape(-1), tolerance):
            return False  # the function does not show, as with the logarithms of probabilities
        if axis is None:
            x, axis = x.reshape(-1), 0
        return close(seen, values_of_call(forward(x, axis=axis, **variant)).reshape(-1), tolerance)

    def _is_centred(self, result: Tensor, axis: int | None) -> bool:
        """Whether one row of a result has mean 0, and a deviation of at most 1."""
        key = id(result), axis
        if key not in self.centred:
            row = np.asarray(result._data[_middle(result.shape, axis)[0]], np.float64)
            mean, square = row.mean(), (row * row).mean()
            small = (100 * tolerance_of(result)) ** 2 * square
            self.centred[key] = bool(mean * mean <= small and 0.25 < square < 1 + 1e-6)
        return self.centred[key]


@cache
def _reduces(forward: Any) -> bool:
    """Whether a function turns a row into a number."""
    return np.ndim(values_of_call(forward(np.arange(3.0), axis=0))) == 0


@cache
def _axes(shape: tuple[int, ...]) -> list[int | None]:
    """List the axes, and None for all; an axis that has all elements stands for both."""
    return [*range(len(shape)), *[None] * (math.prod(shape) not in shape)]


@cache
def _middle(shape: tuple[int, ...], axis: int | None) -> tuple[Any, int, int]:
    """Choose a row along an axis, in the middle of an array.

    Returns its index, the place of its first element among all elements, and its place among all
    rows.
    """
    if axis is None:
        return (...,), 0, 0
    row = tuple(slice(None) if at == axis else size // 2 for at, size in enumerate(shape))
    start = [0 if at == axis else size // 2 for at, size in enumerate(shape)]
    others = [size for at, size in enumerate(shape) if at != axis]
    number = np.ravel_multi_index([size // 2 for size in others], others) if others else 0
    return row, int(np.ravel_multi_index(start, shape)), int(number)


def _normalised(x: Array, out: Array, axis: int | None, tolerance: float) -> dict[str, Any] | None:
    """Return what was added to the variance if an array was normalised along an axis."""
    x, out = np.asarray(x, np.float64), np.asarray(out, np.float64)
    deviation = x - x.mean(axis=axis, keepdims=True)
    count = x.size if axis is None else x.shape[axis]
    for ddof, inside in itertools.product((0, 1), (True, False)):
        variance = (deviation**2).sum(axis=axis, keepdims=True) / (count - ddof)
        spread = variance if inside else np.sqrt(variance)
        # What is added is one number, so it shows where the deviations are largest.
        at = np.unravel_index(int(np.abs(deviation).argmax()), x.shape)
        divisor = deviation[at] / out[at] if out[at] else math.inf
        stretched = np.broadcast_to(spread, x.shape)
        eps = (divisor**2 if inside else divisor) - stretched[at]
        eps = 0.0 if abs(eps) <= 100 * tolerance * stretched[at] and eps < 1e-12 else float(eps)
        if not 0 <= eps <= 0.01 * stretched.max():
            continue
        scale = np.sqrt(spread + eps) if inside else spread + eps
        if close(out, deviation / scale, 10 * tolerance) and is_varied(x):
            return {"eps": float(f"{eps:.3g}")} | ({"ddof": 1} if ddof else {})
    return None
