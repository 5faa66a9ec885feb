"""Activation functions of networks, each stable for every finite input.

`sigmoid` is in `special.py`, `tanh` in `trigonometric.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays import as_floating
from ...facts import Recognition
from ...metadata import composed
from ...primitive import primitive
from ...tensor import Tensor
from ..arithmetic import divide, multiply, negative
from ..choosing import clip, where
from ..constants import counting, zeros_beside
from ..elementwise import expm1
from ..reduction import total
from ..special import erf, logaddexp, sigmoid
from ..summing import added_up, single
from .mistakes import OF_LOG_SOFTMAX, OF_SOFTMAX

__all__ = [
    "elu",
    "gelu",
    "hardtanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "selu",
    "silu",
    "softmax",
    "softplus",
]

_ELEMENTWISE = Recognition("elementwise")


@primitive(
    # The result is positive where x is; so a replay can write it over x.
    lambda g, out, x: g * np.greater(out, zeros_beside((), out.dtype)),
    formula="maximum(x, 0)",
    derivatives=("g * (x > 0)",),
    elementwise=True,
    kink=lambda x: x,
    activation=True,
)
def relu(x: Any, /) -> Any:
    """Larger of the value and 0, elementwise; its derivative at 0 is defined as 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, relu
    >>> x = Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    >>> y = relu(x)
    >>> y.data
    array([0., 0., 2.])
    >>> y.sum().backward()
    >>> x.grad
    array([0., 0., 1.])
    """
    return np.maximum(x, zeros_beside(x.shape, x.dtype, x.strides))


def _largest(x: Any, axis: int) -> Any:
    rows = x.shape[-1] if x.ndim else 0
    if axis not in (-1, x.ndim - 1) or not x.size or not x.flags.c_contiguous:
        return np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    # NumPy finds the place of the largest of a short row much quicker than its value.
    table = x.reshape(-1, rows)
    found = table.take(counting(len(table), rows) + table.argmax(axis=1))
    return found.reshape(*x.shape[:-1], 1)


@primitive(
    single(lambda g, out, x, axis=-1: out * (g - total(g * out, axis))),
    formula="exp(x) / sum(exp(x), axis=axis, keepdims=True)",
    derivatives=("out * (g - sum(g * out, axis=axis, keepdims=True))",),
    mistakes=OF_SOFTMAX,
    recognition=Recognition("axis", bounds=(0, 1), inverse=np.log),
)
@single
def softmax(x: Any, /, axis: int = -1) -> Any:
    """Exponentials along an axis, divided by their sum: positive numbers that add up to 1.

    Parameters
    ----------
    x : array_like
        Logits.
    axis : int
        The axis along which the results add up to 1.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, softmax
    >>> x = Tensor([0.0, 1.0, 2.0], requires_grad=True)
    >>> p = softmax(x)
    >>> p.data.round(4)
    array([0.09  , 0.2447, 0.6652])
    >>> p[2].backward()
    >>> x.grad.round(4)
    array([-0.0599, -0.1628,  0.2227])
    """
    x = as_floating(x)
    exponentials = np.exp(x - _largest(x, axis))
    return exponentials / added_up(exponentials, axis, True)


@primitive(
    single(lambda g, out, x, axis=-1: g - np.exp(out) * total(g, axis)),
    formula="x - log(sum(exp(x), axis=axis, keepdims=True))",
    derivatives=("g - exp(out) * sum(g, axis=axis, keepdims=True)",),
    applies="softmax",
    mistakes=OF_LOG_SOFTMAX,
    recognition=Recognition("axis", bounds=(-np.inf, 0), inverse=lambda out: out),
)
@single
def log_softmax(x: Any, /, axis: int = -1) -> Any:
    """Logarithm of `softmax`, without its underflow.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, log_softmax
    >>> log_softmax(Tensor([0.0, 1000.0]))
    Tensor([-1000.,     0.])
    """
    x = as_floating(x)
    shifted = x - _largest(x, axis)
    return shifted - np.log(added_up(np.exp(shifted), axis, True)) if x.size else shifted


@composed("x", "negative_slope", recognition=Recognition("elementwise", scales_negative=True))
def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """The value where it is positive, and `negative_slope` times the value elsewhere.

    At 0 the derivative is `negative_slope`. If that is a tensor, gradients flow to it, as in a
    PReLU.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, leaky_relu
    >>> x = Tensor([-2.0, 3.0], requires_grad=True)
    >>> y = leaky_relu(x)
    >>> y.data
    array([-0.02,  3.  ])
    >>> y.sum().backward()
    >>> x.grad
    array([0.01, 1.  ])
    """
    return where(np.greater(x, 0), x, multiply(x, negative_slope))


@composed("x", "alpha", recognition=Recognition("elementwise", scales_negative=True))
def elu(x: Any, alpha: Any = 1.0) -> Any:
    """The value where it is positive, and ``alpha * (exp(x) - 1)`` elsewhere.

    At 0 the derivative is `alpha`. If that is a tensor, gradients flow to it. Clevert, Unterthiner
    and Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2016.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, elu
    >>> elu(Tensor([-1.0, 0.0, 2.0])).data.round(4)
    array([-0.6321,  0.    ,  2.    ])
    """
    is_positive = np.greater(x, 0)
    # The exponential is computed only where it is used, because it could overflow elsewhere.
    return where(is_positive, x, multiply(expm1(where(is_positive, 0, x)), alpha))


@composed("x", recognition=_ELEMENTWISE)
def selu(x: Any) -> Any:
    """Scaled `elu`, which keeps activations near mean 0 and variance 1.

    Its two constants are those of Klambauer et al., "Self-Normalizing Neural Networks", 2017.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, selu
    >>> selu(Tensor([-1.0, 0.0, 2.0])).data.round(4)
    array([-1.1113,  0.    ,  2.1014])
    """
    return multiply(elu(x, alpha=1.6732632423543772), 1.0507009873554805)


def _silu_rule(g: Any, out: Any, x: Any, residual: Any = None) -> Any:
    share = sigmoid(x) if residual is None else residual
    return g * (share + out * (1 - share))


@primitive(
    single(_silu_rule),
    residual=True,
    formula="x * sigmoid(x)",
    derivatives=("g * (sigmoid(x) + out * (1 - sigmoid(x)))",),
    elementwise=True,
    domain=(),
    recognition=_ELEMENTWISE,
)
@single
def silu(x: Any, /) -> Any:
    """The value times its `sigmoid`, also called swish.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, silu
    >>> x = Tensor([-1.0, 0.0, 1.0], requires_grad=True)
    >>> y = silu(x)
    >>> y.data.round(4)
    array([-0.2689,  0.    ,  0.7311])
    >>> y.sum().backward()
    >>> x.grad.round(4)
    array([0.0723, 0.5   , 0.9277])
    """
    share = sigmoid(x)
    return x * share, share


# Beyond this, tanh is ±1 and the bell curve is 0, and squares and cubes of larger numbers overflow.
_FAR = 100.0
_CUBIC, _STEEPNESS = 0.044715, (2 / math.pi) ** 0.5


def _share_below(x: Any, approximate: str) -> Any:
    """Return the probability that a standard normal number is smaller, for each element."""
    if approximate == "none":
        share = erf(x * 0.5**0.5)
    else:
        near = np.clip(x, -_FAR, _FAR)
        share = np.tanh(near * (_STEEPNESS + _STEEPNESS * _CUBIC * near * near))
    return share * 0.5 + 0.5


def _gelu_rule(g: Any, out: Any, x: Any, approximate: str = "none", residual: Any = None) -> Any:
    share = _share_below(x, approximate) if residual is None else residual
    near = np.clip(x, -_FAR, _FAR)
    square = near * near
    if approximate == "none":
        slope = np.exp(square * -0.5) * (2 * math.pi) ** -0.5
    else:  # the derivative of tanh, in terms of (1 + tanh) / 2
        slope = share * (1 - share) * (2 * _STEEPNESS + 6 * _STEEPNESS * _CUBIC * square)
    return g * (share + near * slope)


@primitive(
    single(_gelu_rule),
    residual=True,
    analytic=False,
    formula="x * (1 + erf(x / sqrt(2))) / 2",
    derivatives=("g * ((1 + erf(x / sqrt(2))) / 2 + x * exp(-(x**2) / 2) / sqrt(2 * pi))",),
    elementwise=True,
    domain=(),
    recognition=Recognition("elementwise", variants=({"approximate": "tanh"},)),
)
@single
def gelu(x: Any, /, approximate: str = "none") -> Any:
    """The value times the probability that a standard normal number is smaller.

    Parameters
    ----------
    x : array_like
        The values.
    approximate : {"none", "tanh"}
        Exact, with `erf`, or the quicker approximation of Hendrycks and Gimpel, "Gaussian Error
        Linear Units", 2016: ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))``.

    Raises
    ------
    ValueError
        If `approximate` is another word.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, gelu
    >>> gelu(Tensor([-1.0, 0.0, 1.0])).data.round(4)
    array([-0.1587,  0.    ,  0.8413])
    >>> gelu(Tensor([-1.0, 0.0, 1.0]), approximate="tanh").data.round(4)
    array([-0.1588,  0.    ,  0.8412])
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    share = _share_below(x, approximate)
    return x * share, share


