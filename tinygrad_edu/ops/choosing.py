"""Operations that choose: between two operands, between branches, and by the sign of a number.

At a tie, `maximum` and `minimum` share the gradient equally. The largest element of an array is in
`reduction.py`.
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
    """Absolute value, elementwise; its derivative at 0 is defined as 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, absolute
    >>> x = Tensor([-2.0, 0.0, 3.0], requires_grad=True)
    >>> absolute(x).sum().backward()
    >>> x.grad
    array([-1.,  0.,  1.])
    """
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
    """Sign of a number, elementwise: -1, 0 or 1; its derivative is 0 everywhere, also at 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, sign
    >>> sign(Tensor([-2.0, 0.0, 3.0]))
    Tensor([-1.,  0.,  1.])
    """
    return np.sign(x)


@composed("x")
def fabs(x: Any) -> Any:
    """Absolute value, elementwise, as a floating number; its derivative at 0 is defined as 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, fabs
    >>> fabs(Tensor([-2, 3]))
    Tensor([2., 3.])
    """
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

    The derivative with respect to the second operand is 0. At ``x = 0`` the derivative with respect
    to the first follows the sign of that zero, 0.0 or -0.0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, copysign
    >>> x = Tensor([1.0, -2.0], requires_grad=True)
    >>> y = copysign(x, -1.0)
    >>> y.data
    array([-1., -2.])
    >>> y.sum().backward()
    >>> x.grad
    array([-1.,  1.])
    """
    return np.copysign(x, y)


def _share(g: Any, wins: Any, x: Any, y: Any) -> Any:
    """Return the cotangent where x wins over y, half of it at a tie. A nan wins, as in NumPy."""
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
    """Larger of two operands, elementwise; at a tie each receives half of the gradient.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, maximum
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> maximum(x, 2.0).sum().backward()
    >>> x.grad
    array([0. , 0.5, 1. ])
    """
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
    """Smaller of two operands, elementwise; at a tie each receives half of the gradient.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, minimum
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> minimum(x, 2.0).sum().backward()
    >>> x.grad
    array([1. , 0.5, 0. ])
    """
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
        raise TypeError("clip: a limit is complex; expected real numbers")
    return x.copy() if min is None and max is None else np.clip(x, min, max)


@composed("x", "min", "max")
def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """Limit values to an interval.

    At a limit the derivative with respect to the value is 1, and with respect to the limit 0.

    Parameters
    ----------
    x : array_like
        The values.
    min, max : array_like, optional
        The limits. Gradients flow to those that are tensors. None leaves that side open.

    Raises
    ------
    TypeError
        If a limit is complex.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, clip
    >>> x, highest = Tensor([1.0, 3.0, 5.0], requires_grad=True), Tensor(2.0, requires_grad=True)
    >>> clip(x, max=highest).sum().backward()
    >>> x.grad, highest.grad
    (array([1., 0., 0.]), array(2.))
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
    """Elements of `x` where a condition holds, and elements of `y` elsewhere.

    Both operands are computed everywhere: a branch that is not taken still yields nan if its
    derivative there is infinite (0 times infinity). To prevent that, choose its *input* with
    another `where`: ``where(x > 0, log(where(x > 0, x, 1)), 0)``.

    Parameters
    ----------
    condition : array_like of bool
        Where to take `x`. No gradient flows to it.
    x, y : array_like
        The two branches. All three broadcast.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, where
    >>> x, y = Tensor([1.0, 2.0], requires_grad=True), Tensor([10.0, 20.0], requires_grad=True)
    >>> where([True, False], x, y).sum().backward()
    >>> x.grad, y.grad
    (array([1., 0.]), array([0., 1.]))
    """
    return np.where(condition, x, y)


@composed("x", "y")
def fmax(x: Any, y: Any) -> Any:
    """Larger of two operands, elementwise; where one is nan, the other. Ties share equally.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, fmax
    >>> fmax(Tensor([1.0, np.nan]), [0.0, 2.0]).data
    array([1., 2.])
    """
    # Where one is nan the other is compared with itself: a tie, with both halves of the gradient.
    return maximum(where(np.isnan(x), y, x), where(np.isnan(y), x, y))


@composed("x", "y")
def fmin(x: Any, y: Any) -> Any:
    """Smaller of two operands, elementwise; where one is nan, the other. Ties share equally.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, fmin
    >>> fmin(Tensor([1.0, np.nan]), [0.0, 2.0]).data
    array([0., 2.])
    """
    return minimum(where(np.isnan(x), y, x), where(np.isnan(y), x, y))
