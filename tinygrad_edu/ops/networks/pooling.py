"""Pooling: the largest element or the average of each window of sequences, images or volumes.

Windows of a given number, instead of a given size, are in `adaptive_pooling.py`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...arrays import floating_dtype, real_dtype_of
from ...leaving import values_of
from ...metadata import composed
from ...primitive import as_operand
from ..arithmetic import add, multiply
from ..indexing import index_update
from ..reduction import max, mean
from ..shape import moveaxis, reshape
from ..summing import single
from .convolution import Border, Padding, border_of, padded_sizes, windows_of
from .windows import Sizes, check_fits, for_each_axis, spans_of

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool2d",
]

_SHAPES = (
    "sequences, (N, channels, length)",
    "images, (N, channels, height, width)",
    "volumes, (N, channels, depth, height, width)",
)


class _Windows(NamedTuple):
    """The windows that a pooling looks at; the axes of `windows_of` are explained there."""

    windows: Any
    # The axes of the places within a window.
    within: tuple[int, ...]
    # Whether the images come in a batch, which is the last axis of the windows.
    is_batch: bool
    # How many places around the images are padding, and how many more ceil_mode added at the end.
    border: Border
    beyond: tuple[int, ...]
    # Both together.
    whole: Border
    # How windows of another array of the size of the images are taken.
    metadata: dict[str, Any]

    def inside(self, sizes: Any, around: bool) -> Any:
        """Take windows of booleans: whether an element is in the image, or also around it."""
        sizes = padded_sizes(sizes, self.border) if around else sizes
        border = [(0, more) for more in self.beyond] if around else self.whole
        return windows_of(np.full(sizes, True), border, **self.metadata)


def _beyond(
    sizes: Any, border: Border, spans: Any, stride: Any, ceil_mode: bool
) -> tuple[int, ...]:
    """Return how many places more the last window of each axis needs, if it may be incomplete.

    As in PyTorch, a window that would start in the padding at the end is left out.
    """
    if not ceil_mode:
        return (0,) * len(border)
    beyond = []
    for n, (before, after), span, step in zip(sizes, border, spans, stride, strict=True):
        last = -(-(n + before + after - span) // step)
        last -= last * step >= n + before
        more = last * step + span - (n + before + after)
        beyond.append(more if more > 0 else 0)
    return tuple(beyond)


def _windowed(
    name: str, x: Any, axes: int, kernel: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool,
) -> tuple[Any, _Windows]:  # fmt: skip
    """Check the arguments of a pooling; return x, and its windows."""
    x = as_operand(name, x)
    kernel = for_each_axis("kernel_size", kernel, axes, 1)
    stride = kernel if stride is None else for_each_axis("stride", stride, axes, 1)
    dilation = for_each_axis("dilation", dilation, axes, 1)
    if np.ndim(x) < axes:
        raise ValueError(f"{name}: x of shape {np.shape(x)}; expected {_SHAPES[axes - 1]}")
    spans = spans_of(kernel, dilation)
    border = border_of(padding, kernel, stride, dilation)
    if any(2 * p > span for pair, span in zip(border, spans, strict=True) for p in pair):
        raise ValueError(
            f"padding of {padding} for windows that reach over {spans}; expected at most half of "
            "that, or windows could miss the image"
        )
    sizes = x.shape[x.ndim - axes :]
    beyond = _beyond(sizes, border, spans, stride, ceil_mode)
    whole = [(a, b + more) for (a, b), more in zip(border, beyond, strict=True)]
    check_fits(sizes, padded_sizes(sizes, whole), kernel, dilation)
    metadata = {"kernel": kernel, "stride": stride, "dilation": dilation}
    windows = windows_of(x, whole, **metadata)
    is_batch = x.ndim > axes
    first = -2 * axes - is_batch
    within = tuple(range(first, first + axes))
    return x, _Windows(windows, within, is_batch, border, beyond, whole, metadata)


def _largest(
    name: str, x: Any, axes: int, kernel: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool, return_indices: bool,
) -> Any:  # fmt: skip
    """Compute `max_pool2d` and the others."""
    x, seen = _windowed(name, x, axes, kernel, stride, padding, dilation, ceil_mode)
    sizes, windows = x.shape[x.ndim - axes :], seen.windows
    inside = seen.inside(sizes, around=False)
    if not inside.all():
        outside = np.where(inside, 0, -np.inf).astype(floating_dtype(x))
        windows = add(windows, outside[..., None] if seen.is_batch else outside)
    out = _batch_first(max(windows, axis=seen.within), seen.is_batch)
    return (out, _numbers(windows, seen, sizes)) if return_indices else out


def _batch_first(x: Any, is_batch: bool) -> Any:
    return moveaxis(x, -1, 0) if is_batch else x


def _numbers(windows: Any, seen: _Windows, sizes: Any) -> NDArray[np.intp]:
    """Number the largest element of each window among all elements of its image."""
    axes = len(sizes)
    values = values_of(windows)
    many = math.prod(values.shape[i] for i in seen.within)
    kept = values.shape[: values.ndim + seen.within[0]]
    after = values.shape[values.ndim + seen.within[-1] + 1 :]
    place = np.argmax(values.reshape(*kept, many, *after), axis=len(kept))
    image = np.arange(math.prod(sizes)).reshape(sizes)
    numbers = windows_of(image, seen.whole, **seen.metadata)
    table = numbers.reshape(many, *numbers.shape[axes:])
    table = table[..., None] if seen.is_batch else table
    table = np.broadcast_to(table, (*(1,) * len(kept), *table.shape))
    found = np.take_along_axis(table, np.expand_dims(place, len(kept)), axis=len(kept))
    indices: NDArray[np.intp] = _batch_first(np.squeeze(found, axis=len(kept)), seen.is_batch)
    return indices


def _averaged(
    name: str, x: Any, axes: int, kernel: Any, stride: Any, padding: Any, ceil_mode: bool,
    count_include_pad: bool, divisor_override: int | None,
) -> Any:  # fmt: skip
    """Compute `avg_pool2d` and the others."""
    x, seen = _windowed(name, x, axes, kernel, stride, padding, 1, ceil_mode)
    averages = _batch_first(mean(seen.windows, axis=seen.within), seen.is_batch)
    if divisor_override is not None:
        (divisor,) = for_each_axis("divisor_override", divisor_override, 1, 1)
        return multiply(averages, math.prod(seen.metadata["kernel"]) / divisor)
    if count_include_pad and not any(seen.beyond):
        return averages
    inside = seen.inside(x.shape[x.ndim - axes :], around=count_include_pad)
    shares = np.mean(inside, axis=tuple(range(axes)))
    if (shares == 1).all():
        return averages
    return multiply(averages, (1 / shares).astype(floating_dtype(averages)))


@composed("x")
def max_pool1d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window of a sequence; see `max_pool2d`, which has one axis more.

    Parameters
    ----------
    x : array_like, shape (..., length)
        Sequences.
    kernel_size, stride, padding, dilation, ceil_mode, return_indices
        As in `max_pool2d`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, max_pool1d
    >>> max_pool1d(Tensor([1.0, 3.0, 2.0, 0.0]), 2)
    Tensor([3., 2.])
    """
    windows = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _largest("max_pool1d", x, 1, *windows)


