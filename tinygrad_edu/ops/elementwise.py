"""Exponentials, logarithms and roots, element by element; and conversion to another dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..arrays import dtype_of
from ..facts import Pitfall
from ..metadata import composed
from ..primitive import primitive
from ..tensor import Tensor
from .domains import EXPONENTIAL, EXPONENTIAL_2, LOGARITHM, ROOT, STEEP

__all__ = [
    "astype",
    "cbrt",
    "copy",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "positive",
    "sqrt",
]


_LOG_2, _LOG_10 = math.log(2), math.log(10)


@primitive(
    lambda g, out, x: g * out,
    formula="exp(x)",
    derivatives=("g * out",),
    elementwise=True,
    domain=EXPONENTIAL,
)
def exp(x: Any, /) -> Any:
    """Exponential, elementwise."""
    return np.exp(x)


@primitive(
    lambda g, out, x: g * (out * _LOG_2),
    formula="2**x",
    derivatives=("g * out * log(2)",),
    elementwise=True,
    domain=EXPONENTIAL_2,
)
def exp2(x: Any, /) -> Any:
    """Two to the power of the operand, elementwise."""
    return np.exp2(x)


@primitive(
    lambda g, out, x: g * (out + 1),
    formula="expm1(x)",
    derivatives=("g * (out + 1)",),
    elementwise=True,
    domain=EXPONENTIAL,
)
def expm1(x: Any, /) -> Any:
    """Exponential minus 1, elementwise, exact near 0."""
    return np.expm1(x)


@primitive(
    lambda g, out, x: g / x,
    formula="log(x)",
    derivatives=("g / x",),
    elementwise=True,
    domain=LOGARITHM,
)
def log(x: Any, /) -> Any:
    """Natural logarithm, elementwise; at 0 its derivative is infinite."""
    return np.log(x)


@primitive(
    lambda g, out, x: g / (x * _LOG_2),
    formula="log2(x)",
    derivatives=("g / (x * log(2))",),
    elementwise=True,
    domain=LOGARITHM,
)
def log2(x: Any, /) -> Any:
    """Logarithm to base 2, elementwise; at 0 its derivative is infinite."""
    return np.log2(x)


@primitive(
    lambda g, out, x: g / (x * _LOG_10),
    formula="log10(x)",
    derivatives=("g / (x * log(10))",),
    elementwise=True,
    domain=LOGARITHM,
)
def log10(x: Any, /) -> Any:
    """Logarithm to base 10, elementwise; at 0 its derivative is infinite."""
    return np.log10(x)


@primitive(
    lambda g, out, x: g / (1 + x),
    formula="log1p(x)",
    derivatives=("g / (1 + x)",),
    elementwise=True,
    domain=(
        Pitfall(
            lambda x: x < -1, "the logarithm of a number below -1", "keep its operand positive"
        ),
        Pitfall(lambda x: x == -1, "log1p at -1, the logarithm of 0", "keep its operand above -1"),
    ),
)
def log1p(x: Any, /) -> Any:
    """Logarithm of 1 plus the operand, elementwise, exact near 0."""
    return np.log1p(x)


@primitive(
    lambda g, out, x: g / (2 * out),
    symbol="√",
    formula="sqrt(x)",
    derivatives=("g / (2 * out)",),
    elementwise=True,
    domain=ROOT,
)
def sqrt(x: Any, /) -> Any:
    """Square root, elementwise; at 0 its derivative is infinite."""
    return np.sqrt(x)


@primitive(
    lambda g, out, x: g / (3 * out * out),
    analytic=False,
    symbol="∛",
    formula="cbrt(x)",
    derivatives=("g / (3 * out**2)",),
    elementwise=True,
    domain=(Pitfall(lambda x: x == 0, STEEP, "keep its operand away from 0", gradient=0),),
)
def cbrt(x: Any, /) -> Any:
    """Cube root, elementwise, of negative numbers too; at 0 its derivative is infinite."""
    return np.cbrt(x)


@primitive(
    lambda g, out, x, dtype: g.astype(x.dtype),
    analytic=False,
    formula="astype(x, dtype)",
    derivatives=("g",),
    elementwise=True,
    carries=True,
    domain=(),
)
def _astype(x: Any, /, dtype: DTypeLike) -> Any:
    return x.astype(dtype)


@composed("x")
def astype(x: Any, dtype: DTypeLike) -> Any:
    """Convert to another dtype.

    Gradients flow between floating dtypes, each in the dtype of its own tensor; a conversion to
    integers or booleans is a constant.

    Raises
    ------
    TypeError
        For dtypes that are not of real numbers.
    """
    kind = np.dtype(dtype).kind
    if kind == "c" and dtype_of(x).kind != "c":
        raise TypeError("complex is not supported; use the real and imaginary parts")
    if kind not in "fiubc":
        raise TypeError(f"a Tensor holds numbers, which dtype {np.dtype(dtype)} does not stand for")
    return _astype(x if kind in "fc" or not isinstance(x, Tensor) else x.detach(), dtype=dtype)


@primitive(
    lambda g, out, x: g,
    formula="copy(x)",
    derivatives=("g",),
    elementwise=True,
    carries=True,
)
def copy(x: Any, /) -> Any:
    """Same elements, as a result of its own that gradients flow through."""
    return np.copy(x)


positive = copy
