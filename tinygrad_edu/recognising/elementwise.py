"""Recognises elementwise functions, such as activations."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..facts import Recognition
from ..tensor import Tensor
from .ancestry import FEWEST_DIFFERENT, Ancestry, close, is_floating, is_varied, tolerance_of
from .functions import Found, Function, values_of_call

__all__ = ["elementwise"]

Array: TypeAlias = NDArray[Any]

_MOST_BACK = 8  # tensors to go back from a result
_PROBES = 8  # elements that are compared first
_MOST_ELEMENTS = 4096  # that are compared to confirm a function


@cache
def _places(size: int, most: int) -> Array:
    """Spread some places evenly over the elements of an array."""
    return np.linspace(0, size - 1, min(size, most)).astype(np.intp)


def _numbers_at(tensor: Tensor, most: int) -> Array:
    data = tensor._data
    picked = data.reshape(-1) if data.size <= most else data.flat[_places(data.size, most)]
    return np.asarray(picked, np.float64)


class _Probes:
    """A few elements of each tensor, in one matrix."""

    def __init__(self) -> None:
        self.rows: list[Array] = []
        self.numbers: dict[int, int] = {}

    def number(self, tensor: Tensor) -> int:
        """Return the row of a tensor."""
        number = self.numbers.get(id(tensor))
        if number is None:
            number = self.numbers[id(tensor)] = len(self.rows)
            self.rows.append(np.resize(_numbers_at(tensor, _PROBES), _PROBES))
        return number


def elementwise(graph: Ancestry, functions: Sequence[Function]) -> Iterator[Found]:
    """Find elementwise functions: all pairs are compared at a few elements, at once."""
    probes, pairs, rows = _Probes(), list[tuple[Tensor, Tensor]](), list[tuple[int, int]]()
    for result in graph.order:
        if result.size < FEWEST_DIFFERENT or not is_floating(result):
            continue
        shape = result.shape
        for source in graph.sources(result, _MOST_BACK):
            if source.shape == shape and not graph.mixes(source, result):
                pairs.append((source, result))
                rows.append((probes.number(source), probes.number(result)))
    if not pairs:
        return
    numbers = np.array(probes.rows)
    sources, results = np.array(rows).T
    tolerances = np.array([tolerance_of(*pair) for pair in pairs])
    # Nearly equal numbers lie on a line; equal ones may be a part of an array, such as zeros.
    spread = np.ptp(numbers, axis=1)
    tolerances[((spread > 0) & (spread < 1e-6 * np.abs(numbers).max(axis=1)))[sources]] = -1
    shown: dict[int, tuple[Array, Array] | None] = {}
    for name, forward, declared in functions:
        if declared.kind != "elementwise":
            continue
        for variant in ({}, *declared.variants):
            out = values_of_call(forward(numbers, **_neutral(forward, declared), **variant))
            expected = out[sources]
            if declared.scales_negative:
                expected = _scaled(numbers[sources], expected, numbers[results])
            size = np.abs(expected).max(axis=1)
            distance = np.abs(expected - numbers[results]).max(axis=1)
            for place in np.flatnonzero(distance <= tolerances * size).tolist():
                if place not in shown:
                    shown[place] = _shown(*pairs[place])
                both = shown[place]
                params = both and _confirmed(*both, tolerances[place], forward, declared, variant)
                if params is not None:
                    yield name, *pairs[place], params


def _neutral(forward: Any, declared: Recognition) -> dict[str, float]:
    return {_second(forward): 1.0} if declared.scales_negative else {}


@cache
def _second(forward: Any) -> str:
    return [*inspect.signature(forward).parameters][1]


def _scaled(x: Array, out: Array, seen: Array) -> Array:
    """Scale the results of negative numbers so that the most negative one fits, in each row."""
    lowest = np.arange(len(x)), x.argmin(axis=-1)
    factor = (seen[lowest] / out[lowest])[:, None]
    return np.where(x < 0, out * factor, out)


def _shown(source: Tensor, result: Tensor) -> tuple[Array, Array] | None:
    """Return the elements to compare; None if they lie on a line and fit too many functions."""
    x, seen = _numbers_at(source, _MOST_ELEMENTS), _numbers_at(result, _MOST_ELEMENTS)
    if not is_varied(x) or _is_straight(x, seen, tolerance_of(source, result)):
        return None
    return x, seen


def _confirmed(
    x: Array,
    seen: Array,
    tolerance: float,
    forward: Any,
    declared: Recognition,
    variant: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Return the parameters of an elementwise function if all elements agree."""
    params, distance = dict(variant), np.abs(x)
    # Elsewhere the functions that are curved are all a line, a constant or an exponential.
    inner = (distance > (0.1 if tolerance < 1e-6 else 0.2)) & (distance < 15)
    is_curved = not _is_homogeneous(forward)
    if is_curved and not is_varied(x[inner]):
        return None
    if declared.scales_negative:
        neutral = values_of_call(forward(x, **_neutral(forward, declared)))
        lowest = int(x.argmin())
        factor = float(seen[lowest] / neutral[lowest]) if x[lowest] < 0 else 0.0
        # A constant below 0 fits where the function is flat.
        if not 0 < factor < np.inf or np.ptp(seen[x < 0]) < 1e-6 * factor or x.max() <= 0:
            return None
        params[_second(forward)] = float(f"{factor:.{9 if tolerance < 1e-6 else 5}g}")
        expected = np.where(x < 0, neutral * factor, neutral)
    else:
        expected = values_of_call(forward(x, **variant))
    if is_curved and not close(seen[inner], expected[inner], tolerance):
        return None
    return params if close(seen, expected, tolerance) else None


def _is_straight(x: Array, y: Array, tolerance: float) -> bool:
    """Whether points lie on a line, so that they show no function in particular."""
    low, high = int(x.argmin()), int(x.argmax())
    slope = (y[high] - y[low]) / (x[high] - x[low])
    return close(y, y[low] + slope * (x - x[low]), max(100 * tolerance, 1e-6))


@cache
def _is_homogeneous(forward: Any) -> bool:
    """Whether a function consists of two lines through 0, and so looks the same at any scale."""
    x = np.linspace(-3, 3, 7)
    return close(values_of_call(forward(2 * x)), 2 * values_of_call(forward(x)), 1e-9)
