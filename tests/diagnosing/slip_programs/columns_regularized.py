"""Columns, logistic regression with a hidden layer and weight decay, as in a course."""

import numpy as np

rng = np.random.default_rng(56)
m, lambd = 7, 0.8
X = rng.normal(size=(4, m))
Y = rng.integers(0, 2, (1, m)) * 1.0


def F(W1, b1, W2, b2):
    A1 = np.maximum(0, np.dot(W1, X) + b1)
    A2 = 1 / (1 + np.exp(-(np.dot(W2, A1) + b2)))
    cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    return cost + lambd / (2 * m) * (np.sum(np.square(W1)) + np.sum(np.square(W2)))


def BY_HAND(W1, b1, W2, b2):
    A1 = np.maximum(0, np.dot(W1, X) + b1)
    A2 = 1 / (1 + np.exp(-(np.dot(W2, A1) + b2)))
    dZ2 = A2 - Y
    dW2 = 1.0 / m * np.dot(dZ2, A1.T) + lambd / m * W2
    db2 = 1.0 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dZ1 = np.multiply(dA1, np.int64(A1 > 0))
    dW1 = 1.0 / m * np.dot(dZ1, X.T) + lambd / m * W1
    db1 = 1.0 / m * np.sum(dZ1, axis=1, keepdims=True)
    return dW1, db1, dW2, db2


POINT = (
    rng.normal(size=(3, 4)),
    rng.normal(size=(3, 1)),
    rng.normal(size=(1, 3)),
    rng.normal(size=(1, 1)),
)
