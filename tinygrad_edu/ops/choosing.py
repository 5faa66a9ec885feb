"""What chooses: between operands, between branches, and between the signs of a number.

At a tie, maximum and minimum share the gradient equally.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..metadata import composed
from ..primitive import primitive
from ..tensor import Tensor
from .arithmetic import multiply

__all__ = [
    "abs",
    "absolute",
    "clip",
    "copysign",
    "fabs",
    "fmax",
    "fmin",
    "maximum",
    "minimum",
    "sign",
    "where",
]


@primitive(
    lambda g, out, x: g * np.sign(x),
    analytic=False,
    symbol="|·|",
    formula="abs(x)",
    derivatives=("g * sign(x)",),
    elementwise=True,
    kink=lambda x: x,
)
def absolute(x: Any, /) -> Any:
    """Absolute value, elementwise; its derivative at 0 is taken to be 0."""
    return np.abs(x)


abs = absolute


@primitive(
    lambda g, out, x: np.zeros_like(g),
    analytic=False,
    formula="sign(x)",
    derivatives=("zeros_like(g)",),
    elementwise=True,
    kink=lambda x: x,
)
def sign(x: Any, /) -> Any:
    """Sign of a number, elementwise: -1, 0 or 1; its derivative is 0, at 0 too."""
    return np.sign(x)


@composed("x")
def fabs(x: Any) -> Any:
    """Absolute value, elementwise, as a floating number; its derivative at 0 is taken to be 0."""
    return absolute(multiply(x, 1.0))


@primitive(
    lambda g, out, x, y: g * (np.copysign(1, y) * np.copysign(1, x)),
    lambda g, out, x, y: np.zeros_like(g),
    broadcasts=True,
    analytic=False,
    formula="copysign(x, y)",
    derivatives=("g * sign(x) * sign(y)", "zeros_like(g)"),
    elementwise=True,
    kink=lambda x, y: (x, y),
)
def copysign(x: Any, y: Any, /) -> Any:
    """First operand with the sign of the second, elementwise.

    The derivative with respect to the second is 0. At ``x = 0`` that of the first is the
    one on the side of its sign, for zeros have one.
    """
    return np.copysign(x, y)


def _share(g: Any, wins: Any, x: Any, y: Any) -> Any:
    """The cotangent of x where it wins over y; half of it at a tie. A nan wins, as in NumPy."""
    wins = wins | (np.isnan(x) & ~np.isnan(y))
    ties = np.equal(x, y) | (np.isnan(x) & np.isnan(y))
    return np.where(wins, g, np.where(ties, 0.5 * g, 0.0))


@primitive(
    lambda g, out, x, y: _share(g, np.greater(x, y), x, y),
    lambda g, out, x, y: _share(g, np.greater(y, x), y, x),
    broadcasts=True,
    symbol="max",
    formula="maximum(x, y)",
    derivatives=("g * ((x > y) + 0.5 * (x == y))", "g * ((x < y) + 0.5 * (x == y))"),
    elementwise=True,
    carries=True,
    commutes=True,
    kink=lambda x, y: x - y,
)
def maximum(x: Any, y: Any, /) -> Any:
    """Larger of two operands, elementwise; at a tie each gets half of the gradient."""
    return np.maximum(x, y)


@primitive(
    lambda g, out, x, y: _share(g, np.less(x, y), x, y),
    lambda g, out, x, y: _share(g, np.less(y, x), y, x),
    broadcasts=True,
    symbol="min",
    formula="minimum(x, y)",
    derivatives=("g * ((x < y) + 0.5 * (x == y))", "g * ((x > y) + 0.5 * (x == y))"),
    elementwise=True,
    carries=True,
    commutes=True,
    kink=lambda x, y: x - y,
)
def minimum(x: Any, y: Any, /) -> Any:
    """Smaller of two operands, elementwise; at a tie each gets half of the gradient."""
    return np.minimum(x, y)


def _inside(x: Any, min: Any, max: Any) -> Any:
    return np.greater_equal(x, -np.inf if min is None else min) & np.less_equal(
        x, np.inf if max is None else max
    )


def _from_the_ends(x: Any, min: Any = None, max: Any = None) -> Any:
    return tuple(x - end for end in (min, max) if end is not None)


@primitive(
    lambda g, out, x, min=None, max=None: np.where(_inside(x, min, max), g, 0.0),
    broadcasts=True,
    formula="clip(x, min, max)",
    derivatives=("g * (min <= x) * (x <= max)",),
    elementwise=True,
    kink=_from_the_ends,
)
def _clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    if np.iscomplexobj(min) or np.iscomplexobj(max):
        raise TypeError("clip: complex ends have no order; give real numbers")
    return x.copy() if min is None and max is None else np.clip(x, min, max)


@composed("x", "min", "max")
def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """Limit values to an interval.

    At an end the derivative with respect to the value is 1, and the one with respect to the end 0.

    Parameters
    ----------
    x : array_like
        The values.
    min, max : array_like, optional
        The ends, which gradients flow to where they are tensors. None leaves that side open.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, clip
    >>> highest = Tensor(2.0, requires_grad=True)
    >>> clip([1.0, 3.0, 5.0], max=highest).sum().backward()
    >>> highest.grad
    array(2.)
    """
    if not isinstance(min, Tensor) and not isinstance(max, Tensor):
        return _clip(x, min=min, max=max)
    if min is not None:
        x = where(np.less(x, min) | np.isnan(min), min, x)
    return x if max is None else where(np.greater(x, max) | np.isnan(max), max, x)


@primitive(
    None,
    lambda g, out, condition, x, y: np.where(condition, g, 0.0),
    lambda g, out, condition, x, y: np.where(condition, 0.0, g),
    broadcasts=True,
    symbol="where",
    formula="where(condition, x, y)",
    derivatives=("", "where(condition, g, 0)", "where(condition, 0, g)"),
    elementwise=True,
    carries=True,
    kink=lambda condition, x, y: np.where(condition, 1, -1),
    operands=("if", "1", "2"),
)
def where(condition: Any, x: Any, y: Any, /) -> Any:
    """Elements of `x` where a condition holds, and of `y` elsewhere.

    Both operands are computed everywhere: a branch that is not taken still yields nan if its
    derivative there is infinite (0 times infinity). Keep it finite by choosing its *input* with
    a `where` of its own: ``where(x > 0, log(where(x > 0, x, 1)), 0)``.
    """
    return np.where(condition, x, y)


@composed("x", "y")
def fmax(x: Any, y: Any) -> Any:
    """Larger of two operands, elementwise; where one is nan, the other. Ties share equally."""
    # Where one is nan the other meets itself, a tie, and gets both halves of the gradient.
    return maximum(where(np.isnan(x), y, x), where(np.isnan(y), x, y))


@composed("x", "y")
def fmin(x: Any, y: Any) -> Any:
    """Smaller of two operands, elementwise; where one is nan, the other. Ties share equally."""
    return minimum(where(np.isnan(x), y, x), where(np.isnan(y), x, y))
