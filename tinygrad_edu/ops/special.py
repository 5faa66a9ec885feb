"""Special functions: sinc, erf, xlogy, hypot, sigmoid, logaddexp.

Each is exact, to every order, at the point where its formula would be 0/0 or 0 times infinity.
The error function is a quotient of polynomials, because NumPy has none.
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


# Numerators and denominators, fitted to erf with the least relative error (below 2e-8 in float32,
# 1e-18 in float64, before rounding): erf(x) / x in x², for float32 up to 3.93 and for float64 up to
# 1; and from 1 to 6 exp(x²) (1 - erf(x)) in x.
_SINGLE = (
    (1.12837914723, 0.190284914769, 0.0527314824672,
     0.00376013573566, 2.84713831577e-4, 2.05038509678e-6),
    (1.0, 0.501968381782, 0.114057824226, 0.0149582118228, 0.0011611255263, 3.80860595002e-5),
)  # fmt: skip
_NEAR = (
    (1.1283791670955125747, 0.14350668169822846846, 0.045483615762148713437,
     0.0018774119093121695836, 1.9688476525816243688e-4, 7.7718840194394188979e-8),
    (1.0, 0.46051281863668210596, 0.093813077834250143236,
     0.010693080874928210571, 6.9249837763538141156e-4, 2.0810264792455717606e-5),
)  # fmt: skip
_FAR = (
    (0.99999999230890116813, 1.8452789641000495783, 1.6791792862213929245, 0.94615781389025161649,
     0.35314882805166287122, 0.087343538849048485049, 0.013383029274569642918,
     0.0010083632804533735961),
    (1.0, 2.9736580472685967041, 4.0345935176953221467, 3.2773023275629525578,
     1.7535411648924885363, 0.63779982893058783513, 0.15570606124970272184,
     0.023720800728376023807, 0.0017872773964302395644),
)  # fmt: skip


def _polynomial(t: Any, coefficients: tuple[float, ...]) -> Any:
    """Evaluate a polynomial by Horner's rule, in one array."""
    total = t * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        total += coefficient
        total *= t
    total += coefficients[0]
    return total


def _quotient(t: Any, polynomials: tuple[tuple[float, ...], ...]) -> Any:
    quotient = _polynomial(t, polynomials[0])
    quotient /= _polynomial(t, polynomials[1])
    return quotient


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

    The values are exact up to the last digits of float32 and float64.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, erf
    >>> erf(Tensor([-1.0, 0.0, 1.0])).data.round(4)
    array([-0.8427,  0.    ,  0.8427])
    """
    kind = floating_dtype(x)
    x = as_floating(x)
    if kind.char in "ef":
        x = np.clip(x.astype(np.float32, copy=False), -3.93, 3.93)  # it rounds to 1 beyond
        return (x * _quotient(x * x, _SINGLE)).astype(kind, copy=False)
    size = np.abs(x)
    near = x * _quotient(np.minimum(size, 1) ** 2, _NEAR)
    far = np.clip(size, 1, 6)
    far = 1 - np.exp(-far * far) * _quotient(far, _FAR)
    return np.where(size < 1, near, np.copysign(far, x))


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
    grown = -as_floating(x)
    with np.errstate(over="ignore"):  # 1 / (1 + infinity) is the right limit
        grown = np.exp(grown)
    grown += 1
    return 1 / grown


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
