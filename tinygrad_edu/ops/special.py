"""Special functions: sinc, erf, xlogy, hypot, sigmoid, logaddexp.

Each is exact, to every order, at the point where its formula would be 0/0 or 0 times infinity.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import as_floating, floating_dtype
from ..facts import Pitfall, Recognition
from ..metadata import composed
from ..primitive import primitive

__all__ = ["erf", "hypot", "logaddexp", "logaddexp2", "sigmoid", "sinc", "xlogy"]


def _erf_rule(g: Any, out: Any, x: Any) -> Any:
    # The exponential is 0 long before 30, and the square of a large number would overflow.
    return g * (2 / math.sqrt(math.pi) * np.exp(-(np.clip(x, -30, 30) ** 2)))


@primitive(
    _erf_rule,
    analytic=False,
    formula="erf(x)",
    derivatives=("g * 2 / sqrt(pi) * exp(-x**2)",),
    elementwise=True,
)
def erf(x: Any, /) -> Any:
    """Error function, elementwise: the integral of ``2/sqrt(π) exp(-t²)`` from 0 to x.

    It calls Python's `math.erf` for each element, and so is slower than a function of NumPy.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, erf
    >>> erf(Tensor([-1.0, 0.0, 1.0])).data.round(4)
    array([-0.8427,  0.    ,  0.8427])
    """
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x)).astype(floating_dtype(x))


def _sinc_series(y: Any, order: int) -> Any:
    """Sum the Taylor series of a derivative of sin(y) / y, term by term."""
    total = np.zeros_like(y)
    for k in range((order + 1) // 2, order // 2 + 25):
        power = 2 * k - order
        factor = (-1) ** k / ((2 * k + 1) * math.factorial(power))
        total = total + factor * y**power
    return total


def _sinc_rule(g: Any, out: Any, x: Any, order: int) -> Any:
    return g * _sinc(x, order=order + 1)


@primitive(
    _sinc_rule,
    formula="sin(pi * x) / (pi * x)",
    derivatives=("g * (cos(pi * x) - out) / x",),
    elementwise=True,
)
def _sinc(x: Any, /, order: int) -> Any:
    # NumPy's quotient loses all digits of a complex step near 0.
    if order == 0 and not np.iscomplexobj(x):
        return np.sinc(x)
    # With y = πx and f = sin(y) / y: from y f = sin(y) follows, by differentiating n times,
    # y f⁽ⁿ⁾ + n f⁽ⁿ⁻¹⁾ = sin(y + nπ/2). Near 0 that would cancel; there the series converges.
    y = math.pi * x
    near = np.abs(y) < 1 + order / 2
    far = np.where(near, math.pi, y)
    derivative = np.sin(far) / far
    for n in range(1, order + 1):
        derivative = (np.sin(far + n * (math.pi / 2)) - n * derivative) / far
    series = _sinc_series(np.where(near, y, 0), order)
    return math.pi**order * np.where(near, series, derivative)


@composed("x")
def sinc(x: Any) -> Any:
    """Sine of πx over πx, elementwise, and 1 at 0; its derivatives are exact there too.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, sinc
    >>> x = Tensor([0.0, 0.5], requires_grad=True)
    >>> y = sinc(x)
    >>> y.sum().backward()
    >>> y.data.round(4), x.grad.round(4)
    (array([1.    , 0.6366]), array([ 0.    , -1.2732]))
    """
    return _sinc(x, order=0)


def _both_zero(x: Any, y: Any) -> Any:
    return np.equal(x, 0) & np.equal(y, 0)


@primitive(
    lambda g, out, x, y: g * np.log(np.where(_both_zero(x, y), 1, y)),
    lambda g, out, x, y: g * (x / np.where(_both_zero(x, y), 1, y)),
    broadcasts=True,
    formula="x * log(y)",
    derivatives=("g * log(y)", "g * x / y"),
    elementwise=True,
    domain=(
        Pitfall(lambda x, y: y == 0, "the logarithm of 0", "keep y above 0"),
        Pitfall(lambda x, y: y < 0, "the logarithm of a negative number", "keep y above 0"),
    ),
)
def xlogy(x: Any, y: Any, /) -> Any:
    """First operand times the logarithm of the second, elementwise, and 0 where the first is 0.

    Where both are 0, the derivatives are defined as 0; so ``xlogy(p, p)`` is a safe entropy.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, xlogy
    >>> p = Tensor([0.0, 0.5, 0.5], requires_grad=True)
    >>> entropy = -xlogy(p, p).sum()
    >>> round(entropy.item(), 4)
    0.6931
    >>> entropy.backward()
    >>> p.grad.round(4)
    array([-0.    , -0.3069, -0.3069])
    """
    zero = np.equal(x, 0)
    return np.where(zero, 0, x * np.log(np.where(zero, 1, y)))


def _share_of_hypotenuse(g: Any, out: Any, side: Any) -> Any:
    # Where it is 0, so is the side; dividing by infinity makes all further derivatives 0, too.
    return g * (side / np.where(np.equal(out, 0), np.inf, out))


@primitive(
    lambda g, out, x, y: _share_of_hypotenuse(g, out, x),
    lambda g, out, x, y: _share_of_hypotenuse(g, out, y),
    broadcasts=True,
    formula="sqrt(x**2 + y**2)",
    derivatives=("g * x / out", "g * y / out"),
    elementwise=True,
    commutes=True,
    kink=np.hypot,
    domain=(),
)
def hypot(x: Any, y: Any, /) -> Any:
    """Length of the hypotenuse, elementwise, without overflow.

    Where both operands are 0, the derivatives are 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hypot
    >>> x = Tensor([3.0, 0.0], requires_grad=True)
    >>> hypot(x, [4.0, 0.0]).sum().backward()
    >>> x.grad
    array([0.6, 0. ])
    """
    if np.iscomplexobj(x) or np.iscomplexobj(y):  # a complex step, which np.hypot refuses
        return np.sqrt(x * x + y * y)
    return np.hypot(x, y)


@primitive(
    lambda g, out, x: g * (out * (1 - out)),
    symbol="σ",
    formula="1 / (1 + exp(-x))",
    derivatives=("g * out * (1 - out)",),
    elementwise=True,
    activation=True,
    recognition=Recognition("elementwise", inverse=lambda out: np.log(out) - np.log1p(-out)),
)
def sigmoid(x: Any, /) -> Any:
    """Logistic function ``1 / (1 + exp(-x))``, elementwise, without overflow.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, sigmoid
    >>> x = Tensor([-1000.0, 0.0, 1000.0], requires_grad=True)
    >>> y = sigmoid(x)
    >>> y.sum().backward()
    >>> y.data, x.grad
    (array([0. , 0.5, 1. ]), array([0.  , 0.25, 0.  ]))
    """
    x = as_floating(x)
    decay = np.exp(np.minimum(x, -x))  # exp(-|x|): never above 1
    return np.where(np.greater_equal(x, 0), 1, decay) / (1 + decay)


def _logaddexp_rule(g: Any, out: Any, x: Any, y: Any) -> Any:
    # The difference of two equal infinities would be nan; they share the gradient equally.
    same = np.isinf(x) & np.equal(x, y)
    return g * sigmoid(np.where(same, 0, x) - np.where(same, 0, y))


@primitive(
    _logaddexp_rule,
    lambda g, out, x, y: _logaddexp_rule(g, out, y, x),
    broadcasts=True,
    analytic=False,
    formula="log(exp(x) + exp(y))",
    derivatives=("g * sigmoid(x - y)", "g * sigmoid(y - x)"),
    elementwise=True,
    commutes=True,
)
def logaddexp(x: Any, y: Any, /) -> Any:
    """Logarithm of the sum of two exponentials, elementwise, without overflow.

    Two equal infinities share the gradient equally.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, logaddexp
    >>> x = Tensor(1000.0, requires_grad=True)
    >>> y = logaddexp(x, 1000.0)
    >>> y.backward()
    >>> round(y.item(), 4), x.grad
    (1000.6931, array(0.5))
    """
    return np.logaddexp(x, y)


def _logaddexp2_rule(g: Any, out: Any, x: Any, y: Any) -> Any:
    return _logaddexp_rule(g, out, math.log(2) * x, math.log(2) * y)


@primitive(
    _logaddexp2_rule,
    lambda g, out, x, y: _logaddexp2_rule(g, out, y, x),
    broadcasts=True,
    analytic=False,
    formula="log2(2**x + 2**y)",
    derivatives=("g * sigmoid(log(2) * (x - y))", "g * sigmoid(log(2) * (y - x))"),
    elementwise=True,
    commutes=True,
)
def logaddexp2(x: Any, y: Any, /) -> Any:
    """Logarithm to base 2 of ``2**x + 2**y``, elementwise, without overflow; see `logaddexp`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, logaddexp2
    >>> logaddexp2(Tensor(10.0), 10.0)
    Tensor(11.)
    """
    return np.logaddexp2(x, y)
