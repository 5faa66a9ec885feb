"""Functions of a square: cos(x**2), and a Gaussian of the distance to a center."""

import numpy as np

rng = np.random.default_rng(78)
C = rng.normal(size=(5, 3))


def F(x, s):
    return np.cos(x**2) * np.exp(-((x - C) ** 2) * s)


def BY_HAND(g, x, s):
    u = x**2
    d = x - C
    e = np.exp(-(d**2) * s)
    dcos = -np.sin(u) * 2 * x
    dexp = -2 * d * s * e
    dx = g * (dcos * e + np.cos(u) * dexp)
    ds = np.sum(g * np.cos(u) * e * -(d**2), axis=0)
    return dx, ds


POINT = (rng.normal(size=(5, 3)), rng.uniform(0.5, 1, 3))
