"""Activation functions of straight or parabolic pieces, composed of a few operations.

`relu`, `leaky_relu` and `hardtanh` are in `activation.py`, smooth functions in `gating.py`. At a
kink the derivative is 0 where one of the two slopes is 0, as in PyTorch.
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
    """Values limited to 0..6, elementwise; the derivative at both ends is 0.

    Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10", 2010.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, relu6
    >>> x = Tensor([-1.0, 2.0, 6.0, 9.0], requires_grad=True)
    >>> y = relu6(x)
    >>> y.data
    array([0., 2., 6., 6.])
    >>> y.sum().backward()
    >>> x.grad
    array([0., 1., 0., 0.])
    """
    return where(np.greater_equal(x, 6), 6.0, relu(x))


@composed("x")
def hardsigmoid(x: Any) -> Any:
    """Straight variant of `sigmoid`: 0 up to -3, 1 from 3 on, and ``x / 6 + 1 / 2`` between.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hardsigmoid
    >>> hardsigmoid(Tensor([-4.0, 0.0, 1.5, 4.0]))
    Tensor([0.  , 0.5 , 0.75, 1.  ])
    """
    return divide(relu6(add(x, 3.0)), 6.0)


@composed("x")
def hardswish(x: Any) -> Any:
    """The value times its `hardsigmoid`: a variant of `silu` without an exponential.

    Howard et al., "Searching for MobileNetV3", 2019.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hardswish
    >>> hardswish(Tensor([-4.0, 0.0, 3.0])).tolist()
    [-0.0, 0.0, 3.0]
    """
    return multiply(x, hardsigmoid(x))


@composed("x", "weight")
def prelu(x: Any, weight: Any) -> Any:
    """The value where it is positive, and a learned slope times the value elsewhere.

    Parameters
    ----------
    x : array_like, shape (N, channels, ...) or (N,)
        The values.
    weight : array_like, shape (channels,), (1,) or ()
        The slope of each channel, or one slope for all.

    Raises
    ------
    ValueError
        If there is not one slope, and not one for each channel.

    Notes
    -----
    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, prelu
    >>> slope = Tensor([0.25], requires_grad=True)
    >>> y = prelu(Tensor([-2.0, 3.0]), slope)
    >>> y.data
    array([-0.5,  3. ])
    >>> y.sum().backward()
    >>> slope.grad
    array([-2.])
    """
    shape, given = shape_of(x), shape_of(weight)
    if given not in ((), (1,)):
        channels = shape[1] if len(shape) > 1 else 1
        if given != (channels,):
            raise ValueError(
                f"prelu: weight of shape {given} for x of shape {shape}; expected ({channels},), "
                "one slope for each channel, or (1,), one for all"
            )
        weight = reshape(weight, (channels, *(1,) * (len(shape) - 2)))
    elif given and not shape:  # a number stays a number
        weight = reshape(weight, ())
    return where(np.greater(x, 0), x, multiply(x, weight))


@composed("x", "value")
def threshold(x: Any, threshold: float, value: Any) -> Any:
    """Values above a threshold, and another number instead of all others.

    Parameters
    ----------
    x : array_like
        The values.
    threshold : float
        The largest value that is replaced.
    value : number or tensor
        What replaces it. Gradients flow to a tensor.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, threshold
    >>> threshold(Tensor([0.5, 1.0, 2.0]), 1.0, 0.0)
    Tensor([0., 0., 2.])
    """
    return where(np.less_equal(x, threshold), value, x)


@composed("x")
def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    """Values further from 0 than `lambd`, and 0 for all others.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hardshrink
    >>> hardshrink(Tensor([-1.0, 0.3, 0.5, 2.0]))
    Tensor([-1.,  0.,  0.,  2.])
    """
    return where(np.less_equal(x, lambd) & np.greater_equal(x, -lambd), 0.0, x)


@composed("x", "lambd")
def softshrink(x: Any, lambd: Any = 0.5) -> Any:
    """Values moved towards 0 by `lambd`, and 0 for those that are closer than that.

    Parameters
    ----------
    x : array_like
        The values.
    lambd : number or tensor
        By how much, 0 or more. Gradients flow to a tensor.

    Raises
    ------
    ValueError
        If `lambd` is negative.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, softshrink
    >>> softshrink(Tensor([-1.0, 0.3, 0.5, 2.0]))
    Tensor([-0.5,  0. ,  0. ,  1.5])
    """
    if not np.all(np.greater_equal(lambd, 0)):
        raise ValueError(f"softshrink: lambd is {lambd}; expected 0 or more")
    return subtract(x, clip(x, -lambd, lambd))
