"""Activations that are made of straight lines: cheap to compute, with a kink where lines meet.

`relu`, `leaky_relu` and `hardtanh` are in `activation.py`. At a kink the derivative is that of the
flat side, except where a docstring says otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...metadata import composed
from ..arithmetic import add, divide, multiply, subtract
from ..choosing import clip, where
from ..plain import shape_of
from ..shape import reshape
from .activation import relu

__all__ = [
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "prelu",
    "relu6",
    "softshrink",
    "threshold",
]


@composed("x")
def relu6(x: Any) -> Any:
    """Values limited to 0..6; the derivative at both ends is 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, relu6
    >>> x = Tensor([-1.0, 2.0, 8.0], requires_grad=True)
    >>> y = relu6(x)
    >>> y.data
    array([0., 2., 6.])
    >>> y.sum().backward()
    >>> x.grad
    array([0., 1., 0.])
    """
    return where(np.greater_equal(x, 6), 6.0, relu(x))


@composed("x")
def hardsigmoid(x: Any) -> Any:
    """Piecewise linear `sigmoid`: ``x / 6 + 1 / 2``, limited to 0..1.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hardsigmoid
    >>> hardsigmoid(Tensor([-4.0, 0.0, 1.5, 4.0]))
    Tensor([0.  , 0.5 , 0.75, 1.  ])
    """
    return divide(relu6(add(x, 3.0)), 6.0)


@composed("x")
def hardswish(x: Any) -> Any:
    """The value times its `hardsigmoid`, which approximates `silu`.

    Howard et al., "Searching for MobileNetV3", 2019.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hardswish
    >>> hardswish(Tensor([0.0, 1.5, 3.0, 4.0]))
    Tensor([0.   , 1.125, 3.   , 4.   ])
    """
    return multiply(x, hardsigmoid(x))


def _check_width(name: str, lambd: Any) -> None:
    if not np.greater_equal(lambd, 0).all():
        raise ValueError(f"{name}: lambd is {lambd}; expected a number >= 0")


@composed("x")
def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    """The value if it is farther from 0 than `lambd`, and 0 otherwise.

    Parameters
    ----------
    x : array_like
        The values.
    lambd : float
        Half the width of the interval that becomes 0.

    Raises
    ------
    ValueError
        If `lambd` is negative.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hardshrink
    >>> hardshrink(Tensor([-2.0, 0.25, 1.0]))
    Tensor([-2.,  0.,  1.])
    """
    _check_width("hardshrink", lambd)
    return where(np.less_equal(x, lambd) & np.greater_equal(x, -lambd), 0.0, x)


@composed("x")
def softshrink(x: Any, lambd: float = 0.5) -> Any:
    """The value moved towards 0 by `lambd`, and 0 if it is nearer than that.

    Parameters
    ----------
    x : array_like
        The values.
    lambd : float
        The distance.

    Raises
    ------
    ValueError
        If `lambd` is negative.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, softshrink
    >>> softshrink(Tensor([-2.0, 0.25, 1.0]))
    Tensor([-1.5,  0. ,  0.5])
    """
    _check_width("softshrink", lambd)
    return subtract(x, clip(x, -lambd, lambd))


@composed("x", "value")
def threshold(x: Any, threshold: float, value: Any) -> Any:
    """The value if it is above a threshold, and a replacement otherwise.

    Parameters
    ----------
    x : array_like
        The values.
    threshold : float
        Larger values are kept; so is nan.
    value : array_like
        Replaces the others. Gradients flow to a tensor.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, threshold
    >>> threshold(Tensor([0.5, 1.0, 2.0]), 1.0, -3.0)
    Tensor([-3., -3.,  2.])
    """
    return where(np.less_equal(x, threshold), value, x)


@composed("x", "weight")
def prelu(x: Any, weight: Any) -> Any:
    """The value where it is positive, and a trained multiple of the value elsewhere.

    At 0 the derivative is the weight. He et al., "Delving Deep into Rectifiers", 2015.

    Parameters
    ----------
    x : array_like, shape (N, channels, ...)
        The values. With a single weight, any shape.
    weight : array_like, shape (channels,) or (1,) or ()
        The factor of each channel, or of all.

    Raises
    ------
    ValueError
        If there is not one weight, or one for each channel.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, prelu
    >>> weight = Tensor([0.5], requires_grad=True)
    >>> y = prelu([-2.0, 3.0], weight)
    >>> y.data
    array([-1.,  3.])
    >>> y.sum().backward()
    >>> weight.grad
    array([-2.])
    """
    shape, slopes = shape_of(x), shape_of(weight)
    if slopes in ((), (1,)):
        weight = reshape(weight, ())
    elif len(shape) < 2 or slopes != shape[1:2]:
        expected = f"(1,) or ({shape[1]},)" if len(shape) > 1 else "(1,)"
        raise ValueError(
            f"prelu: weight of shape {slopes} for x of shape {shape}; expected {expected}, one for "
            "all or one for each channel"
        )
    else:
        weight = reshape(weight, (*slopes, *(1,) * (len(shape) - 2)))
    is_positive = np.greater(x, 0)
    # No product where it is not used: an infinite value would send 0 times infinity to the weight.
    return where(is_positive, x, multiply(where(is_positive, 0, x), weight))
