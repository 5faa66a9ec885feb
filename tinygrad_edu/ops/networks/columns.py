"""Windows as the columns of a matrix, under PyTorch's names: `unfold` and its adjoint `fold`.

They are arrangements of `sliding_windows` and `overlap_add`.
"""

from __future__ import annotations

import math
from typing import Any

from numpy.lib.array_utils import normalize_axis_index

from ...metadata import composed
from ...primitive import as_operand
from ..indexing import getitem
from ..padding import pad
from ..shape import moveaxis, reshape
from .windows import Sizes, for_each_axis, overlap_add, sliding_windows, spans_of

__all__ = ["fold", "unfold", "unfold_axis"]


@composed("x")
def unfold(
    x: Any, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Any:
    """Windows of images as columns; a product with a kernel then is a convolution (im2col).

    The method of this name is PyTorch's other function, `unfold_axis`.

    Parameters
    ----------
    x : array_like, shape (N, channels, height, width)
        Images.
    kernel_size, dilation, padding, stride : int or pair of int
        As for `conv2d`.

    Returns
    -------
    Tensor or numpy.ndarray, shape (N, channels * elements of a window, windows)

    Raises
    ------
    ValueError
        If the kernel is larger than the images.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import unfold
    >>> unfold(np.arange(9.0).reshape(1, 1, 3, 3), 2)[0, :, 0]
    array([0., 1., 3., 4.])
    """
    x = as_operand("unfold", x)
    if x.ndim != 4:
        raise ValueError(
            f"unfold: x of shape {x.shape}; expected (N, channels, height, width), use x[None] "
            "for a single image"
        )
    kernel = for_each_axis("kernel_size", kernel_size, 2, 1)
    border = for_each_axis("padding", padding, 2, 0)
    if any(border):
        x = pad(x, ((0, 0), (0, 0), *((n, n) for n in border)))
    windows = sliding_windows(x, kernel=kernel, stride=stride, dilation=dilation)
    places = windows.shape[4:]
    return reshape(windows, (*x.shape[:1], x.shape[1] * math.prod(kernel), math.prod(places)))


@composed("x")
def fold(
    x: Any,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Any:
    """Add windows, the columns of a matrix, up to images: the adjoint of `unfold` (col2im).

    Parameters
    ----------
    x : array_like, shape (N, channels * elements of a window, windows)
        The columns.
    output_size : int or pair of int
        Height and width of the images.
    kernel_size, dilation, padding, stride : int or pair of int
        As for `unfold`.

    Returns
    -------
    Tensor or numpy.ndarray, shape (N, channels, *output_size)

    Raises
    ------
    ValueError
        If images of this size do not have that many windows.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import fold
    >>> fold(np.ones((1, 4, 4)), 3, 2)[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    x = as_operand("fold", x)
    sizes, kernel = (
        for_each_axis(what, given, 2, 1)
        for what, given in (("output_size", output_size), ("kernel_size", kernel_size))
    )
    steps, gaps = for_each_axis("stride", stride, 2, 1), for_each_axis("dilation", dilation, 2, 1)
    border = for_each_axis("padding", padding, 2, 0)
    padded = [n + 2 * p for n, p in zip(sizes, border, strict=True)]
    each = zip(padded, spans_of(kernel, gaps), steps, strict=True)
    places = [max((n - span) // step + 1, 0) for n, span, step in each]
    taken = math.prod(kernel)
    if x.ndim != 3 or x.shape[1] % taken or x.shape[2] != math.prod(places):
        raise ValueError(
            f"fold: x of shape {x.shape}; expected (N, channels * {taken}, {math.prod(places)}) "
            f"for images of {sizes}"
        )
    shape = (x.shape[0], x.shape[1] // taken)
    windows = reshape(x, (*shape, *kernel, *places))
    images = overlap_add(windows, shape=(*shape, *padded), stride=steps, dilation=gaps)
    inside = (slice(p, n - p) for p, n in zip(border, padded, strict=True))
    return getitem(images, (slice(None), slice(None), *inside)) if any(border) else images


@composed("x")
def unfold_axis(x: Any, axis: int, size: int, step: int) -> Any:
    """Every window along an axis; the elements of a window are along a new last axis.

    It is the method ``x.unfold(axis, size, step)``, as in PyTorch.

    Parameters
    ----------
    x : array_like
        The elements.
    axis : int
        The axis along which the windows follow each other.
    size : int
        The number of elements of a window.
    step : int
        The distance from one window to the next.

    Raises
    ------
    ValueError
        If a window is larger than the axis.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> Tensor([1.0, 2.0, 3.0, 4.0]).unfold(0, 2, 2)
    Tensor([[1., 2.],
            [3., 4.]])
    """
    x = as_operand("unfold_axis", x)
    axis = normalize_axis_index(axis, x.ndim)
    windows = sliding_windows(moveaxis(x, axis, -1), kernel=(size,), stride=step)
    return moveaxis(windows, -1, axis)
