"""Cases of functions of one operand, element by element, and of special functions."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .case import PAIRS, SHAPES, Case, named, normal, positive, signed


def within(*shape: int) -> np.ndarray:
    """Draw numbers between -0.9 and 0.9, away from 0."""
    return signed(*shape) * 0.45


def beyond(*shape: int) -> np.ndarray:
    """Draw numbers between 1.2 and 3."""
    return positive(*shape) * 1.2 + 0.6


# Where each function is defined; the others take numbers of both signs.
DRAWN = dict.fromkeys(("log", "log2", "log10", "log1p", "sqrt"), positive)
DRAWN |= dict.fromkeys(("arcsin", "arccos", "arctanh"), within)
DRAWN |= {"arccosh": beyond}

NUMPY_HAS = [
    "negative",
    "absolute",
    "sign",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sqrt",
    "cbrt",
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "arccosh",
    "arctanh",
]


def _erf(x: np.ndarray) -> np.ndarray:
    # The series 2/sqrt(pi) sum (-1)^k x^(2k+1) / (k! (2k+1)), which converges everywhere.
    total = np.zeros_like(x)
    for k in range(60):
        total = total + (-1) ** k * x ** (2 * k + 1) / (math.factorial(k) * (2 * k + 1))
    return 2 / math.sqrt(math.pi) * total


def _elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


OWN = {
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "log_sigmoid": lambda x: np.log(1 / (1 + np.exp(-x))),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": _elu,
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "hardtanh": lambda x: np.minimum(np.maximum(x, -1), 1),
    "erf": _erf,
    "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2,
}
ALSO_NUMPY = ("reciprocal", "fabs", "positive", "square", "deg2rad", "rad2deg", "copy", "sinc")
PRIMITIVE = {*NUMPY_HAS, "copy", "relu", "sigmoid", "erf", "sinc", "silu", "gelu"}


def _unary() -> Iterator[Case]:
    for operation in (*NUMPY_HAS, *ALSO_NUMPY, *OWN):
        draw = DRAWN.get(operation, signed)
        for shape in SHAPES:
            x = draw(*shape)
            if operation == "hardtanh":  # away from -1 and 1
                x = np.where(np.abs(np.abs(x) - 1) < 0.1, 0.5, x)
            text = operation in PRIMITIVE and shape == SHAPES[0]
            yield Case(operation, f"{shape}", named(operation), [x], OWN.get(operation), text)


def _settings() -> Iterator[Case]:
    # In the table of float64, a conversion to float64: gradients that change their dtype have
    # tests of their own.
    astype = named("astype", np.float64)
    yield Case("astype", "float64", astype, [normal(3)], lambda x: x.astype(float), text=True)
    x = signed(3, 2)
    yield Case(
        "leaky_relu", "slope", named("leaky_relu", 0.3), [x], lambda x: x * (0.3 + 0.7 * (x > 0))
    )
    yield Case("elu", "alpha", named("elu", alpha=0.4), [x], lambda x: _elu(x, 0.4))
    yield Case(
        "softplus", "beta", named("softplus", 2.0), [x], lambda x: np.log1p(np.exp(2 * x)) / 2
    )
    yield Case("hardtanh", "ends", named("hardtanh", 0, 3), [x], lambda x: np.where(x > 0, x, 0.0))
    yield Case(
        "gelu",
        "tanh",
        named("gelu", approximate="tanh"),
        [x],
        lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))),
    )
    yield Case("sinc", "near 0", named("sinc"), [np.array([1e-9, -1e-4, 0.01, 0.4, 0.6, 3.3])])
    yield Case("sigmoid", "far out", named("sigmoid"), [np.array([-30.0, 30.0])], OWN["sigmoid"])
    yield Case("absolute", "as an operator", lambda m, x: abs(x), [x])


def _pairs() -> Iterator[Case]:
    def logaddexp(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.log(np.exp(x) + np.exp(y))

    def xlogy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return x * np.log(y)

    for operation in ("hypot", "logaddexp", "logaddexp2", "arctan2", "xlogy"):
        for left, right in PAIRS:
            arrays = [signed(*left), positive(*right) + 2.0]
            own = {"logaddexp": logaddexp, "xlogy": xlogy}.get(operation)
            text = (left, right) == PAIRS[0]
            yield Case(operation, f"{left} {right}", named(operation), arrays, own, text)
    for operation in ("hypot", "logaddexp", "arctan2"):
        yield Case(operation, "number", named(operation, 0.5), [signed(2, 3)])
        yield Case(
            operation, "of a number", lambda m, x, f=operation: getattr(m, f)(3, x), [signed(2)]
        )
    yield Case("logaddexp", "equal", named("logaddexp"), [np.array([1.0, 2.0])] * 2)
    yield Case("logaddexp", "far apart", named("logaddexp"), [np.array([1e3, -1e3]), np.zeros(2)])
    zero = np.array([0.0, 0.0, 2.0])
    yield Case("xlogy", "constant 0", lambda m, y: m.xlogy(0.0, y), [positive(3)], lambda y: 0 * y)
    yield Case(
        "xlogy",
        "constants, some 0",
        lambda m, y: m.xlogy(zero, y),
        [positive(3)],
        lambda y: zero * np.log(y),
    )
    yield Case(
        "xlogy", "entropy", lambda m, p: m.xlogy(p, p), [positive(3)], lambda p: p * np.log(p)
    )


FAMILIES = (_unary, _settings, _pairs)
