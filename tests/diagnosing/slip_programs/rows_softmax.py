"""Rows, relu, softmax and cross-entropy written out, labels as indices."""

import numpy as np

rng = np.random.default_rng(41)
N, D, H, C = 7, 4, 5, 3
X = rng.normal(size=(N, D))
y = rng.integers(0, C, N)


def F(W1, b1, W2, b2):
    h = np.maximum(0, X @ W1 + b1)
    e = np.exp(h @ W2 + b2)
    p = e / np.sum(e, axis=1, keepdims=True)
    return np.mean(-np.log(p[range(N), y]))


def BY_HAND(W1, b1, W2, b2):
    z = X @ W1 + b1
    h = np.maximum(0, z)
    e = np.exp(h @ W2 + b2)
    p = e / np.sum(e, axis=1, keepdims=True)
    dscores = p.copy()
    dscores[range(N), y] -= 1
    dscores /= N
    dW2 = h.T @ dscores
    db2 = np.sum(dscores, axis=0)
    dh = dscores @ W2.T
    dz = dh * (z > 0)
    dW1 = X.T @ dz
    db1 = np.sum(dz, axis=0)
    return dW1, db1, dW2, db2


POINT = (
    rng.normal(size=(D, H)),
    rng.normal(size=H),
    rng.normal(size=(H, C)),
    rng.normal(size=C),
)
