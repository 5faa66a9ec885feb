"""Convolution of sequences, images and volumes, which come in batches, channels second.

It is composed of sliding windows: a convolution is a matrix product with them. Its adjoint is in
`transposed_convolution.py`, and pooling, which shares the windows and the borders, in `pooling.py`.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from ...metadata import composed
from ...primitive import as_operands
from ...tensor import holds_tensor
from ..arithmetic import add
from ..linear_algebra.matrices import matmul
from ..padding import pad
from ..shape import moveaxis, reshape
from .windows import Sizes, check_fits, for_each_axis, sliding_windows, spans_of

__all__ = ["conv1d", "conv2d", "conv3d"]

Border: TypeAlias = list[tuple[int, int]]
"""The number of places before and after, for each axis that the windows slide along."""

Padding: TypeAlias = Sizes | tuple[tuple[int, int], ...] | str
"""How the caller writes a border: numbers, pairs, or a word; see `conv2d`."""


SIZES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def framed(x: Any, border: Border) -> Any:
    """Put zeros around an array, along its last axes."""
    widths = [(0, 0)] * (x.ndim - len(border)) + border
    return pad(x, widths) if any(map(any, border)) else x


def padded_sizes(sizes: Any, border: Border) -> tuple[int, ...]:
    return tuple(n + before + after for n, (before, after) in zip(sizes, border, strict=True))


def windows_of(x: Any, border: Border, kernel: Any, stride: Any, dilation: Any) -> Any:
    """Return the windows of framed images, with the first axis of the images moved to the end.

    The axes are ``(..., *inside, *places, N)``. With the images last, also in memory, windows are
    copied, reduced and added up in long runs. Results keep this layout from layer to layer, because
    elementwise operations do.
    """
    axes = len(border)
    if x.ndim == axes:
        return sliding_windows(framed(x, border), kernel, stride, dilation)
    moved = framed(moveaxis(x, 0, -1), [*border, (0, 0)])
    windows = sliding_windows(moveaxis(moved, -1, -1 - axes), kernel, stride, dilation)
    return moveaxis(windows, -1 - 2 * axes, -1)


# Convolution ----------------------------------------------------------------------------------


def _convolution(
    x: Any, weight: Any, bias: Any, axes: int, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """Compute convolutions along any number of axes."""
    both = x, weight
    x, weight = as_operands("convolution", both, holds_tensor(both))[0]
    stride = for_each_axis("stride", stride, axes, 1)
    dilation = for_each_axis("dilation", dilation, axes, 1)
    (groups,) = for_each_axis("groups", groups, 1, 1)
    _check_channels(
        np.shape(x), np.shape(weight), None if bias is None else np.shape(bias), axes, groups
    )
    images, (outputs, _, *kernel) = x.shape[0], weight.shape
    border = border_of(padding, kernel, stride, dilation)
    check_fits(x.shape[2:], padded_sizes(x.shape[2:], border), kernel, dilation)
    # All windows of all images are columns of one matrix, and the whole batch is one product (for
    # each group).
    windows = windows_of(x, border, tuple(kernel), stride, dilation)
    places = windows.shape[1 + axes : -1]
    terms = math.prod(weight.shape[1:])
    columns = reshape(windows, (groups, terms, math.prod(places) * images))
    rows = reshape(weight, (groups, outputs // groups, terms))
    out = reshape(matmul(rows, columns), (outputs, *places, images))
    if bias is not None:
        out = add(out, reshape(bias, (outputs, *(1,) * (axes + 1))))
    return moveaxis(out, -1, 0)


def _check_channels(shape: Any, weight_shape: Any, bias_shape: Any, axes: int, groups: int) -> None:
    sizes = SIZES[axes]
    given = f"conv{axes}d: x of shape {shape} and weight of shape {weight_shape}"
    if len(shape) != axes + 2 or len(weight_shape) != axes + 2:
        raise ValueError(
            f"{given}; expected (N, channels, {', '.join(sizes)}) and (outputs, channels / groups, "
            f"{', '.join('kernel ' + size for size in sizes)}); x[None] makes a batch of one, "
            "x[:, None] one channel"
        )
    channels, (outputs, taken) = shape[1], weight_shape[:2]
    if channels % groups or outputs % groups:
        raise ValueError(
            f"{given}; groups={groups} must divide both the {channels} channels and the "
            f"{outputs} outputs"
        )
    if taken * groups != channels:
        of_each = "" if groups == 1 else f" in each of {groups} groups"
        expected = (outputs, channels // groups, *weight_shape[2:])
        raise ValueError(
            f"{given}; there are {channels} channels, but the weight takes {taken}{of_each}; "
            f"expected a weight of shape {expected}"
        )
    if bias_shape not in (None, (outputs,)):
        raise ValueError(
            f"{given}; expected a bias of shape ({outputs},), one number for each output, got "
            f"{bias_shape}"
        )


def border_of(padding: Any, kernel: Any, stride: Any, dilation: Any) -> Border:
    """Convert `padding` to the number of places before and after, along each axis."""
    if not isinstance(padding, str):
        padding = padding.tolist() if isinstance(padding, np.ndarray) else padding
        if _is_list(padding) and any(map(_is_list, padding)):
            return _pairs(padding, len(kernel))
        return [(p, p) for p in for_each_axis("padding", padding, len(kernel), 0)]
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding != "same":
        raise ValueError(f"padding is {padding!r}; expected numbers, 'same' or 'valid'")
    if any(step != 1 for step in stride):
        raise ValueError(f"padding='same' needs stride 1, but stride is {stride}; pass numbers")
    totals = [span - 1 for span in spans_of(kernel, dilation)]
    return [(total // 2, total - total // 2) for total in totals]


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple | list)


def _pairs(padding: Any, axes: int) -> Border:
    """Check pairs of different numbers before and after."""
    pairs = [tuple(pair) if _is_list(pair) else () for pair in padding]
    whole = [isinstance(n, int | np.integer) and n >= 0 for pair in pairs for n in pair]
    if len(pairs) != axes or any(len(pair) != 2 for pair in pairs) or not all(whole):
        raise ValueError(
            f"padding is {padding}; expected a pair of whole numbers >= 0 for each of {axes} axes "
            "that the windows slide along: how many places before and after"
        )
    return [(int(pair[0]), int(pair[1])) for pair in pairs]


@composed("x", "weight", "bias")
def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """Convolution of sequences with channels; see `conv2d`, which has one axis more.

    Parameters
    ----------
    x : array_like, shape (N, channels, length)
        A batch of sequences.
    weight : array_like, shape (outputs, channels / groups, kernel)
        One kernel for each output and input channel.
    bias : array_like, shape (outputs,), optional
        Added to each output.
    stride, padding, dilation, groups
        As in `conv2d`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, conv1d
    >>> conv1d([[[1.0, 2.0, 4.0, 8.0]]], Tensor([[[-1.0, 1.0]]]))
    Tensor([[[1., 2., 4.]]])
    """
    return _convolution(x, weight, bias, 1, stride, padding, dilation, groups)


@composed("x", "weight", "bias")
def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """Convolution of images with channels: each output is a sum of products with a window.

    As in all frameworks for networks the kernel is not flipped, so strictly speaking this is a
    correlation: with ``y = conv2d(x, weight, bias)``, ``y[n, o, k, l]`` is the sum over ``c``,
    ``i`` and ``j`` of ``weight[o, c, i, j] * x[n, c, k + i, l + j]``, plus ``bias[o]``.

    Parameters
    ----------
    x : array_like, shape (N, channels, height, width)
        A batch of images.
    weight : array_like, shape (outputs, channels / groups, kernel height, kernel width)
        One kernel for each output and input channel.
    bias : array_like, shape (outputs,), optional
        Added to each output.
    stride : int or pair of int
        The distance from one window to the next.
    padding : int, pair of int, pair of pairs, "valid" or "same"
        How many zeros to put around the images, at either end; none if "valid". Pairs name the
        number before and after for each axis: ``((top, bottom), (left, right))``. With "same",
        which needs stride 1, the output is as large as the input; if the number of zeros is odd,
        the larger part is at the end.
    dilation : int or pair of int
        The distance from one element of the kernel to the next.
    groups : int
        Split channels and outputs into this many independent groups. With as many groups as
        channels, each channel has separate kernels.

    Returns
    -------
    Tensor or numpy.ndarray, shape (N, outputs, height, width)
        Each size is ``(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1``.

    Raises
    ------
    ValueError
        If shapes do not fit, or the kernel is larger than the padded image.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, conv2d
    >>> image = np.arange(12.0).reshape(1, 1, 3, 4)
    >>> weight = Tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    >>> y = conv2d(image, weight)
    >>> y.data
    array([[[[10., 14., 18.],
             [26., 30., 34.]]]])
    >>> y.sum().backward()
    >>> weight.grad
    array([[[[18., 24.],
             [42., 48.]]]])
    """
    return _convolution(x, weight, bias, 2, stride, padding, dilation, groups)


@composed("x", "weight", "bias")
def conv3d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """Convolution of volumes with channels; see `conv2d`, which has one axis less.

    Parameters
    ----------
    x : array_like, shape (N, channels, depth, height, width)
        A batch of volumes.
    weight : array_like, shape (outputs, channels / groups, *kernel)
        One kernel for each output and input channel.
    bias : array_like, shape (outputs,), optional
        Added to each output.
    stride, padding, dilation, groups
        As in `conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, conv3d
    >>> conv3d(np.ones((1, 1, 2, 2, 3)), Tensor(np.ones((1, 1, 2, 2, 2))))
    Tensor([[[[[8., 8.]]]]])
    """
    return _convolution(x, weight, bias, 3, stride, padding, dilation, groups)
