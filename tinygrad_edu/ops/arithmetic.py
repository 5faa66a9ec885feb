"""Arithmetic on two operands, and what picks between operands: maximum, minimum, clip, where.

All of it broadcasts as NumPy does. At a tie, maximum and minimum share the gradient equally.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive

__all__ = [
    "absolute",
    "add",
    "clip",
    "divide",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "power",
    "square",
    "subtract",
    "where",
]


@primitive(
    lambda g, out, x, y: g,
    lambda g, out, x, y: g,
    broadcasts=True,
    symbol="+",
    formula="x + y",
    derivatives=("g", "g"),
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
)
def divide(x: Any, y: Any, /) -> Any:
    """Quotient of two operands, elementwise."""
    return x / y


@primitive(lambda g, out, x: -g, symbol="−", formula="-x", derivatives=("-g",))
def negative(x: Any, /) -> Any:
    """Sign changed, elementwise."""
    return -x


def _power_base(g: Any, out: Any, x: Any, y: Any) -> Any:
    if type(y) in (int, float):
        return g * (y * x ** (y - 1)) if y else g * 0.0
    # x**0 is constant, at 0 too, where y * x**(y - 1) would be 0 times infinity.
    constant = np.equal(y, 0)
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
)
def power(x: Any, y: Any, /) -> Any:
    """First operand to the power of the second, elementwise.

    At ``x = 0`` the derivative of ``x**0`` is 0 and so is the one with respect to the exponent;
    for a negative base the latter is nan.
    """
    return x**y


def square(x: Any) -> Any:
    """Square, elementwise."""
    return power(x, 2)


@primitive(
    lambda g, out, x: g * np.sign(x),
    analytic=False,
    symbol="|·|",
    formula="abs(x)",
    derivatives=("g * sign(x)",),
)
def absolute(x: Any, /) -> Any:
    """Absolute value, elementwise; its derivative at 0 is taken to be 0."""
    return np.abs(x)


def _larger_share(g: Any, x: Any, y: Any) -> Any:
    """The cotangent of x where the larger of x and y was taken; half of it at a tie."""
    return np.where(np.greater(x, y), g, np.where(np.equal(x, y), 0.5 * g, 0.0))


@primitive(
    lambda g, out, x, y: _larger_share(g, x, y),
    lambda g, out, x, y: _larger_share(g, y, x),
    broadcasts=True,
    symbol="max",
    formula="maximum(x, y)",
    derivatives=("g * ((x > y) + 0.5 * (x == y))", "g * ((x < y) + 0.5 * (x == y))"),
)
def maximum(x: Any, y: Any, /) -> Any:
    """Larger of two operands, elementwise; at a tie each gets half of the gradient."""
    return np.maximum(x, y)


@primitive(
    lambda g, out, x, y: _larger_share(g, y, x),
    lambda g, out, x, y: _larger_share(g, x, y),
    broadcasts=True,
    symbol="min",
    formula="minimum(x, y)",
    derivatives=("g * ((x < y) + 0.5 * (x == y))", "g * ((x > y) + 0.5 * (x == y))"),
)
def minimum(x: Any, y: Any, /) -> Any:
    """Smaller of two operands, elementwise; at a tie each gets half of the gradient."""
    return np.minimum(x, y)


def _inside(x: Any, min: Any, max: Any) -> Any:
    return np.greater_equal(x, -np.inf if min is None else min) & np.less_equal(
        x, np.inf if max is None else max
    )


@primitive(
    lambda g, out, x, min=None, max=None: np.where(_inside(x, min, max), g, 0.0),
    broadcasts=True,
    formula="clip(x, min, max)",
    derivatives=("g * (min <= x) * (x <= max)",),
)
def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """Limit values to an interval; the derivative at its ends is 1.

    Parameters
    ----------
    x : array_like
        The values.
    min, max : number or array, optional
        The ends; no gradient flows to them. None leaves that side open.
    """
    return x.copy() if min is None and max is None else np.clip(x, min, max)


@primitive(
    None,
    lambda g, out, condition, x, y: np.where(condition, g, 0.0),
    lambda g, out, condition, x, y: np.where(condition, 0.0, g),
    broadcasts=True,
    symbol="where",
    formula="where(condition, x, y)",
    derivatives=("", "where(condition, g, 0)", "where(condition, 0, g)"),
)
def where(condition: Any, x: Any, y: Any, /) -> Any:
    """Elements of `x` where a condition holds, and of `y` elsewhere.

    Both operands are computed everywhere: a branch that is not taken still yields nan if its
    derivative there is infinite (0 times infinity). Keep it finite by choosing its *input* with
    a `where` of its own: ``where(x > 0, log(where(x > 0, x, 1)), 0)``.
    """
    return np.where(condition, x, y)
