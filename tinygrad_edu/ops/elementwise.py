"""Exponentials, logarithms and roots, element by element; and conversion to another dtype.

Powers are in `arithmetic.py`.
"""

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
from .arithmetic import divide
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
    "rsqrt",
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
    """Exponential, elementwise; it is its own derivative.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, exp
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> y = exp(x)
    >>> y.sum().backward()
    >>> y.data.round(4), x.grad.round(4)
    (array([1.    , 2.7183]), array([1.    , 2.7183]))
    """
    return np.exp(x)


@primitive(
    lambda g, out, x: g * (out * _LOG_2),
    formula="2**x",
    derivatives=("g * out * log(2)",),
    elementwise=True,
    domain=EXPONENTIAL_2,
)
def exp2(x: Any, /) -> Any:
    """Two to the power of the operand, elementwise.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, exp2
    >>> exp2(Tensor([0.0, 1.0, 3.0]))
    Tensor([1., 2., 8.])
    """
    return np.exp2(x)


@primitive(
    lambda g, out, x: g * (out + 1),
    formula="expm1(x)",
    derivatives=("g * (out + 1)",),
    elementwise=True,
    domain=EXPONENTIAL,
)
def expm1(x: Any, /) -> Any:
    """Exponential minus 1, elementwise, exact near 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, exp, expm1
    >>> x = Tensor(1e-17)
    >>> expm1(x).item(), (exp(x) - 1).item()
    (1e-17, 0.0)
    """
    return np.expm1(x)


@primitive(
    lambda g, out, x: g / x,
    formula="log(x)",
    derivatives=("g / x",),
    elementwise=True,
    domain=LOGARITHM,
)
def log(x: Any, /) -> Any:
    """Natural logarithm, elementwise; at 0 its derivative is infinite.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, log
    >>> x = Tensor([1.0, 4.0], requires_grad=True)
    >>> log(x).sum().backward()
    >>> x.grad
    array([1.  , 0.25])
    """
    return np.log(x)


@primitive(
    lambda g, out, x: g / (x * _LOG_2),
    formula="log2(x)",
    derivatives=("g / (x * log(2))",),
    elementwise=True,
    domain=LOGARITHM,
)
def log2(x: Any, /) -> Any:
    """Logarithm to base 2, elementwise; at 0 its derivative is infinite.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, log2
    >>> log2(Tensor([1.0, 8.0]))
    Tensor([0., 3.])
    """
    return np.log2(x)


@primitive(
    lambda g, out, x: g / (x * _LOG_10),
    formula="log10(x)",
    derivatives=("g / (x * log(10))",),
    elementwise=True,
    domain=LOGARITHM,
)
def log10(x: Any, /) -> Any:
    """Logarithm to base 10, elementwise; at 0 its derivative is infinite.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, log10
    >>> log10(Tensor([1.0, 1000.0]))
    Tensor([0., 3.])
    """
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
    """Logarithm of 1 plus the operand, elementwise, exact near 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, log, log1p
    >>> x = Tensor(1e-17)
    >>> log1p(x).item(), log(1 + x).item()
    (1e-17, 0.0)
    """
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
    """Square root, elementwise; at 0 its derivative is infinite.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, sqrt
    >>> x = Tensor([1.0, 4.0], requires_grad=True)
    >>> y = sqrt(x)
    >>> y.sum().backward()
    >>> y.data, x.grad
    (array([1., 2.]), array([0.5 , 0.25]))
    """
    return np.sqrt(x)


@composed("x")
def rsqrt(x: Any) -> Any:
    """One divided by the square root, elementwise; at 0 it is infinite.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, rsqrt
    >>> rsqrt(Tensor([1.0, 4.0]))
    Tensor([1. , 0.5])
    """
    return divide(1.0, sqrt(x))


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
    """Cube root, elementwise, also of negative numbers; at 0 its derivative is infinite.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cbrt
    >>> cbrt(Tensor([-8.0, 27.0]))
    Tensor([-2.,  3.])
    """
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

    Gradients flow between floating dtypes, each in the dtype of its tensor. A result of integers or
    booleans is a constant.

    Raises
    ------
    TypeError
        If the dtype is not one of real numbers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, astype
    >>> x = Tensor([1.5, 2.5], requires_grad=True)
    >>> astype(x, "float32").sum().backward()
    >>> x.grad
    array([1., 1.])
    >>> astype(x, int)
    Tensor([1, 2], dtype=int64)
    """
    kind = np.dtype(dtype).kind
    if kind == "c" and dtype_of(x).kind != "c":
        raise TypeError("complex is not supported; use the real and imaginary parts")
    if kind not in "fiubc":
        raise TypeError(f"a Tensor holds numbers, but dtype {np.dtype(dtype)} is not numeric")
    return _astype(x if kind in "fc" or not isinstance(x, Tensor) else x.detach(), dtype=dtype)


@primitive(
    lambda g, out, x: g,
    formula="copy(x)",
    derivatives=("g",),
    elementwise=True,
    carries=True,
)
def copy(x: Any, /) -> Any:
    """Copy of the elements, as a new result that gradients flow through.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, copy
    >>> copy(Tensor([1.0, 2.0], requires_grad=True))
    Tensor([1., 2.], from=copy)
    """
    return np.copy(x)


@composed("x")
def positive(x: Any) -> Any:
    """The operand itself, elementwise, as ``+x``: a copy, through which gradients flow.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, positive
    >>> positive(Tensor([1.0, -2.0]))
    Tensor([ 1., -2.])
    """
    return copy(x)
