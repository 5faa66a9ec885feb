"""Columns, a hidden layer of tanh, a linear output, the mean squared error."""

import numpy as np

rng = np.random.default_rng(50)
m = 7
X = rng.normal(size=(4, m))
Y = rng.normal(size=(3, m))


def F(W1, b1, W2, b2):
    return np.sum((W2 @ np.tanh(W1 @ X + b1) + b2 - Y) ** 2) / m


def BY_HAND(W1, b1, W2, b2):
    A1 = np.tanh(W1 @ X + b1)
    A2 = W2 @ A1 + b2
    dZ2 = 2 * (A2 - Y) / m
    dW2 = dZ2 @ A1.T
    db2 = dZ2.sum(axis=1, keepdims=True)
    dZ1 = (W2.T @ dZ2) * (1 - A1**2)
    dW1 = dZ1 @ X.T
    db1 = dZ1.sum(axis=1, keepdims=True)
    return dW1, db1, dW2, db2


POINT = (
    rng.normal(size=(5, 4)),
    rng.normal(size=(5, 1)),
    rng.normal(size=(3, 5)),
    rng.normal(size=(3, 1)),
)
