"""Diagonals and triangles of matrices, alone or in stacks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import real_dtype_of
from ...metadata import composed
from ..choosing import where
from ..indexing import getitem, put_at
from ..reduction import sum
from ..shape import moveaxis

__all__ = ["diag", "diagonal", "trace", "tril", "triu"]


@composed("x")
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Elements on a diagonal of two axes; they become the last axis."""
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = np.shape(x)[-2:]
    start = np.arange(max(0, min(rows + min(offset, 0), columns - max(offset, 0))))
    return getitem(x, (..., start - min(offset, 0), start + max(offset, 0)))


@composed("x")
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum of the elements on a diagonal of two axes."""
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


@composed("x")
def diag(x: Any, k: int = 0) -> Any:
    """Diagonal of a matrix, or the matrix that has a vector on its diagonal."""
    if np.ndim(x) == 2:
        return diagonal(x, k)
    if np.ndim(x) != 1:
        raise ValueError(f"diag takes a vector or a matrix, got shape {np.shape(x)}")
    size = np.shape(x)[0] + abs(k)
    places = np.arange(np.shape(x)[0])
    return put_at(x, (places - min(k, 0), places + max(k, 0)), (size, size))


def _lower(name: str, x: Any, k: int) -> tuple[Any, Any]:
    """Give where the lower triangle is, and a zero of the dtype of x."""
    shape = np.shape(x)
    if not shape:
        raise ValueError(f"{name}: a number has no triangle; give a matrix")
    rows, columns = shape[-2:] if len(shape) > 1 else shape * 2  # a vector stands for its rows
    return np.tri(rows, columns, k, dtype=bool), np.zeros((), real_dtype_of(x))


@composed("x")
def tril(x: Any, k: int = 0) -> Any:
    """Lower triangle of a matrix, or of each in a stack; zeros above diagonal `k`."""
    lower, zero = _lower("tril", x, k)
    return where(lower, x, zero)


@composed("x")
def triu(x: Any, k: int = 0) -> Any:
    """Upper triangle of a matrix, or of each in a stack; zeros below diagonal `k`."""
    lower, zero = _lower("triu", x, k - 1)
    return where(lower, zero, x)
