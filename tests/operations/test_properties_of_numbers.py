"""Properties of the functions of single numbers, over all that a float can hold.

Values are those of NumPy; gradients are derivatives that are written out here and evaluated in
extended precision.
"""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import Tensor, grad

from .properties import WIDER, assert_noticed, generator

wide = np.longdouble  # float64 again on some platforms: the formulas keep clear of its ends
PI, LOG_2, LOG_10 = 4 * np.arctan(wide(1)), np.log(wide(2)), np.log(wide(10))
SELU = wide(1.0507009873554805), wide(1.6732632423543772)


def ones(x, *_):
    return np.ones_like(x)


def zeros(x, *_):
    return np.zeros_like(x)


def sigma(x):
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def density(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * PI)


def below(x):
    return 0.5 * np.vectorize(math.erfc, [float])(np.asarray(-x / np.sqrt(wide(2)), float))


def growth(x):
    return np.where(x > 0, 1, np.exp(np.minimum(x, 0)))


UNARY = {
    **dict.fromkeys(("positive", "copy"), ones),
    "negative": lambda x: -ones(x),
    **dict.fromkeys(("absolute", "fabs"), np.sign),
    "sign": zeros,
    **dict.fromkeys(("exp", "expm1"), np.exp),
    "exp2": lambda x: LOG_2 * np.exp2(x),
    "log": lambda x: 1 / x,
    "log2": lambda x: 1 / x / LOG_2,
    "log10": lambda x: 1 / x / LOG_10,
    "log1p": lambda x: 1 / (1 + x),
    "sqrt": lambda x: 0.5 / np.sqrt(x),
    "cbrt": lambda x: 1 / np.cbrt(x) / np.cbrt(x) / 3,
    "square": lambda x: 2 * x,
    "reciprocal": lambda x: -1 / x / x,
    "sin": np.cos,
    "cos": lambda x: -np.sin(x),
    "tan": lambda x: 1 / np.cos(x) ** 2,
    "arcsin": lambda x: 1 / np.sqrt((1 - x) * (1 + x)),
    "arccos": lambda x: -1 / np.sqrt((1 - x) * (1 + x)),
    "arctan": lambda x: 1 / np.hypot(1, x) / np.hypot(1, x),
    "sinh": np.cosh,
    "cosh": np.sinh,
    "tanh": lambda x: 1 / np.cosh(x) ** 2,
    "arcsinh": lambda x: 1 / np.hypot(1, x),
    "arccosh": lambda x: 1 / np.sqrt(x - 1) / np.sqrt(x + 1),
    "arctanh": lambda x: 1 / ((1 - x) * (1 + x)),
    "deg2rad": lambda x: ones(x) * PI / 180,
    "rad2deg": lambda x: ones(x) * 180 / PI,
    "relu": lambda x: x > 0,
    "leaky_relu": lambda x: np.where(x > 0, 1, 0.01),
    "hardtanh": lambda x: np.abs(x) <= 1,
    "sigmoid": lambda x: sigma(x) * sigma(-x),
    "softplus": sigma,
    "log_sigmoid": lambda x: sigma(-x),
    "silu": lambda x: sigma(x) + x * sigma(x) * sigma(-x),
    "elu": growth,
    "selu": lambda x: SELU[0] * np.where(x > 0, 1, SELU[1] * growth(x)),
    "erf": lambda x: 2 / np.sqrt(PI) * np.exp(-x * x),
    "gelu": lambda x: below(x) + x * density(x),
}
"""Derivatives, for arrays of extended precision."""

VALUES = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "hardtanh": lambda x: np.minimum(np.maximum(x, -1), 1),
    "sigmoid": sigma,
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "log_sigmoid": lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))),
    "silu": lambda x: x * sigma(x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: SELU[0] * np.where(x > 0, x, SELU[1] * np.expm1(np.minimum(x, 0))),
    "erf": lambda x: np.vectorize(math.erf, [float])(np.asarray(x, float)),
    "gelu": lambda x: x * below(x),
}
"""Values of those that NumPy has not."""

# Their derivatives take a difference from 1 or of two large terms, and are as exact as those.
ABSOLUTE = ("expm1", "tanh", "sigmoid", "silu", "elu", "selu", "gelu", "sinc")


