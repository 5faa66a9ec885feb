"""The norm of vectors and matrices, public as `linalg.norm`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ...leaving import values_of
from ...metadata import checked, composed
from ...tensor import Tensor
from .. import reduction
from ..arithmetic import add, divide, multiply, power
from ..choosing import absolute, where
from ..elementwise import astype
from ..shape import expand_dims, transpose
from ..summing import Axis, single
from .decompositions import svdvals

__all__ = ["norm"]


@composed("x", "ord")
@single
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """Norm of vectors or matrices.

    At kinks, the gradient is 0 for vectors and matrices of zeros, 0 at elements and singular values
    that are 0, and shared equally where several are the largest.

    Parameters
    ----------
    x : array_like
        The elements.
    ord : number or str, optional
        Of vectors: None or 2 for the Euclidean length, 1 for the sum of absolute values, inf and
        -inf for the largest and the smallest of them, 0 for the number of elements that are not 0
        (a plain array, because it is constant), other numbers p for ``sum(abs(x)**p)**(1 / p)``. Of
        matrices: None or "fro" for the square root of the sum of squares, 2 and -2 for the largest
        and the smallest singular value, "nuc" for the sum of those, 1 and -1 for the largest and
        the smallest sum of absolute values of a column, inf and -inf for that of a row. Gradients
        flow to p if it is a tensor.
    axis : int or pair of int, optional
        One axis for vectors, two for the rows and columns of matrices. None takes all axes; these
        may be more than two if `ord` is None.
    keepdims : bool
        Whether to keep the reduced axes, with size 1.

    Raises
    ------
    ValueError
        If there is no such norm.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> x = Tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    >>> linalg.norm(x, axis=1).sum().backward()
    >>> x.grad
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    if getattr(x, "dtype", np.dtype(int)).kind not in "fc":  # lists as well
        x = astype(x, float)
    if axis is None and ord is None:
        return reduction._euclidean_norm(x, keepdims=keepdims)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    if len(axes) not in (1, 2):
        raise ValueError(f"norm: {len(axes)} axes (shape {x.shape}); expected one or two")
    result = _vector_norm(x, ord, *axes) if len(axes) == 1 else _matrix_norm(x, ord, *axes)
    return expand_dims(result, axes) if keepdims else result


def _vector_norm(x: Any, ord: Any, axis: int) -> Any:
    if isinstance(ord, Tensor):
        _check_exponent(ord)
        return _p_norm(absolute(x), ord, axis)
    if isinstance(ord, str):
        raise ValueError(f"norm: unknown norm {ord!r} of vectors; expected None or a number")
    if ord is None or ord == 2 or (ord == np.inf and x.shape[axis] == 0):
        return reduction._euclidean_norm(x, axis=axis)
    if ord == 0:
        return np.linalg.norm(values_of(x), 0, axis)
    length = absolute(x)
    if ord == 1:
        return reduction.sum(length, axis=axis)
    if abs(ord) == np.inf:
        return (reduction.max if ord > 0 else reduction.min)(length, axis=axis)
    if ord < 0:
        return power(reduction.sum(power(length, float(ord)), axis=axis), 1 / float(ord))
    return _p_norm(length, float(ord), axis)


def _p_norm(length: Any, p: Any, axis: int) -> Any:
    # The norm of x is c times that of x / c, for any constant c: dividing by the
    # largest element prevents an overflow. Elements that are 0 are left out, because their
    # derivatives may be infinite; for a vector of zeros the root of 1 is scaled by 0.
    largest = np.max(values_of(length), axis=axis, keepdims=True, initial=0)
    share = divide(length, np.where((largest > 0) & (largest < np.inf), largest, 1))
    counted = np.not_equal(share, 0)
    powers = where(counted, power(where(counted, share, 1), p), 0)
    total = add(reduction.sum(powers, axis=axis, keepdims=True), largest == 0)
    scale = np.where(largest < np.inf, largest, 1)
    return reduction.sum(multiply(power(total, 1 / p), scale), axis=axis)


def _check_exponent(ord: Tensor) -> None:
    if ord.size != 1 or not 0 < ord.data < np.inf:
        raise ValueError(
            f"norm: ord is a tensor of {ord.data}; expected one number p between 0 and infinity, "
            "or a constant"
        )


def _matrix_norm(x: Any, ord: Any, row: int, column: int) -> Any:
    ord = checked(ord, "norm", "ord")
    if ord in (None, "fro", "f"):
        return reduction._euclidean_norm(x, axis=(row, column))
    if ord not in ("nuc", 1, -1, 2, -2, np.inf, -np.inf):
        raise ValueError(
            f"norm: unknown norm {ord!r} of matrices; expected None, 'fro', 'nuc', 1, -1, 2, -2, "
            "inf or -inf"
        )
    if ord != "nuc" and ord > 0 and 0 in (x.shape[row], x.shape[column]):
        return reduction._euclidean_norm(x, axis=(row, column))
    extreme = reduction.max if ord != "nuc" and ord > 0 else reduction.min
    if ord in ("nuc", 2, -2):
        others = [axis for axis in range(x.ndim) if axis not in (row, column)]
        values = svdvals(transpose(x, [*others, row, column]))
        return (reduction.sum if ord == "nuc" else extreme)(values, axis=-1)
    along = row if abs(ord) == 1 else column
    return extreme(reduction.sum(absolute(x), axis=along, keepdims=True), axis=(row, column))
