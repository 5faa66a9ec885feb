"""Columns: relu, tanh, sigmoid with binary cross-entropy."""

import numpy as np

rng = np.random.default_rng(44)
m = 8
X = rng.normal(size=(4, m))
Y = rng.integers(0, 2, (3, m)).astype(float)


def F(W1, b1, W2, b2, W3, b3):
    A1 = np.maximum(0, W1 @ X + b1)
    A2 = np.tanh(W2 @ A1 + b2)
    A3 = 1 / (1 + np.exp(-(W3 @ A2 + b3)))
    return -(1 / m) * np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))


def BY_HAND(W1, b1, W2, b2, W3, b3):
    Z1 = W1 @ X + b1
    A1 = np.maximum(0, Z1)
    Z2 = W2 @ A1 + b2
    A2 = np.tanh(Z2)
    A3 = 1 / (1 + np.exp(-(W3 @ A2 + b3)))
    dZ3 = A3 - Y
    dW3 = (1 / m) * dZ3 @ A2.T
    db3 = (1 / m) * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = W3.T @ dZ3
    dZ2 = dA2 * (1 - np.power(A2, 2))
    dW2 = (1 / m) * dZ2 @ A1.T
    db2 = (1 / m) * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = W2.T @ dZ2
    dZ1 = np.multiply(dA1, Z1 > 0)
    dW1 = (1 / m) * dZ1 @ X.T
    db1 = (1 / m) * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2, "dW3": dW3, "db3": db3}


POINT = (
    rng.normal(size=(6, 4)),
    rng.normal(size=(6, 1)),
    rng.normal(size=(5, 6)),
    rng.normal(size=(5, 1)),
    rng.normal(size=(3, 5)),
    rng.normal(size=(3, 1)),
)