@composed("x", "beta", recognition=_ELEMENTWISE)
def softplus(x: Any, beta: Any = 1.0) -> Any:
    """Smooth variant of `relu`, ``log(1 + exp(beta * x)) / beta``, without overflow.

    If `beta` is a tensor, gradients flow to it.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, softplus
    >>> x = Tensor([-50.0, 0.0, 50.0], requires_grad=True)
    >>> y = softplus(x)
    >>> y.data.round(4)
    array([ 0.    ,  0.6931, 50.    ])
    >>> y.sum().backward()
    >>> x.grad.round(4)
    array([0. , 0.5, 1. ])
    """
    beta = beta if isinstance(beta, Tensor | np.ndarray) else float(beta)
    return divide(logaddexp(multiply(x, beta), 0), beta)


@composed("x", recognition=_ELEMENTWISE)
def log_sigmoid(x: Any) -> Any:
    """Logarithm of `sigmoid`, without its underflow.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, log_sigmoid
    >>> log_sigmoid(Tensor(-1000.0))
    Tensor(-1000.)
    """
    return negative(softplus(multiply(x, -1.0)))


@composed("x", "min_val", "max_val", recognition=_ELEMENTWISE)
def hardtanh(x: Any, min_val: Any = -1.0, max_val: Any = 1.0) -> Any:
    """Values limited to an interval, as by `clip`; the derivative at its ends is 1.

    Parameters
    ----------
    x : array_like
        The values.
    min_val, max_val : array_like
        The ends. Gradients flow to those that are tensors.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hardtanh
    >>> x = Tensor([-2.0, 0.5, 1.0], requires_grad=True)
    >>> y = hardtanh(x)
    >>> y.data
    array([-1. ,  0.5,  1. ])
    >>> y.sum().backward()
    >>> x.grad
    array([0., 1., 1.])
    """
    return clip(x, min_val, max_val)