@composed("x")
def max_pool2d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window of an image; several equal ones share the gradient.

    Parameters
    ----------
    x : array_like, shape (..., height, width)
        Images; usually (N, channels, height, width).
    kernel_size : int or pair of int
        The size of a window.
    stride : int or pair of int, optional
        The distance from one window to the next; by default the size of a window, so that windows
        do not overlap.
    padding : int, pair of int, or pair of pairs
        How many places to put around the images, at either end, as for `conv2d`. They count as
        minus infinity and receive no gradient.
    dilation : int or pair of int
        The distance from one element of a window to the next.
    ceil_mode : bool
        Whether the last window along an axis may be incomplete; it still starts in the image, or in
        the padding before it.
    return_indices : bool
        Whether to return, as a second result, the number of each largest element among all elements
        of its image: a plain array, for `max_unpool2d`. It is the first of several equal ones.

    Raises
    ------
    ValueError
        If a window is larger than the padded image, or more than half of it can be padding.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, max_pool2d
    >>> x = Tensor([[1.0, 2.0, 5.0, 0.0], [3.0, 4.0, 6.0, 7.0]], requires_grad=True)
    >>> y, places = max_pool2d(x, 2, return_indices=True)
    >>> y.data, places
    (array([[4., 7.]]), array([[5, 7]]))
    >>> y.sum().backward()
    >>> x.grad
    array([[0., 0., 0., 0.],
           [0., 1., 0., 1.]])
    """
    windows = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _largest("max_pool2d", x, 2, *windows)


@composed("x")
def max_pool3d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window of a volume; see `max_pool2d`, which has one axis less.

    Parameters
    ----------
    x : array_like, shape (..., depth, height, width)
        Volumes.
    kernel_size, stride, padding, dilation, ceil_mode, return_indices
        As in `max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import max_pool3d
    >>> max_pool3d(np.arange(16.0).reshape(2, 2, 4), 2)
    array([[[13., 15.]]])
    """
    windows = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _largest("max_pool3d", x, 3, *windows)


