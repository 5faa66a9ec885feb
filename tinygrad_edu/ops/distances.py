"""Lengths, distances and angles of vectors along an axis, under PyTorch's names.

Norms themselves are in `linear_algebra/norms.py`.
"""

from __future__ import annotations

from typing import Any

from ..metadata import composed
from ..primitive import as_operand
from .arithmetic import add, divide, multiply, subtract
from .choosing import clip
from .linear_algebra.norms import norm
from .plain import shape_of
from .reduction import sum
from .shape import expand_dims
from .summing import Axis, single

__all__ = ["cdist", "cosine_similarity", "normalize", "pairwise_distance"]


@composed("x")
@single
def normalize(x: Any, p: float = 2.0, axis: Axis = 1, eps: float = 1e-12) -> Any:
    """Vectors along an axis, divided by their norms.

    Parameters
    ----------
    x : array_like
        The vectors.
    p : number
        The exponent of the norm.
    axis : int
        The axis that they are along.
    eps : float
        The smallest divisor, so that a vector of zeros stays one.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, normalize
    >>> normalize(Tensor([[3.0, 4.0], [0.0, 0.0]]))
    Tensor([[0.6, 0.8],
            [0. , 0. ]])
    """
    x = as_operand("normalize", x)
    return divide(x, clip(norm(x, p, axis, True), eps))


@composed("x", "y")
@single
def cosine_similarity(x: Any, y: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """Cosine of the angle between vectors along an axis; 0 if one of them consists of zeros.

    Parameters
    ----------
    x, y : array_like
        The vectors; they broadcast against each other.
    axis : int
        The axis that they are along.
    eps : float
        The smallest length by which a vector is divided.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cosine_similarity
    >>> cosine_similarity(Tensor([[3.0, 4.0]]), [[4.0, 3.0]])
    Tensor([0.96])
    """
    x, y = as_operand("cosine_similarity", x), as_operand("cosine_similarity", y)
    ndim = max(x.ndim, y.ndim)
    axis = axis if axis < 0 else axis - ndim  # the same axis of both
    units = [divide(v, clip(norm(v, None, axis, True), eps)) for v in (x, y)]
    return sum(multiply(*units), axis=axis)


@composed("x", "y")
@single
def pairwise_distance(
    x: Any, y: Any, p: float = 2.0, eps: float = 1e-6, *, keepdims: bool = False
) -> Any:
    """Distance of two vectors along the last axis, each from the one at the same place.

    Parameters
    ----------
    x, y : array_like
        The vectors; they broadcast against each other.
    p : number
        The exponent of the norm.
    eps : float
        Added to each difference.
    keepdims : bool
        Whether to keep the last axis, with size 1.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, pairwise_distance
    >>> pairwise_distance(Tensor([[3.0, 4.0]]), [[0.0, 0.0]], eps=0.0)
    Tensor([5.])
    """
    return norm(add(subtract(x, y), eps), p, -1, keepdims)


@composed("x", "y")
@single
def cdist(x: Any, y: Any, p: float = 2.0) -> Any:
    """Distances of each vector of one set from each vector of another.

    Parameters
    ----------
    x : array_like, shape (..., P, M)
        One set of vectors.
    y : array_like, shape (..., R, M)
        The other one.
    p : number
        The exponent of the norm.

    Returns
    -------
    Tensor or numpy.ndarray, shape (..., P, R)

    Raises
    ------
    ValueError
        If the vectors do not have one size.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cdist
    >>> cdist(Tensor([[0.0, 0.0], [3.0, 0.0]]), [[0.0, 4.0]])
    Tensor([[4.],
            [5.]])
    """
    x, y = as_operand("cdist", x), as_operand("cdist", y)
    sizes = shape_of(x)[-1:], shape_of(y)[-1:]
    if min(x.ndim, y.ndim) < 2 or sizes[0] != sizes[1]:
        raise ValueError(
            f"cdist: x of shape {x.shape} and y of shape {y.shape}; expected (..., P, M) and "
            "(..., R, M)"
        )
    return norm(subtract(expand_dims(x, -2), expand_dims(y, -3)), p, -1)
