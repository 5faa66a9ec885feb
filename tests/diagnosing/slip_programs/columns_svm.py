"""Columns, a linear classifier with the hinge loss of several classes."""

import numpy as np

rng = np.random.default_rng(73)
m, n, C = 6, 4, 3
X = rng.normal(size=(n, m))
y = rng.integers(0, C, m)
cols = np.arange(m)
others = 1.0 - np.eye(C)[:, y]


def F(W):
    S = W @ X
    return np.sum(others * np.maximum(0, S - S[y, cols] + 1)) / m


def BY_HAND(W):
    S = np.dot(W, X)
    dS = 1.0 * (S - S[y, cols] + 1 > 0) * others
    counts = np.sum(dS, axis=0)
    dS[y, cols] -= counts
    return np.dot(dS, X.T) / m


POINT = (rng.normal(size=(C, n)),)
