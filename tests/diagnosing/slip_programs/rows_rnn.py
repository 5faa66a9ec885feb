"""A recurrent network, samples as rows, the loss at the last step."""

import numpy as np

rng = np.random.default_rng(68)
B, T, D, H = 4, 4, 3, 5
X = rng.normal(size=(B, T, D))
Y = rng.normal(size=(B, H))


def F(Wx, Wh, b):
    h = np.zeros((B, H))
    for t in range(T):
        h = np.tanh(X[:, t] @ Wx + h @ Wh + b)
    return np.sum(h * Y)


def BY_HAND(Wx, Wh, b):
    hs = {-1: np.zeros((B, H))}
    for t in range(T):
        hs[t] = np.tanh(X[:, t] @ Wx + hs[t - 1] @ Wh + b)
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dh = Y
    for t in reversed(range(T)):
        dz = dh * (1 - hs[t] ** 2)
        dWx += X[:, t].T @ dz
        dWh += hs[t - 1].T @ dz
        db += dz.sum(axis=0)
        dh = dz @ Wh.T
    return dWx, dWh, db


POINT = (rng.normal(size=(D, H)), 0.5 * rng.normal(size=(H, H)), rng.normal(size=H))
