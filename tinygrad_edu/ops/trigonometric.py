"""Trigonometric and hyperbolic functions, and their inverses; angles in radians."""

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
    """Sine, elementwise."""
    return np.sin(x)


@primitive(
    lambda g, out, x: -g * np.sin(x),
    formula="cos(x)",
    derivatives=("-g * sin(x)",),
    elementwise=True,
)
def cos(x: Any, /) -> Any:
    """Cosine, elementwise."""
    return np.cos(x)


@primitive(
    lambda g, out, x: g * (1 + out * out),
    formula="tan(x)",
    derivatives=("g * (1 + out**2)",),
    elementwise=True,
)
def tan(x: Any, /) -> Any:
    """Tangent, elementwise."""
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
    """Angle whose sine is given, elementwise; at -1 and 1 its derivative is infinite."""
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
    """Angle whose cosine is given, elementwise; at -1 and 1 its derivative is infinite."""
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
    """Angle whose tangent is given, elementwise."""
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
    """Angle of the point (x, y) as seen from the origin, elementwise, between -π and π.

    At the origin itself there is no derivative, and it is nan.
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
    """Hyperbolic sine, elementwise."""
    return np.sinh(x)


@primitive(
    lambda g, out, x: g * np.sinh(x),
    formula="cosh(x)",
    derivatives=("g * sinh(x)",),
    elementwise=True,
    domain=EXPONENTIAL,
)
def cosh(x: Any, /) -> Any:
    """Hyperbolic cosine, elementwise."""
    return np.cosh(x)


@primitive(
    lambda g, out, x: g * (1 - out * out),
    formula="tanh(x)",
    derivatives=("g * (1 - out**2)",),
    elementwise=True,
    activation=True,
)
def tanh(x: Any, /) -> Any:
    """Hyperbolic tangent, elementwise."""
    return np.tanh(x)


@primitive(
    lambda g, out, x: g / hypot(x, 1),
    formula="arcsinh(x)",
    derivatives=("g / sqrt(x**2 + 1)",),
    elementwise=True,
)
def arcsinh(x: Any, /) -> Any:
    """Inverse of the hyperbolic sine, elementwise."""
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
    """Inverse of the hyperbolic cosine, elementwise; at 1 its derivative is infinite."""
    return np.arccosh(x)


@primitive(
    lambda g, out, x: g / ((1 - x) * (1 + x)),
    formula="arctanh(x)",
    derivatives=("g / (1 - x**2)",),
    elementwise=True,
    domain=(Pitfall(lambda x: abs(x) >= 1, "arctanh at or beyond ±1", INSIDE),),
)
def arctanh(x: Any, /) -> Any:
    """Inverse of the hyperbolic tangent, elementwise; infinite at -1 and 1."""
    return np.arctanh(x)


@composed("x")
def deg2rad(x: Any) -> Any:
    """Degrees as radians."""
    return multiply(x, math.pi / 180)


@composed("x")
def rad2deg(x: Any) -> Any:
    """Radians as degrees."""
    return multiply(x, 180 / math.pi)


radians, degrees = deg2rad, rad2deg
