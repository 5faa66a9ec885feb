"""Arithmetic on two operands, which broadcast as NumPy has it, and on one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..facts import Mistake
from ..leaving import values_of
from ..metadata import composed
from ..primitive import primitive
from .domains import DIFFERENCE, POWER, PRODUCT, QUOTIENT, SUM

__all__ = [
    "add",
    "divide",
    "float_power",
    "mod",
    "multiply",
    "negative",
    "pow",
    "power",
    "reciprocal",
    "remainder",
    "square",
    "subtract",
    "true_divide",
]


@primitive(
    lambda g, out, x, y: g,
    lambda g, out, x, y: g,
    broadcasts=True,
    symbol="+",
    formula="x + y",
    derivatives=("g", "g"),
    elementwise=True,
    commutes=True,
    domain=SUM,
)
def add(x: Any, y: Any, /) -> Any:
    """Sum of two operands, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, add
    >>> add(Tensor([1.0, 2.0]), 1)
    Tensor([2., 3.])
    """
    return x + y


@primitive(
    lambda g, out, x, y: g,
    lambda g, out, x, y: -g,
    broadcasts=True,
    symbol="−",
    formula="x - y",
    derivatives=("g", "-g"),
    elementwise=True,
    domain=DIFFERENCE,
)
def subtract(x: Any, y: Any, /) -> Any:
    """Difference of two operands, elementwise."""
    return x - y


@primitive(
    lambda g, out, x, y: g * y,
    lambda g, out, x, y: g * x,
    broadcasts=True,
    symbol="×",
    formula="x * y",
    derivatives=("g * y", "g * x"),
    elementwise=True,
    commutes=True,
    domain=PRODUCT,
)
def multiply(x: Any, y: Any, /) -> Any:
    """Product of two operands, elementwise."""
    return x * y


@primitive(
    lambda g, out, x, y: g / y,
    lambda g, out, x, y: -g * out / y,
    broadcasts=True,
    symbol="÷",
    formula="x / y",
    derivatives=("g / y", "-g * out / y"),
    elementwise=True,
    domain=QUOTIENT,
)
def divide(x: Any, y: Any, /) -> Any:
    """Quotient of two operands, elementwise."""
    return x / y


true_divide = divide


@composed("x")
def reciprocal(x: Any) -> Any:
    """One divided by the operand, elementwise."""
    return divide(1, x)


@primitive(
    lambda g, out, x, y: g,
    lambda g, out, x, y: -g * np.floor_divide(x, y),
    broadcasts=True,
    analytic=False,
    symbol="mod",
    formula="remainder(x, y)",
    derivatives=("g", "-g * floor_divide(x, y)"),
    elementwise=True,
    kink=lambda x, y: np.sin(np.pi / y * x),
)
def remainder(x: Any, y: Any, /) -> Any:
    """Remainder of a division, with the sign of the divisor: ``x - y * floor(x / y)``.

    Where it jumps, the derivative is the one on either side.
    """
    return np.remainder(x, y)


mod = remainder


@primitive(
    lambda g, out, x: -g,
    symbol="−",
    formula="-x",
    derivatives=("-g",),
    elementwise=True,
)
def negative(x: Any, /) -> Any:
    """Sign changed, elementwise."""
    return -x


def _power_base(g: Any, out: Any, x: Any, y: Any) -> Any:
    if type(y) in (int, float):
        return g * (y * x ** (y - 1)) if y else g * 0.0
    # x**0 is constant, also where x is nan, or so small that y * x**(y - 1) would be 0 times
    # infinity. Elsewhere that is 0 by itself, and keeps its derivative with respect to y.
    regular = np.abs(values_of(x)) >= np.finfo(out.dtype).tiny
    constant = np.equal(y, 0) & ~regular
    return np.where(constant, 0.0, g * y * x ** np.where(constant, 1.0, y - 1))


def _power_exponent(g: Any, out: Any, x: Any, y: Any) -> Any:
    # At x = 0 the logarithm is infinite, yet 0**y is constant. Below 0 there is no derivative.
    # The constants have the dtype of the output, so that the logarithm is as precise as that.
    one, nan = out.dtype.type(1), out.dtype.type(np.nan)
    return g * out * np.log(np.where(np.equal(x, 0), one, np.where(np.less(x, 0), nan, x)))


@primitive(
    _power_base,
    _power_exponent,
    broadcasts=True,
    symbol="^",
    formula="x**y",
    derivatives=("g * y * x**(y - 1)", "g * out * log(x)"),
    elementwise=True,
    domain=POWER,
    mistakes=(
        Mistake(
            "exponent",
            "the exponent was not lowered by one: n x**(n-1) is right, not n x**n",
            lambda g, out, x, y: g * y * out,
        ),
    ),
)
def power(x: Any, y: Any, /) -> Any:
    """First operand to the power of the second, elementwise.

    At ``x = 0`` the derivative of ``x**0`` is 0, and so is the one with respect to an exponent that
    is not negative; for a negative base, or 0 to a negative power, the latter is nan.
    """
    return x**y


pow = power


@composed("x", "y")
def float_power(x: Any, y: Any) -> Any:
    """First operand to the power of the second, computed in float64 at least."""
    return power(multiply(x, np.float64(1)), y)


@composed("x")
def square(x: Any) -> Any:
    """Square, elementwise."""
    return power(x, 2)
