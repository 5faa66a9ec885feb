"""Sorting, partitioning, ranking: the gradient of an element goes back to where it came from.

Equal elements keep their order, so it is defined where each gradient goes. Indices that would sort
an array are in `plain.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import NDArray

from ..metadata import composed
from .indexing import take_along_axis
from .plain import argsort
from .shape import reshape

__all__ = ["partition", "sort", "topk"]


class ValuesAndIndices(NamedTuple):
    """Elements, and a plain array of where they are: the results of `topk` and others."""

    values: Any
    indices: NDArray[np.intp]


@composed("x")
def sort(x: Any, axis: int | None = -1, *, descending: bool = False) -> Any:
    """Elements in ascending order along an axis, nan last; None flattens first.

    With ``descending=True`` the order is reversed, so nan is first.

    The method of this name returns a sorted copy too, unlike the method of arrays, which sorts in
    place.

    Parameters
    ----------
    x : array_like
        The elements.
    axis : int, optional
        The axis; None flattens first.
    descending : bool
        Whether the largest is first.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, sort
    >>> x = Tensor([3.0, 1.0, 2.0], requires_grad=True)
    >>> sort(x)[0].backward()
    >>> x.grad
    array([0., 1., 0.])
    """
    if axis is None:
        return sort(reshape(x, (-1,)), descending=descending)
    axis = normalize_axis_index(axis, np.ndim(x))
    order = argsort(x, axis=axis, stable=True, descending=descending)
    return take_along_axis(x, order, axis=axis)


@composed("x")
def partition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """Elements arranged so that the one at position `kth` is where sorting would put it.

    NumPy promises no order for the others. Here they are sorted too, so that the order is defined.

    Parameters
    ----------
    x : array_like
        The elements.
    kth : int or sequence of int
        The position, or several.
    axis : int, optional
        The axis; None flattens first.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, partition
    >>> partition(Tensor([3.0, 1.0, 2.0]), 0)
    Tensor([1., 2., 3.])
    """
    if axis is None:
        return partition(reshape(x, (-1,)), kth)
    np.argpartition(x, kth, axis=axis)  # raises NumPy's errors for wrong arguments
    return sort(x, axis=axis)


@composed("x")
def topk(
    x: Any, k: int, axis: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesAndIndices:
    """Largest elements along an axis, and where they are.

    Parameters
    ----------
    x : array_like
        The elements.
    k : int
        How many; at most the size of the axis.
    axis : int
        The axis.
    largest : bool
        Whether to take the largest elements; otherwise the smallest ones. Nan counts as largest.
    sorted : bool
        The results are sorted in any case; PyTorch's parameter is accepted.

    Returns
    -------
    values : Tensor or numpy.ndarray
        The elements, the largest (or smallest) first; of equal ones the first is first.
    indices : numpy.ndarray
        Their numbers along the axis.

    Raises
    ------
    ValueError
        If there are not that many elements.

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
    if not np.ndim(x):  # as in PyTorch, a number is treated as one axis
        values, indices = topk(reshape(x, (1,)), k, axis, largest)
        shape = indices.shape if k != 1 else ()
        return ValuesAndIndices(reshape(values, shape), indices.reshape(shape))
    axis = normalize_axis_index(axis, np.ndim(x))
    size = np.shape(x)[axis]
    is_count = isinstance(k, int | np.integer)
    if not is_count or not 0 <= k <= size:
        raise ValueError(
            f"topk: k is {k} for {size} elements along axis {axis}; expected 0..{size}"
        )
    order = argsort(x, axis=axis, stable=True, descending=largest)
    indices = order[(slice(None),) * axis + (slice(k),)]
    return ValuesAndIndices(take_along_axis(x, indices, axis=axis), indices)
