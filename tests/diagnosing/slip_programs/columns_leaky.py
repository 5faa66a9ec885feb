"""Columns, leaky relu, mean absolute error."""

import numpy as np

rng = np.random.default_rng(48)
m = 9
X = rng.normal(size=(4, m))
Y = rng.normal(size=(3, m))
slope = 0.1


def F(W1, b1, W2):
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, slope * Z1)
    return np.sum(np.abs(W2 @ A1 - Y)) / m


def BY_HAND(W1, b1, W2):
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, slope * Z1)
    A2 = W2 @ A1
    dA2 = np.sign(A2 - Y) / m
    dW2 = dA2 @ A1.T
    dA1 = W2.T @ dA2
    mask = np.ones_like(Z1)
    mask[Z1 < 0] = slope
    dZ1 = dA1 * mask
    dW1 = dZ1 @ X.T
    db1 = np.sum(dZ1, axis=1, keepdims=True)
    return dW1, db1, dW2


POINT = (rng.normal(size=(5, 4)), rng.normal(size=(5, 1)), rng.normal(size=(3, 5)))
