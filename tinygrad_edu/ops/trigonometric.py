"""Trigonometric and hyperbolic functions, and their inverses; angles are in radians."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..facts import Pitfall
from ..metadata import composed
from ..primitive import primitive
from .arithmetic import multiply
from .domains import EXPONENTIAL, INSIDE, STEEP_AT_ENDS
from .special import hypot

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "rad2deg",
    "radians",
    "sin",
    "sinh",
    "tan",
    "tanh",
]


@primitive(
    lambda g, out, x: g * np.cos(x),
    formula="sin(x)",
    derivatives=("g * cos(x)",),
    elementwise=True,
)
def sin(x: Any, /) -> Any:
    """Sine, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, sin
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> sin(x).sum().backward()
    >>> x.grad.round(4)
    array([1.    , 0.5403])
    """
    return np.sin(x)


@primitive(
    lambda g, out, x: -g * np.sin(x),
    formula="cos(x)",
    derivatives=("-g * sin(x)",),
    elementwise=True,
)
def cos(x: Any, /) -> Any:
    """Cosine, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cos
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> cos(x).sum().backward()
    >>> x.grad.round(4)
    array([-0.    , -0.8415])
    """
    return np.cos(x)


@primitive(
    lambda g, out, x: g * (1 + out * out),
    formula="tan(x)",
    derivatives=("g * (1 + out**2)",),
    elementwise=True,
)
def tan(x: Any, /) -> Any:
    """Tangent, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, tan
    >>> x = Tensor(0.0, requires_grad=True)
    >>> tan(x).backward()
    >>> x.grad
    array(1.)
    """
    return np.tan(x)


@primitive(
    lambda g, out, x: g / np.sqrt((1 - x) * (1 + x)),
    formula="arcsin(x)",
    derivatives=("g / sqrt(1 - x**2)",),
    elementwise=True,
    domain=(
        Pitfall(lambda x: abs(x) > 1, "arcsin outside of -1 … 1", INSIDE),
        STEEP_AT_ENDS,
    ),
)
def arcsin(x: Any, /) -> Any:
    """Angle whose sine is the operand, elementwise; at -1 and 1 its derivative is infinite.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, arcsin, sin
    >>> arcsin(sin(Tensor([0.5, 1.0])))
    Tensor([0.5, 1. ])
    """
    return np.arcsin(x)


@primitive(
    lambda g, out, x: -g / np.sqrt((1 - x) * (1 + x)),
    formula="arccos(x)",
    derivatives=("-g / sqrt(1 - x**2)",),
    elementwise=True,
    domain=(
        Pitfall(lambda x: abs(x) > 1, "arccos outside of -1 … 1", INSIDE),
        STEEP_AT_ENDS,
    ),
)
def arccos(x: Any, /) -> Any:
    """Angle whose cosine is the operand, elementwise; at -1 and 1 its derivative is infinite.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, arccos
    >>> arccos(Tensor([1.0, 0.0, -1.0])).data.round(4)
    array([0.    , 1.5708, 3.1416])
    """
    return np.arccos(x)


def _arctan_rule(g: Any, out: Any, x: Any) -> Any:
    distance = hypot(x, 1)  # the square of a large number would overflow
    return g / distance / distance


@primitive(
    _arctan_rule,
    formula="arctan(x)",
    derivatives=("g / (1 + x**2)",),
    elementwise=True,
)
def arctan(x: Any, /) -> Any:
    """Angle whose tangent is the operand, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, arctan
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> arctan(x).sum().backward()
    >>> x.grad.round(4)
    array([1. , 0.5])
    """
    return np.arctan(x)


def _arctan2_rule(g: Any, of: Any, other: Any) -> Any:
    # other / (of**2 + other**2), without the overflow of the squares.
    distance = hypot(of, other)
    return g * (other / distance / distance)


@primitive(
    lambda g, out, y, x: _arctan2_rule(g, y, x),
    lambda g, out, y, x: -_arctan2_rule(g, x, y),
    broadcasts=True,
    analytic=False,
    formula="arctan2(y, x)",
    derivatives=("g * x / (x**2 + y**2)", "-g * y / (x**2 + y**2)"),
    elementwise=True,
    kink=lambda y, x: np.where(x < 0, y, 1),
)
def arctan2(y: Any, x: Any, /) -> Any:
    """Angle of the point (x, y) seen from the origin, elementwise, between -π and π.

    At the origin there is no derivative, and the gradient is nan.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, arctan2
    >>> np.degrees(arctan2(Tensor([0.0, 1.0, 0.0]), [1.0, 0.0, -1.0])).data
    array([  0.,  90., 180.])
    """
    return np.arctan2(y, x)


@primitive(
    lambda g, out, x: g * np.cosh(x),
    formula="sinh(x)",
    derivatives=("g * cosh(x)",),
    elementwise=True,
    domain=EXPONENTIAL,
)
def sinh(x: Any, /) -> Any:
    """Hyperbolic sine, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, sinh
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> sinh(x).sum().backward()
    >>> x.grad.round(4)
    array([1.    , 1.5431])
    """
    return np.sinh(x)


@primitive(
    lambda g, out, x: g * np.sinh(x),
    formula="cosh(x)",
    derivatives=("g * sinh(x)",),
    elementwise=True,
    domain=EXPONENTIAL,
)
def cosh(x: Any, /) -> Any:
    """Hyperbolic cosine, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cosh
    >>> cosh(Tensor([0.0, 1.0])).data.round(4)
    array([1.    , 1.5431])
    """
    return np.cosh(x)


@primitive(
    lambda g, out, x: g * (1 - out * out),
    formula="tanh(x)",
    derivatives=("g * (1 - out**2)",),
    elementwise=True,
    activation=True,
)
def tanh(x: Any, /) -> Any:
    """Hyperbolic tangent, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, tanh
    >>> x = Tensor([0.0, 1.0, 10.0], requires_grad=True)
    >>> tanh(x).sum().backward()
    >>> x.grad.round(4)
    array([1.  , 0.42, 0.  ])
    """
    return np.tanh(x)


@primitive(
    lambda g, out, x: g / hypot(x, 1),
    formula="arcsinh(x)",
    derivatives=("g / sqrt(x**2 + 1)",),
    elementwise=True,
)
def arcsinh(x: Any, /) -> Any:
    """Inverse of the hyperbolic sine, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, arcsinh, sinh
    >>> arcsinh(sinh(Tensor(2.0)))
    Tensor(2.)
    """
    return np.arcsinh(x)


@primitive(
    lambda g, out, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)),
    formula="arccosh(x)",
    derivatives=("g / sqrt(x**2 - 1)",),
    elementwise=True,
    domain=(
        Pitfall(lambda x: x < 1, "arccosh below 1", INSIDE),
        STEEP_AT_ENDS,
    ),
)
def arccosh(x: Any, /) -> Any:
    """Inverse of the hyperbolic cosine, elementwise; at 1 its derivative is infinite.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, arccosh
    >>> arccosh(Tensor([1.0, 2.0])).data.round(4)
    array([0.   , 1.317])
    """
    return np.arccosh(x)


@primitive(
    lambda g, out, x: g / ((1 - x) * (1 + x)),
    formula="arctanh(x)",
    derivatives=("g / (1 - x**2)",),
    elementwise=True,
    domain=(Pitfall(lambda x: abs(x) >= 1, "arctanh at or beyond ±1", INSIDE),),
)
def arctanh(x: Any, /) -> Any:
    """Inverse of the hyperbolic tangent, elementwise; infinite at -1 and 1.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, arctanh
    >>> x = Tensor([0.0, 0.5], requires_grad=True)
    >>> arctanh(x).sum().backward()
    >>> x.grad.round(4)
    array([1.    , 1.3333])
    """
    return np.arctanh(x)


@composed("x")
def deg2rad(x: Any) -> Any:
    """Convert degrees to radians.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, deg2rad
    >>> deg2rad(Tensor([90.0, 180.0])).data.round(4)
    array([1.5708, 3.1416])
    """
    return multiply(x, math.pi / 180)


@composed("x")
def rad2deg(x: Any) -> Any:
    """Convert radians to degrees.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, rad2deg
    >>> rad2deg(Tensor([np.pi / 2, np.pi]))
    Tensor([ 90., 180.])
    """
    return multiply(x, 180 / math.pi)


radians, degrees = deg2rad, rad2deg