@st.composite
def numbers(draw, dtype):
    """Numbers of all sizes, among them those at which functions turn or break off."""
    limits, random = np.finfo(dtype), generator(draw)
    special = [0, 1, 0.5, 2, 10, 88, 710, limits.max, limits.tiny, limits.smallest_subnormal]
    special += [limits.eps, 1 + limits.eps, 1 - limits.epsneg, np.inf, np.nan]
    powers = 2.0 ** random.integers(limits.minexp, limits.maxexp - 1, 20)
    parts = random.uniform(-8, 8, 10), random.choice(special, 10), powers * random.uniform(1, 2, 20)
    many = np.concatenate(parts) * random.choice([1, -1], 40)
    few = draw(st.lists(st.floats(width=limits.bits), min_size=2, max_size=2))
    return random.permutation(np.append(many, few)).astype(dtype)


@contextlib.contextmanager
def complaints():
    """Collect what NumPy complains of: overflow, division by zero, invalid values."""
    kinds = set()
    with np.errstate(all="call", under="ignore", call=lambda kind, flag: kinds.add(kind)):
        yield kinds


def compare(random, ours, plain, derivatives, arrays, *, ulps=2, rounding=16, absolute=False):
    """Compare values, gradients and complaints, in the dtype that the arrays have in common."""
    dtype = arrays[0].dtype
    limits = np.finfo(dtype)
    # What is as exact as the largest of its terms is, rather than as their sum.
    terms = np.maximum(1, np.abs(np.nan_to_num(arrays[0]))) if absolute else 0
    leaves = [Tensor(array, True) for array in arrays]
    with complaints() as made:
        out = ours(*leaves)
    with complaints() as allowed:
        value = np.asarray(plain(*arrays))
    assert made <= allowed or not np.isfinite(value).all()
    assert out.dtype == value.dtype == dtype
    slack = ulps * (limits.smallest_subnormal + limits.eps * terms * (ulps > 2))
    with np.errstate(invalid="ignore"):
        same = np.abs(out.data - value) <= ulps * limits.eps * np.abs(value) + slack
    same |= (out.data == value) | (np.isnan(out.data) & np.isnan(value))
    assert same.all(), [a[~same][:3] for a in (*arrays, out.data, value)]
    cotangent = random.choice([1, -1], out.shape).astype(dtype)
    with complaints():
        found = grad(out, leaves, cotangent)
    # Within a few times the largest number, something on the way may well be larger.
    ordinary = np.isfinite(value) & (np.abs(arrays) <= limits.max / 8).all(axis=0)
    # Rules that use a value which is subnormal, or too large, cannot have what it has lost.
    lost = (value != 0) & (np.abs(value) < limits.tiny)
    lost |= np.isinf(value) & np.isfinite(arrays).all(axis=0)
    for gradient, derivative in zip(found, derivatives, strict=True):
        with np.errstate(all="ignore"):
            expected = (cotangent * derivative(*(a.astype(wide) for a in arrays))).astype(dtype)
            bound = limits.tiny + rounding * limits.eps * (np.abs(expected) + terms)
            same = (np.abs(gradient - expected) <= bound) | (gradient == expected)
        # A factor on the way may be too large already where the product is not yet.
        huge = np.abs(expected) >= limits.max / 32
        same |= huge & (gradient == np.copysign(np.inf, expected))
        assert gradient.dtype == dtype
        known = ~np.isnan(value) & ~np.isnan(expected) & ~(lost & np.isfinite(expected))
        wrong = known & ~same
        assert not wrong.any(), [a[wrong][:3] for a in (*arrays, gradient, expected)]
        ordinary &= ~huge & ~np.isnan(expected)
    # Where operands, value and derivatives are ordinary, nothing on the way is out of range.
    leaves = [Tensor(array[ordinary], True) for array in arrays]
    with complaints() as made:
        grad(ours(*leaves), leaves, cotangent[ordinary])
    assert not made, (made, arrays[0][ordinary])


@pytest.mark.parametrize("name", UNARY)
@given(st.data())
def test_functions_of_one_number(name, data):
    dtype = data.draw(WIDER)
    x = data.draw(numbers(dtype))
    keywords = {"rounding": 1000 if name == "erf" else 16, "absolute": name in ABSOLUTE}
    plain = getattr(np, name, None)
    if name in VALUES:
        x, keywords["ulps"] = np.nan_to_num(x), 16

        def plain(x):
            with np.errstate(all="ignore"):
                return np.asarray(VALUES[name](x.astype(wide))).astype(dtype)

    random = generator(data.draw)
    compare(random, getattr(tg, name), plain, [UNARY[name]], [x], **keywords)


