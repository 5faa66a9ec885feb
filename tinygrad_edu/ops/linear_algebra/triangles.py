"""Diagonals and triangles of matrices, and of stacks of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import real_dtype_of
from ...metadata import composed
from ..choosing import where
from ..indexing import getitem, put_at
from ..reduction import sum
from ..shape import moveaxis, reshape

__all__ = ["diag", "diagflat", "diagonal", "trace", "tril", "triu"]


@composed("x")
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Elements on a diagonal of two axes; they become the last axis.

    Parameters
    ----------
    x : array_like
        At least two axes.
    offset : int
        Which diagonal; positive numbers are above the main one.
    axis1, axis2 : int
        The rows and the columns.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, diagonal
    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> y = diagonal(x)
    >>> y.data
    array([1., 4.])
    >>> y.sum().backward()
    >>> x.grad
    array([[1., 0.],
           [0., 1.]])
    """
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = np.shape(x)[-2:]
    start = np.arange(max(0, min(rows + min(offset, 0), columns - max(offset, 0))))
    return getitem(x, (..., start - min(offset, 0), start + max(offset, 0)))


@composed("x")
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum of the elements on a diagonal of two axes.

    Parameters
    ----------
    x, offset, axis1, axis2
        As for `diagonal`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, trace
    >>> trace(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor(5.)
    """
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


@composed("x")
def diag(x: Any, k: int = 0) -> Any:
    """Diagonal `k` of a matrix, or the matrix that has a vector on its diagonal `k`.

    Raises
    ------
    ValueError
        If `x` is neither a vector nor a matrix.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, diag
    >>> diag(Tensor([1.0, 2.0]))
    Tensor([[1., 0.],
            [0., 2.]])
    >>> diag(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([1., 4.])
    """
    if np.ndim(x) == 2:
        return diagonal(x, k)
    if np.ndim(x) != 1:
        raise ValueError(f"diag takes a vector or a matrix, got shape {np.shape(x)}")
    size = np.shape(x)[0] + abs(k)
    places = np.arange(np.shape(x)[0])
    return put_at(x, (places - min(k, 0), places + max(k, 0)), (size, size))


@composed("x")
def diagflat(x: Any, k: int = 0) -> Any:
    """Matrix with all elements of an array on a diagonal, and zeros elsewhere.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, diagflat
    >>> diagflat(Tensor([[1.0, 2.0]])).data
    array([[1., 0.],
           [0., 2.]])
    """
    return diag(reshape(x, (-1,)), k)


def _lower(name: str, x: Any, k: int) -> tuple[Any, Any]:
    """Return where the lower triangle is, and a zero of the dtype of x."""
    shape = np.shape(x)
    if not shape:
        raise ValueError(f"{name}: a number has no triangle; pass a matrix")
    rows, columns = shape[-2:] if len(shape) > 1 else shape * 2  # a vector is used as every row
    return np.tri(rows, columns, k, dtype=bool), np.zeros((), real_dtype_of(x))


@composed("x")
def tril(x: Any, k: int = 0) -> Any:
    """Lower triangle of a matrix, or of each matrix in a stack; zeros above diagonal `k`.

    Raises
    ------
    ValueError
        If `x` is a number.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, tril
    >>> tril(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 0.],
            [3., 4.]])
    """
    lower, zero = _lower("tril", x, k)
    return where(lower, x, zero)


@composed("x")
def triu(x: Any, k: int = 0) -> Any:
    """Upper triangle of a matrix, or of each matrix in a stack; zeros below diagonal `k`.

    Raises
    ------
    ValueError
        If `x` is a number.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, triu
    >>> triu(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 2.],
            [0., 4.]])
    """
    lower, zero = _lower("triu", x, k - 1)
    return where(lower, zero, x)
