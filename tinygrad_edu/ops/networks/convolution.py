"""Convolution and pooling of images and sequences, which come in batches, channels second.

Everything here is composed of sliding windows: a convolution is a matrix product with them, a
pooling their largest element or their average.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from ...arrays import floating_dtype
from ...metadata import composed
from ...primitive import as_operands
from ...tensor import Tensor, holds_tensor
from ..arithmetic import add, multiply
from ..linear_algebra.matrices import matmul
from ..padding import pad
from ..reduction import max, mean
from ..shape import moveaxis, reshape
from ..summing import single
from .windows import Sizes, check_fits, for_each_axis, sliding_windows, spans_of

__all__ = ["avg_pool2d", "conv1d", "conv2d", "max_pool2d"]

Border: TypeAlias = list[tuple[int, int]]
"""The number of places before and after, for each axis that the windows slide along."""


def _framed(x: Any, border: Border) -> Any:
    """Put zeros around an array, along its last axes."""
    widths = [(0, 0)] * (x.ndim - len(border)) + border
    return pad(x, widths) if any(map(any, border)) else x


def _padded_sizes(sizes: Any, border: Border) -> tuple[int, ...]:
    return tuple(n + before + after for n, (before, after) in zip(sizes, border, strict=True))


def _windows(x: Any, border: Border, kernel: Any, stride: Any, dilation: Any) -> Any:
    """Return the windows of framed images, with the first axis of the images moved to the end.

    The axes are ``(..., *inside, *places, N)``. With the images last, also in memory, windows are
    copied, reduced and added up in long runs. Results keep this layout from layer to layer, because
    elementwise operations do.
    """
    axes = len(border)
    if x.ndim == axes:
        return sliding_windows(_framed(x, border), kernel, stride, dilation)
    framed = _framed(moveaxis(x, 0, -1), [*border, (0, 0)])
    windows = sliding_windows(moveaxis(framed, -1, -1 - axes), kernel, stride, dilation)
    return moveaxis(windows, -1 - 2 * axes, -1)


# Convolution ----------------------------------------------------------------------------------


def _convolution(
    x: Any, weight: Any, bias: Any, axes: int, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """Compute `conv1d` and `conv2d`."""
    both = x, weight
    x, weight = as_operands("convolution", both, holds_tensor(both))[0]
    stride = for_each_axis("stride", stride, axes, 1)
    dilation = for_each_axis("dilation", dilation, axes, 1)
    (groups,) = for_each_axis("groups", groups, 1, 1)
    _check_channels(
        np.shape(x), np.shape(weight), None if bias is None else np.shape(bias), axes, groups
    )
    images, (outputs, _, *kernel) = x.shape[0], weight.shape
    border = _border(padding, kernel, stride, dilation)
    check_fits(x.shape[2:], _padded_sizes(x.shape[2:], border), kernel, dilation)
    # All windows of all images are columns of one matrix, and the whole batch is one product (for
    # each group).
    windows = _windows(x, border, tuple(kernel), stride, dilation)
    places = windows.shape[1 + axes : -1]
    terms = math.prod(weight.shape[1:])
    columns = reshape(windows, (groups, terms, math.prod(places) * images))
    rows = reshape(weight, (groups, outputs // groups, terms))
    out = reshape(matmul(rows, columns), (outputs, *places, images))
    if bias is not None:
        out = add(out, reshape(bias, (outputs, *(1,) * (axes + 1))))
    return moveaxis(out, -1, 0)


def _check_channels(shape: Any, weight_shape: Any, bias_shape: Any, axes: int, groups: int) -> None:
    sizes = ("length",) if axes == 1 else ("height", "width")
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


def _border(padding: Any, kernel: Any, stride: Any, dilation: Any) -> Border:
    """Convert `padding` to the number of places before and after, along each axis."""
    if not isinstance(padding, str):
        return [(p, p) for p in for_each_axis("padding", padding, len(kernel), 0)]
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding != "same":
        raise ValueError(f"padding is {padding!r}; expected numbers, 'same' or 'valid'")
    if any(step != 1 for step in stride):
        raise ValueError(f"padding='same' needs stride 1, but stride is {stride}; pass numbers")
    totals = [span - 1 for span in spans_of(kernel, dilation)]
    return [(total // 2, total - total // 2) for total in totals]


@composed("x", "weight", "bias")
def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
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
    padding: Sizes | str = 0,
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
    padding : int, pair of int, "valid" or "same"
        How many zeros to put around the images, at either end; none if "valid". With "same", which
        needs stride 1, the output is as large as the input; if the number of zeros is odd, the
        larger part is at the end.
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


# Pooling --------------------------------------------------------------------------------------


def _pool(
    reduce: Any, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, outside: float = 0.0
) -> tuple[Any, Any]:
    """Reduce the windows of images; also return the share of each that is inside the image."""
    (x,) = as_operands("pooling", (x,), isinstance(x, Tensor))[0]
    kernel = for_each_axis("kernel_size", kernel, 2, 1)
    stride = kernel if stride is None else for_each_axis("stride", stride, 2, 1)
    padding = for_each_axis("padding", padding, 2, 0)
    dilation = for_each_axis("dilation", dilation, 2, 1)
    if np.ndim(x) < 2:
        raise ValueError(f"x of shape {np.shape(x)}; expected images, (N, channels, height, width)")
    spans = spans_of(kernel, dilation)
    if any(2 * p > span for p, span in zip(padding, spans, strict=True)):
        raise ValueError(
            f"padding of {padding} for windows that reach over {spans}; expected at most half of "
            "that, or windows could miss the image"
        )
    border: Border = [(p, p) for p in padding]
    check_fits(x.shape[-2:], _padded_sizes(x.shape[-2:], border), kernel, dilation)
    inside = _windows(np.ones(x.shape[-2:], bool), border, kernel, stride, dilation)
    windows = _windows(x, border, kernel, stride, dilation)
    is_batch = x.ndim > 2
    if outside and not inside.all():
        beyond = np.where(inside, 0, outside).astype(floating_dtype(x))
        windows = add(windows, beyond[..., None] if is_batch else beyond)
    reduced = reduce(windows, axis=(-5, -4) if is_batch else (-4, -3))
    return moveaxis(reduced, -1, 0) if is_batch else reduced, np.mean(inside, axis=(0, 1))


@composed("x")
def max_pool2d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
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
    padding : int or pair of int
        How many places to put around the images, at either end. They count as minus infinity and
        receive no gradient.
    dilation : int or pair of int
        The distance from one element of a window to the next.

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
    return _pool(max, x, kernel_size, stride, padding, dilation, outside=-np.inf)[0]


@composed("x")
@single
def avg_pool2d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    count_include_pad: bool = True,
) -> Any:
    """Average of each window of an image.

    Parameters
    ----------
    x : array_like, shape (..., height, width)
        Images; usually (N, channels, height, width).
    kernel_size, stride
        As in `max_pool2d`.
    padding : int or pair of int
        How many zeros to put around the images, at either end.
    count_include_pad : bool
        Whether to count these zeros as elements of a window; if False, the divisor is the number of
        the others.

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
    averages, shares = _pool(mean, x, kernel_size, stride, padding, dilation=1)
    if count_include_pad or (shares == 1).all():
        return averages
    return multiply(averages, (1 / shares).astype(floating_dtype(averages)))
