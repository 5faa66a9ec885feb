"""Smooth activations besides the usual ones, and gates.

`gelu`, `silu`, `elu`, `softplus` and their like are in `activation.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...metadata import composed
from ...primitive import as_operand
from ..arithmetic import add, divide, multiply, subtract
from ..choosing import absolute, where
from ..elementwise import expm1
from ..plain import shape_of
from ..rearranging import split
from ..special import sigmoid
from ..summing import axes_of, single
from ..trigonometric import tanh
from .activation import softplus

__all__ = ["celu", "glu", "mish", "quick_gelu", "softsign", "tanhshrink"]


@composed("x", "alpha")
@single
def celu(x: Any, alpha: Any = 1.0) -> Any:
    """The value where it is positive, and ``alpha * (exp(x / alpha) - 1)`` elsewhere.

    Unlike that of `elu`, its derivative is continuous at 0, where it is 1, for every `alpha`. If
    that is a tensor, gradients flow to it. Barron, "Continuously Differentiable Exponential Linear
    Units", 2017.

    Raises
    ------
    ValueError
        If `alpha` is 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, celu
    >>> celu(Tensor([-1.0, 0.0, 2.0]), alpha=0.5).data.round(4)
    array([-0.4323,  0.    ,  2.    ])
    """
    if np.any(np.equal(alpha, 0)):
        raise ValueError("celu: alpha is 0; expected another number, such as 1.0")
    is_positive = np.greater(x, 0)
    # The exponential is computed only where it is used, because it could overflow elsewhere.
    power = divide(where(is_positive, 0, x), alpha)
    return where(is_positive, x, multiply(expm1(power), alpha))


@composed("x")
def softsign(x: Any) -> Any:
    """The value divided by one more than its absolute value: a slower `tanh`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, softsign
    >>> softsign(Tensor([-1.0, 0.0, 3.0]))
    Tensor([-0.5 ,  0.  ,  0.75])
    """
    return divide(x, add(absolute(x), 1))


@composed("x")
@single
def mish(x: Any) -> Any:
    """The value times the `tanh` of its `softplus`.

    Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", 2020.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, mish
    >>> mish(Tensor([-1.0, 0.0, 1.0])).data.round(4)
    array([-0.3034,  0.    ,  0.8651])
    """
    return multiply(x, tanh(softplus(x)))


@composed("x")
@single
def quick_gelu(x: Any) -> Any:
    """The value times ``sigmoid(1.702 * x)``, a rough and quick `gelu`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, quick_gelu
    >>> quick_gelu(Tensor([-1.0, 0.0, 1.0])).data.round(4)
    array([-0.1542,  0.    ,  0.8458])
    """
    return multiply(x, sigmoid(multiply(x, 1.702)))


@composed("x")
@single
def tanhshrink(x: Any) -> Any:
    """The value minus its `tanh`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, tanhshrink
    >>> tanhshrink(Tensor([-1.0, 0.0, 1.0])).data.round(4)
    array([-0.2384,  0.    ,  0.2384])
    """
    return subtract(x, tanh(x))


@composed("x")
def glu(x: Any, axis: int = -1) -> Any:
    """First half of the values times the `sigmoid` of the second half: a gated linear unit.

    Dauphin et al., "Language Modeling with Gated Convolutional Networks", 2017.

    Parameters
    ----------
    x : array_like
        The values, an even number of them along `axis`.
    axis : int
        The axis that is halved.

    Raises
    ------
    ValueError
        If there is no axis, or the number of values is odd.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, glu
    >>> glu(Tensor([4.0, 6.0, 0.0, 0.0]))
    Tensor([2., 3.])
    """
    x = as_operand("glu", x)
    shape = shape_of(x)
    if not shape or shape[axes_of(len(shape), axis)[0]] % 2:
        raise ValueError(
            f"glu: x of shape {shape}; expected an even number of values along axis {axis}"
        )
    values, gates = split(x, 2, axis)
    return multiply(values, sigmoid(gates))
