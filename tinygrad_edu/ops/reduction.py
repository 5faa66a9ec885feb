"""Operations that turn many elements into few: sums, averages, extremes.

Each takes `axis` (None for all axes, a number, or several) and `keepdims` as NumPy does.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..primitive import primitive
from .arithmetic import multiply, square, subtract

__all__ = ["logsumexp", "max", "mean", "min", "sum", "var"]

Axis: TypeAlias = int | tuple[int, ...] | None


def _axes(ndim: int, axis: Axis) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def _count(x: Any, axis: Axis) -> int:
    """Count the elements that go into each result."""
    shape = np.shape(x)
    return int(np.prod([shape[i] for i in _axes(len(shape), axis)], dtype=int))


def _stretch(reduced: Any, x: Any, axis: Axis) -> Any:
    """Give a reduced array its axes back, with size 1, so that it broadcasts against x."""
    axes = _axes(x.ndim, axis)
    return reduced.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


@primitive(
    lambda g, out, x, axis=None, keepdims=False: np.broadcast_to(_stretch(g, x, axis), x.shape),
    symbol="Σ",
    formula="sum(x, axis=axis)",
    derivatives=("broadcast_to(g, x.shape)",),
)
def sum(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Sum over all elements, or along the axes given.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).sum(axis=0)
    Tensor([4., 6.])
    """
    return np.sum(x, axis=axis, keepdims=keepdims)


@primitive(
    lambda g, out, x, axis=None, keepdims=False: np.broadcast_to(
        _stretch(g / (_count(x, axis) or 1), x, axis), x.shape
    ),
    symbol="mean",
    formula="mean(x, axis=axis)",
    derivatives=("broadcast_to(g, x.shape) / size(x)",),
)
def mean(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Average over all elements, or along the axes given; nan for no elements."""
    # In float16 the sum may overflow where the average does not.
    wide = np.float32 if np.result_type(x) == np.float16 else None
    total = np.sum(x, axis=axis, dtype=wide, keepdims=keepdims)
    average = total / _count(x, axis)
    return average if wide is None else average.astype(np.float16)


def var(x: Any, axis: Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    """Variance over all elements, or along the axes given.

    Parameters
    ----------
    x : array_like
        The values.
    axis : int or tuple of int, optional
        Along which axes.
    ddof : int
        What is taken from the number of elements in the denominator; 1 for the unbiased estimate.
    keepdims : bool
        Whether the axes stay, with size 1.

    Raises
    ------
    ValueError
        If `ddof` leaves nothing to divide by.
    """
    count = _count(x, axis)
    if count - ddof <= 0:
        raise ValueError(
            f"var over {count} elements with ddof={ddof} would divide by {count - ddof}; "
            "it needs more elements than ddof"
        )
    deviation = subtract(x, mean(x, axis=axis, keepdims=True))
    average = mean(square(deviation), axis=axis, keepdims=keepdims)
    return average if ddof == 0 else multiply(average, count / (count - ddof))


def _extreme_rule(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    chosen = np.equal(x, _stretch(out, x, axis))
    # Counted as integers: a float16 count would overflow at 65504 ties.
    ties = np.maximum(np.sum(chosen, axis=_axes(x.ndim, axis), keepdims=True), 1)
    shares = (chosen / ties).astype(np.finfo(x.dtype).dtype)
    return _stretch(g, x, axis) * shares


def _refuse_empty(name: str, x: Any, axis: Axis) -> None:
    if _count(x, axis) == 0:
        raise ValueError(f"{name} of no elements (shape {np.shape(x)}) does not exist")


@primitive(
    _extreme_rule,
    symbol="max",
    formula="max(x, axis=axis)",
    derivatives=("g * (x == out) / sum(x == out)",),
)
def max(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Largest element; where several are, they share the gradient equally."""
    _refuse_empty("max", x, axis)
    return np.max(x, axis=axis, keepdims=keepdims)


@primitive(
    _extreme_rule,
    symbol="min",
    formula="min(x, axis=axis)",
    derivatives=("g * (x == out) / sum(x == out)",),
)
def min(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Smallest element; where several are, they share the gradient equally."""
    _refuse_empty("min", x, axis)
    return np.min(x, axis=axis, keepdims=keepdims)


@primitive(
    lambda g, out, x, axis=None, keepdims=False: (
        _stretch(g, x, axis) * np.exp(x - _stretch(out, x, axis))
    ),
    formula="log(sum(exp(x), axis=axis))",
    derivatives=("g * exp(x - out)",),
)
def logsumexp(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials, without overflow."""
    largest = np.max(x, axis=axis, keepdims=True)
    # An infinite largest element would give inf - inf below.
    largest = np.where(np.isfinite(largest), largest, 0)
    total = np.log(np.sum(np.exp(x - largest), axis=axis, keepdims=True)) + largest
    return total if keepdims else np.squeeze(total, axis=_axes(np.ndim(x), axis))
