"""Creating tensors: filled, counted, or drawn at random.

The names and arguments are NumPy's; `requires_grad` and `name` are those of `Tensor`. NumPy's own
``np.zeros_like(tensor)`` and its like return plain arrays, also for a Tensor: rules of operations
need such constants.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .arrays import checked_array
from .metadata import composed
from .tensor import Operand, Tensor

__all__ = [
    "arange",
    "eye",
    "full",
    "full_like",
    "linspace",
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


@composed(instead="use broadcast_to(value, shape) for a tensor")
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
        The value.
    dtype : dtype, optional
        By default that of the value: 1 makes integers, 1.0 floating numbers.
    requires_grad, name
        As for `Tensor`.

    Raises
    ------
    TypeError
        If the value is a Tensor that requires gradients, which would be lost.

    Examples
    --------
    >>> from tinygrad_edu import full
    >>> full(2, 0.5)
    Tensor([0.5, 0.5])
    >>> full((2, 2), [1, 2])
    Tensor([[1, 2],
            [1, 2]], dtype=int64)
    """
    value = checked_array(fill_value, dtype, True)
    return _tensor(np.full(shape, value), requires_grad, name)


@composed(instead="write start + step * arange(n) for tensors")
def arange(
    start: Any,
    stop: Any = None,
    step: Any = 1,
    dtype: DTypeLike | None = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Numbers from `start` up to, but without, `stop`; with one number, from 0 up to that.

    Parameters
    ----------
    start, stop, step : number
        Whole numbers make integers, which cannot require gradients: write ``arange(3.0)``.
    dtype : dtype, optional
        Convert to this dtype.
    requires_grad, name
        As for `Tensor`.

    Raises
    ------
    TypeError
        If one of the numbers is a Tensor that requires gradients, which would be lost.

    Examples
    --------
    >>> from tinygrad_edu import arange
    >>> arange(3.0)
    Tensor([0., 1., 2.])
    >>> arange(1, 2, 0.25)
    Tensor([1.  , 1.25, 1.5 , 1.75])
    """
    if stop is None:
        start, stop = 0, start
    return _tensor(np.arange(start, stop, step, dtype=dtype), requires_grad, name)


@composed(instead="write start + (stop - start) * linspace(0, 1, num) for tensors")
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    *,
    dtype: Any = None,
    axis: int = 0,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Numbers at equal distances from `start` to `stop`, both included unless `endpoint` is false.

    Parameters
    ----------
    start, stop : array_like
        The ends.
    num : int
        How many numbers.
    endpoint : bool
        Whether `stop` is the last number.
    dtype : dtype, optional
        Convert to this dtype.
    axis : int
        The axis along which the numbers are, if the ends are arrays.
    requires_grad, name
        As for `Tensor`.

    Raises
    ------
    TypeError
        If one of the ends is a Tensor that requires gradients, which would be lost.

    Examples
    --------
    >>> from tinygrad_edu import linspace
    >>> linspace(0, 1, 5)
    Tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    numbers = np.linspace(start, stop, num, endpoint, dtype=dtype, axis=axis)
    return _tensor(numbers, requires_grad, name)


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
    return _tensor(np.eye(N, M, k, dtype), requires_grad, name)


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


@composed("x", instead="use broadcast_to(value, x.shape) for a tensor")
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
        The value.

    Raises
    ------
    TypeError
        If the value is a Tensor that requires gradients, which would be lost.

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
    numbers: Any = np.random.default_rng(generator).standard_normal
    return _tensor(numbers(_shape(size), dtype), requires_grad, name)


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
    numbers: Any = np.random.default_rng(generator).random
    return _tensor(numbers(_shape(size), dtype), requires_grad, name)


def _shape(size: tuple[Any, ...]) -> Any:
    """Read ``(2, 3)`` and ``((2, 3),)`` as the same shape."""
    return size[0] if len(size) == 1 else size


def _tensor(array: Any, requires_grad: bool, name: str | None) -> Tensor:
    """Wrap an unshared array as a leaf."""
    return Tensor(array, requires_grad, name=name, copy=False)
