"""Sorting and partitioning: the gradient of an element goes back to where the element came from.

Equal elements keep their order, so it is defined where each gradient goes. Indices that would sort
an array are in `plain.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..metadata import composed
from .indexing import take_along_axis
from .plain import argsort
from .shape import reshape

__all__ = ["partition", "sort"]


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
