"""Normalisation over groups of channels, over each channel of an image, and by the size alone.

`batch_norm` and `layer_norm`, which they are composed of where possible, are in `normalization.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ...arrays import floating_dtype
from ...metadata import composed
from ..arithmetic import add, divide, multiply, square
from ..elementwise import sqrt
from ..plain import shape_of
from ..reduction import mean
from ..shape import reshape
from ..summing import single
from .normalization import layer_norm

__all__ = ["group_norm", "instance_norm", "rms_norm"]


def _by_channel(name: str, x: Any, of: tuple[int, ...], weight: Any, bias: Any) -> Any:
    """Multiply each channel by a weight, and add a bias."""
    column = (of[1], *(1,) * (len(of) - 2))
    for what, values in (("weight", weight), ("bias", bias)):
        if values is not None and shape_of(values) != of[1:2]:
            raise ValueError(
                f"{name}: {what} of shape {shape_of(values)} for x of shape {of}; expected "
                f"{of[1:2]}, one number for each channel"
            )
    if weight is not None:
        x = multiply(x, reshape(weight, column))
    return x if bias is None else add(x, reshape(bias, column))


@composed("x", "weight", "bias")
@single
def group_norm(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Each sample shifted and scaled to mean 0 and variance 1 over groups of its channels.

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
        If shapes do not fit, or a group has no elements.

    Notes
    -----
    Wu and He, "Group Normalization", 2018.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, group_norm
    >>> group_norm(Tensor([[1.0, 3.0, 10.0, 30.0]]), 2, eps=1e-12)
    Tensor([[-1.,  1., -1.,  1.]])
    """
    shape = shape_of(x)
    if len(shape) < 2:
        raise ValueError(f"group_norm: x of shape {shape}; expected (N, channels, ...)")
    if not isinstance(num_groups, int | np.integer) or num_groups < 1 or shape[1] % num_groups:
        raise ValueError(
            f"group_norm: num_groups is {num_groups} for x of shape {shape}; expected a number "
            f"that divides the {shape[1]} channels"
        )
    size = math.prod(shape[1:]) // int(num_groups)
    if not size:
        raise ValueError(f"group_norm: x of shape {shape} has nothing to average in a group")
    groups = reshape(x, (shape[0], int(num_groups), size))
    return _by_channel(
        "group_norm", reshape(layer_norm(groups, eps=eps), shape), shape, weight, bias
    )


@composed("x", "weight", "bias")
@single
def instance_norm(x: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5) -> Any:
    """Each channel of each sample shifted and scaled to mean 0 and variance 1.

    Parameters
    ----------
    x : array_like, shape (N, channels, ...)
        A batch of sequences, images or volumes.
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
    Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, instance_norm
    >>> instance_norm(Tensor([[[1.0, 3.0], [10.0, 30.0]]]), eps=1e-12)
    Tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    shape = shape_of(x)
    if len(shape) < 3 or math.prod(shape[2:]) < 2:
        raise ValueError(
            f"instance_norm: x of shape {shape}; expected (N, channels, ...) with at least two "
            "values in each channel"
        )
    normalised = layer_norm(reshape(x, (*shape[:2], math.prod(shape[2:]))), eps=eps)
    return _by_channel("instance_norm", reshape(normalised, shape), shape, weight, bias)


@composed("x", "weight")
@single
def rms_norm(
    x: Any,
    weight: Any = None,
    *,
    axis: int | tuple[int, ...] = -1,
    eps: float | None = None,
) -> Any:
    """Each sample divided by its root mean square along some axes, the last by default.

    Unlike `layer_norm` it does not subtract the mean.

    Parameters
    ----------
    x : array_like
        The samples.
    weight : array_like, optional
        Multiplied with the result; of the shape that `x` has along `axis`.
    axis : int or tuple of int
        The axes to average along.
    eps : float, optional
        Added to the mean square, so that a sample of zeros is not divided by 0; by default the
        rounding error of 1 in the dtype of `x`, as in PyTorch.

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
    >>> rms_norm(Tensor([[1.0, 7.0], [10.0, 70.0]])).data.round(4)
    array([[0.2, 1.4],
           [0.2, 1.4]])
    """
    shape = shape_of(x)
    axes = tuple(sorted(normalize_axis_tuple(axis, len(shape))))
    sizes = tuple(shape[i] for i in axes)
    if 0 in sizes:
        raise ValueError(f"rms_norm: x of shape {shape} has nothing to average along {axis}")
    if eps is None:
        eps = float(np.finfo(floating_dtype(x)).eps)
    if not eps > 0:
        raise ValueError(f"eps is {eps}; expected a small positive number")
    result = divide(x, sqrt(add(mean(square(x), axis=axes, keepdims=True), eps)))
    if weight is None:
        return result
    if shape_of(weight) != sizes:
        raise ValueError(
            f"rms_norm: weight of shape {shape_of(weight)} for x of shape {shape}; expected {sizes}"
        )
    stretched = [n if i in axes else 1 for i, n in enumerate(shape)]
    return multiply(result, reshape(weight, stretched))
