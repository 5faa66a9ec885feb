"""Adaptive pooling: averages and largest elements over a given number of windows.

Averages over windows of unequal size are computed as a product with a small matrix for each axis,
whose rows hold the weights of the old places in each new one; `interpolate` uses this too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...arrays import floating_dtype
from ...metadata import composed
from ...primitive import as_operand
from ..choosing import where
from ..indexing import getitem
from ..linear_algebra.matrices import matmul
from ..reduction import max, mean
from ..shape import moveaxis, reshape, swapaxes
from ..summing import single
from .windows import for_each_axis

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
]

OutputSizes: TypeAlias = int | Sequence[int | None] | None
Matrix: TypeAlias = NDArray[np.float64]


def mapped(x: Any, matrices: Sequence[Matrix]) -> Any:
    """Multiply the last axes by a matrix each; an axis whose size does not change is left alone."""
    for place, matrix in enumerate(reversed(matrices)):
        if np.array_equal(matrix, np.eye(len(matrix))):
            continue
        weights = matrix.T.astype(floating_dtype(x))
        x = swapaxes(matmul(swapaxes(x, -1, -1 - place), weights), -1, -1 - place)
    return x


def _ends(n: int, m: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where each of `m` windows starts, and where it ends; they may overlap by one."""
    numbers = np.arange(m)
    return numbers * n // m, -(-(numbers + 1) * n // m)


def averaged(x: Any, new: tuple[int, ...]) -> Any:
    """Average over windows of almost equal size, along the last axes."""
    sizes = x.shape[x.ndim - len(new) :]
    if all(n % m == 0 for n, m in zip(sizes, new, strict=True)):
        return mean(_divided(x, new), axis=tuple(range(-len(new), 0)))
    matrices = []
    for n, m in zip(sizes, new, strict=True):
        first, end = (places[:, None] for places in _ends(n, m))
        inside = (np.arange(n) >= first) & (np.arange(n) < end)
        matrices.append(inside / (end - first))
    return mapped(x, matrices)


