"""Arithmetic on one operand, and on two operands that broadcast as in NumPy.

Powers are here too; exponentials, logarithms and roots are in `elementwise.py`.
"""

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
    "fmod",
    "lerp",
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
    """Difference of two operands, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, subtract
    >>> y = Tensor([1.0, 2.0], requires_grad=True)
    >>> subtract([5.0, 5.0], y).sum().backward()
    >>> y.grad
    array([-1., -1.])
    """
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
    """Product of two operands, elementwise.

    Each operand is the derivative with respect to the other.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, multiply
    >>> x, y = Tensor(3.0, requires_grad=True), Tensor(4.0, requires_grad=True)
    >>> multiply(x, y).backward()
    >>> x.grad, y.grad
    (array(4.), array(3.))
    """
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
    """Quotient of two operands, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, divide
    >>> x, y = Tensor(6.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    >>> divide(x, y).backward()
    >>> x.grad, y.grad
    (array(0.5), array(-1.5))
    """
    return x / y


true_divide = divide


@composed("start", "end", "weight")
def lerp(start: Any, end: Any, weight: Any) -> Any:
    """Linear interpolation: ``start + weight * (end - start)``, elementwise.

    Parameters
    ----------
    start, end : array_like
        The values for the weights 0 and 1.
    weight : array_like
        The weights, also beyond 0..1. All three broadcast, and gradients flow to them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, lerp
    >>> lerp(Tensor([0.0, 10.0]), Tensor([1.0, 20.0]), 0.5)
    Tensor([ 0.5, 15. ])
    """
    return add(start, multiply(weight, subtract(end, start)))


@composed("x")
def reciprocal(x: Any) -> Any:
    """One divided by the operand, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, reciprocal
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> reciprocal(x).sum().backward()
    >>> x.grad
    array([-1.  , -0.25])
    """
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

    Examples
    --------
    >>> from tinygrad_edu import Tensor, remainder
    >>> x, y = Tensor(7.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    >>> remainder(x, y).backward()
    >>> x.grad, y.grad
    (array(1.), array(-2.))
    """
    return np.remainder(x, y)


mod = remainder


@primitive(
    lambda g, out, x, y: g,
    lambda g, out, x, y: -g * np.rint((x - out) / y),
    broadcasts=True,
    analytic=False,
    symbol="mod",
    formula="fmod(x, y)",
    derivatives=("g", "-g * trunc(x / y)"),
    elementwise=True,
    kink=lambda x, y: np.sin(np.pi / y * x),
)
def fmod(x: Any, y: Any, /) -> Any:
    """Remainder of a division, with the sign of the dividend: ``x - y * trunc(x / y)``.

    Where it jumps, the derivative is the one on either side.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, fmod
    >>> x, y = Tensor(-7.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    >>> out = fmod(x, y)
    >>> out.backward()
    >>> out.item(), x.grad, y.grad
    (-1.0, array(1.), array(2.))
    """
    return np.fmod(x, y)


@primitive(
    lambda g, out, x: -g,
    symbol="−",
    formula="-x",
    derivatives=("-g",),
    elementwise=True,
)
def negative(x: Any, /) -> Any:
    """Operand with the opposite sign, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, negative
    >>> negative(Tensor([1.0, -2.0]))
    Tensor([-1.,  2.])
    """
    return -x


# NumPy's power takes 30 times as long as a product, except for these exponents. With larger ones
# than the limit, products would add rounding errors.
_QUICK = (-1, 0, 0.5, 1, 2)
_LARGEST = 16


def _by_products(x: Any, y: Any) -> Any:
    """Raise to a whole or half exponent by products and a square root."""
    whole, half = divmod(abs(y), 1)
    result: Any = np.sqrt(x + 0.0) if half else None  # without the sign of -0.0
    whole, factor = int(whole), x
    while whole:
        if whole % 2:
            result = factor if result is None else result * factor
        whole //= 2
        factor = factor * factor if whole else factor
    return result if y > 0 else 1 / result


def _power_base(g: Any, out: Any, x: Any, y: Any) -> Any:
    if type(y) in (int, float):
        return g * (y * power(x, y - 1)) if y else g * 0.0
    # x**0 is constant, also where x is nan, or so small that y * x**(y - 1) would be 0 times
    # infinity. Elsewhere that is 0 anyway, and keeps its derivative with respect to y.
    regular = np.abs(values_of(x)) >= np.finfo(out.dtype).tiny
    constant = np.equal(y, 0) & ~regular
    return np.where(constant, 0.0, g * y * x ** np.where(constant, 1.0, y - 1))


def _power_exponent(g: Any, out: Any, x: Any, y: Any) -> Any:
    # At x = 0 the logarithm is infinite, but 0**y is constant. Below 0 there is no derivative.
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

    At ``x = 0``, ``x**0`` has the derivative 0 with respect to `x`. With respect to the exponent,
    the derivative at ``x = 0`` is 0 for exponents of 0 or more and nan for negative ones; for a
    negative base it is nan.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, power
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> power(x, 3).sum().backward()
    >>> x.grad
    array([ 3., 12., 27.])
    """
    is_number = type(y) in (int, float) and getattr(x, "dtype", np.dtype(int)).char in "fdFD"
    if is_number and y * 2 % 1 == 0 and abs(y) <= _LARGEST and y not in _QUICK:
        return _by_products(x, y)
    return x**y


pow = power


@composed("x", "y")
def float_power(x: Any, y: Any) -> Any:
    """First operand to the power of the second, computed in float64 or wider.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, float_power
    >>> float_power(Tensor([2, 3]), -1)
    Tensor([0.5       , 0.33333333])
    """
    return power(multiply(x, np.float64(1)), y)


@composed("x")
def square(x: Any) -> Any:
    """Square, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, square
    >>> x = Tensor([1.0, -3.0], requires_grad=True)
    >>> square(x).sum().backward()
    >>> x.grad
    array([ 2., -6.])
    """
    return power(x, 2)
