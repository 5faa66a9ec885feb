"""Transposed convolution: the adjoint of convolution, which enlarges sequences, images and volumes.

Each element of the input puts a multiple of the kernel into the output; kernels that overlap add
up.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...metadata import composed
from ...primitive import as_operands
from ...tensor import holds_tensor
from ..arithmetic import add
from ..linear_algebra.matrices import matmul
from ..padding import pad
from ..shape import moveaxis, reshape, swapaxes
from .convolution import SIZES, Padding, border_of
from .windows import Sizes, for_each_axis, overlap_add, spans_of

__all__ = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


def _transposed(
    axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any,
    groups: Any, dilation: Any,
) -> Any:  # fmt: skip
    """Compute transposed convolutions along any number of axes."""
    name = f"conv_transpose{axes}d"
    both = x, weight
    x, weight = as_operands(name, both, holds_tensor(both))[0]
    stride = for_each_axis("stride", stride, axes, 1)
    dilation = for_each_axis("dilation", dilation, axes, 1)
    added = for_each_axis("output_padding", output_padding, axes, 0)
    (groups,) = for_each_axis("groups", groups, 1, 1)
    shapes = np.shape(x), np.shape(weight), None if bias is None else np.shape(bias)
    _check_shapes(name, axes, *shapes, groups)
    if isinstance(padding, str):
        raise ValueError(f"{name}: padding is {padding!r}; expected numbers")
    kernel, sizes = weight.shape[2:], x.shape[2:]
    border = border_of(padding, kernel, stride, dilation)
    steps = zip(added, stride, dilation, strict=True)
    if any(n and n >= np.maximum(s, d) for n, s, d in steps):
        raise ValueError(
            f"{name}: output_padding is {added}; expected numbers below the stride {stride} or the "
            f"dilation {dilation}"
        )
    spans = spans_of(kernel, dilation)
    full = tuple((n - 1) * s + m for n, s, m in zip(sizes, stride, spans, strict=True))
    widths = [(-before, n - after) for (before, after), n in zip(border, added, strict=True)]
    wanted = tuple(n + sum(pair) for n, pair in zip(full, widths, strict=True))
    if 0 in sizes or any(n < 1 for n in wanted):
        raise ValueError(
            f"{name}: x of shape {shapes[0]} leads to an output of size {wanted}; expected at "
            "least 1 along each axis, use less padding"
        )
    # As in a convolution, all images are columns of one matrix, with the images last.
    images, (channels, outputs) = x.shape[0], weight.shape[:2]
    terms = outputs * math.prod(kernel)
    rows = swapaxes(reshape(weight, (groups, channels // groups, terms)), 1, 2)
    columns = reshape(moveaxis(x, 0, -1), (groups, channels // groups, math.prod(sizes) * images))
    products = reshape(matmul(rows, columns), (groups * outputs, *kernel, *sizes, images))
    shape = (images, groups * outputs, *full)
    out = overlap_add(moveaxis(products, -1, 0), shape=shape, stride=stride, dilation=dilation)
    if any(map(any, widths)):
        out = pad(out, [(0, 0), (0, 0), *widths])
    return out if bias is None else add(out, reshape(bias, (-1, *(1,) * axes)))


def _check_shapes(
    name: str, axes: int, shape: Any, weight_shape: Any, bias_shape: Any, groups: int
) -> None:
    given = f"{name}: x of shape {shape} and weight of shape {weight_shape}"
    if len(shape) != axes + 2 or len(weight_shape) != axes + 2:
        raise ValueError(
            f"{given}; expected (N, channels, {', '.join(SIZES[axes])}) and (channels, outputs / "
            f"groups, {', '.join('kernel ' + size for size in SIZES[axes])}); x[None] makes a "
            "batch of one"
        )
    channels = shape[1]
    if weight_shape[0] != channels:
        raise ValueError(
            f"{given}; there are {channels} channels, but the weight takes {weight_shape[0]}; "
            f"expected a weight of shape {(channels, *weight_shape[1:])}"
        )
    if channels % groups:
        raise ValueError(f"{given}; groups={groups} must divide the {channels} channels")
    outputs = weight_shape[1] * groups
    if bias_shape not in (None, (outputs,)):
        raise ValueError(
            f"{given}; expected a bias of shape ({outputs},), one number for each output, got "
            f"{bias_shape}"
        )
    if 0 in weight_shape[2:]:
        raise ValueError(f"{given}; expected a kernel of at least one element")


@composed("x", "weight", "bias")
def conv_transpose1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Any:
    """Transposed convolution of sequences; see `conv_transpose2d`, which has one axis more.

    Parameters
    ----------
    x : array_like, shape (N, channels, length)
        A batch of sequences.
    weight : array_like, shape (channels, outputs / groups, kernel)
        One kernel for each input and output channel.
    bias : array_like, shape (outputs,), optional
        Added to each output.
    stride, padding, output_padding, groups, dilation
        As in `conv_transpose2d`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, conv_transpose1d
    >>> conv_transpose1d([[[1.0, 2.0]]], Tensor([[[1.0, 10.0]]]), stride=2)
    Tensor([[[ 1., 10.,  2., 20.]]])
    """
    return _transposed(1, x, weight, bias, stride, padding, output_padding, groups, dilation)


@composed("x", "weight", "bias")
def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Any:
    """Transposed convolution of images: what the gradient of `conv2d` computes for its input.

    With ``y = conv2d(x, weight, ...)``, ``conv_transpose2d(g, weight, ...)`` with the same options
    is the gradient of ``sum(g * y)`` with respect to `x`. It is sometimes called deconvolution, but
    it does not undo a convolution.

    Parameters
    ----------
    x : array_like, shape (N, channels, height, width)
        A batch of images.
    weight : array_like, shape (channels, outputs / groups, kernel height, kernel width)
        One kernel for each input and output channel.
    bias : array_like, shape (outputs,), optional
        Added to each output.
    stride : int or pair of int
        The distance between the kernels of neighbouring elements: how much the image is enlarged.
    padding : int, pair of int, or pair of pairs
        How many places to remove from the output, at either end; pairs name the number before and
        after for each axis.
    output_padding : int or pair of int
        How many places to add at the end of each axis. Images of several sizes lead to an output of
        one size if a convolution has a stride; this chooses among them.
    groups : int
        Split channels and outputs into this many independent groups.
    dilation : int or pair of int
        The distance from one element of the kernel to the next.

    Returns
    -------
    Tensor or numpy.ndarray, shape (N, outputs, height, width)
        Each size is ``(size - 1) * stride - 2 * padding + dilation * (kernel - 1) +
        output_padding + 1``.

    Raises
    ------
    ValueError
        If shapes do not fit, or nothing is left of the output.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, conv_transpose2d
    >>> weight = Tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    >>> y = conv_transpose2d([[[[1.0, 2.0]]]], weight)
    >>> y.data
    array([[[[1., 3., 2.],
             [1., 3., 2.]]]])
    >>> y.sum().backward()
    >>> weight.grad
    array([[[[3., 3.],
             [3., 3.]]]])
    """
    return _transposed(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


@composed("x", "weight", "bias")
def conv_transpose3d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Any:
    """Transposed convolution of volumes; see `conv_transpose2d`, which has one axis less.

    Parameters
    ----------
    x : array_like, shape (N, channels, depth, height, width)
        A batch of volumes.
    weight : array_like, shape (channels, outputs / groups, *kernel)
        One kernel for each input and output channel.
    bias : array_like, shape (outputs,), optional
        Added to each output.
    stride, padding, output_padding, groups, dilation
        As in `conv_transpose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import conv_transpose3d
    >>> conv_transpose3d(np.ones((1, 1, 2, 2, 2)), np.ones((1, 3, 2, 2, 2)), stride=2).shape
    (1, 3, 4, 4, 4)
    """
    return _transposed(3, x, weight, bias, stride, padding, output_padding, groups, dilation)
