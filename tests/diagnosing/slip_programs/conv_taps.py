"""A convolution of sequences with a loop over its taps, and a pool over windows that overlap."""

import numpy as np

rng = np.random.default_rng(66)
B, T, taps = 3, 7, 3
L = T - taps + 1
P = L - 1


def F(x, w):
    y = 0
    for k in range(taps):
        y = y + x[:, k : k + L] * w[k]
    return np.maximum(y[:, :-1], y[:, 1:])


def BY_HAND(g, x, w):
    y = np.zeros((B, L))
    for k in range(taps):
        y += x[:, k : k + L] * w[k]
    dy = np.zeros_like(y)
    for t in range(P):
        window = y[:, t : t + 2]
        mask = window == window.max(axis=1, keepdims=True)
        dy[:, t : t + 2] += mask * g[:, t : t + 1]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for k in range(taps):
        dw[k] = np.sum(dy * x[:, k : k + L])
        dx[:, k : k + L] += dy * w[k]
    return dx, dw


POINT = (rng.normal(size=(B, T)), rng.normal(size=taps))
