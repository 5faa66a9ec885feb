"""Rows: relu, tanh, sigmoid with binary cross-entropy."""

import numpy as np

rng = np.random.default_rng(43)
N = 8
X = rng.normal(size=(N, 4))
T = rng.integers(0, 2, (N, 3)).astype(float)


def F(W1, b1, W2, b2, W3, b3):
    h = np.maximum(X @ W1 + b1, 0)
    a = np.tanh(h @ W2 + b2)
    p = 1 / (1 + np.exp(-(a @ W3 + b3)))
    return -(T * np.log(p) + (1 - T) * np.log(1 - p)).sum() / N


def BY_HAND(W1, b1, W2, b2, W3, b3):
    z1 = X @ W1 + b1
    h = np.maximum(z1, 0)
    z2 = h @ W2 + b2
    a = np.tanh(z2)
    p = 1 / (1 + np.exp(-(a @ W3 + b3)))
    dp = (p - T) / (p * (1 - p)) / N
    dz3 = dp * p * (1 - p)
    dW3 = a.T @ dz3
    db3 = dz3.sum(axis=0)
    da = dz3 @ W3.T
    dz2 = da * (1 - a**2)
    dW2 = h.T @ dz2
    db2 = dz2.sum(axis=0)
    dh = dz2 @ W2.T
    dz1 = dh * (z1 > 0)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2, "dW3": dW3, "db3": db3}


POINT = (
    rng.normal(size=(4, 6)),
    rng.normal(size=6),
    rng.normal(size=(6, 5)),
    rng.normal(size=5),
    rng.normal(size=(5, 3)),
    rng.normal(size=3),
)
