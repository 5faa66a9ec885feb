"""Linear algebra beyond products, under the names of `numpy.linalg`.

Determinants, linear equations and products of many matrices are in this file, the rest in
`inverses.py`, `decompositions.py`, `least_squares.py` and `norms.py`. A matrix is the last two
axes; the axes before them are a stack of matrices.

Examples
--------
>>> from tinygrad_edu import Tensor, linalg
>>> x = Tensor([[2.0, 0.0], [0.0, 4.0]], requires_grad=True)
>>> linalg.slogdet(x).logabsdet.backward()
>>> x.grad
array([[0.5 , 0.  ],
       [0.  , 0.25]])
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import shape_errors
from ...leaving import values_of
from ...metadata import composed
from ...primitive import primitive
from ..choosing import where
from ..reduction import sum
from ..shape import expand_dims, matrix_transpose
from .decompositions import cholesky, eigh, eigvalsh, lapack, svd, svdvals
from .inverses import inv, pinv
from .least_squares import cond, diagonal, lstsq, matrix_norm, qr, trace, vector_norm
from .matrices import matmul
from .norms import norm
from .products import cross, outer, tensordot
from .rows import vecdot

__all__ = [
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


# NumPy's named tuple, which has no public name.
SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


# Determinants and equations --------------------------------------------------------------------


def _cofactor_rule(g: Any, out: Any, x: Any) -> Any:
    matrices = values_of(x)
    if matrices.size and np.any(np.linalg.matrix_rank(matrices) < x.shape[-1]):
        raise np.linalg.LinAlgError(
            "Singular matrix: the second derivative of det is computed with the inverse"
        )
    trace = sum(g * out, axis=(-2, -1), keepdims=True)
    return (trace * np.eye(x.shape[-1], dtype=out.dtype) - out @ g.mT) @ inv(x).mT


@lapack()
@primitive(
    _cofactor_rule,
    formula="linalg.det(x) * linalg.inv(x).mT",
    derivatives=("(sum(g * out) * eye(len(x)) - out @ g.mT) @ linalg.inv(x).mT",),
)
def _cofactor(x: Any, /) -> Any:
    if x.dtype.kind == "c":  # a complex step: singular values do not continue analytically
        return np.linalg.det(x)[..., None, None] * np.linalg.inv(x).mT
    # The cofactors of a product are the product of the cofactors; those of a diagonal matrix are
    # products of all other elements. Nothing is divided, so singular matrices need no exception.
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    with np.errstate(divide="ignore"):  # adding logarithms does not overflow on the way
        logarithms = np.log(s)[..., None, :]
    others = np.exp(np.where(np.eye(x.shape[-1], dtype=bool), 0, logarithms).sum(axis=-1))
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return (u * (sign[..., None] * others)[..., None, :]) @ vh


@lapack()
@primitive(
    lambda g, out, x: g[..., None, None] * _cofactor(x),
    formula="linalg.det(x)",
    derivatives=("g * out * linalg.inv(x).mT",),
    domain=(),
)
def det(x: Any, /) -> Any:
    """Determinant of square matrices.

    Its gradient is the matrix of cofactors, which singular matrices have too. The second derivative
    is computed with the inverse, so it exists for regular matrices only.

    Raises
    ------
    ValueError
        If the matrices are not square.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, linalg
    >>> x = Tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    >>> linalg.det(x).backward()
    >>> np.round(x.grad, 12)
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    return np.linalg.det(x)


@primitive(
    lambda g, out, x: g[..., None, None] * inv(x).mT,
    analytic=False,
    formula="linalg.slogdet(x)[1]",
    derivatives=("g * linalg.inv(x).mT",),
)
def _slogdet(x: Any, /) -> Any:
    return np.linalg.slogdet(x)[1]


@composed("x")
@lapack()
def slogdet(x: Any) -> Any:
    """Sign and logarithm of the absolute value of determinants, without overflow.

    Returns
    -------
    SlogdetResult
        With the attributes ``sign``, a plain array because it is constant, and ``logabsdet``.

    Raises
    ------
    ValueError
        If the matrices are not square.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> sign, logabsdet = linalg.slogdet(Tensor([[0.0, 1.0], [1.0, 0.0]]))
    >>> sign.item(), logabsdet.item()
    (-1.0, 0.0)
    """
    return SlogdetResult(np.linalg.slogdet(values_of(x))[0], _slogdet(x))


@primitive(
    lambda g, out, a, b: -(np.linalg.solve(a.mT, g) @ out.mT),
    lambda g, out, a, b: np.linalg.solve(a.mT, g),
    broadcasts="stacks",
    formula="linalg.solve(a, b)",
    derivatives=("-linalg.solve(a.mT, g) @ out.mT", "linalg.solve(a.mT, g)"),
)
def _solve(a: Any, b: Any, /) -> Any:
    return np.linalg.solve(a, b)


