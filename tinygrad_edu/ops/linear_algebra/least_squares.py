"""QR decomposition and least squares, and `numpy.linalg`'s names for norms and diagonals.

Equations with square matrices are in `linalg.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...leaving import values_of
from ...metadata import checked, composed
from ...primitive import as_operand, primitive
from ..arithmetic import divide, square, subtract
from ..joining import concatenate
from ..plain import shape_of
from ..reduction import _as_rows, _stretched_shape, sum
from ..shape import reshape
from ..summing import Axis
from . import triangles
from .decompositions import lapack, svdvals
from .inverses import inv, pinv
from .matrices import matmul
from .norms import norm

__all__ = ["cond", "diagonal", "lstsq", "matrix_norm", "qr", "trace", "vector_norm"]

QRResult = type(np.linalg.qr(np.eye(1)))


def _qr_rule(g: Any, out: Any, x: Any) -> Any:
    rows = x.shape[-2]
    (q, r), (gq, gr) = ((part[..., :rows, :], part[..., rows:, :]) for part in (out, g))
    # A rotation of q is antisymmetric and r is a triangle, so one triangle of this is free.
    turn = r @ np.triu(gr).mT - gq.mT @ q
    lower = np.tril(turn)
    symmetric = lower + np.tril(turn, -1).mT
    return np.linalg.solve(r, (gq + q @ symmetric).mT).mT


@lapack(square=False)
@primitive(
    _qr_rule,
    analytic=False,
    formula="concatenate(linalg.qr(x), axis=-2)",
    derivatives=(
        (
            "(lambda q, r, gq, gr: linalg.solve(r, (gq + q @ (lambda m: tril(m) + tril(m, -1).mT)"
            "(r @ triu(gr).mT - gq.mT @ q)).mT).mT)"
            "(out[:-len(x.T)], out[-len(x.T):], g[:-len(x.T)], g[-len(x.T):])"
        ),
    ),
)
def _qr(x: Any, /) -> Any:
    # Both in one array, because they must come from one factorisation.
    return np.concatenate(np.linalg.qr(x), axis=-2)


@composed("x")
@lapack(square=False)
def qr(x: Any, mode: str = "reduced") -> Any:
    """QR decomposition: ``x = Q @ R`` with orthogonal columns of Q and an upper triangle R.

    It has a derivative where the first columns of a matrix are independent, as many as there are
    rows at most.

    Parameters
    ----------
    x : array_like, shape (..., m, n)
        The matrices.
    mode : {"reduced", "r", "complete"}
        "r" returns R alone. "complete" is for matrices with no more rows than columns: the further
        columns of others are not determined, and have no derivative.

    Returns
    -------
    QRResult, or Tensor with ``mode="r"``
        With the attributes ``Q`` of shape (..., m, k) and ``R`` of shape (..., k, n), where k is
        the smaller of m and n. LAPACK chooses the signs.

    Raises
    ------
    ValueError
        For another mode, or "complete" of matrices with more rows than columns.
    numpy.linalg.LinAlgError
        In the backward pass, if columns are dependent.

    References
    ----------
    Walter and Lehmann, "Algorithmic Differentiation of Linear Algebra Functions", 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, linalg
    >>> x = Tensor([[3.0, 1.0], [4.0, 2.0]], requires_grad=True)
    >>> q, r = linalg.qr(x)
    >>> np.abs(r.data).round(4)
    array([[5. , 2.2],
           [0. , 0.4]])
    >>> abs(r[0, 0]).backward()
    >>> x.grad.round(4)
    array([[0.6, 0. ],
           [0.8, 0. ]])
    """
    rows, columns = shape_of(x)[-2:]
    if mode not in ("reduced", "r", "complete"):
        raise ValueError(f"qr: mode {mode!r}; expected 'reduced', 'r' or 'complete'")
    if mode == "complete" and rows > columns:
        raise ValueError(
            f"qr: mode 'complete' of {rows} rows and {columns} columns has columns of Q that are "
            "not determined; use mode='reduced'"
        )
    x = as_operand("qr", x)
    packed = _qr(x[..., :, :rows] if columns > rows else x)
    q, r = packed[..., :rows, :], packed[..., rows:, :]
    if columns > rows:
        r = concatenate([r, matmul(q.mT, x[..., :, rows:])], axis=-1)
    return r if mode == "r" else QRResult(q, r)


@composed("a", "b")
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Least-squares solution ``x`` of ``a @ x = b``: of all that come closest, the shortest.

    It is computed with the pseudo-inverse, and has its derivative.

    Parameters
    ----------
    a : array_like, shape (m, n)
        The matrix.
    b : array_like, shape (m,) or (m, k)
        The right-hand sides.
    rcond : float, optional
        Singular values up to this multiple of the largest are treated as 0; by default the
        precision of the dtype times the larger of m and n, and -1 means that precision alone.

    Returns
    -------
    x : Tensor, shape (n,) or (n, k)
    residuals : Tensor, shape (k,)
        Sums of squared residuals; empty unless m is larger than n and the rank is n.
    rank : int
    s : Tensor
        The singular values of `a`.

    Raises
    ------
    ValueError
        If shapes do not fit.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> b = Tensor([1.0, 3.0, 5.0], requires_grad=True)
    >>> x, residuals, rank, s = linalg.lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], b)
    >>> x.data.round(6), rank
    (array([1., 2.]), 2)
    """
    a, b = as_operand("lstsq", a), as_operand("lstsq", b)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ValueError(
            f"lstsq: a of shape {a.shape} and b of shape {b.shape}; expected (m, n) and (m,) or "
            "(m, k)"
        )
    rows, columns = a.shape
    s = svdvals(a)
    precision = np.finfo(s.dtype).eps
    cutoff = precision * np.maximum(rows, columns) if rcond is None else rcond
    cutoff = precision if cutoff == -1 else cutoff
    values = values_of(s)
    rank = int(np.sum(values > cutoff * np.max(values, initial=0)))
    x = matmul(pinv(a, float(cutoff)), b)
    rest = sum(square(subtract(b, matmul(a, x))), axis=0)
    rest = reshape(rest, (-1,)) if rank == columns < rows else np.zeros(0, rest.dtype)
    return x, rest, rank, s


