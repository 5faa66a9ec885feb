"""Products of vectors and matrices along the last axes, under the names of NumPy 2.

Products of matrices are in `matrices.py`, and sums over chosen axes in `products.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...metadata import composed
from ...primitive import as_operand
from ..arithmetic import multiply
from ..reduction import sum
from ..shape import expand_dims, moveaxis, squeeze
from .matrices import matmul

__all__ = ["matvec", "vecdot", "vecmat"]


@composed("x", "y")
def vecdot(x: Any, y: Any, *, axis: int = -1, keepdims: bool = False) -> Any:
    """Dot products of the vectors along an axis; the other axes broadcast.

    Parameters
    ----------
    x, y : array_like
        The vectors.
    axis : int
        Their axis in both.
    keepdims : bool
        Whether to keep that axis, with size 1.

    Raises
    ------
    ValueError
        If the vectors differ in length.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, vecdot
    >>> vecdot(Tensor([[1.0, 2.0], [3.0, 4.0]]), [1.0, 10.0])
    Tensor([21., 43.])
    """
    x, y = as_operand("vecdot", x), as_operand("vecdot", y)
    if not x.ndim or not y.ndim:
        raise ValueError(f"vecdot: x has {x.ndim} and y {y.ndim} axes; expected at least one each")
    x, y = moveaxis(x, axis, -1), moveaxis(y, axis, -1)
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"vecdot: vectors of {x.shape[-1]} and {y.shape[-1]} numbers; expected equal lengths"
        )
    result = sum(multiply(x, y), axis=-1)
    return expand_dims(result, axis) if keepdims else result


@composed("x", "y")
def matvec(x: Any, y: Any) -> Any:
    """Products of matrices and vectors: of the last two axes of `x` with the last one of `y`.

    Raises
    ------
    ValueError
        If shapes do not fit.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, matvec
    >>> matvec(Tensor([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 0.0], [0.0, 1.0]]).data
    array([[1., 3.],
           [2., 4.]])
    """
    x, y = as_operand("matvec", x), as_operand("matvec", y)
    if x.ndim < 2 or not y.ndim or x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"matvec: x of shape {np.shape(x)} and y of shape {np.shape(y)}; expected matrices "
            "(..., m, n) and vectors (..., n)"
        )
    return squeeze(matmul(x, expand_dims(y, -1)), -1)


@composed("x", "y")
def vecmat(x: Any, y: Any) -> Any:
    """Products of vectors and matrices: of the last axis of `x` with the last two of `y`.

    Raises
    ------
    ValueError
        If shapes do not fit.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, vecmat
    >>> vecmat(Tensor([1.0, 10.0]), [[1.0, 2.0], [3.0, 4.0]])
    Tensor([31., 42.])
    """
    x, y = as_operand("vecmat", x), as_operand("vecmat", y)
    if not x.ndim or y.ndim < 2 or x.shape[-1] != y.shape[-2]:
        raise ValueError(
            f"vecmat: x of shape {np.shape(x)} and y of shape {np.shape(y)}; expected vectors "
            "(..., m) and matrices (..., m, n)"
        )
    return squeeze(matmul(expand_dims(x, -2), y), -2)
