"""Creating tensors: filled, or drawn at random; counted ones are in `spacing.py`.

The names and arguments are NumPy's; `requires_grad` and `name` are those of `Tensor`. NumPy's own
``np.zeros_like(tensor)`` and its like return plain arrays, also for a Tensor: rules of operations
need such constants.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from . import ops
from .arrays import checked_array, random_generator
from .metadata import composed
from .spacing import arange, as_leaf, converted, geomspace, linspace, logspace, named, records
from .tensor import Operand, Tensor

__all__ = [
    "arange",
    "eye",
    "full",
    "full_like",
    "geomspace",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "rand",
    "randn",
    "zeros",
    "zeros_like",
]

Shape: TypeAlias = int | tuple[int, ...]
# A string: NumPy loads `np.random` when it is first asked for, which takes its time.
Seed: TypeAlias = "np.random.Generator | int | None"


@composed()
def zeros(
    shape: Shape, dtype: DTypeLike = float, *, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """Tensor of zeros.

    Parameters
    ----------
    shape : int or tuple of int
        The size along each axis.
    dtype : dtype
        The type of the numbers.
    requires_grad, name
        As for `Tensor`.

    Examples
    --------
    >>> from tinygrad_edu import zeros
    >>> zeros((2, 3))
    Tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return full(shape, 0.0, dtype, requires_grad=requires_grad, name=name)


@composed()
def ones(
    shape: Shape, dtype: DTypeLike = float, *, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """Tensor of ones.

    Parameters
    ----------
    shape, dtype, requires_grad, name
        As for `zeros`.

    Examples
    --------
    >>> from tinygrad_edu import ones
    >>> ones(2, requires_grad=True)
    Tensor([1., 1.], requires_grad=True)
    """
    return full(shape, 1.0, dtype, requires_grad=requires_grad, name=name)


@composed("fill_value")
def full(
    shape: Shape,
    fill_value: ArrayLike,
    dtype: DTypeLike | None = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Tensor that holds one value everywhere, or an array broadcast to a shape.

    Parameters
    ----------
    shape : int or tuple of int
        The size along each axis.
    fill_value : array_like
        The value; gradients flow to a tensor.
    dtype : dtype, optional
        By default that of the value: 1 makes integers, 1.0 floating numbers.
    requires_grad, name
        As for `Tensor`, for a value that does not require gradients.

    Examples
    --------
    >>> from tinygrad_edu import full
    >>> full(2, 0.5)
    Tensor([0.5, 0.5])
    >>> full((2, 2), [1, 2])
    Tensor([[1, 2],
            [1, 2]], dtype=int64)
    """
    if records(fill_value):
        return named(ops.broadcast_to(converted(fill_value, dtype), shape), name)
    value = checked_array(fill_value, dtype, True)
    return as_leaf(np.full(shape, value), requires_grad, name)


@composed()
def eye(
    N: int,
    M: int | None = None,
    k: int = 0,
    dtype: DTypeLike = float,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Matrix with ones on a diagonal, the main one by default, and zeros elsewhere.

    Parameters
    ----------
    N, M : int
        The numbers of rows and columns; by default as many columns as rows.
    k : int
        Which diagonal; positive numbers are above the main one.
    dtype : dtype
        The type of the numbers.
    requires_grad, name
        As for `Tensor`.

    Examples
    --------
    >>> from tinygrad_edu import eye
    >>> eye(2, 3)
    Tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    return as_leaf(np.eye(N, M, k, dtype), requires_grad, name)


@composed("x")
def zeros_like(
    x: Operand,
    dtype: DTypeLike | None = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Tensor of zeros with the shape and dtype of `x`.

    Parameters
    ----------
    x : array_like
        The example; its values do not matter.
    dtype : dtype, optional
        By default that of `x`.
    requires_grad, name
        As for `Tensor`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, zeros_like
    >>> zeros_like(Tensor([1.0, 2.0], requires_grad=True))
    Tensor([0., 0.])
    """
    return full_like(x, 0, dtype, requires_grad=requires_grad, name=name)


@composed("x")
def ones_like(
    x: Operand,
    dtype: DTypeLike | None = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Tensor of ones with the shape and dtype of `x`.

    Parameters
    ----------
    x, dtype, requires_grad, name
        As for `zeros_like`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, ones_like
    >>> ones_like(Tensor([1.0, 2.0]), requires_grad=True)
    Tensor([1., 1.], requires_grad=True)
    """
    return full_like(x, 1, dtype, requires_grad=requires_grad, name=name)


@composed("x", "fill_value")
def full_like(
    x: Operand,
    fill_value: ArrayLike,
    dtype: DTypeLike | None = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Tensor that holds one value everywhere, with the shape and dtype of `x`.

    Parameters
    ----------
    x, dtype, requires_grad, name
        As for `zeros_like`.
    fill_value : array_like
        The value; gradients flow to a tensor.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, full_like
    >>> full_like(Tensor([1.0, 2.0]), 7)
    Tensor([7., 7.])
    """
    array = x if isinstance(x, Tensor) else np.asarray(x)
    kind = array.dtype if dtype is None else dtype
    return full(array.shape, fill_value, kind, requires_grad=requires_grad, name=name)


@composed()
def randn(
    *size: Any,
    generator: Seed = None,
    dtype: DTypeLike = np.float64,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Tensor of random numbers from the standard normal distribution.

    Parameters
    ----------
    *size : int, or one tuple of int
        The shape; without any, a single number.
    generator : numpy.random.Generator or int, optional
        The source of the numbers, or the seed of a new one; None draws other numbers at every call.
    dtype : dtype
        float64 or float32.
    requires_grad, name
        As for `Tensor`.

    Examples
    --------
    >>> from tinygrad_edu import randn
    >>> randn(2, 3, generator=0).shape
    (2, 3)
    """
    numbers: Any = random_generator(generator).standard_normal
    return as_leaf(numbers(_shape(size), dtype), requires_grad, name)


@composed()
def rand(
    *size: Any,
    generator: Seed = None,
    dtype: DTypeLike = np.float64,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Tensor of random numbers, equally distributed from 0 up to, but without, 1.

    Parameters
    ----------
    *size, generator, dtype, requires_grad, name
        As for `randn`.

    Examples
    --------
    >>> from tinygrad_edu import rand
    >>> x = rand(100, generator=0)
    >>> 0 <= x.min().item() < x.max().item() < 1
    True
    """
    numbers: Any = random_generator(generator).random
    return as_leaf(numbers(_shape(size), dtype), requires_grad, name)


def _shape(size: tuple[Any, ...]) -> Any:
    """Read ``(2, 3)`` and ``((2, 3),)`` as the same shape."""
    return size[0] if len(size) == 1 else size
