"""Average pooling with windows that overlap (three by three, stride one), then a tanh."""

import numpy as np

rng = np.random.default_rng(59)
k = 3


def pooled(x, scale):
    height, width = x.shape[1:]
    h, w = height - k + 1, width - k + 1
    mean = sum(x[:, i : i + h, j : j + w] for i in range(k) for j in range(k)) / k**2
    return np.tanh(scale * mean)


def average(x):
    n, height, width = x.shape
    out = np.empty((n, height - k + 1, width - k + 1))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            out[:, i, j] = x[:, i : i + k, j : j + k].mean(axis=(1, 2))
    return out


def pooled_backward(g, x, scale):
    mean = average(x)
    y = np.tanh(scale * mean)
    d_scaled = g * (1 - y**2)
    d_scale = np.sum(d_scaled * mean)
    d_mean = d_scaled * scale
    dx = np.zeros_like(x)
    for i in range(d_mean.shape[1]):
        for j in range(d_mean.shape[2]):
            share = d_mean[:, i, j] / (k * k)
            dx[:, i : i + k, j : j + k] += share[:, None, None]
    return dx, d_scale


POINT = (rng.normal(size=(2, 5, 6)), np.array(1.4))
F, BY_HAND = pooled, pooled_backward

SLIPS = [
    ("share = d_mean[:, i, j] / (k * k)", "share = d_mean[:, i, j]", "factor", "not shared"),
    (
        "share = d_mean[:, i, j] / (k * k)",
        "share = d_mean[:, i, j] / k",
        "factor",
        "shared along one side",
    ),
    (
        "+= share[:, None, None]",
        "= share[:, None, None]",
        "missing term",
        "windows overwrite each other",
    ),
    ("d_mean = d_scaled * scale", "d_mean = d_scaled", "missing factor", "the scale"),
    ("d_scaled = g * (1 - y**2)", "d_scaled = g", "missing derivative", "tanh's"),
    (
        "d_scale = np.sum(d_scaled * mean)",
        "d_scale = np.sum(d_scaled * y)",
        "wrong operand",
        "the output for the input",
    ),
]
