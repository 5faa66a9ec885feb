"""Rows, softmax-free regression with weight decay of the weights only."""

import numpy as np

rng = np.random.default_rng(55)
m, lam = 7, 0.6
X = rng.normal(size=(m, 4))
T = rng.normal(size=(m, 3))


def F(W1, b1, W2, b2):
    out = np.tanh(X @ W1 + b1) @ W2 + b2
    penalty = lam / (2 * m) * (np.sum(W1**2) + np.sum(W2**2))
    return np.sum((out - T) ** 2) / (2 * m) + penalty


def BY_HAND(W1, b1, W2, b2):
    a = np.tanh(X @ W1 + b1)
    dout = (a @ W2 + b2 - T) / m
    dW2 = a.T @ dout + lam / m * W2
    db2 = dout.sum(axis=0)
    dz = dout @ W2.T * (1 - a**2)
    dW1 = X.T @ dz + lam / m * W1
    db1 = dz.sum(axis=0)
    return dW1, db1, dW2, db2


POINT = (
    rng.normal(size=(4, 5)),
    rng.normal(size=5),
    rng.normal(size=(5, 3)),
    rng.normal(size=3),
)
