"""Columns: dropout with a mask and a division by keep_prob, a mask of the sequence."""

import numpy as np

rng = np.random.default_rng(54)
m, keep_prob, d_k = 8, 0.7, 5
X = rng.normal(size=(4, m))
Y = rng.normal(size=(3, m))
D1 = (rng.random((5, m)) < keep_prob) * 1
mask = np.array([[1.0, 1, 0, 1, 1, 1, 0, 1]])


def F(W1, b1, W2):
    A1 = np.tanh(W1 @ X + b1) * D1 / keep_prob
    return np.sum(mask * (W2 @ A1 / np.sqrt(d_k) - Y) ** 2)


def BY_HAND(W1, b1, W2):
    R1 = np.tanh(W1 @ X + b1)
    A1 = R1 * D1 / keep_prob
    Z2 = W2 @ A1 / np.sqrt(d_k)
    dZ2 = 2 * mask * (Z2 - Y) / np.sqrt(d_k)
    dW2 = dZ2 @ A1.T
    dA1 = W2.T @ dZ2
    dR1 = dA1 * D1 / keep_prob
    dZ1 = dR1 * (1 - R1**2)
    dW1 = dZ1 @ X.T
    db1 = np.sum(dZ1, axis=1, keepdims=True)
    return dW1, db1, dW2


POINT = (rng.normal(size=(5, 4)), rng.normal(size=(5, 1)), rng.normal(size=(3, 5)))
