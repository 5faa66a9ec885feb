"""Normalisation of groups of channels, of single channels, and by the root mean square.

None of them depends on the rest of the batch. `batch_norm` and `layer_norm` are in
`normalization.py`; groups use the same operation, on a reshaped array.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ...arrays import floating_dtype
from ...metadata import composed
from ...primitive import as_operand
from ..arithmetic import add, divide, multiply
from ..elementwise import sqrt
from ..plain import shape_of
from ..reduction import mean
from ..shape import reshape
from ..summing import single
from .normalization import _check_eps, _fitted, _layer_norm

__all__ = ["group_norm", "instance_norm", "rms_norm"]


def _of_groups(name: str, x: Any, groups: int, weight: Any, bias: Any, eps: float) -> Any:
    """Normalise groups of channels, and scale each channel."""
    shape = shape_of(x)
    channels, rest = shape[1], shape[2:]
    _check_eps(eps)
    size = channels // groups
    column = (groups, size, *(1,) * len(rest))
    weight = 1.0 if weight is None else weight
    bias = 0.0 if bias is None else bias
    weight = _fitted(name, "weight", weight, (channels,), column, shape)
    bias = _fitted(name, "bias", bias, (channels,), column, shape)
    grouped = reshape(x, (shape[0], groups, size, *rest))
    axes = tuple(range(2, len(shape) + 1))
    return reshape(_layer_norm(grouped, weight, bias, axes=axes, eps=eps), shape)


@composed("x", "weight", "bias")
@single
def group_norm(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, *, eps: float = 1e-5
) -> Any:
    """Each group of channels of each sample shifted and scaled to mean 0 and variance 1.

    Parameters
    ----------
    x : array_like, shape (N, channels, ...)
        A batch.
    num_groups : int
        The number of groups, which divides the number of channels.
    weight, bias : array_like, shape (channels,), optional
        Multiplied with, and then added to, the normalised channels.
    eps : float
        Added to the variance, so that a constant group is not divided by 0.

    Raises
    ------
    ValueError
        If shapes do not fit, or a group has no values.

    Notes
    -----
    Wu and He, "Group Normalization", 2018.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, group_norm
    >>> group_norm(Tensor([[1.0, 3.0, 10.0, 30.0]]), 2, eps=1e-12)
    Tensor([[-1.,  1., -1.,  1.]])
    """
    x, shape = as_operand("group_norm", x), shape_of(x)
    if len(shape) < 2 or 0 in shape[1:]:
        raise ValueError(f"group_norm: x of shape {shape}; expected (N, channels, ...), none of 0")
    is_count = isinstance(num_groups, int | np.integer)
    if not is_count or num_groups < 1 or shape[1] % num_groups:
        raise ValueError(
            f"group_norm: num_groups is {num_groups}; expected a whole number that divides the "
            f"{shape[1]} channels of x of shape {shape}"
        )
    return _of_groups("group_norm", x, int(num_groups), weight, bias, eps)


@composed("x", "weight", "bias")
@single
def instance_norm(x: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5) -> Any:
    """Each channel of each sample shifted and scaled to mean 0 and variance 1.

    Parameters
    ----------
    x : array_like, shape (N, channels, ...)
        A batch of sequences or images.
    weight, bias : array_like, shape (channels,), optional
        Multiplied with, and then added to, the normalised channels.
    eps : float
        Added to the variance, so that a constant channel is not divided by 0.

    Raises
    ------
    ValueError
        If shapes do not fit; if a channel has a single value, which would always become 0.

    Notes
    -----
    Ulyanov, Vedaldi and Lempitsky, "Instance Normalization: The Missing Ingredient for Fast
    Stylization", 2016.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, instance_norm
    >>> instance_norm(Tensor([[[1.0, 3.0], [10.0, 30.0]]]), eps=1e-12)
    Tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    x, shape = as_operand("instance_norm", x), shape_of(x)
    if len(shape) < 3 or not shape[1] or math.prod(shape[2:]) < 2:
        raise ValueError(
            f"instance_norm: x of shape {shape}; expected (N, channels, ...) with at least two "
            "values in each channel of a sample"
        )
    return _of_groups("instance_norm", x, shape[1], weight, bias, eps)


@composed("x", "weight")
@single
def rms_norm(
    x: Any, weight: Any = None, *, axis: int | tuple[int, ...] = -1, eps: float | None = None
) -> Any:
    """Each sample divided by the root of its mean square along some axes, the last by default.

    Parameters
    ----------
    x : array_like
        The samples.
    weight : array_like, optional
        Multiplied with the normalised values; of the shape that `x` has along `axis`.
    axis : int or tuple of int
        The axes to average along.
    eps : float, optional
        Added to the mean square, so that a sample of zeros is not divided by 0; by default the
        distance from 1 to the next number of the dtype, of float32 for float16.

    Raises
    ------
    ValueError
        If shapes do not fit, or there is nothing to average.

    Notes
    -----
    Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, rms_norm
    >>> rms_norm(Tensor([3.0, 4.0])).data.round(4)
    array([0.8485, 1.1314])
    """
    x, shape = as_operand("rms_norm", x), shape_of(x)
    axes = tuple(sorted(normalize_axis_tuple(axis, len(shape))))
    sizes = tuple(shape[i] for i in axes)
    if 0 in sizes or not sizes:
        raise ValueError(f"rms_norm: x of shape {shape} has nothing to average along {axis}")
    eps = float(np.finfo(floating_dtype(x)).eps) if eps is None else eps
    _check_eps(eps)
    out = divide(x, sqrt(add(mean(multiply(x, x), axis=axes, keepdims=True), eps)))
    if weight is None:
        return out
    stretched = tuple(n if i in axes else 1 for i, n in enumerate(shape) if i >= axes[0])
    return multiply(out, _fitted("rms_norm", "weight", weight, sizes, stretched, shape))
