"""Operations that turn many elements into few: sums, products, averages, extremes.

Each takes `axis` (None for all axes, a number, or several) and `keepdims` as NumPy does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import as_floating, real_dtype_of
from ..facts import Pitfall
from ..leaving import values_of
from ..metadata import composed
from ..primitive import as_operand, primitive
from ..tensor import Tensor
from .arithmetic import divide, multiply, square, subtract
from .choosing import where
from .plain import shape_of
from .shape import broadcast_to, reshape, transpose
from .sorting import sort
from .summing import Axis, added_up, axes_of, divided, is_half, single

__all__ = [
    "amax",
    "amin",
    "average",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "nanmean",
    "nansum",
    "prod",
    "ptp",
    "std",
    "sum",
    "var",
]


def _count(x: Any, axis: Axis) -> int:
    """Count the elements that go into each result."""
    shape = shape_of(x)
    return int(np.prod([shape[i] for i in axes_of(len(shape), axis)], dtype=int))


def _stretched_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """Give the shape that a result has with ``keepdims=True``."""
    axes = axes_of(len(shape), axis)
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _stretch(reduced: Any, x: Any, axis: Axis) -> Any:
    """Give a reduced array its axes back, with size 1, so that it broadcasts against x."""
    return reduced.reshape(_stretched_shape(x.shape, axis))


def _order(ndim: int, axis: Axis) -> tuple[int, ...]:
    """Order axes so that those to be reduced come last."""
    axes = axes_of(ndim, axis)
    return (*(i for i in range(ndim) if i not in axes), *axes)


def _as_rows(x: Any, axis: Axis) -> Any:
    """Put the axes to be reduced last, and make one of them."""
    kept = x.ndim - len(axes_of(x.ndim, axis))
    moved = np.transpose(x, _order(x.ndim, axis))
    return np.reshape(moved, (*moved.shape[:kept], _count(x, axis)))


def _from_rows(rows: Any, x: Any, axis: Axis) -> Any:
    """Undo `_as_rows`."""
    order = _order(x.ndim, axis)
    moved = np.reshape(rows, tuple(x.shape[i] for i in order))
    return np.transpose(moved, np.argsort(order).tolist())


@primitive(
    lambda g, out, x, axis=None, keepdims=False: np.broadcast_to(_stretch(g, x, axis), x.shape),
    symbol="Σ",
    formula="sum(x, axis=axis)",
    derivatives=("broadcast_to(g, x.shape)",),
    domain=(),
)
def sum(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Sum over all elements, or along the axes given.

    Parameters
    ----------
    x : array_like
        The elements.
    axis : int or tuple of int, optional
        Along which axes; None stands for all of them.
    keepdims : bool
        Whether the axes stay, with size 1.

    Raises
    ------
    numpy.exceptions.AxisError
        If there is no such axis.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> Tensor([[1.0, 2.0], [3.0, 4.0]]).sum(axis=0)
    Tensor([4., 6.])
    """
    return added_up(x, axis, keepdims)


def total(x: Any, axis: Axis) -> Any:
    """Add up what a rule has computed, along axes that stay: an array, or a tensor."""
    if isinstance(x, Tensor):
        return sum(x, axis=axis, keepdims=True)
    return added_up(x, axis, True)


