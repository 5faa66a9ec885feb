"""Rows, one layer with a sigmoid and the mean squared error."""

import numpy as np

rng = np.random.default_rng(49)
N = 7
X = rng.normal(size=(N, 4))
T = rng.uniform(size=(N, 3))


def F(W, b):
    p = 1 / (1 + np.exp(-(X @ W + b)))
    return np.sum((p - T) ** 2) / N


def BY_HAND(W, b):
    p = 1.0 / (1.0 + np.exp(-(X @ W + b)))
    dz = 2 / N * (p - T) * p * (1 - p)
    dW = X.T @ dz
    db = dz.sum(0)
    return dW, db


POINT = (rng.normal(size=(4, 3)), rng.normal(size=3))
