"""Decompositions of matrices: into triangles, eigenvectors and singular vectors.

A matrix is the last two axes; the axes before them are a stack of matrices. NumPy passes them to
LAPACK, which has no float16: that is computed in float32. The functions are public in `linalg`,
together with those that need no decomposition.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import GradientError
from ...leaving import values_of
from ...metadata import composed
from ...numpy_spelling import as_numpy
from ...primitive import as_operand, primitive
from ..shape import swapaxes
from ..summing import single

__all__ = ["cholesky", "eigh", "eigvalsh", "svd", "svdvals"]

# NumPy's named tuples, which have no public name.
EighResult = type(np.linalg.eigh(np.eye(1)))
SVDResult = type(np.linalg.svd(np.eye(1)))


def lapack(square: bool = True) -> Callable[..., Callable[..., Any]]:
    """Decorate a function of matrices: check their shape, and compute float16 in float32.

    Only the first of several operands is checked.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__.lstrip("_")
        expected = f"{name}: expected {'square ' * square}matrices"
        first = next(iter(inspect.signature(function).parameters))
        in_single = single(function)

        @functools.wraps(function)
        def checked(*others: Any, **keywords: Any) -> Any:
            if not others and first not in keywords:
                return as_numpy(name, checked, (), keywords)
            x, *others = others or (keywords.pop(first),)  # type: ignore[assignment]
            x = as_operand(name, x)
            shape = x.shape
            if len(shape) < 2:
                raise ValueError(f"{expected}, so at least two axes, got shape {shape}")
            if square and shape[-2] != shape[-1]:
                raise ValueError(
                    f"{expected}, got {shape[-2]} rows and {shape[-1]} columns (shape {shape})"
                )
            return in_single(x, *others, **keywords)

        return checked

    return decorate


def _cholesky_rule(g: Any, out: Any, x: Any) -> Any:
    size = x.shape[-1]
    # The lower triangle with half the diagonal: with its transpose it adds up to the whole matrix.
    half = np.tri(size, dtype=out.dtype) - 0.5 * np.eye(size, dtype=out.dtype)
    lower = half * (out.mT @ g)
    return 0.5 * np.linalg.solve(out.mT, np.linalg.solve(out.mT, lower + lower.mT).mT)


@primitive(
    _cholesky_rule,
    analytic=False,
    formula="linalg.cholesky(x)",
    derivatives=(
        "linalg.inv(out).mT @ (tril(out.mT @ g, -1) + tril(out.mT @ g).mT) @ linalg.inv(out) / 2",
    ),
)
def _cholesky(x: Any, /) -> Any:
    return np.linalg.cholesky(x)


@composed("x")
@lapack()
def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """Triangular factor of positive definite matrices: ``L`` with ``L @ L.mT`` equal to `x`.

    Only the lower triangle of `x` is read, because the upper one mirrors it. The gradient is
    symmetric nevertheless, as that of ``cholesky((x + x.mT) / 2)``.

    Parameters
    ----------
    x : array_like, shape (..., n, n)
        Symmetric matrices.
    upper : bool
        Read the upper triangle instead, and return the transpose of ``L``.

    Raises
    ------
    ValueError
        If the matrices are not square.
    numpy.linalg.LinAlgError
        If one is not positive definite.

    References
    ----------
    Murray, "Differentiation of the Cholesky decomposition", 2016.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> linalg.cholesky(Tensor([[4.0, 2.0], [2.0, 10.0]]))
    Tensor([[2., 0.],
            [1., 3.]])
    """
    return swapaxes(_cholesky(swapaxes(x, -1, -2)), -1, -2) if upper else _cholesky(x)


def _refuse_ties(operation: str, reason: str, values: Any, **ends: Any) -> None:
    """Raise an error where neighbours are equal up to rounding."""
    gaps = np.abs(np.diff(values, axis=-1, **ends))
    largest = np.max(np.abs(values), axis=-1, keepdims=True, initial=0)
    ties = gaps <= 10 * values.shape[-1] * np.finfo(values.dtype).eps * largest
    if np.any(ties):
        found = values[np.nonzero(ties)[:-1]].reshape(-1, values.shape[-1])[0]
        raise GradientError(
            f"{operation}: {reason}, up to rounding ({np.array2string(found, threshold=6)}), and "
            "the vectors have no derivative there; use only the values, or another matrix"
        )