@primitive(
    lambda g, out, x, axis=None, keepdims=False: np.broadcast_to(
        _stretch(divided(g, _count(x, axis) or 1), x, axis), x.shape
    ),
    symbol="mean",
    formula="mean(x, axis=axis)",
    derivatives=("broadcast_to(g, x.shape) / size(x)",),
    domain=(
        Pitfall(
            lambda x: not x.size, "the mean of no elements is 0 / 0", "leave empty batches out"
        ),
    ),
    averages=True,
)
def mean(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Average over all elements, or along the axes given; nan for no elements."""
    # In float16, and in whole numbers, the sum may overflow where the average does not.
    wide = as_floating(x.astype(np.float32) if is_half(x) else x)
    average = added_up(wide, axis, keepdims) / _count(x, axis)
    return average.astype(np.float16) if is_half(x) else average


def _product_of_others(x: Any) -> Any:
    """Multiply, for each element, all the others along the last axis, without a division."""
    one = np.ones_like(x[..., :1])
    before = np.concatenate([one, np.cumprod(x[..., :-1], axis=-1)], axis=-1)
    after = np.concatenate([one, np.cumprod(np.flip(x[..., 1:], -1), axis=-1)], axis=-1)
    return before * np.flip(after, -1)


@single
def _prod_rule(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    others = _product_of_others(_as_rows(x, axis))
    return _stretch(g, x, axis) * _from_rows(others, x, axis)


@primitive(
    _prod_rule,
    symbol="Π",
    formula="prod(x, axis=axis)",
    derivatives=("g * out / x",),
    domain=(),
)
@single
def prod(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Product of all elements, or along the axes given.

    The derivative is the product of all other elements, computed without a division, so that it
    is exact where elements are 0.
    """
    return np.prod(x, axis=axis, keepdims=keepdims)


def _spread(name: str, x: Any, axis: Axis, ddof: float) -> tuple[Any, float]:
    """Give the deviations from the average, and what their squares' sum is divided by."""
    count = _count(x, axis)
    if count - ddof <= 0:
        raise ValueError(
            f"{name} over {count} elements with ddof={ddof} would divide by {count - ddof}; "
            "it needs more elements than ddof"
        )
    return subtract(x, mean(x, axis=axis, keepdims=True)), count - ddof


@composed("x")
@single
def var(x: Any, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """Variance over all elements, or along the axes given.

    Parameters
    ----------
    x : array_like
        The values.
    axis : int or tuple of int, optional
        Along which axes.
    ddof : number
        What is taken from the number of elements in the denominator; 1 for the unbiased estimate.
    keepdims : bool
        Whether the axes stay, with size 1.

    Raises
    ------
    ValueError
        If `ddof` leaves nothing to divide by.
    """
    deviation, denominator = _spread("var", x, axis, ddof)
    return divide(sum(square(deviation), axis=axis, keepdims=keepdims), denominator)


def _euclidean_norm_rule(
    g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False
) -> Any:
    length = _stretch(out, x, axis)
    # x / out is a unit vector; where out is 0, so is x, and 0 is the smallest subgradient. An
    # infinite length makes all further derivatives 0 there, too.
    return _stretch(g, x, axis) * (x / np.where(np.equal(length, 0), np.inf, length))


@primitive(
    _euclidean_norm_rule,
    symbol="‖·‖",
    formula="sqrt(sum(x**2, axis=axis))",
    derivatives=("g * x / out",),
    domain=(),
)
def _euclidean_norm(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    # No conjugate, so that the complex step can pass.
    return np.sqrt(added_up(np.square(x), axis, keepdims))


@composed("x")
@single
def std(x: Any, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """Standard deviation over all elements, or along the axes given.

    Where all elements are equal its derivative is taken to be 0.

    Parameters
    ----------
    x, axis, ddof, keepdims
        As for `var`.

    Raises
    ------
    ValueError
        If `ddof` leaves nothing to divide by.
    """
    deviation, denominator = _spread("std", x, axis, ddof)
    return divide(_euclidean_norm(deviation, axis=axis, keepdims=keepdims), denominator**0.5)


def _extreme_rule(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    chosen = np.equal(x, _stretch(out, x, axis)) | np.isnan(x)  # nan is larger than all, and less
    # Counted as integers: a float16 count would overflow at 65504 ties.
    ties = np.sum(chosen, axis=axes_of(x.ndim, axis), keepdims=True)
    share = np.reciprocal(ties, dtype=np.float64).astype(np.finfo(x.dtype).dtype)
    return _stretch(g, x, axis) * (chosen * share)


def _margins(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Measure how much larger each element is than the largest of the others."""
    rows = _as_rows(x, axis)
    if rows.shape[-1] < 2:
        return np.ones_like(rows)
    second, largest = np.moveaxis(np.partition(rows, -2)[..., -2:], -1, 0)[..., None]
    return rows - np.where(rows == largest, second, largest)


def _refuse_empty(name: str, x: Any, axis: Axis) -> None:
    if _count(x, axis) == 0:
        raise ValueError(
            f"{name}: no elements (shape {shape_of(x)}) have no {name}; give at least one along "
            "each axis"
        )


@primitive(
    _extreme_rule,
    symbol="max",
    formula="max(x, axis=axis)",
    derivatives=("g * (x == out) / sum(x == out)",),
    carries=True,
    kink=_margins,
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
    carries=True,
    kink=lambda x, axis=None, keepdims=False: _margins(-x, axis),
)
def min(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Smallest element; where several are, they share the gradient equally."""
    _refuse_empty("min", x, axis)
    return np.min(x, axis=axis, keepdims=keepdims)


@single
def _logsumexp_rule(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    # Softmax does not change with the number that is subtracted, so that is a constant here. With
    # the largest element it is more precise than with the output, which a large number rounds.
    axes = axes_of(x.ndim, axis)
    shifted = x - _finite_largest(values_of(x), axes)
    largest = _stretch(values_of(out), x, axis)
    infinite = np.isinf(largest) & np.greater(largest, 0)
    if infinite.any():  # elements as large as that share the gradient
        shifted = np.where(infinite, np.where(np.equal(x, largest), 0, -np.inf), shifted)
    exponentials = np.exp(shifted)
    added = total(exponentials, axes)
    return _stretch(g, x, axis) * (exponentials / np.where(np.equal(added, 0), 1, added))


def _finite_largest(x: Any, axis: Axis) -> Any:
    """Give the largest element, or 0 for an infinite one, which would leave inf - inf."""
    largest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(largest), largest, 0)


@primitive(
    _logsumexp_rule,
    formula="log(sum(exp(x), axis=axis))",
    derivatives=("g * exp(x - out)",),
)
@single
def logsumexp(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials, without overflow; infinities share the gradient.

    Of no elements it is minus infinity.
    """
    x, axes = as_floating(x), axes_of(x.ndim, axis)
    largest = _finite_largest(x, axes)
    with np.errstate(divide="ignore"):  # of no elements it is the logarithm of 0
        total = np.log(added_up(np.exp(x - largest), axes, True)) + largest
    return total if keepdims else np.squeeze(total, axis=axes)


amax, amin = max, min


@composed("x")
def ptp(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Largest element minus the smallest."""
    return subtract(max(x, axis=axis, keepdims=keepdims), min(x, axis=axis, keepdims=keepdims))


@composed("x")
def nansum(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Sum of the elements that are not nan; the others get the gradient 0."""
    return sum(where(np.isnan(x), 0, x), axis=axis, keepdims=keepdims)


@composed("x")
@single
def nanmean(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Average of the elements that are not nan; the others get the gradient 0."""
    total = nansum(multiply(x, 1.0), axis=axis, keepdims=keepdims)
    count = np.sum(~np.isnan(x), axis=axis, keepdims=keepdims)
    return divide(total, count.astype(real_dtype_of(total)))


@composed("x")
def median(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Middle element in order of size, or the average of the two in the middle.

    The gradient goes to those elements alone; where others are equal to them, to those that come
    to stand in the middle when equal elements keep their order. Where there is a nan, the result
    is nan, as in NumPy.
    """
    x = as_operand("median", x)
    count = _count(x, axis)
    rows = sort(_as_rows(x, axis), axis=-1)
    result = mean(rows[..., (count - 1) // 2 : count // 2 + 1], axis=-1)
    if np.isnan(rows[..., -1:]).any():  # they are sorted last
        result = where(np.isnan(rows[..., -1]), np.nan, result)
    return reshape(result, _stretched_shape(x.shape, axis)) if keepdims else result


@composed("x", "weights")
@single
def average(x: Any, axis: Axis = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """Average, weighted if weights are given; gradients flow to the weights as well.

    Parameters
    ----------
    x : array_like
        The values.
    axis : int or tuple of int, optional
        Along which axes.
    weights : array_like, optional
        Of the shape of `x`, or of the shape that `x` has along `axis`.
    keepdims : bool
        Whether the axes stay, with size 1.

    Raises
    ------
    ValueError
        If the weights have another shape.
    ZeroDivisionError
        If weights add up to 0.
    """
    axes = axes_of(len(shape_of(x)), axis)
    if weights is None:
        return mean(x, axis=axes, keepdims=keepdims)
    shape, given = shape_of(x), shape_of(weights)
    if given != shape:
        if axis is None or given != tuple(shape[i] for i in axes):
            raise ValueError(
                f"average: weights of shape {given} fit neither x of shape {shape} nor its axes "
                f"{axis}; give one weight for each element, or for each place along the axes"
            )
        order = np.argsort(axes).tolist()
        kept = tuple(n if i in axes else 1 for i, n in enumerate(shape))
        weights = reshape(transpose(weights, order), kept)
    weights = multiply(broadcast_to(weights, shape), 1.0)  # whole numbers would wrap around
    total = sum(weights, axis=axes, keepdims=keepdims)
    if np.any(np.equal(total, 0)):
        raise ZeroDivisionError("average: weights add up to 0; give some that do not")
    return divide(sum(multiply(x, weights), axis=axes, keepdims=keepdims), total)
