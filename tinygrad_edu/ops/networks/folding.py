"""Windows as columns: `unfold` and `fold` of images, and windows along a single axis.

They are other layouts of `sliding_windows` and `overlap_add`, which are in `windows.py`.
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


def _settings(kernel: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Any, ...]:
    return (
        for_each_axis("kernel_size", kernel, 2, 1),
        for_each_axis("dilation", dilation, 2, 1),
        for_each_axis("padding", padding, 2, 0),
        for_each_axis("stride", stride, 2, 1),
    )


@composed("x")
def unfold(
    x: Any, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Any:
    """Windows of images as columns: a convolution is a product of matrices with them.

    The method ``x.unfold(axis, size, step)`` is another function, `unfold_axis`, as in PyTorch.

    Parameters
    ----------
    x : array_like, shape (N, channels, height, width)
        A batch of images.
    kernel_size : int or pair of int
        The size of a window.
    dilation, padding, stride : int or pair of int
        As in `conv2d`.

    Returns
    -------
    Tensor or numpy.ndarray, shape (N, channels * kernel height * kernel width, windows)

    Raises
    ------
    ValueError
        If `x` is not a batch of images, or a window is larger than the padded image.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import unfold
    >>> unfold(np.arange(6.0).reshape(1, 1, 2, 3), 2)
    array([[[0., 1.],
            [1., 2.],
            [3., 4.],
            [4., 5.]]])
    """
    x = as_operand("unfold", x)
    if x.ndim != 4:
        raise ValueError(f"unfold: x of shape {x.shape}; expected (N, channels, height, width)")
    kernel, dilation, border, stride = _settings(kernel_size, dilation, padding, stride)
    if any(border):
        x = pad(x, [(0, 0), (0, 0), *((p, p) for p in border)])
    windows = sliding_windows(x, kernel, stride, dilation)
    images, channels = x.shape[:2]
    return reshape(windows, (images, channels * math.prod(kernel), math.prod(windows.shape[-2:])))


@composed("x")
def fold(
    x: Any,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Any:
    """Images that columns of windows are added up to: the adjoint of `unfold`.

    Parameters
    ----------
    x : array_like, shape (N, channels * kernel height * kernel width, windows)
        The windows.
    output_size : int or pair of int
        The height and width of the images.
    kernel_size, dilation, padding, stride
        As they were passed to `unfold`.

    Returns
    -------
    Tensor or numpy.ndarray, shape (N, channels, height, width)

    Raises
    ------
    ValueError
        If the number of columns or windows is not the one of such images.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import fold
    >>> fold(np.ones((1, 4, 2)), (2, 3), 2)
    array([[[[1., 2., 1.],
             [1., 2., 1.]]]])
    """
    x = as_operand("fold", x)
    sizes = for_each_axis("output_size", output_size, 2, 1)
    kernel, dilation, border, steps = _settings(kernel_size, dilation, padding, stride)
    padded = [n + 2 * p for n, p in zip(sizes, border, strict=True)]
    spans = spans_of(kernel, dilation)
    places = [(n - m) // s + 1 for n, m, s in zip(padded, spans, steps, strict=True)]
    many = math.prod(kernel)
    fits = x.ndim == 3 and not x.shape[1] % many and min(places) > 0
    if not fits or x.shape[2] != math.prod(places):
        raise ValueError(
            f"fold: x of shape {x.shape}; expected (N, channels * {many}, windows), with "
            f"{places[0]} x {places[1]} windows of {kernel} in images of {tuple(padded)}"
        )
    channels = x.shape[1] // many
    windows = reshape(x, (x.shape[0], channels, *kernel, *places))
    out = overlap_add(windows, (x.shape[0], channels, *padded), steps, dilation)
    if not any(border):
        return out
    return getitem(out, (..., *(slice(p, p + n) for n, p in zip(sizes, border, strict=True))))


@composed("x")
def unfold_axis(x: Any, axis: int, size: int, step: int = 1) -> Any:
    """Windows along one axis, as a new last axis; the method ``x.unfold(axis, size, step)``.

    Parameters
    ----------
    x : array_like
        The elements.
    axis : int
        The axis that the windows slide along; the result has one place for each window there.
    size : int
        The size of a window.
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
    (size,), (step,) = for_each_axis("size", size, 1, 1), for_each_axis("step", step, 1, 1)
    windows = sliding_windows(moveaxis(x, axis, -1), size, step)
    return moveaxis(windows, (-1, -2), (axis, -1))
