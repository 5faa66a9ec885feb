"""The functions that networks put between their layers, each stable for every finite input."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive

__all__ = ["log_softmax", "relu", "sigmoid", "softmax"]


# Zeros of the usual dtypes: NumPy would convert a Python 0 at every call.
_ZEROS: dict[Any, Any] = {np.dtype(code): np.zeros((), code) for code in "efd"}


@primitive(
    lambda g, out, x: g * np.greater(x, _ZEROS.get(x.dtype, 0)),
    formula="maximum(x, 0)",
    derivatives=("g * (x > 0)",),
)
def relu(x: Any, /) -> Any:
    """Larger of the value and 0, elementwise; its derivative at 0 is taken to be 0."""
    return np.maximum(x, _ZEROS.get(x.dtype, 0))


@primitive(
    lambda g, out, x: g * (out * (1 - out)),
    symbol="σ",
    formula="1 / (1 + exp(-x))",
    derivatives=("g * out * (1 - out)",),
)
def sigmoid(x: Any, /) -> Any:
    """Logistic function ``1 / (1 + exp(-x))``, elementwise, without overflow."""
    decay = np.exp(np.minimum(x, -x))  # exp(-|x|): never above 1
    return np.where(np.greater_equal(x, 0), 1, decay) / (1 + decay)


@primitive(
    lambda g, out, x, axis=-1: out * (g - np.sum(g * out, axis=axis, keepdims=True)),
    formula="exp(x) / sum(exp(x), axis=axis, keepdims=True)",
    derivatives=("out * (g - sum(g * out, axis=axis, keepdims=True))",),
)
def softmax(x: Any, /, axis: int = -1) -> Any:
    """Exponentials along an axis, divided by their sum: positive numbers that add up to 1.

    Parameters
    ----------
    x : array_like
        Logits.
    axis : int
        Along which the results add up to 1.
    """
    exponentials = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


@primitive(
    lambda g, out, x, axis=-1: g - np.exp(out) * np.sum(g, axis=axis, keepdims=True),
    formula="x - log(sum(exp(x), axis=axis, keepdims=True))",
    derivatives=("g - exp(out) * sum(g, axis=axis, keepdims=True)",),
)
def log_softmax(x: Any, /, axis: int = -1) -> Any:
    """Logarithm of `softmax`, without its underflow."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