def first(x, y):
    return np.where(x > y, 1, np.where(x == y, 0.5, 0))


def taken(x, y):
    """The quotient that a remainder leaves out."""
    return np.rint((x - np.remainder(x, y)) / y)


def by_exponent(x, y):
    slope = np.where(x < 0, np.nan, x**y * np.log(x))
    return np.where(x == 0, np.where(y < 0, np.nan, 0), slope)


def second(x, y):
    return first(y, x)


def beside_nan(share, left):
    """What is left where the second operand is nan, and the opposite where the first is."""
    return lambda x, y: np.where(np.isnan(y), left, np.where(np.isnan(x), 1 - left, share(x, y)))


POWER = (lambda x, y: np.where(y == 0, 0, y * x ** (y - 1)), by_exponent)
BINARY = {
    "add": (ones, ones),
    "subtract": (ones, lambda x, y: -ones(x)),
    "multiply": (lambda x, y: y, lambda x, y: x),
    "divide": (lambda x, y: 1 / y, lambda x, y: -x / y / y),
    "power": POWER,
    "float_power": POWER,
    "remainder": (ones, lambda x, y: -taken(x, y)),
    "maximum": (first, second),
    "minimum": (second, first),
    "fmax": (beside_nan(first, 1), beside_nan(second, 0)),
    "fmin": (beside_nan(second, 1), beside_nan(first, 0)),
    "hypot": (lambda x, y: x / np.hypot(x, y), lambda x, y: y / np.hypot(x, y)),
    "logaddexp": (lambda x, y: sigma(x - y), lambda x, y: sigma(y - x)),
    "logaddexp2": (lambda x, y: sigma((x - y) * LOG_2), lambda x, y: sigma((y - x) * LOG_2)),
    "copysign": (lambda x, y: np.copysign(1, x) * np.copysign(1, y), zeros),
    "arctan2": (
        lambda y, x: x / np.hypot(x, y) / np.hypot(x, y),
        lambda y, x: -y / np.hypot(x, y) / np.hypot(x, y),
    ),
    "xlogy": (lambda x, y: np.where((x == 0) & (y == 0), 0, np.log(y)), lambda x, y: x / y),
}


@pytest.mark.parametrize("name", BINARY)
@given(st.data())
def test_functions_of_two_numbers(name, data):
    random = generator(data.draw)
    dtype = np.float64 if name == "float_power" else data.draw(WIDER)
    x, y = (data.draw(numbers(dtype)) for _ in range(2))
    keywords = {}
    if "power" in name:
        y = (random.integers(-64, 65, x.size) / 8).astype(dtype)
        keywords = {"rounding": 1000}  # of y - 1, times the logarithm of x
    else:
        y = np.choose(random.integers(0, 4, x.size, np.intp), [x, -x, y, y])
    if "logaddexp" in name:
        keywords = {"rounding": 1000}  # of x - y

    def xlogy(x, y):
        return np.where(x == 0, 0, x * np.log(np.where(x == 0, 1, y)))

    plain = getattr(np, name, xlogy)
    compare(random, getattr(tg, name), plain, BINARY[name], [x, y], **keywords)


@given(st.data())
def test_clip(data):
    dtype = data.draw(WIDER)
    x = data.draw(numbers(dtype))
    low, high = (data.draw(st.floats(width=8 * x.itemsize) | st.none()) for _ in range(2))

    def derivative(x):
        inside = ones(x) if low is None else x >= low
        return inside if high is None else inside * (x <= high)

    def plain(x):
        return x if low is None and high is None else np.clip(x, low, high)

    compare(generator(data.draw), lambda x: tg.clip(x, low, high), plain, [derivative], [x])


WRONG = {
    "tanh": lambda g, out, x: g * (1 - out * out) * 1.0001,
    "sqrt": lambda g, out, x: g / (2 * np.maximum(out, 1e-3)),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rules_are_noticed(name):
    assert_noticed(name, WRONG[name], test_functions_of_one_number, name=name)
