"""Functions of one operand, element by element; activations have a file of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..primitive import primitive
from ..tensor import Tensor

__all__ = ["astype", "exp", "log", "sqrt", "tanh"]


@primitive(lambda g, out, x: g * out, formula="exp(x)", derivatives=("g * out",))
def exp(x: Any, /) -> Any:
    """Exponential, elementwise."""
    return np.exp(x)


@primitive(lambda g, out, x: g / x, formula="log(x)", derivatives=("g / x",))
def log(x: Any, /) -> Any:
    """Natural logarithm, elementwise; at 0 its derivative is infinite."""
    return np.log(x)


@primitive(
    lambda g, out, x: g / (2 * out),
    symbol="√",
    formula="sqrt(x)",
    derivatives=("g / (2 * out)",),
)
def sqrt(x: Any, /) -> Any:
    """Square root, elementwise; at 0 its derivative is infinite."""
    return np.sqrt(x)


@primitive(
    lambda g, out, x: g * (1 - out * out), formula="tanh(x)", derivatives=("g * (1 - out**2)",)
)
def tanh(x: Any, /) -> Any:
    """Hyperbolic tangent, elementwise."""
    return np.tanh(x)


@primitive(
    lambda g, out, x, dtype: g.astype(x.dtype),
    analytic=False,
    formula="astype(x, dtype)",
    derivatives=("g",),
)
def _astype(x: Any, /, dtype: DTypeLike) -> Any:
    return x.astype(dtype)


def astype(x: Any, dtype: DTypeLike) -> Any:
    """Convert to another dtype.

    Gradients flow between floating dtypes, each in the dtype of its own tensor; a conversion to
    integers or booleans is a constant.

    Raises
    ------
    TypeError
        For complex dtypes.
    """
    kind = np.dtype(dtype).kind
    if kind == "c" and np.result_type(x).kind != "c":
        raise TypeError("complex is not supported; use the real and imaginary parts")
    return _astype(x if kind in "fc" or not isinstance(x, Tensor) else x.detach(), dtype=dtype)
