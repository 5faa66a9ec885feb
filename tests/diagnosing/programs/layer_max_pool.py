"""Max pooling with windows two by two that do not overlap, by loops over the windows."""

import numpy as np

rng = np.random.default_rng(58)
P = 2


def max_pool(x):
    corners = [x[:, :, i::P, j::P] for i in range(P) for j in range(P)]
    return np.max(np.stack(corners), axis=0)


def max_pool_backward(dout, x):
    N, C, H, W = x.shape
    dx = np.zeros((N, C, H, W))
    for n in range(N):
        for c in range(C):
            for i in range(H // P):
                for j in range(W // P):
                    h, w = i * P, j * P
                    window = x[n, c, h : h + P, w : w + P]
                    mask = window == np.max(window)
                    dx[n, c, h : h + P, w : w + P] += mask * dout[n, c, i, j]
    return (dx,)


POINT = (rng.normal(size=(2, 3, 4, 6)),)
F, BY_HAND = max_pool, max_pool_backward

SLIPS = [
    ("+= mask * dout[n, c, i, j]", "+= mask", "missing factor", "the upstream gradient"),
    (
        "+= mask * dout[n, c, i, j]",
        "+= window * dout[n, c, i, j]",
        "wrong operand",
        "the window for the mask",
    ),
    ("+= mask * dout[n, c, i, j]", "+= dout[n, c, i, j] / P**2", "other", "the average pool's"),
    (
        "mask = window == np.max(window)",
        "mask = window == np.min(window)",
        "other",
        "the smallest element",
    ),
    (
        "mask = window == np.max(window)",
        "mask = window >= np.mean(window)",
        "other",
        "all above the mean",
    ),
    (
        "for i in range(H // P)",
        "for i in range(H // P - 1)",
        "index",
        "the last windows are left out",
    ),
    ("mask * dout[n, c, i, j]", "mask * dout[n, c, 0, 0]", "index", "always the first window's"),
]
