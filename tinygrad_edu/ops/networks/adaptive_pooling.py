"""Pooling to a given size, whatever the size of the input is.

Window number ``i`` of ``n`` goes from ``floor(i * size / n)`` up to ``ceil((i + 1) * size / n)``,
so windows overlap if sizes do not divide.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays import floating_dtype
from ...leaving import values_of
from ...metadata import composed
from ...primitive import as_operands
from ...tensor import Tensor
from ..arithmetic import add, multiply
from ..indexing import take
from ..reduction import max, mean, sum
from ..shape import reshape
from ..summing import single
from .convolution import SIZES
from .windows import for_each_axis

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
]


def _weighted(x: Any, axis: int, places: Any, weights: Any) -> Any:
    """Sum weighted elements along an axis; column ``i`` of both matrices is for result ``i``."""
    taken = take(x, places, axis)
    column = weights.reshape(*weights.shape, *(1,) * (x.ndim - axis - 1))
    return sum(multiply(taken, column.astype(floating_dtype(x))), axis=axis)


def _read(axes: int, x: Any, output_size: Any) -> tuple[Any, tuple[int, ...]]:
    """Check the arguments; return the images and the size of the output."""
    name = "adaptive pooling"
    (x,) = as_operands(name, (x,), isinstance(x, Tensor))[0]
    shape = np.shape(x)
    if len(shape) < axes or 0 in shape[len(shape) - axes :]:
        raise ValueError(
            f"{name}: x of shape {shape}; expected (N, channels, {', '.join(SIZES[axes])}), none "
            "of 0"
        )
    if isinstance(output_size, np.ndarray):
        output_size = output_size.tolist()
    wanted = output_size if isinstance(output_size, tuple | list) else (output_size,) * axes
    if len(wanted) == axes:
        own = shape[len(shape) - axes :]
        wanted = tuple(n if size is None else size for size, n in zip(wanted, own, strict=True))
    return x, for_each_axis("output_size", wanted, axes, 1)


def _windows(size: int, count: int) -> tuple[Any, Any]:
    """Return the places of each window, one a column, and which of them are part of it."""
    numbers = np.arange(count)
    first, end = numbers * size // count, -(-(numbers + 1) * size // count)
    longest = np.arange(int((end - first).max()))[:, None]
    places = first + longest
    return np.minimum(places, size - 1), places < end


def _avg_pool(axes: int, x: Any, output_size: Any) -> Any:
    x, wanted = _read(axes, x, output_size)
    ahead, sizes = x.shape[: x.ndim - axes], x.shape[x.ndim - axes :]
    if all(n % count == 0 for n, count in zip(sizes, wanted, strict=True)):
        split = [part for n, k in zip(sizes, wanted, strict=True) for part in (k, n // k)]
        inner = tuple(len(ahead) + 1 + 2 * i for i in range(axes))
        return mean(reshape(x, (*ahead, *split)), axis=inner)
    for i, (size, count) in enumerate(zip(sizes, wanted, strict=True)):
        if size != count:
            places, inside = _windows(size, count)
            x = _weighted(x, len(ahead) + i, places, inside / inside.sum(axis=0))
    return x


def _max_pool(axes: int, x: Any, output_size: Any, return_indices: bool) -> Any:
    x, wanted = _read(axes, x, output_size)
    ahead, sizes = x.shape[: x.ndim - axes], x.shape[x.ndim - axes :]
    numbers = np.arange(math.prod(sizes)).reshape(sizes)
    windows, inside = x, np.ones((), bool)
    # Axis after axis turns from (size,) into (places of a window, windows).
    for i, (size, count) in enumerate(zip(sizes, wanted, strict=True)):
        places, marked = _windows(size, count)
        windows = take(windows, places, len(ahead) + 2 * i)
        numbers = take(numbers, places, 2 * i)
        inside = np.multiply.outer(inside, marked)
    if not inside.all():
        windows = add(windows, np.where(inside, 0, -np.inf).astype(floating_dtype(x)))
    along = tuple(len(ahead) + 2 * i for i in range(axes))
    largest = max(windows, axis=along)
    if not return_indices:
        return largest
    # The number of the first largest element: of the others, no number counts.
    found = np.equal(values_of(windows), np.expand_dims(values_of(largest), along))
    found = found | np.isnan(values_of(windows))
    return largest, np.where(found, numbers, numbers.size).min(axis=along)


@composed("x")
@single
def adaptive_avg_pool1d(x: Any, output_size: Any) -> Any:
    """Averages of as many windows of a sequence as asked for; see `adaptive_avg_pool2d`.

    Parameters
    ----------
    x : array_like, shape (..., length)
        Sequences; usually (N, channels, length).
    output_size : int
        The number of windows.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, adaptive_avg_pool1d
    >>> adaptive_avg_pool1d(Tensor([1.0, 3.0, 2.0]), 2)
    Tensor([2. , 2.5])
    """
    return _avg_pool(1, x, output_size)


@composed("x")
@single
def adaptive_avg_pool2d(x: Any, output_size: Any) -> Any:
    """Averages of as many windows of an image as asked for; 1 averages whole images.

    Parameters
    ----------
    x : array_like, shape (..., height, width)
        Images; usually (N, channels, height, width).
    output_size : int, None, or pair of these
        The size of the output; None keeps that of the input.

    Raises
    ------
    ValueError
        If there is not one size for each axis, or the images are empty.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, adaptive_avg_pool2d
    >>> adaptive_avg_pool2d(Tensor([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]]), (1, 2))
    Tensor([[2.5, 3.5]])
    """
    return _avg_pool(2, x, output_size)


@composed("x")
@single
def adaptive_avg_pool3d(x: Any, output_size: Any) -> Any:
    """Averages of as many windows of a volume as asked for; see `adaptive_avg_pool2d`.

    Parameters
    ----------
    x : array_like, shape (..., depth, height, width)
        Volumes; usually (N, channels, depth, height, width).
    output_size : int, None, or triple of these
        The size of the output; None keeps that of the input.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, adaptive_avg_pool3d
    >>> adaptive_avg_pool3d(Tensor([[[1.0, 2.0], [3.0, 4.0]]]), 1)
    Tensor([[[2.5]]])
    """
    return _avg_pool(3, x, output_size)


@composed("x")
def adaptive_max_pool1d(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Largest elements of as many windows of a sequence as asked for; see `adaptive_max_pool2d`.

    Parameters
    ----------
    x : array_like, shape (..., length)
        Sequences; usually (N, channels, length).
    output_size : int
        The number of windows.
    return_indices : bool
        As in `adaptive_max_pool2d`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, adaptive_max_pool1d
    >>> adaptive_max_pool1d(Tensor([1.0, 3.0, 2.0]), 2)
    Tensor([3., 3.])
    """
    return _max_pool(1, x, output_size, return_indices)


@composed("x")
def adaptive_max_pool2d(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Largest elements of as many windows of an image as asked for; equal ones share the gradient.

    Parameters
    ----------
    x : array_like, shape (..., height, width)
        Images; usually (N, channels, height, width).
    output_size : int, None, or pair of these
        The size of the output; None keeps that of the input.
    return_indices : bool
        Whether to return the places too, as `max_pool2d` does.

    Raises
    ------
    ValueError
        If there is not one size for each axis, or the images are empty.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, adaptive_max_pool2d
    >>> adaptive_max_pool2d(Tensor([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]]), (1, 2))
    Tensor([[4., 5.]])
    """
    return _max_pool(2, x, output_size, return_indices)
