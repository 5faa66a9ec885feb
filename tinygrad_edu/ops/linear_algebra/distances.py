"""Distances and angles between vectors, under PyTorch's names; all are composed of norms."""

from __future__ import annotations

from typing import Any

from ...metadata import composed
from ...primitive import as_operand
from ..arithmetic import add, divide, multiply, subtract
from ..choosing import maximum
from ..reduction import sum
from ..shape import expand_dims
from ..summing import Axis, single
from .norms import norm

__all__ = ["cdist", "cosine_similarity", "normalize", "pairwise_distance"]


@composed("x")
@single
def normalize(x: Any, p: float = 2.0, axis: Axis = 1, eps: float = 1e-12) -> Any:
    """Vectors along an axis divided by their norm.

    Parameters
    ----------
    x : array_like
        The vectors.
    p : float
        The kind of norm; see `linalg.norm`.
    axis : int
        The axis that the vectors are along; 1 by default, as in PyTorch.
    eps : float
        The smallest divisor, so that a vector of zeros stays one.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, normalize
    >>> normalize(Tensor([[3.0, 4.0], [0.0, 0.0]]))
    Tensor([[0.6, 0.8],
            [0. , 0. ]])
    """
    return divide(x, maximum(norm(x, p, axis, keepdims=True), eps))


@composed("x", "y")
@single
def cosine_similarity(x: Any, y: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """Cosine of the angle between two vectors: their product, divided by both norms.

    Parameters
    ----------
    x, y : array_like
        The vectors; they broadcast.
    axis : int
        The axis that the vectors are along; 1 by default, as in PyTorch.
    eps : float
        The smallest divisor: a vector of zeros has the similarity 0 to all others.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cosine_similarity
    >>> cosine_similarity(Tensor([[1.0, 0.0], [3.0, 4.0]]), [[1.0, 1.0], [3.0, 4.0]]).data.round(4)
    array([0.7071, 1.    ])
    """
    x, y = as_operand("cosine_similarity", x), as_operand("cosine_similarity", y)
    ndim = x.ndim if x.ndim > y.ndim else y.ndim
    axis = axis - ndim if axis >= 0 else axis  # from the end, where shapes are aligned
    sides = [divide(v, maximum(norm(v, 2, axis, keepdims=True), eps)) for v in (x, y)]
    return sum(multiply(*sides), axis=axis)


@composed("x", "y")
@single
def pairwise_distance(
    x: Any, y: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False
) -> Any:
    """Norm of the difference of each pair of vectors.

    Parameters
    ----------
    x, y : array_like, shape (..., n)
        The vectors, along the last axis; they broadcast.
    p : float
        The kind of norm; see `linalg.norm`.
    eps : float
        Added to the differences, as in PyTorch.
    keepdims : bool
        Whether to keep the last axis, with size 1.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, pairwise_distance
    >>> pairwise_distance(Tensor([[0.0, 0.0]]), [[3.0, 4.0]], eps=0.0)
    Tensor([5.])
    """
    return norm(add(subtract(x, y), eps), p, -1, keepdims)


@composed("x", "y")
@single
def cdist(x: Any, y: Any, p: float = 2.0) -> Any:
    """Distance from each vector of one list to each vector of another.

    Parameters
    ----------
    x : array_like, shape (..., m, d)
        The first list.
    y : array_like, shape (..., n, d)
        The second list.
    p : float
        The kind of norm; see `linalg.norm`.

    Returns
    -------
    Tensor or numpy.ndarray, shape (..., m, n)

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cdist
    >>> cdist(Tensor([[0.0, 0.0], [3.0, 0.0]]), [[0.0, 4.0]])
    Tensor([[4.],
            [5.]])
    """
    return norm(subtract(expand_dims(x, -2), expand_dims(y, -3)), p, -1)
