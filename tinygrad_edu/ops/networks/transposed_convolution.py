"""Transposed convolution: the adjoint of a convolution, as an operation that enlarges images.

Each element of the input adds its multiple of the kernel to the output. Convolutions are in
`convolution.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...metadata import composed
from ...primitive import as_operands
from ...tensor import holds_tensor
from ..arithmetic import add
from ..indexing import getitem
from ..linear_algebra.matrices import matmul
from ..padding import pad
from ..shape import matrix_transpose, moveaxis, reshape
from .windows import Sizes, for_each_axis, overlap_add, spans_of

__all__ = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

_SIZES = ("depth", "height", "width")


def _check_shapes(shape: Any, weight_shape: Any, bias_shape: Any, axes: int, groups: int) -> None:
    sizes = ("length",) if axes == 1 else _SIZES[-axes:]
    given = f"conv_transpose{axes}d: x of shape {shape} and weight of shape {weight_shape}"
    if len(shape) != axes + 2 or len(weight_shape) != axes + 2:
        raise ValueError(
            f"{given}; expected (N, channels, {', '.join(sizes)}) and (channels, outputs / groups, "
            f"{', '.join('kernel ' + size for size in sizes)})"
        )
    if weight_shape[0] != shape[1] or shape[1] % groups:
        raise ValueError(
            f"{given}; expected a weight for each of the {shape[1]} channels along its first axis, "
            f"and groups={groups} to divide that number"
        )
    outputs = weight_shape[1] * groups
    if bias_shape not in (None, (outputs,)):
        raise ValueError(
            f"{given}; expected a bias of shape ({outputs},), one number for each output, got "
            f"{bias_shape}"
        )


def _cropped(x: Any, padding: Any, output_padding: Any) -> Any:
    """Cut `padding` places off at either end of the last axes, and add places at their end."""
    axes = len(padding)
    if any(output_padding):
        x = pad(x, [(0, 0)] * (x.ndim - axes) + [(0, more) for more in output_padding])
    sizes = x.shape[x.ndim - axes :]
    if not any(padding):
        return x
    return getitem(x, (..., *(slice(p, n - p) for p, n in zip(padding, sizes, strict=True))))


def _transposed(
    x: Any, weight: Any, bias: Any, axes: int, stride: Any, padding: Any, output_padding: Any,
    groups: int, dilation: Any,
) -> Any:  # fmt: skip
    """Compute `conv_transpose1d` and the others."""
    both = x, weight
    x, weight = as_operands(f"conv_transpose{axes}d", both, holds_tensor(both))[0]
    stride = for_each_axis("stride", stride, axes, 1)
    padding = for_each_axis("padding", padding, axes, 0)
    output_padding = for_each_axis("output_padding", output_padding, axes, 0)
    dilation = for_each_axis("dilation", dilation, axes, 1)
    (groups,) = for_each_axis("groups", groups, 1, 1)
    _check_shapes(
        np.shape(x), np.shape(weight), None if bias is None else np.shape(bias), axes, groups
    )
    for more, step, gap in zip(output_padding, stride, dilation, strict=True):
        if more >= max(step, gap):
            raise ValueError(
                f"output_padding is {output_padding}; expected less than the stride {stride} or "
                f"the dilation {dilation}, because a convolution leaves out no more places"
            )
    images, channels, *places = x.shape
    outputs, *kernel = weight.shape[1:]
    spans = spans_of(kernel, dilation)
    sizes = [(n - 1) * s + span for n, s, span in zip(places, stride, spans, strict=True)]
    final = [n - 2 * p + o for n, p, o in zip(sizes, padding, output_padding, strict=True)]
    if min(final) < 1:
        raise ValueError(
            f"padding {padding} leaves an output of {tuple(final)}; expected at least one place "
            "along each axis"
        )
    # The images follow the channels, so that the whole batch is one product (for each group).
    columns = reshape(moveaxis(x, 0, 1), (groups, channels // groups, images * math.prod(places)))
    rows = reshape(weight, (groups, channels // groups, outputs * math.prod(kernel)))
    windows = matmul(matrix_transpose(rows), columns)
    windows = moveaxis(reshape(windows, (groups * outputs, *kernel, images, *places)), 1 + axes, 1)
    whole = overlap_add(
        windows, shape=(groups * outputs, images, *sizes), stride=stride, dilation=dilation
    )
    out = moveaxis(_cropped(whole, padding, output_padding), 1, 0)
    return out if bias is None else add(out, reshape(bias, (groups * outputs, *(1,) * axes)))


@composed("x", "weight", "bias")
def conv_transpose1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
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
    >>> conv_transpose1d(Tensor([[[1.0, 2.0]]]), [[[1.0, 10.0]]], stride=2)
    Tensor([[[ 1., 10.,  2., 20.]]])
    """
    return _transposed(x, weight, bias, 1, stride, padding, output_padding, groups, dilation)


@composed("x", "weight", "bias")
def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Any:
    """Transposed convolution of images: each element adds its multiple of the kernel.

    It is the gradient of `conv2d` with respect to its images, as an operation: with the same
    kernel, stride and padding it maps outputs of `conv2d` back to the size of its images.

    Parameters
    ----------
    x : array_like, shape (N, channels, height, width)
        A batch of images.
    weight : array_like, shape (channels, outputs / groups, kernel height, kernel width)
        One kernel for each input and output channel.
    bias : array_like, shape (outputs,), optional
        Added to each output.
    stride : int or pair of int
        The distance in the output from one kernel to the next.
    padding : int or pair of int
        How many places to cut off the output, at either end.
    output_padding : int or pair of int
        How many places to add to the output, at the end: `conv2d` with a stride maps several sizes
        to one, and this chooses among them.
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
    >>> x = Tensor([[[[1.0, 2.0]]]], requires_grad=True)
    >>> y = conv_transpose2d(x, np.ones((1, 1, 2, 2)))
    >>> y.data
    array([[[[1., 3., 2.],
             [1., 3., 2.]]]])
    >>> y.sum().backward()
    >>> x.grad
    array([[[[4., 4.]]]])
    """
    return _transposed(x, weight, bias, 2, stride, padding, output_padding, groups, dilation)


@composed("x", "weight", "bias")
def conv_transpose3d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
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
    >>> conv_transpose3d(np.ones((1, 2, 1, 2, 2)), np.ones((2, 3, 1, 2, 2)), stride=2).shape
    (1, 3, 1, 4, 4)
    """
    return _transposed(x, weight, bias, 3, stride, padding, output_padding, groups, dilation)
