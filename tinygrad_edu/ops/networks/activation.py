"""The functions that networks put between their layers, each stable for every finite input."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import as_floating, zeros_beside
from ...metadata import composed
from ...primitive import primitive
from ...tensor import Tensor
from ..arithmetic import add, divide, multiply, negative, power
from ..choosing import clip, where
from ..elementwise import expm1
from ..reduction import total
from ..special import erf, logaddexp, sigmoid
from ..summing import added_up, single
from ..trigonometric import tanh
from .mistakes import OF_SOFTMAX

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


@primitive(
    lambda g, out, x: g * np.greater(x, zeros_beside((), x.dtype)),
    formula="maximum(x, 0)",
    derivatives=("g * (x > 0)",),
    elementwise=True,
    kink=lambda x: x,
    activation=True,
)
def relu(x: Any, /) -> Any:
    """Larger of the value and 0, elementwise; its derivative at 0 is taken to be 0."""
    return np.maximum(x, zeros_beside(x.shape, x.dtype))


def _largest(x: Any, axis: int) -> Any:
    return np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)


@primitive(
    single(lambda g, out, x, axis=-1: out * (g - total(g * out, axis))),
    formula="exp(x) / sum(exp(x), axis=axis, keepdims=True)",
    derivatives=("out * (g - sum(g * out, axis=axis, keepdims=True))",),
    mistakes=OF_SOFTMAX,
)
@single
def softmax(x: Any, /, axis: int = -1) -> Any:
    """Exponentials along an axis, divided by their sum: positive numbers that add up to 1.

    Parameters
    ----------
    x : array_like
        Logits.
    axis : int
        Along which the results add up to 1.
    """
    x = as_floating(x)
    exponentials = np.exp(x - _largest(x, axis))
    return exponentials / added_up(exponentials, axis, True)


@primitive(
    single(lambda g, out, x, axis=-1: g - np.exp(out) * total(g, axis)),
    formula="x - log(sum(exp(x), axis=axis, keepdims=True))",
    derivatives=("g - exp(out) * sum(g, axis=axis, keepdims=True)",),
    applies="softmax",
)
@single
def log_softmax(x: Any, /, axis: int = -1) -> Any:
    """Logarithm of `softmax`, without its underflow."""
    x = as_floating(x)
    shifted = x - _largest(x, axis)
    return shifted - np.log(added_up(np.exp(shifted), axis, True)) if x.size else shifted


@composed("x", "negative_slope")
def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """The value where it is positive, and a small part of it elsewhere; at 0 the small slope.

    Where `negative_slope` is a tensor, gradients flow to it, as in a PReLU.
    """
    return where(np.greater(x, 0), x, multiply(x, negative_slope))


@composed("x", "alpha")
def elu(x: Any, alpha: Any = 1.0) -> Any:
    """The value where it is positive, and ``alpha * (exp(x) - 1)`` elsewhere.

    Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by Exponential
    Linear Units", 2016. At 0 the derivative is `alpha`, and
    gradients flow to `alpha` too, where it is a tensor.
    """
    is_positive = np.greater(x, 0)
    # The exponential is kept from the values that it is not for, where it could overflow.
    return where(is_positive, x, multiply(expm1(where(is_positive, 0, x)), alpha))


@composed("x")
def selu(x: Any) -> Any:
    """Scaled `elu`, which keeps activations near mean 0 and variance 1.

    The two numbers are those of Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    """
    return multiply(elu(x, alpha=1.6732632423543772), 1.0507009873554805)


@composed("x")
def silu(x: Any) -> Any:
    """The value times its `sigmoid`, also called swish."""
    return multiply(x, sigmoid(x))


@composed("x")
def gelu(x: Any, approximate: str = "none") -> Any:
    """The value times the probability that a standard normal number is smaller.

    Parameters
    ----------
    x : array_like
        The values.
    approximate : {"none", "tanh"}
        Exact, with `erf`, or the quicker approximation of Hendrycks and Gimpel, "Gaussian Error
        Linear Units", 2016.

    Raises
    ------
    ValueError
        For other approximations.
    """
    if approximate == "none":
        return multiply(multiply(x, 0.5), add(1, erf(multiply(x, 0.5**0.5))))
    if approximate != "tanh":
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    near = clip(x, -100, 100)  # tanh is ±1 long before, and the cube of a large number overflows
    cubic = add(near, multiply(power(near, 3.0), 0.044715))
    return multiply(multiply(x, 0.5), add(1, tanh(multiply(cubic, (2 / np.pi) ** 0.5))))


@composed("x", "beta")
def softplus(x: Any, beta: Any = 1.0) -> Any:
    """Smooth variant of `relu`, ``log(1 + exp(beta * x)) / beta``, without overflow.

    Gradients flow to `beta` too, where it is a tensor.
    """
    beta = beta if isinstance(beta, Tensor | np.ndarray) else float(beta)
    return divide(logaddexp(multiply(x, beta), 0), beta)


@composed("x")
def log_sigmoid(x: Any) -> Any:
    """Logarithm of `sigmoid`, without its underflow."""
    return negative(softplus(multiply(x, -1.0)))


@composed("x", "min_val", "max_val")
def hardtanh(x: Any, min_val: Any = -1.0, max_val: Any = 1.0) -> Any:
    """Values limited to an interval, as by `clip`; the derivative at its ends is 1."""
    return clip(x, min_val, max_val)
