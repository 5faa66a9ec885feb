"""RMS norm of rows, with a scale."""

import numpy as np

generator = np.random.default_rng(53)
eps = 1e-6


def rms_norm(x, weight):
    rms = np.sqrt(np.mean(x * x, axis=1, keepdims=True) + eps)
    return weight * x / rms


def rms_norm_grad(grad, x, weight):
    n, d = x.shape
    rms = np.sqrt((x**2).sum(axis=1) / d + eps).reshape(n, 1)
    normed = x / rms
    d_weight = (grad * normed).sum(axis=0)
    d_normed = grad * weight
    dot = (d_normed * x).sum(axis=1).reshape(n, 1)
    d_x = d_normed / rms - x * dot / (d * rms**3)
    return [d_x, d_weight]


POINT = (generator.normal(size=(5, 4)), generator.uniform(0.5, 1.5, 4))
F, BY_HAND = rms_norm, rms_norm_grad

SLIPS = [
    ("(d * rms**3)", "(d * rms**2)", "constant", "the exponent"),
    ("(d * rms**3)", "rms**3", "factor", "the mean over the width"),
    ("(d * rms**3)", "(n * rms**3)", "wrong operand", "the mean over the rows"),
    (
        "d_x = d_normed / rms - x * dot / (d * rms**3)",
        "d_x = d_normed / rms",
        "missing term",
        "the root is a constant",
    ),
    ("d_normed = grad * weight", "d_normed = grad", "missing factor", "the scale"),
    (
        "(grad * normed).sum(axis=0)",
        "(grad * x).sum(axis=0)",
        "wrong operand",
        "x for the normed x",
    ),
    ("/ rms - x * dot", "/ rms + x * dot", "sign", "the second term"),
]
