"""The largest elements, running extremes, and parts of equal size, under PyTorch's names.

Functions that also find out where an element came from return a pair of values and indices: the
gradient of a value goes to that place. Indices are plain arrays.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..leaving import values_of
from ..metadata import composed
from ..primitive import as_operand
from .indexing import take_along_axis
from .joining import concatenate
from .plain import argsort, shape_of
from .rearranging import array_split
from .shape import moveaxis, reshape
from .special import logaddexp
from .summing import single

__all__ = ["chunk", "cummax", "cummin", "logcumsumexp", "topk"]


class Selected(NamedTuple):
    """Values that were selected from an array, and where.

    Attributes
    ----------
    values : Tensor or numpy.ndarray
    indices : numpy.ndarray of int
        Positions along the axis.
    """

    values: Any
    indices: Any


@composed("x")
def topk(x: Any, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> Selected:
    """Return the `k` largest elements along an axis, the largest first, and their positions.

    Of equal elements the first counts as larger. As in `sort`, nan is the largest.

    Parameters
    ----------
    x : array_like
        The elements.
    k : int
        How many.
    axis : int
        The axis.
    largest : bool
        False for the smallest, the smallest first.
    sorted : bool
        Without effect: the result is always sorted.

    Raises
    ------
    ValueError
        If there are fewer than `k` elements.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, topk
    >>> x = Tensor([3.0, 1.0, 4.0], requires_grad=True)
    >>> values, indices = topk(x, 2)
    >>> values.data, indices
    (array([4., 3.]), array([2, 0]))
    >>> values[0].backward()
    >>> x.grad
    array([0., 0., 1.])
    """
    x = as_operand("topk", x)
    if not x.ndim:
        values, indices = topk(reshape(x, (1,)), k, axis)
        return Selected(reshape(values, ()), indices.reshape(()))
    axis, k = normalize_axis_index(axis, x.ndim), operator.index(k)
    if not 0 <= k <= x.shape[axis]:
        raise ValueError(f"topk: k is {k}; expected 0..{x.shape[axis]}, the size of axis {axis}")
    order = argsort(x, axis=axis, stable=True, descending=largest)
    indices = order[(slice(None),) * axis + (slice(k),)]
    return Selected(take_along_axis(x, indices, axis=axis), indices)


def _running(name: str, x: Any, axis: int, extreme: np.ufunc) -> Selected:
    x = as_operand(name, x)
    if not x.ndim:
        normalize_axis_index(axis, 1)
        return Selected(reshape(x, ()), np.zeros((), np.intp))
    axis = normalize_axis_index(axis, x.ndim)
    values = np.real(values_of(x))
    is_new = np.equal(values, extreme.accumulate(values, axis=axis)) | np.isnan(values)
    numbers = np.arange(x.shape[axis]).reshape(-1, *(1,) * (x.ndim - 1 - axis))
    indices = np.maximum.accumulate(np.where(is_new, numbers, 0), axis=axis)
    return Selected(take_along_axis(x, indices, axis=axis), indices)


@composed("x")
def cummax(x: Any, axis: int) -> Selected:
    """Return the largest elements so far along an axis, and their positions.

    Of equal elements the last one counts, and receives the gradient; as in PyTorch.

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
    return _running("cummax", x, axis, np.maximum)


@composed("x")
def cummin(x: Any, axis: int) -> Selected:
    """Return the smallest elements so far along an axis, and their positions.

    Of equal elements the last one counts, and receives the gradient; as in PyTorch.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cummin
    >>> cummin(Tensor([2.0, 3.0, 1.0]), 0).values
    Tensor([2., 2., 1.])
    """
    return _running("cummin", x, axis, np.minimum)


@composed("x")
@single
def logcumsumexp(x: Any, axis: int) -> Any:
    """Logarithms of the running sums of exponentials along an axis, without overflow.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, logcumsumexp
    >>> logcumsumexp(Tensor([1000.0, 1000.0]), 0).data.round(4)
    array([1000.    , 1000.6931])
    """
    x = as_operand("logcumsumexp", x)
    if not x.ndim:
        return reshape(logcumsumexp(reshape(x, (1,)), axis), ())
    axis = normalize_axis_index(axis, x.ndim)
    x = moveaxis(x, axis, -1)
    places = 1
    while places < x.shape[-1]:  # each round doubles how far back a sum reaches
        sums = logaddexp(x[..., places:], x[..., :-places])
        x = concatenate([x[..., :places], sums], axis=-1)
        places *= 2
    return moveaxis(x, -1, axis)


@composed("x")
def chunk(x: Any, chunks: int, axis: int = 0) -> list[Any]:
    """List of parts of equal size along an axis; the last one may be smaller.

    As in PyTorch there may be fewer parts. `array_split` makes as many as requested.

    Parameters
    ----------
    x : array_like
        The array to cut.
    chunks : int
        The largest number of parts.
    axis : int
        The axis to cut along.

    Raises
    ------
    ValueError
        If this is not a positive number.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, chunk
    >>> chunk(Tensor([1.0, 2.0, 3.0]), 2)
    [Tensor([1., 2.]), Tensor([3.])]
    """
    if operator.index(chunks) < 1:
        raise ValueError(f"chunk: chunks is {chunks}; expected at least one")
    count = shape_of(x)[normalize_axis_index(axis, len(shape_of(x)))]
    size = max(-(-count // chunks), 1)
    return array_split(x, list(range(size, count, size)), axis)