@composed("x")
@single
def avg_pool1d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Average of each window of a sequence; see `avg_pool2d`, which has one axis more.

    Parameters
    ----------
    x : array_like, shape (..., length)
        Sequences.
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As in `avg_pool2d`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, avg_pool1d
    >>> avg_pool1d(Tensor([1.0, 3.0, 2.0, 0.0]), 2)
    Tensor([2., 1.])
    """
    windows = (kernel_size, stride, padding, ceil_mode, count_include_pad, None)
    return _averaged("avg_pool1d", x, 1, *windows)


@composed("x")
@single
def avg_pool2d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """Average of each window of an image.

    Parameters
    ----------
    x : array_like, shape (..., height, width)
        Images; usually (N, channels, height, width).
    kernel_size, stride, ceil_mode
        As in `max_pool2d`.
    padding : int, pair of int, or pair of pairs
        How many zeros to put around the images, at either end, as for `conv2d`.
    count_include_pad : bool
        Whether to count these zeros as elements of a window; if False, the divisor is the number of
        the others. What `ceil_mode` adds is never counted.
    divisor_override : int, optional
        Divide the sum of each window by this instead.

    Raises
    ------
    ValueError
        If a window is larger than the padded image, or more than half of it can be padding.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, avg_pool2d
    >>> avg_pool2d(Tensor([[1.0, 2.0, 5.0, 0.0], [3.0, 4.0, 6.0, 7.0]]), 2)
    Tensor([[2.5, 4.5]])
    """
    windows = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return _averaged("avg_pool2d", x, 2, *windows)


@composed("x")
@single
def avg_pool3d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """Average of each window of a volume; see `avg_pool2d`, which has one axis less.

    Parameters
    ----------
    x : array_like, shape (..., depth, height, width)
        Volumes.
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        As in `avg_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import avg_pool3d
    >>> avg_pool3d(np.arange(16.0).reshape(2, 2, 4), 2)
    array([[[6.5, 8.5]]])
    """
    windows = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return _averaged("avg_pool3d", x, 3, *windows)


@composed("x")
def max_unpool2d(
    x: Any,
    indices: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: tuple[int, ...] | None = None,
) -> Any:
    """Images of zeros, with elements put where `max_pool2d` took them from.

    Parameters
    ----------
    x : array_like, shape (..., height, width)
        The elements.
    indices : array_like of int
        Their places, as ``max_pool2d(..., return_indices=True)`` returns them; of the shape of `x`.
        If several elements have the same place, the last one stays.
    kernel_size, stride, padding
        As they were passed to `max_pool2d`; these make the size of the result.
    output_size : tuple of int, optional
        The height and width of the result instead, since images of several sizes are pooled to one;
        the axes before them may be part of it.

    Raises
    ------
    ValueError
        If shapes do not fit, or a place is outside the images.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, max_unpool2d
    >>> max_unpool2d(Tensor([[4.0, 7.0]]), [[5, 7]], 2)
    Tensor([[0., 0., 0., 0.],
            [0., 4., 0., 7.]])
    """
    x, places = as_operand("max_unpool2d", x), np.asarray(indices)
    kernel = for_each_axis("kernel_size", kernel_size, 2, 1)
    stride = kernel if stride is None else for_each_axis("stride", stride, 2, 1)
    padding = for_each_axis("padding", padding, 2, 0)
    if x.ndim < 2 or places.shape != x.shape or places.dtype.kind not in "iu":
        raise ValueError(
            f"max_unpool2d: x of shape {x.shape} and indices of shape {places.shape} and dtype "
            f"{places.dtype}; expected images, and whole numbers of the same shape"
        )
    *before, height, width = x.shape
    each = zip((height, width), kernel, stride, padding, strict=True)
    sizes = tuple((n - 1) * s + k - 2 * p for n, k, s, p in each)
    if output_size is not None:
        sizes = for_each_axis("output_size", tuple(output_size)[-2:], 2, 1)
    count = math.prod(sizes)
    wrong = (places < 0) | (places >= count)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"max_unpool2d: index {places[place]} at {place}; expected 0..{count - 1} for images "
            f"of {sizes}"
        )
    images, many = math.prod(before), height * width
    rows = np.arange(images)[:, None]
    zeros = np.zeros((images, count), real_dtype_of(x))
    filled = index_update(zeros, (rows, places.reshape(images, many)), reshape(x, (images, many)))
    return reshape(filled, (*before, *sizes))
