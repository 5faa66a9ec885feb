"""Rows, leaky relu, mean absolute error."""

import numpy as np

rng = np.random.default_rng(47)
X = rng.normal(size=(9, 4))
T = rng.normal(size=(9, 3))
alpha = 0.2


def F(W1, b1, W2):
    z = X @ W1 + b1
    h = np.where(z > 0, z, alpha * z)
    return np.mean(np.abs(h @ W2 - T))


def BY_HAND(W1, b1, W2):
    z = X @ W1 + b1
    h = np.where(z > 0, z, alpha * z)
    out = h @ W2
    dout = np.sign(out - T) / T.size
    dW2 = h.T @ dout
    dh = dout @ W2.T
    dz = dh * np.where(z > 0, 1, alpha)
    return X.T @ dz, dz.sum(axis=0), dW2


POINT = (rng.normal(size=(4, 5)), rng.normal(size=5), rng.normal(size=(5, 3)))
