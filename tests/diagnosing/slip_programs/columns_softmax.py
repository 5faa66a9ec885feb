"""Columns, sigmoid written out, softmax over the rows of a column, one-hot labels."""

import numpy as np

rng = np.random.default_rng(42)
n0, n1, n2, m = 4, 5, 3, 7
X = rng.normal(size=(n0, m))
Y = np.eye(n2)[:, rng.integers(0, n2, m)]


def F(W1, b1, W2, b2):
    A1 = 1 / (1 + np.exp(-(np.dot(W1, X) + b1)))
    E = np.exp(np.dot(W2, A1) + b2)
    A2 = E / np.sum(E, axis=0, keepdims=True)
    return -1.0 / m * np.sum(Y * np.log(A2))


def BY_HAND(W1, b1, W2, b2):
    Z1 = np.dot(W1, X) + b1
    A1 = 1 / (1 + np.exp(-Z1))
    E = np.exp(np.dot(W2, A1) + b2)
    A2 = E / np.sum(E, axis=0, keepdims=True)
    dZ2 = A2 - Y
    dW2 = 1.0 / m * np.dot(dZ2, A1.T)
    db2 = 1.0 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dZ1 = dA1 * A1 * (1 - A1)
    dW1 = 1.0 / m * np.dot(dZ1, X.T)
    db1 = 1.0 / m * np.sum(dZ1, axis=1, keepdims=True)
    return dW1, db1, dW2, db2


POINT = (
    rng.normal(size=(n1, n0)),
    rng.normal(size=(n1, 1)),
    rng.normal(size=(n2, n1)),
    rng.normal(size=(n2, 1)),
)
