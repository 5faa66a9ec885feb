"""Smooth activation functions and gates, composed of a few operations.

The common ones, such as `gelu` and `silu`, are in `activation.py`; those of straight pieces are in
`rectifiers.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...facts import Recognition
from ...metadata import composed
from ..arithmetic import add, divide, multiply, subtract
from ..choosing import absolute, where
from ..elementwise import expm1
from ..plain import shape_of
from ..rearranging import split
from ..special import sigmoid
from ..trigonometric import tanh
from .activation import softplus

__all__ = ["celu", "glu", "mish", "quick_gelu", "softsign", "tanhshrink"]

_ELEMENTWISE = Recognition("elementwise")


@composed("x", "alpha")
def celu(x: Any, alpha: Any = 1.0) -> Any:
    """The value where it is positive, and ``alpha * (exp(x / alpha) - 1)`` elsewhere.

    Unlike that of `elu`, its derivative is continuous for every `alpha`. Barron, "Continuously
    Differentiable Exponential Linear Units", 2017.

    Parameters
    ----------
    x : array_like
        The values.
    alpha : number or tensor
        The size of the limit for large negative values; gradients flow to a tensor.

    Raises
    ------
    ValueError
        If `alpha` is 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, celu
    >>> celu(Tensor([-1.0, 0.0, 2.0]), 0.5).data.round(4)
    array([-0.4323,  0.    ,  2.    ])
    """
    if np.any(np.equal(alpha, 0)):
        raise ValueError(f"celu: alpha is {alpha}; expected a number other than 0")
    is_positive = np.greater(x, 0)
    # The exponential is computed only where it is used, because it could overflow elsewhere.
    return where(is_positive, x, multiply(expm1(divide(where(is_positive, 0, x), alpha)), alpha))


@composed("x", recognition=_ELEMENTWISE)
def softsign(x: Any) -> Any:
    """The value divided by 1 plus its size: between -1 and 1, as for `tanh`, but approached slowly.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, softsign
    >>> softsign(Tensor([-1.0, 0.0, 3.0]))
    Tensor([-0.5 ,  0.  ,  0.75])
    """
    return divide(x, add(absolute(x), 1.0))


@composed("x", recognition=_ELEMENTWISE)
def mish(x: Any) -> Any:
    """The value times `tanh` of its `softplus`.

    Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", 2019.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, mish
    >>> mish(Tensor([-1.0, 0.0, 1.0])).data.round(4)
    array([-0.3034,  0.    ,  0.8651])
    """
    return multiply(x, tanh(softplus(x)))


@composed("x", recognition=_ELEMENTWISE)
def quick_gelu(x: Any) -> Any:
    """Approximation of `gelu` by a sigmoid: ``x * sigmoid(1.702 * x)``.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, quick_gelu
    >>> quick_gelu(Tensor([-1.0, 0.0, 1.0])).data.round(4)
    array([-0.1542,  0.    ,  0.8458])
    """
    return multiply(x, sigmoid(multiply(x, 1.702)))


@composed("x")
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
    """Gated linear unit: the first half along an axis, times the `sigmoid` of the second half.

    Dauphin et al., "Language Modeling with Gated Convolutional Networks", 2017.

    Parameters
    ----------
    x : array_like
        The values, and the gates behind them.
    axis : int
        The axis, of even size.

    Raises
    ------
    ValueError
        If the size of the axis is odd.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, glu
    >>> glu(Tensor([2.0, 4.0, 0.0, 0.0]))
    Tensor([1., 2.])
    """
    shape = shape_of(x)
    size = shape[normalize_axis_index(axis, len(shape))]
    if size % 2:
        raise ValueError(
            f"glu: x of shape {shape} has {size} elements along axis {axis}; expected an even "
            "number, half of them gates"
        )
    values, gates = split(x, 2, axis)
    return multiply(values, sigmoid(gates))
