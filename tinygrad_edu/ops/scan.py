"""Running sums, products, extremes and differences along an axis.

With ``axis=None`` they run over the flattened array, as in NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arrays import real_dtype_of
from ..leaving import values_of
from ..metadata import composed
from ..primitive import as_operand, primitive
from .arithmetic import multiply, subtract
from .elementwise import copy
from .indexing import take_along_axis
from .joining import concatenate
from .plain import shape_of
from .shape import broadcast_to, reshape
from .sorting import ValuesAndIndices
from .special import logaddexp
from .summing import single, wider

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
    "diff",
    "logcumsumexp",
]


def _cumsum_rule(g: Any, out: Any, x: Any, axis: int | None = None) -> Any:
    axis = 0 if axis is None else axis
    # An element counts in its own sum and in all that follow.
    return np.flip(cumsum(np.flip(g, axis), axis=axis), axis).reshape(x.shape)


@primitive(
    _cumsum_rule,
    symbol="Σ",
    formula="cumsum(x, axis=axis)",
    derivatives=("flip(cumsum(flip(g))).reshape(x.shape)",),
    domain=(),
)
def cumsum(x: Any, /, axis: int | None = None) -> Any:
    """Running sums along an axis; None flattens first.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cumsum
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = cumsum(x)
    >>> y.data
    array([1., 3., 6.])
    >>> y.sum().backward()
    >>> x.grad
    array([3., 2., 1.])
    """
    # Each sum is computed from the one before, and so rounding errors add up.
    wide = wider(x)
    return np.cumsum(x, axis=axis) if wide is None else np.cumsum(x, axis, wide).astype(x.dtype)


def _ahead(x: Any, places: int) -> Any:
    """Shift elements towards the start of the last axis, and fill with zeros."""
    return np.concatenate([x[..., places:], np.zeros_like(x[..., :places])], axis=-1)


@single
def _cumprod_rule(g: Any, out: Any, x: Any, axis: int | None = None) -> Any:
    # Element k is a factor of out[i] for all i >= k, so its cotangent is
    #     x[0] ... x[k-1] * S[k],  S[k] = sum over i >= k of g[i] * x[k+1] ... x[i],
    # and S[k] = g[k] + x[k+1] * S[k+1]. Each round below doubles how far S looks ahead. There
    # is no division, so zeros do no harm.
    axis = axis if x.ndim else None  # a number is treated as one axis
    factors = np.reshape(x, (-1,)) if axis is None else np.swapaxes(x, axis, -1)
    total = g if axis is None else np.swapaxes(g, axis, -1)
    before = np.concatenate([np.ones_like(factors[..., :1]), factors[..., :-1]], axis=-1)
    before = np.cumprod(before, axis=-1)
    factors = _ahead(factors, 1)
    places = 1
    while places < factors.shape[-1]:
        total = total + factors * _ahead(total, places)
        factors = factors * _ahead(factors, places)
        places *= 2
    product = before * total
    return product.reshape(x.shape) if axis is None else np.swapaxes(product, axis, -1)


@primitive(
    _cumprod_rule,
    symbol="Π",
    formula="cumprod(x, axis=axis)",
    derivatives=("flip(cumsum(flip(g * out))).reshape(x.shape) / x",),
    domain=(),
)
@single
def cumprod(x: Any, /, axis: int | None = None) -> Any:
    """Running products along an axis; None flattens first.

    The derivative is exact where elements are 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cumprod
    >>> x = Tensor([2.0, 0.0, 3.0], requires_grad=True)
    >>> y = cumprod(x)
    >>> y.data
    array([2., 0., 0.])
    >>> y.sum().backward()
    >>> x.grad
    array([1., 8., 0.])
    """
    return np.cumprod(x, axis=axis)


def _cumulative(scan: Any, x: Any, axis: int | None, include_initial: bool, first: int) -> Any:
    name = f"cumulative_{scan.__name__[3:]}"
    x = as_operand(name, x)
    if axis is None and x.ndim != 1:
        raise ValueError(f"{name}: x has {x.ndim} axes; expected axis=, which of them")
    axis = normalize_axis_index(0 if axis is None else axis, x.ndim)
    sums = scan(x, axis)
    if not include_initial:
        return sums
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return concatenate([np.full(shape, first, real_dtype_of(sums)), sums], axis=axis)


@composed("x")
def cumulative_sum(x: Any, *, axis: int | None = None, include_initial: bool = False) -> Any:
    """Running sums along an axis, as `cumsum` computes them.

    Parameters
    ----------
    x : array_like
        The elements.
    axis : int, optional
        The axis; only an array of one axis does not need it.
    include_initial : bool
        Whether the result begins with 0, and so has one more element along the axis.

    Raises
    ------
    ValueError
        If `x` has several axes and `axis` is missing.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cumulative_sum
    >>> cumulative_sum(Tensor([1.0, 2.0, 3.0]), include_initial=True)
    Tensor([0., 1., 3., 6.])
    """
    return _cumulative(cumsum, x, axis, include_initial, 0)


@composed("x")
def cumulative_prod(x: Any, *, axis: int | None = None, include_initial: bool = False) -> Any:
    """Running products along an axis, as `cumprod` computes them.

    Parameters
    ----------
    x : array_like
        The elements.
    axis : int, optional
        The axis; only an array of one axis does not need it.
    include_initial : bool
        Whether the result begins with 1, and so has one more element along the axis.

    Raises
    ------
    ValueError
        If `x` has several axes and `axis` is missing.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cumulative_prod
    >>> cumulative_prod(Tensor([1.0, 2.0, 3.0]), include_initial=True)
    Tensor([1., 1., 2., 6.])
    """
    return _cumulative(cumprod, x, axis, include_initial, 1)


def _running_extreme(name: str, extreme: np.ufunc, x: Any, axis: int) -> ValuesAndIndices:
    """Find, for each place, the last of the most extreme elements up to there."""
    x = as_operand(name, x)
    if not x.ndim:  # as in PyTorch, a number is treated as one axis
        found = _running_extreme(name, extreme, reshape(x, (1,)), axis)
        return ValuesAndIndices(reshape(found.values, ()), found.indices.reshape(()))
    axis = normalize_axis_index(axis, x.ndim)
    values = values_of(x)
    reached = (values == extreme.accumulate(values, axis=axis)) | np.isnan(values)
    count = values.shape[axis]
    numbers = np.arange(count).reshape(-1, *(1,) * (x.ndim - axis - 1))
    indices = np.maximum.accumulate(np.where(reached, numbers, 0), axis=axis)
    return ValuesAndIndices(take_along_axis(x, indices, axis=axis), indices)


@composed("x")
def cummax(x: Any, axis: int) -> ValuesAndIndices:
    """Largest element so far along an axis, and where it is.

    Parameters
    ----------
    x : array_like
        The elements.
    axis : int
        The axis.

    Returns
    -------
    values : Tensor or numpy.ndarray, shape of x
        The largest elements.
    indices : numpy.ndarray
        Their numbers along the axis: of several equal ones the last, which receives the gradient.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cummax
    >>> x = Tensor([1.0, 3.0, 2.0], requires_grad=True)
    >>> values, indices = cummax(x, 0)
    >>> values.data, indices
    (array([1., 3., 3.]), array([0, 1, 1]))
    >>> values.sum().backward()
    >>> x.grad
    array([1., 2., 0.])
    """
    return _running_extreme("cummax", np.maximum, x, axis)


@composed("x")
def cummin(x: Any, axis: int) -> ValuesAndIndices:
    """Smallest element so far along an axis, and where it is; see `cummax`.

    Parameters
    ----------
    x : array_like
        The elements.
    axis : int
        The axis.

    Returns
    -------
    values : Tensor or numpy.ndarray, shape of x
        The smallest elements.
    indices : numpy.ndarray
        Their numbers along the axis: of several equal ones the last, which receives the gradient.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cummin
    >>> cummin(Tensor([2.0, 3.0, 1.0]), 0).values
    Tensor([2., 2., 1.])
    """
    return _running_extreme("cummin", np.minimum, x, axis)


@composed("x")
@single
def logcumsumexp(x: Any, axis: int) -> Any:
    """Logarithm of the running sum of exponentials along an axis, without overflow.

    Each of about ``log2(n)`` rounds doubles how many elements a result has seen.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, logcumsumexp
    >>> logcumsumexp(Tensor([1000.0, 1000.0, -1000.0]), 0).data.round(4)
    array([1000.    , 1000.6931, 1000.6931])
    """
    x = as_operand("logcumsumexp", x)
    if not x.ndim:
        return reshape(logcumsumexp(reshape(x, (1,)), axis), ())
    axis = normalize_axis_index(axis, x.ndim)
    before, count, places = (slice(None),) * axis, x.shape[axis], 1
    while places < count:
        head, tail = x[(*before, slice(places))], x[(*before, slice(places, None))]
        x = concatenate([head, logaddexp(tail, x[(*before, slice(-places))])], axis=axis)
        places *= 2
    return x


@composed("x", "prepend", "append")
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences between neighbours along an axis, taken `n` times.

    Parameters
    ----------
    x : array_like
        At least one axis.
    n : int
        How many times; 0 returns a copy of `x`.
    axis : int
        The axis along which neighbours are subtracted.
    prepend, append : array_like, optional
        Joined to `x` along the axis first; a number is stretched to one place.

    Raises
    ------
    ValueError
        If `n` is negative, or `x` has no axis.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, diff
    >>> x = Tensor([1.0, 4.0, 9.0], requires_grad=True)
    >>> y = diff(x)
    >>> y.data
    array([3., 5.])
    >>> y.sum().backward()
    >>> x.grad
    array([-1.,  0.,  1.])
    """
    if n < 0:
        raise ValueError(f"diff: n must be at least 0, got {n}")
    x = as_operand("diff", x)
    if n == 0:
        return copy(x)
    shape = shape_of(x)
    if not shape:
        raise ValueError("diff: x is a number; expected at least one axis")
    axis = normalize_axis_index(axis, len(shape))
    single = (*shape[:axis], 1, *shape[axis + 1 :])
    ends = [
        broadcast_to(multiply(end, np.ones(1, real_dtype_of(x))), single)
        if end is not None and len(shape_of(end)) == 0
        else end
        for end in (prepend, append)
    ]
    parts = [part for part in (ends[0], x, ends[1]) if part is not None]
    x = concatenate(parts, axis=axis) if len(parts) > 1 else x
    before = (slice(None),) * axis
    for _ in range(n):
        x = subtract(x[(*before, slice(1, None))], x[(*before, slice(None, -1))])
    return x
