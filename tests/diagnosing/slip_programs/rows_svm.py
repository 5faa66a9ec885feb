"""Rows, a linear classifier with the hinge loss of several classes."""

import numpy as np

rng = np.random.default_rng(72)
N, D, C = 6, 4, 3
X = rng.normal(size=(N, D))
y = rng.integers(0, C, N)
rows = np.arange(N)
others = np.ones((N, C))
others[rows, y] = 0


def F(W):
    scores = X @ W
    correct = scores[rows, y].reshape(N, 1)
    return np.sum(others * np.maximum(0, scores - correct + 1)) / N


def BY_HAND(W):
    scores = X @ W
    margins = scores - scores[rows, y][:, None] + 1
    mask = (margins > 0) * others
    mask[rows, y] = -np.sum(mask, axis=1)
    return X.T @ mask / N


POINT = (rng.normal(size=(D, C)),)