def _divided(x: Any, new: tuple[int, ...]) -> Any:
    """Cut the last axes into equal windows; the places within them become the last axes."""
    axes = len(new)
    before = x.shape[: x.ndim - axes]
    sizes = x.shape[x.ndim - axes :]
    pairs = [size for n, m in zip(sizes, new, strict=True) for size in (m, n // m)]
    x = reshape(x, (*before, *pairs))
    inside = [len(before) + 2 * axis + 1 for axis in range(axes)]
    return moveaxis(x, inside, list(range(-axes, 0)))


def _windows(x: Any, new: tuple[int, ...]) -> tuple[Any, Any]:
    """Take windows of almost equal size; return them, and which of their elements count.

    The places within a window are the last axes.
    """
    axes = len(new)
    index: list[Any] = []
    counted: Any = True
    for axis, (n, m) in enumerate(zip(x.shape[x.ndim - axes :], new, strict=True)):
        first, end = _ends(n, m)
        places = first[:, None] + np.arange((end - first).max(initial=0))
        shape = [1] * (2 * axes)
        shape[axis], shape[axis + axes] = places.shape
        index.append(np.minimum(places, n - 1).reshape(shape))
        counted = counted & (places < end[:, None]).reshape(shape)
    return getitem(x, (..., *index)), counted


def _largest(x: Any, new: tuple[int, ...]) -> Any:
    axes, sizes = len(new), x.shape[x.ndim - len(new) :]
    if all(n % m == 0 for n, m in zip(sizes, new, strict=True)):
        windows = _divided(x, new)
    else:
        windows, counted = _windows(x, new)
        windows = where(counted, windows, -np.inf)
    return max(windows, axis=tuple(range(-axes, 0)))


def _adaptive(name: str, x: Any, output_size: OutputSizes, axes: int) -> tuple[Any, Any]:
    """Check the arguments; return x, and the new sizes."""
    x = as_operand(name, x)
    if x.ndim < axes or 0 in x.shape[x.ndim - axes :]:
        raise ValueError(
            f"{name}: x of shape {x.shape}; expected at least {axes} axes, with elements"
        )
    sizes = x.shape[x.ndim - axes :]
    given = output_size if isinstance(output_size, tuple | list) else (output_size,) * axes
    if len(given) == axes:
        given = [n if m is None else m for n, m in zip(sizes, given, strict=True)]
    return x, for_each_axis("output_size", tuple(given), axes, 1)


@composed("x")
@single
def adaptive_avg_pool1d(x: Any, output_size: OutputSizes) -> Any:
    """Averages of sequences over a given number of windows; see `adaptive_avg_pool2d`.

    Parameters
    ----------
    x : array_like, shape (..., length)
        Sequences.
    output_size : int
        The number of windows.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, adaptive_avg_pool1d
    >>> adaptive_avg_pool1d(Tensor([1.0, 2.0, 6.0]), 2)
    Tensor([1.5, 4. ])
    """
    return averaged(*_adaptive("adaptive_avg_pool1d", x, output_size, 1))


@composed("x")
@single
def adaptive_avg_pool2d(x: Any, output_size: OutputSizes) -> Any:
    """Averages of images over a given number of windows.

    The windows cover the image and are almost equal in size: window `i` of `m` along an axis of `n`
    places starts at ``i * n // m``, and ends where the next one starts or one place later.

    Parameters
    ----------
    x : array_like, shape (..., height, width)
        Images.
    output_size : int, None or a pair
        The number of windows along each axis; None keeps the size.

    Raises
    ------
    ValueError
        If there is nothing to average, or the number of windows is not positive.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, adaptive_avg_pool2d
    >>> adaptive_avg_pool2d(Tensor([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]]), (1, 2))
    Tensor([[3.5, 4.5]])
    """
    return averaged(*_adaptive("adaptive_avg_pool2d", x, output_size, 2))


@composed("x")
@single
def adaptive_avg_pool3d(x: Any, output_size: OutputSizes) -> Any:
    """Averages of volumes over a given number of windows; see `adaptive_avg_pool2d`.

    Parameters
    ----------
    x : array_like, shape (..., depth, height, width)
        Volumes.
    output_size : int, None or three of these
        The number of windows along each axis; None keeps the size.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import adaptive_avg_pool3d
    >>> adaptive_avg_pool3d(np.arange(8.0).reshape(2, 2, 2), 1)
    array([[[3.5]]])
    """
    return averaged(*_adaptive("adaptive_avg_pool3d", x, output_size, 3))


@composed("x")
def adaptive_max_pool1d(x: Any, output_size: OutputSizes) -> Any:
    """Largest elements of sequences over a given number of windows; see `adaptive_avg_pool2d`.

    Parameters
    ----------
    x : array_like, shape (..., length)
        Sequences.
    output_size : int
        The number of windows.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, adaptive_max_pool1d
    >>> adaptive_max_pool1d(Tensor([1.0, 2.0, 6.0]), 2)
    Tensor([2., 6.])
    """
    return _largest(*_adaptive("adaptive_max_pool1d", x, output_size, 1))


@composed("x")
def adaptive_max_pool2d(x: Any, output_size: OutputSizes) -> Any:
    """Largest elements of images over a given number of windows; see `adaptive_avg_pool2d`.

    Parameters
    ----------
    x : array_like, shape (..., height, width)
        Images.
    output_size : int, None or a pair
        The number of windows along each axis; None keeps the size.

    Raises
    ------
    ValueError
        If there is no element, or the number of windows is not positive.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, adaptive_max_pool2d
    >>> adaptive_max_pool2d(Tensor([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]]), (1, 2))
    Tensor([[6., 7.]])
    """
    return _largest(*_adaptive("adaptive_max_pool2d", x, output_size, 2))