@composed("a", "b")
@lapack()
def solve(a: Any, b: Any) -> Any:
    """Solution ``x`` of ``a @ x = b``.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        Square matrices.
    b : array_like, shape (n,) or (..., n, k)
        One vector, for all matrices; or matrices, whose columns are solved for one by one.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    numpy.linalg.LinAlgError
        If a matrix is singular.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> linalg.solve(Tensor([[2.0, 0.0], [0.0, 4.0]]), [1.0, 1.0])
    Tensor([0.5 , 0.25])
    """
    size, shape = np.shape(a)[-1], np.shape(b)
    if not shape or shape[-2:][0] != size:
        raise ValueError(
            f"solve: a has {size} rows and b has shape {shape}; expected shape ({size},) or "
            f"(..., {size}, k); for a stack of vectors write solve(a, b[..., None])[..., 0]"
        )
    stacks = shape_errors.broadcasting(["a", "b"], [np.shape(a), shape], skip=2)
    if stacks and len(shape) > 1:
        raise ValueError(f"solve: {stacks}")
    return _solve(a, b) if len(shape) > 1 else _solve(a, expand_dims(b, -1))[..., 0]


# Products of many -----------------------------------------------------------------------------


@composed("x")
@lapack()
def matrix_power(x: Any, n: int) -> Any:
    """Square matrices to a whole power, by repeated squaring.

    Parameters
    ----------
    x : array_like, shape (..., k, k)
        The matrices.
    n : int
        The exponent. 0 gives the identity, negative numbers give powers of the inverse.

    Raises
    ------
    TypeError
        If `n` is not whole.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> linalg.matrix_power(Tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    Tensor([[1., 5.],
            [0., 1.]])
    """
    exponent = operator.index(n)
    if exponent == 0:  # constant: the identity, also where elements are infinite
        return where(True, np.eye(np.shape(x)[-1], dtype=bool), x)
    factor, result = x if exponent > 0 else inv(x), None
    remaining = exponent if exponent > 0 else -exponent
    while remaining:
        if remaining % 2:
            result = factor if result is None else matmul(result, factor)
        remaining //= 2
        if remaining:
            factor = matmul(factor, factor)
    return result


@composed("arrays")
def multi_dot(arrays: Sequence[Any]) -> Any:
    """Product of several matrices, in the order that takes the fewest multiplications.

    Parameters
    ----------
    arrays : sequence of array_like
        At least two matrices; the first and the last may be vectors.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    The order is found by dynamic programming: the least cost of a part of the chain follows from
    the costs of shorter parts.

    Examples
    --------
    >>> from tinygrad_edu import linalg, ones
    >>> linalg.multi_dot([ones((2, 100)), ones((100, 3)), ones((3, 4))]).shape
    (2, 4)
    """
    arrays = list(arrays)
    count, shapes = len(arrays), [np.shape(array) for array in arrays]
    if count < 2:
        raise ValueError(f"multi_dot: expected at least two arrays, got {count}")
    for place, shape in enumerate(shapes):
        if len(shape) != 2 and not (len(shape) == 1 and place in (0, count - 1)):
            raise ValueError(
                f"multi_dot: expected matrices, and vectors only at the ends; array {place} has "
                f"shape {shape}"
            )
        if place and shapes[place - 1][-1] != shape[0]:
            raise ValueError(
                f"multi_dot: array {place - 1} of shape {shapes[place - 1]} and array {place} of "
                f"shape {shape} do not fit: the last size of one must be the first of the next"
            )
    # Array i has sizes[i] rows and sizes[i + 1] columns.
    sizes = [1 if len(shapes[0]) == 1 else shapes[0][0], *(shape[0] for shape in shapes[1:])]
    sizes.append(1 if len(shapes[-1]) == 1 else shapes[-1][1])
    # The least cost of the product from first to last, and where to cut it.
    cheapest = {(place, place): (0, place) for place in range(count)}
    for length in range(1, count):
        for first in range(count - length):
            last = first + length
            cheapest[first, last] = min(
                (
                    cheapest[first, cut][0]
                    + cheapest[cut + 1, last][0]
                    + sizes[first] * sizes[cut + 1] * sizes[last + 1],
                    cut,
                )
                for cut in range(first, last)
            )

    def product(first: int, last: int) -> Any:
        if first == last:
            return arrays[first]
        cut = cheapest[first, last][1]
        return matmul(product(first, cut), product(cut + 1, last))

    return product(0, count - 1)
