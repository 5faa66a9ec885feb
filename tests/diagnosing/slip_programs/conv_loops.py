"""A convolution of images with loops over windows, with padding and a bias."""

import numpy as np

import tinygrad_edu as tg

rng = np.random.default_rng(65)
N, C, H, K, pad = 2, 2, 4, 3, 1
R = rng.normal(size=(N, K, H, H))


def F(x, w, b):
    out = tg.conv2d(x, w, padding=pad) + b.reshape(1, K, 1, 1)
    return np.sum(out * R)


def BY_HAND(x, w, b):
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for i in range(H):
        for j in range(H):
            g = R[:, :, i, j]
            window = xp[:, :, i : i + 3, j : j + 3]
            dw += np.einsum("nk,ncuv->kcuv", g, window)
            dxp[:, :, i : i + 3, j : j + 3] += np.einsum("nk,kcuv->ncuv", g, w)
    dx = dxp[:, :, pad : pad + H, pad : pad + H]
    db = R.sum(axis=(0, 2, 3))
    return dx, dw, db


POINT = (
    rng.normal(size=(N, C, H, H)),
    rng.normal(size=(K, C, 3, 3)),
    rng.normal(size=K),
)
