"""Columns, layers of equal width one after the other, tanh, half of the squared error.

Equal widths, because another layer's arrays have the same shape only then.
"""

import numpy as np

rng = np.random.default_rng(46)
X = rng.normal(size=(4, 7))
Y = rng.normal(size=(4, 7))


def F(W1, W2, W3):
    A = X
    for W in (W1, W2, W3):
        A = np.tanh(W @ A)
    return np.sum((A - Y) ** 2) / (2 * X.shape[1])


def BY_HAND(W1, W2, W3):
    W = {1: W1, 2: W2, 3: W3}
    A, Z, dW = {0: X}, {}, {}
    for l in range(1, 4):  # noqa: E741
        Z[l] = W[l] @ A[l - 1]
        A[l] = np.tanh(Z[l])
    error = (A[3] - Y) / X.shape[1]
    dZ = error * (1 - A[3] ** 2)
    dW[3] = dZ @ A[2].T
    for l in (2, 1):  # noqa: E741
        dA = W[l + 1].T @ dZ
        dZ = dA * (1 - np.tanh(Z[l]) ** 2)
        dW[l] = dZ @ A[l - 1].T
    return [dW[1], dW[2], dW[3]]


POINT = tuple(rng.normal(size=(4, 4)) for _ in range(3))
