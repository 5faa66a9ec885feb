"""Layer norm over the last axis of (batch, time, width), with gain and bias."""

import numpy as np

rng = np.random.default_rng(52)
EPS = 1e-5


def layer_norm(x, g, b):
    mean = np.mean(x, axis=-1, keepdims=True)
    var = np.mean((x - mean) ** 2, axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(var + EPS) * g + b


def layer_norm_back(dy, x, g, b):
    mean = x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + EPS)
    norm = (x - mean) * rstd
    db = dy.sum(axis=(0, 1))
    dg = (dy * norm).sum(axis=(0, 1))
    dnorm = dy * g
    dx = dnorm - dnorm.mean(axis=-1, keepdims=True)
    dx = dx - norm * (dnorm * norm).mean(axis=-1, keepdims=True)
    dx = dx * rstd
    return dx, dg, db


POINT = (rng.normal(size=(2, 3, 5)), rng.uniform(0.5, 1.5, 5), rng.normal(size=5))
F, BY_HAND = layer_norm, layer_norm_back

SLIPS = [
    ("    dx = dx * rstd\n", "    \n", "missing factor", "1 / the deviation"),
    (
        "(dnorm * norm).mean(axis=-1, keepdims=True)",
        "(dnorm * norm).sum(axis=-1, keepdims=True)",
        "factor",
        "sum for mean",
    ),
    (
        "dx = dnorm - dnorm.mean(axis=-1, keepdims=True)",
        "dx = dnorm",
        "missing term",
        "the mean is a constant",
    ),
    ("dnorm = dy * g", "dnorm = dy", "missing factor", "the gain"),
    (
        "dg = (dy * norm).sum(axis=(0, 1))",
        "dg = (dy * x).sum(axis=(0, 1))",
        "wrong operand",
        "x for norm",
    ),
    ("db = dy.sum(axis=(0, 1))", "db = dy.sum(axis=0).mean(axis=0)", "averaged", "over the time"),
    ("dx - norm * (dnorm", "dx + norm * (dnorm", "sign", "the sign of the variance's term"),
    ("dx - norm * (dnorm", "dx - x * (dnorm", "wrong operand", "x for norm"),
]
