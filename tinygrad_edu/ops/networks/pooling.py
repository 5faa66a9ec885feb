"""Pooling: the largest element or the average of each window of sequences, images and volumes.

Windows and borders are those of `convolution.py`. Pooling to a given size is in
`adaptive_pooling.py`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...arrays import floating_dtype, real_dtype_of
from ...leaving import values_of
from ...metadata import composed
from ...primitive import as_operands
from ...tensor import Tensor
from ..arithmetic import add, multiply
from ..indexing import index_update
from ..reduction import max, mean
from ..shape import moveaxis, reshape
from ..summing import single
from .convolution import SIZES, Border, Padding, border_of, padded_sizes, windows_of
from .windows import Sizes, check_fits, for_each_axis, sliding_windows, spans_of

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool2d",
]


class _Grid(NamedTuple):
    """Where windows are: the sizes of the images, what is around them, and the steps.

    `border` is what the caller asked for, `beyond` what ``ceil_mode=True`` adds at the ends.
    """

    sizes: tuple[int, ...]
    border: Border
    beyond: Border
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]

    def windows(self, x: Any) -> Any:
        """Return the windows of images, with the first axis of a batch last."""
        ends = zip(self.border, self.beyond, strict=True)
        frame = [(before, after + more) for (before, after), (_, more) in ends]
        return windows_of(x, frame, self.kernel, self.stride, self.dilation)

    def inside(self, border_too: bool = False) -> Any:
        """Return windows that mark what is part of the image, or of the image with its border."""
        mark = np.pad(np.ones(self.sizes, bool), self.border, constant_values=border_too)
        framed = np.pad(mark, self.beyond)
        return sliding_windows(framed, self.kernel, self.stride, self.dilation)

    def over(self, reduce: Any, windows: Any) -> Any:
        """Reduce each window to one number, and move the first axis of a batch back."""
        axes = len(self.sizes)
        is_batch = windows.ndim > 2 * axes
        first = -2 * axes - is_batch
        reduced = reduce(windows, axis=tuple(range(first, first + axes)))
        return moveaxis(reduced, -1, 0) if is_batch else reduced


def _read(
    axes: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Any, _Grid]:
    """Check the arguments of a pooling; return the images and where their windows are."""
    (x,) = as_operands("pooling", (x,), isinstance(x, Tensor))[0]
    kernel = for_each_axis("kernel_size", kernel, axes, 1)
    stride = kernel if stride is None else for_each_axis("stride", stride, axes, 1)
    dilation = for_each_axis("dilation", dilation, axes, 1)
    border = border_of(padding, kernel, stride, dilation)
    if np.ndim(x) < axes:
        what = ["sequences", "images", "volumes"][axes - 1]
        raise ValueError(
            f"x of shape {np.shape(x)}; expected {what}, (N, channels, {', '.join(SIZES[axes])})"
        )
    spans = spans_of(kernel, dilation)
    if any(2 * n > span for pair, span in zip(border, spans, strict=True) for n in pair):
        shown = tuple(before if before == after else (before, after) for before, after in border)
        raise ValueError(
            f"padding of {shown} for windows that reach over {spans}; expected at most half of "
            "that, or windows could miss the image"
        )
    sizes = x.shape[x.ndim - axes :]
    padded = padded_sizes(sizes, border)
    beyond = [(0, 0)] * axes
    if ceil_mode:
        each = zip(sizes, border, padded, spans, stride, strict=True)
        beyond = [(0, _places_beyond(*one)) for one in each]
    check_fits(sizes, padded_sizes(padded, beyond), kernel, dilation)
    return x, _Grid(sizes, border, beyond, kernel, stride, dilation)


def _places_beyond(size: int, pair: tuple[int, int], padded: int, span: int, stride: int) -> int:
    """Return how far the last window reaches beyond the border, if a part of a window counts.

    A window counts if it starts in the image or before it.
    """
    windows = math.ceil((padded - span) / stride) + 1
    if (windows - 1) * stride >= size + pair[0]:
        windows -= 1
    return int(np.maximum(0, (windows - 1) * stride + span - padded))


# The largest element --------------------------------------------------------------------------


def _max_pool(
    axes: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
    return_indices: bool,
) -> Any:  # fmt: skip
    x, grid = _read(axes, x, kernel, stride, padding, dilation, ceil_mode)
    windows, inside = grid.windows(x), grid.inside()
    if not inside.all():
        outside = np.where(inside, 0, -np.inf).astype(floating_dtype(x))
        windows = add(windows, outside[..., None] if x.ndim > axes else outside)
    largest = grid.over(max, windows)
    if not return_indices:
        return largest
    numbers = np.arange(math.prod(grid.sizes)).reshape(grid.sizes)
    return largest, grid.over(_first_largest(grid.windows(numbers)), values_of(windows))


def _first_largest(numbers: Any) -> Any:
    """Make a reduction that returns the number of the first largest element of each window."""

    def reduce(windows: Any, axis: tuple[int, ...]) -> Any:
        axes = len(axis)
        lead = windows.ndim + axis[0]
        ahead, places = windows.shape[:lead], windows.shape[lead + axes :]
        rows = windows.reshape(*ahead, math.prod(windows.shape[lead : lead + axes]), *places)
        table = numbers.reshape(-1, math.prod(numbers.shape[axes:]))
        column = np.arange(table.shape[1])
        column = column.reshape(*numbers.shape[axes:], *(1,) * (len(places) - axes))
        return table[rows.argmax(axis=lead), column]

    return reduce


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
        Sequences; usually (N, channels, length).
    kernel_size, stride, padding, dilation, ceil_mode, return_indices
        As in `max_pool2d`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, max_pool1d
    >>> max_pool1d(Tensor([1.0, 3.0, 2.0, 0.0]), 2)
    Tensor([3., 2.])
    """
    return _max_pool(1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


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
    padding : int, pair of int, pair of pairs, "valid" or "same"
        How many places to put around the images, as in `conv2d`. They count as minus infinity and
        receive no gradient.
    dilation : int or pair of int
        The distance from one element of a window to the next.
    ceil_mode : bool
        Whether a window counts that starts in the image and reaches beyond its end.
    return_indices : bool
        Whether to return the places too: the number of the first largest element of each window,
        counted row by row in the image, as a plain array. See `max_unpool2d`.

    Raises
    ------
    ValueError
        If a window is larger than the padded image, or more than half of it can be padding.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, max_pool2d
    >>> x = Tensor([[1.0, 2.0, 5.0, 0.0], [3.0, 4.0, 6.0, 7.0]], requires_grad=True)
    >>> y = max_pool2d(x, 2)
    >>> y.data
    array([[4., 7.]])
    >>> y.sum().backward()
    >>> x.grad
    array([[0., 0., 0., 0.],
           [0., 1., 0., 1.]])
    """
    return _max_pool(2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


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
        Volumes; usually (N, channels, depth, height, width).
    kernel_size, stride, padding, dilation, ceil_mode, return_indices
        As in `max_pool2d`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, max_pool3d
    >>> max_pool3d(Tensor([[[1.0, 3.0], [2.0, 0.0]]]), (1, 2, 2))
    Tensor([[[3.]]])
    """
    return _max_pool(3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composed("x")
def max_unpool2d(
    x: Any,
    indices: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Any = None,
) -> Any:
    """Put the results of `max_pool2d` back where they came from, among zeros.

    Parameters
    ----------
    x : array_like, shape (..., height, width)
        Results of a pooling. If several are for one place, the last stays and has the gradient.
    indices : array_like of int
        The places that ``max_pool2d(..., return_indices=True)`` returned.
    kernel_size, stride, padding
        As they were in that call.
    output_size : tuple of int, optional
        The size of the images, if it is not the smallest that the pooling fits; the last two
        numbers count.

    Raises
    ------
    ValueError
        If indices are of another shape than `x`, or out of range.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, max_pool2d, max_unpool2d
    >>> largest, places = max_pool2d(Tensor([[1.0, 2.0], [3.0, 0.0]]), 2, return_indices=True)
    >>> max_unpool2d(largest, places, 2)
    Tensor([[0., 0.],
            [3., 0.]])
    """
    (x,) = as_operands("max_unpool2d", (x,), isinstance(x, Tensor))[0]
    kernel = for_each_axis("kernel_size", kernel_size, 2, 1)
    stride = kernel if stride is None else for_each_axis("stride", stride, 2, 1)
    padding = for_each_axis("padding", padding, 2, 0)
    places = np.asarray(indices)
    if np.ndim(x) < 2 or places.shape != x.shape or places.dtype.kind not in "iu":
        raise ValueError(
            f"max_unpool2d: x of shape {np.shape(x)} and indices of shape {places.shape} and dtype "
            f"{places.dtype}; expected images and an integer for each element, as returned by "
            "max_pool2d(..., return_indices=True)"
        )
    ahead, sizes = x.shape[:-2], x.shape[-2:]
    if output_size is None:
        each = zip(sizes, stride, padding, kernel, strict=True)
        output_size = tuple((n - 1) * s - 2 * p + k for n, s, p, k in each)
    height, width = for_each_axis("output_size", tuple(output_size)[-2:], 2, 0)
    if places.size and (places.min() < 0 or places.max() >= height * width):
        raise ValueError(
            f"max_unpool2d: indices {places.min()}..{places.max()} for images of {height} x "
            f"{width}; expected 0..{height * width - 1}, or pass a larger output_size="
        )
    rows, count = math.prod(ahead), math.prod(sizes)
    zeros: Any = np.zeros((rows, height * width), real_dtype_of(x))
    index = np.arange(rows)[:, None], places.reshape(rows, count)
    filled = index_update(zeros, index, reshape(x, (rows, count)))
    return reshape(filled, (*ahead, height, width))


# The average ----------------------------------------------------------------------------------


def _avg_pool(
    axes: int, x: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool,
    count_include_pad: bool, divisor_override: Any,
) -> Any:  # fmt: skip
    x, grid = _read(axes, x, kernel, stride, padding, 1, ceil_mode)
    averages = grid.over(mean, grid.windows(x))
    terms = math.prod(grid.kernel)
    if divisor_override is not None:
        if not divisor_override:
            raise ValueError("divisor_override is 0; expected another number, or None")
        return multiply(averages, terms / divisor_override)
    counted = np.sum(grid.inside(count_include_pad), axis=tuple(range(axes)))
    if (counted == terms).all():
        return averages
    return multiply(averages, (terms / counted).astype(floating_dtype(averages)))


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
        Sequences; usually (N, channels, length).
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As in `avg_pool2d`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, avg_pool1d
    >>> avg_pool1d(Tensor([1.0, 3.0, 2.0, 0.0]), 2)
    Tensor([2., 1.])
    """
    return _avg_pool(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


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
    divisor_override: float | None = None,
) -> Any:
    """Average of each window of an image.

    Parameters
    ----------
    x : array_like, shape (..., height, width)
        Images; usually (N, channels, height, width).
    kernel_size, stride, ceil_mode
        As in `max_pool2d`.
    padding : int, pair of int, pair of pairs, "valid" or "same"
        How many zeros to put around the images, as in `conv2d`.
    count_include_pad : bool
        Whether to count these zeros as elements of a window; if False, the divisor is the number of
        the others. What ``ceil_mode=True`` adds never counts.
    divisor_override : number, optional
        Divide the sums by this instead.

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
    return _avg_pool(
        2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


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
    divisor_override: float | None = None,
) -> Any:
    """Average of each window of a volume; see `avg_pool2d`, which has one axis less.

    Parameters
    ----------
    x : array_like, shape (..., depth, height, width)
        Volumes; usually (N, channels, depth, height, width).
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        As in `avg_pool2d`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, avg_pool3d
    >>> avg_pool3d(Tensor([[[1.0, 3.0], [2.0, 0.0]]]), (1, 2, 2))
    Tensor([[[1.5]]])
    """
    return _avg_pool(
        3, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