@composed("x", "ord")
def vector_norm(x: Any, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Norm of vectors: of all elements, or along one or several axes.

    Parameters
    ----------
    x : array_like
        The vectors.
    axis : int or tuple of int, optional
        The axes of a vector; None takes all of them.
    keepdims : bool
        Whether to keep these axes, with size 1.
    ord : number
        As for `norm`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> linalg.vector_norm(Tensor([[3.0, 4.0]])).item()
    5.0
    """
    x = as_operand("vector_norm", x)
    result = norm(_as_rows(x, axis), ord, axis=-1)
    return reshape(result, _stretched_shape(x.shape, axis)) if keepdims else result


@composed("x")
def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norm of the matrices in the last two axes.

    Parameters
    ----------
    x : array_like, shape (..., m, n)
        The matrices.
    keepdims : bool
        Whether to keep these axes, with size 1.
    ord : number or str
        As for `norm`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> linalg.matrix_norm(Tensor([[3.0, 0.0], [0.0, 4.0]])).item()
    5.0
    """
    return norm(x, ord, axis=(-2, -1), keepdims=keepdims)


@composed("x")
@lapack(square=False)
def cond(x: Any, p: Any = None) -> Any:
    """Condition number of matrices: the largest singular value over the smallest.

    Parameters
    ----------
    x : array_like, shape (..., m, n)
        The matrices.
    p : number or str, optional
        Another norm: the norm of the matrix times the norm of its inverse; see `norm`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> linalg.cond(Tensor([[3.0, 0.0], [0.0, 6.0]])).item()
    2.0
    """
    p = checked(p, "cond", "p")
    if p is None or p in (2, -2):
        s = svdvals(x)
        return divide(s[..., -1], s[..., 0]) if p == -2 else divide(s[..., 0], s[..., -1])
    return norm(x, p, axis=(-2, -1)) * norm(inv(x), p, axis=(-2, -1))


@composed("x")
def diagonal(x: Any, *, offset: int = 0) -> Any:
    """Diagonals of the matrices in the last two axes.

    Examples
    --------
    >>> from tinygrad_edu import linalg, ones
    >>> linalg.diagonal(ones((5, 3, 4))).shape
    (5, 3)
    """
    return triangles.diagonal(x, offset, -2, -1)


@composed("x")
def trace(x: Any, *, offset: int = 0) -> Any:
    """Sums of the diagonals of the matrices in the last two axes.

    Examples
    --------
    >>> from tinygrad_edu import linalg, ones
    >>> linalg.trace(ones((2, 3, 3)))
    Tensor([3., 3.])
    """
    return triangles.trace(x, offset, -2, -1)
