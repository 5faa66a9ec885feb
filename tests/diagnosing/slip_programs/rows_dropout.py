"""Rows: embedded words, a mask of the sequence, dropout, scores over the root of the width."""

import numpy as np

rng = np.random.default_rng(53)
B, D, H = 8, 4, 5
X = rng.normal(size=(B, D))
K = rng.normal(size=(3, H))
real = np.array([1.0, 1, 1, 0, 1, 1, 0, 1])[:, None]
keep = 0.6
U = (rng.random((B, H)) < keep) / keep
T = rng.normal(size=(B, 3))


def F(W, b):
    h = np.tanh(X @ W + b) * U
    scores = h @ K.T / np.sqrt(H)
    return np.sum(real * (scores - T) ** 2)


def BY_HAND(W, b):
    a = np.tanh(X @ W + b)
    h = a * U
    scores = h @ K.T / np.sqrt(H)
    dscores = 2 * (scores - T) * real
    dh = dscores @ K / np.sqrt(H)
    da = dh * U
    dz = da * (1 - a**2)
    dW = X.T @ dz
    db = dz.sum(axis=0)
    return dW, db


POINT = (rng.normal(size=(D, H)), rng.normal(size=H))