def _gaps(values: Any) -> Any:
    """Return values[j] - values[i] at (i, j), and 1 on the diagonal, to avoid a division by 0."""
    size = values.shape[-1]
    return values[..., None, :] - values[..., :, None] + np.eye(size, dtype=values.dtype)


def _eigvalsh_rule(g: Any, out: Any, x: Any, UPLO: Any = "L", residual: Any = None) -> Any:
    vectors = _eigh(x, UPLO=UPLO) if residual is None else residual
    return (vectors * g[..., None, :]) @ vectors.mT


@lapack()
@primitive(
    _eigvalsh_rule,
    residual=True,
    analytic=False,
    symbol="λ",
    formula="linalg.eigvalsh(x)",
    derivatives=("(linalg.eigh(x)[1] * g) @ linalg.eigh(x)[1].mT",),
)
def eigvalsh(x: Any, /, UPLO: Any = "L") -> Any:
    """Eigenvalues of symmetric matrices, in ascending order.

    Only one triangle of `x` is read, and the gradient is symmetric nevertheless, as for `eigh`. It
    is right for repeated eigenvalues too, if the result depends on them symmetrically; second
    derivatives need distinct ones.

    Parameters
    ----------
    x : array_like, shape (..., n, n)
        Symmetric matrices.
    UPLO : {"L", "U"}
        Which triangle to read, the lower or the upper one.

    Raises
    ------
    ValueError
        If the matrices are not square.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, linalg
    >>> x = Tensor([[2.0, 1.0], [1.0, 2.0]], requires_grad=True)
    >>> smallest, largest = linalg.eigvalsh(x)
    >>> largest.backward()
    >>> np.round(x.grad, 4)
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    return np.linalg.eigh(x, UPLO)


def _eigh_rule(g: Any, out: Any, x: Any, UPLO: Any = "L", residual: Any = None) -> Any:
    values = eigvalsh(x, UPLO=UPLO) if residual is None else residual
    _refuse_ties("eigh", "two eigenvalues are equal", values_of(values))
    return out @ ((out.mT @ g - g.mT @ out) / _gaps(values) / 2) @ out.mT


@primitive(
    _eigh_rule,
    residual=True,
    analytic=False,
    formula="linalg.eigh(x)[1]",
    derivatives=(
        (
            "out @ ((out.mT @ g - g.mT @ out)"
            " / (linalg.eigvalsh(x) - linalg.eigvalsh(x)[:, None] + eye(len(x))) / 2) @ out.mT"
        ),
    ),
)
def _eigh(x: Any, /, UPLO: Any = "L") -> Any:
    values, vectors = np.linalg.eigh(x, UPLO)
    return vectors, values


@composed("x")
@lapack()
def eigh(x: Any, UPLO: Any = "L") -> Any:
    """Eigenvalues of symmetric matrices, in ascending order, and their eigenvectors.

    Only one triangle of `x` is read, because the other mirrors it. Gradients are symmetric
    nevertheless, as those of ``eigh((x + x.mT) / 2)``. Eigenvectors of equal eigenvalues are not
    determined and have no derivative: asking for it is an error. The gradient of the eigenvalues
    alone exists there too.

    Parameters
    ----------
    x : array_like, shape (..., n, n)
        Symmetric matrices.
    UPLO : {"L", "U"}
        Which triangle to read, the lower or the upper one.

    Returns
    -------
    EighResult
        With the attributes ``eigenvalues`` and ``eigenvectors``, the latter as columns. LAPACK
        chooses the sign of each.

    Raises
    ------
    ValueError
        If the matrices are not square.
    GradientError
        In the backward pass, if eigenvalues are equal and the eigenvectors have been used.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> linalg.eigh(Tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    Tensor([1., 2.])
    """
    return EighResult(eigvalsh(x, UPLO=UPLO), _eigh(x, UPLO=UPLO))


def _parts(packed: Any, x: Any) -> tuple[Any, Any]:
    """Separate left and right singular vectors, which are packed one above the other."""
    rows = np.shape(x)[-2]
    return packed[..., :rows, :], packed[..., rows:, :]


def _svdvals_rule(g: Any, out: Any, x: Any, residual: Any = None) -> Any:
    u, v = _parts(_svd(x) if residual is None else residual, x)
    return (u * (g * np.sign(out))[..., None, :]) @ v.mT


@lapack(square=False)
@primitive(
    _svdvals_rule,
    residual=True,
    analytic=False,
    symbol="σ",
    formula="linalg.svdvals(x)",
    derivatives=("(linalg.svd(x)[0] * g * sign(out)) @ linalg.svd(x)[2]",),
)
def svdvals(x: Any, /) -> Any:
    """Singular values of matrices of any shape, in descending order.

    The gradient at a singular value of 0 is defined as 0, as for `absolute`. Second derivatives
    need singular values that are distinct and not 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, linalg
    >>> x = Tensor([[3.0, 0.0], [0.0, 4.0]], requires_grad=True)
    >>> largest, smallest = linalg.svdvals(x)
    >>> largest.backward()
    >>> largest.item(), np.abs(x.grad)
    (4.0, array([[0., 0.],
           [0., 1.]]))
    """
    u, values, vh = np.linalg.svd(x, full_matrices=False)
    return values, np.concatenate([u, vh.mT], axis=-2)


def _svd_rule(g: Any, out: Any, x: Any, residual: Any = None) -> Any:
    values = svdvals(x) if residual is None else residual
    reason = "two singular values are equal or one is 0"
    _refuse_ties("svd", reason, values_of(values), append=0)
    (u, v), (gu, gv) = _parts(out, x), _parts(g, x)
    across, down = values[..., None, :], values[..., :, None]
    turn = (u.mT @ gu - gu.mT @ u) * across + down * (v.mT @ gv - gv.mT @ v)
    gradient = u @ (turn / (_gaps(values) * (across + down))) @ v.mT
    rows, columns = x.shape[-2:]
    if rows > columns:  # u can also rotate out of the space that it spans
        gradient = gradient + ((gu - u @ (u.mT @ gu)) / across) @ v.mT
    if rows < columns:
        gradient = gradient + u @ ((gv - v @ (v.mT @ gv)) / across).mT
    return gradient


@lapack(square=False)
@primitive(
    _svd_rule,
    residual=True,
    analytic=False,
    formula="concatenate((linalg.svd(x)[0], linalg.svd(x)[2].mT))",
    derivatives=(
        (
            "(lambda u, v, gu, gv, s: u @ (((u.mT @ gu - gu.mT @ u) * s + s[:, None]"
            " * (v.mT @ gv - gv.mT @ v)) / (s**2 - s[:, None]**2 + eye(len(s)))) @ v.mT)"
            "(*split(out, 2), *split(g, 2), linalg.svdvals(x))"
        ),
    ),
)
def _svd(x: Any, /) -> Any:
    # Both in one array, because they must come from one factorisation: their signs depend on
    # each other.
    u, values, vh = np.linalg.svd(x, full_matrices=False)
    return np.concatenate([u, vh.mT], axis=-2), values


@composed("x")
@lapack(square=False)
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular value decomposition: ``x = (U * S[..., None, :]) @ Vh``.

    Singular vectors have a derivative where the singular values are distinct and not 0; asking for
    it elsewhere is an error. `svdvals` has a gradient everywhere.

    Parameters
    ----------
    x : array_like, shape (..., m, n)
        The matrices.
    full_matrices : bool
        True is for square matrices only: the vectors that would complete a basis for others are not
        determined, and have no derivative.
    compute_uv : bool
        If False, return only the singular values.

    Returns
    -------
    SVDResult, or Tensor with ``compute_uv=False``
        With the attributes ``U`` of shape (..., m, k), ``S`` of shape (..., k), in descending
        order, and ``Vh`` of shape (..., k, n), where k is the smaller of m and n. LAPACK chooses
        the sign of each pair of vectors.

    Raises
    ------
    ValueError
        If ``full_matrices=True`` and the matrices are not square.
    GradientError
        In the backward pass, if the vectors have been used and have no derivative.

    References
    ----------
    Townsend, "Differentiating the Singular Value Decomposition", 2016.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linalg
    >>> u, s, vh = linalg.svd(Tensor([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]), full_matrices=False)
    >>> s
    Tensor([4., 3.])
    """
    rows, columns = np.shape(x)[-2:]
    if compute_uv and full_matrices and rows != columns:
        raise ValueError(
            f"svd: {rows} rows and {columns} columns leave vectors undetermined, which then have "
            "no derivative; pass full_matrices=False"
        )
    if not compute_uv:
        return svdvals(x)
    u, v = _parts(_svd(x), x)
    return SVDResult(u, svdvals(x), v.mT)
