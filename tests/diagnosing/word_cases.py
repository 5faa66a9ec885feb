"""Wrong gradients, each with a sentence that must not be said of it, and the one that must.

It is not a test module, because pytest rewrites those, and a rewritten function has no source.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tinygrad_edu as tg


class Case(NamedTuple):
    """A wrong gradient. `never` and `said` are regular expressions; `lines` are those to name."""

    f: Callable[..., Any]
    by_hand: Callable[..., Any]
    inputs: tuple[Any, ...]
    never: str
    said: str
    lines: tuple[str, ...] = ()


CASES: dict[str, Case] = {}


def case(name, f, inputs, never, said, lines=()):
    """Add a function with a mistake to the cases."""

    def add(by_hand):
        CASES[name] = Case(f, by_hand, inputs, never, said, lines)
        return by_hand

    return add


rng = np.random.default_rng(90)
X = rng.normal(size=(7, 4))
T = rng.normal(size=(7, 3))
COLUMNS = rng.normal(size=(4, 7))
TARGETS = rng.normal(size=(3, 7))
W = rng.normal(size=(4, 3))
ROWS = rng.normal(size=(5, 3))
V = rng.normal(size=(5, 3))
LABELS = rng.integers(0, 3, 7)

# A norm taken as constant is not a penalty that was forgotten ---------------------------------

PENALTY = "regulari[sz]ation|penalty|weight decay"
MISSING = "contribution|term|missing|constant"


@case(
    "x / |x|",
    lambda x: x / np.sqrt(np.sum(x**2, axis=1, keepdims=True)),
    (ROWS,),
    PENALTY,
    MISSING,
    ("return [g / norm]",),
)
def unit_rows(g, x):
    norm = np.sqrt(np.sum(x**2, axis=1, keepdims=True))
    return [g / norm]


@case(
    "RMS norm",
    lambda x, w: w * x / np.sqrt(np.mean(x**2, axis=1, keepdims=True) + 1e-3),
    (ROWS, rng.uniform(1, 2, 3)),
    PENALTY,
    MISSING,
    ("dx = g * w / rms",),
)
def rms_norm(g, x, w):
    rms = np.sqrt(np.mean(x**2, axis=1, keepdims=True) + 1e-3)
    dw = np.sum(g * x / rms, axis=0)
    dx = g * w / rms
    return dx, dw


@case(
    "weight norm",
    lambda v, s: X @ (s * v / np.sqrt(np.sum(v**2, axis=0))),
    (W, rng.uniform(1, 2, 3)),
    PENALTY,
    MISSING,
    ("dv = dw * s / norm",),
)
def weight_norm(g, v, s):
    norm = np.sqrt(np.sum(v**2, axis=0))
    dw = X.T @ g
    ds = np.sum(dw * v / norm, axis=0)
    dv = dw * s / norm
    return dv, ds


@case(
    "cosine similarity",
    lambda a, b: np.sum(a * b, axis=1) / np.sqrt(np.sum(a**2, axis=1) * np.sum(b**2, axis=1)),
    (ROWS, V),
    PENALTY,
    MISSING,
    ("da = g[:, None] * b / norms[:, None]",),
)
def cosine(g, a, b):
    norms = np.sqrt(np.sum(a**2, axis=1) * np.sum(b**2, axis=1))
    cos = np.sum(a * b, axis=1) / norms
    da = g[:, None] * b / norms[:, None]
    along = cos / np.sum(b**2, axis=1)
    db = g[:, None] * (a / norms[:, None] - along[:, None] * b)
    return da, db


# A term of a product rule is not `=` instead of `+=` -------------------------------------------

OVERWRITTEN = r"= instead of \+=|only the last"


@case(
    "swish without x * s'",
    lambda x: x / (1 + np.exp(-x)),
    (ROWS,),
    OVERWRITTEN,
    "term|contribution|missing",
    ("return [g * s]",),
)
def swish(g, x):
    s = 1 / (1 + np.exp(-x))
    return [g * s]


@case(
    "tg.silu without x * s'",
    tg.silu,
    (ROWS,),
    OVERWRITTEN,
    "term|contribution|missing",
    ("return [g * s]",),
)
def silu(g, x):
    s = 1 / (1 + np.exp(-x))
    return [g * s]


@case(
    "gelu without x * density",
    lambda x: tg.gelu(x, approximate="tanh"),
    (ROWS,),
    OVERWRITTEN,
    "term|contribution|missing",
    ("return [g * phi]",),
)
def gelu(g, x):
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    phi = 0.5 * (1 + np.tanh(inner))
    return [g * phi]


@case(
    "elu with the slope of relu",
    lambda x: np.where(x > 0, x, np.exp(x) - 1),
    (ROWS,),
    OVERWRITTEN,
    "0 should be|derivative|term|contribution",
    ("slope = np.where(x > 0, 1, 0)",),
)
def elu(g, x):
    slope = np.where(x > 0, 1, 0)
    return [g * slope]


@case(
    "leaky_relu with the slope of relu",
    lambda x: np.sum(tg.leaky_relu(x, 0.1) * V),
    (ROWS,),
    OVERWRITTEN + "|contribution",
    "derivative of relu|slope|0 should be",
    ("slope = np.where(x > 0, 1, 0)",),
)
def leaky(x):
    slope = np.where(x > 0, 1, 0)
    return [V * slope]


@case(
    "leaky relu written out, with the slope of relu",
    lambda x: np.sum(np.where(x > 0, x, 0.1 * x) * V),
    (ROWS,),
    OVERWRITTEN + "|contribution",
    "derivative of relu|slope|0 should be",
    ("slope = np.where(x > 0, 1, 0)",),
)
def leaky_written_out(x):
    slope = np.where(x > 0, 1, 0)
    return [V * slope]


# Means ------------------------------------------------------------------------------------------


@case(
    "the mean of a bias in columns",
    lambda W, b: np.sum((W @ COLUMNS + b - TARGETS) ** 2) / 7,
    (W.T, rng.normal(size=(3, 1))),
    "taken twice",
    "mean was taken instead of the sum|mean over the 7 columns",
    ("db = np.mean(dZ, axis=1, keepdims=True)",),
)
def bias_of_columns(W, b):
    dZ = 2 * (W @ COLUMNS + b - TARGETS) / 7
    dW = dZ @ COLUMNS.T
    db = np.mean(dZ, axis=1, keepdims=True)
    return dW, db


@case(
    "1. / m * np.sum with the m forgotten",
    lambda W, b: 1.0 / 7 * np.sum((W @ COLUMNS + b - TARGETS) ** 2),
    (W.T, rng.normal(size=(3, 1))),
    "nothing is averaged|taken twice",
    "mean over 7 was forgotten",
    ("dW = 2 * dZ @ COLUMNS.T",),
)
def mean_written_out(W, b):
    dZ = W @ COLUMNS + b - TARGETS
    dW = 2 * dZ @ COLUMNS.T
    db = 2.0 / 7 * np.sum(dZ, axis=1, keepdims=True)
    return dW, db


@case(
    "a factor m where nothing is averaged",
    lambda W, b: np.sum((X @ W + b - T) ** 2),
    (W, rng.normal(size=3)),
    "mean over|taken twice|forgotten",
    "1/7|N does not belong|0.1429",
    ("dz = 2 * (X @ W + b - T) / len(X)",),
)
def sum_not_mean(W, b):
    dz = 2 * (X @ W + b - T) / len(X)
    return X.T @ dz, dz.sum(axis=0)


# One mistake is one diagnosis, and two are two ------------------------------------------------


@case(
    "a factor, and no noise behind it",
    lambda W, b: tg.tanh(X @ W + b),
    (W, rng.normal(size=3)),
    "upstream",
    "3 times",
    ("dz = 3 * g * (1 - a**2)",),
)
def factor_alone(g, W, b):
    a = np.tanh(X @ W + b)
    dz = 3 * g * (1 - a**2)
    return X.T @ dz, dz.sum(axis=0)


@case(
    "a sign, and no noise behind it",
    lambda W, b: tg.tanh(X @ W + b),
    (W, rng.normal(size=3)),
    "upstream",
    "sign",
    ("dz = -g * (1 - a**2)",),
)
def sign_alone(g, W, b):
    a = np.tanh(X @ W + b)
    dz = -g * (1 - a**2)
    return X.T @ dz, dz.sum(axis=0)


SQUARE = rng.normal(size=(4, 4))


@case(
    "a sign and a transpose on one line",
    lambda W, b: np.sum(np.tanh(X @ W + b)),
    (SQUARE, rng.normal(size=4)),
    "upstream",
    r"sign.*(transpose|\.T)|(transpose|\.T).*sign",
    ("dW = -dz.T @ X",),
)
def sign_and_transpose(W, b):
    a = np.tanh(X @ W + b)
    dz = 1 - a**2
    dW = -dz.T @ X
    return dW, dz.sum(axis=0)


# Others -----------------------------------------------------------------------------------------


def _softmax_loss(W):
    e = np.exp(X @ W)
    p = e / np.sum(e, axis=1, keepdims=True)
    return np.mean(-np.log(p[range(7), LABELS]))


@case(
    "softmax over the wrong axis, without the maximum of the row",
    _softmax_loss,
    (W,),
    "no known|no correction",
    "axis",
    ("p = e / np.sum(e, axis=0, keepdims=True)",),
)
def wrong_axis(W):
    e = np.exp(X @ W)
    p = e / np.sum(e, axis=0, keepdims=True)
    p[range(7), LABELS] -= 1
    return [X.T @ p / 7]


KERNEL = rng.normal(size=(2, 1, 2, 2))
IMAGE = rng.normal(size=(3, 1, 4, 4))


@case(
    "a mistake of conv2d",
    tg.conv2d,
    (IMAGE, KERNEL),
    "transpose of|sliding_windows|reshape",
    "sign|conv2d",
)
def convolution(g, x, w):
    dw, dx = np.zeros_like(w), np.zeros_like(x)
    for i in range(3):
        for j in range(3):
            patch = x[:, :, i : i + 2, j : j + 2]
            dw -= np.einsum("nk,ncuv->kcuv", g[:, :, i, j], patch)
            dx[:, :, i : i + 2, j : j + 2] += np.einsum("nk,kcuv->ncuv", g[:, :, i, j], w)
    return dx, dw


@case(
    "a mistake of max_pool2d",
    lambda x: tg.max_pool2d(x, 2),
    (IMAGE,),
    "transpose of|sliding_windows|reshape",
    "half|2 .*not belong|0.5",
)
def pooling(g, x):
    dx = np.zeros_like(x)
    for i in (0, 1):
        for j in (0, 1):
            window = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            mask = window == window.max(axis=(2, 3), keepdims=True)
            part = mask * g[:, :, i : i + 1, j : j + 1] / 2
            dx[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] += part
    return [dx]
