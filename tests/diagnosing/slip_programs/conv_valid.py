"""A convolution whose gradients are convolutions again: kernels are flipped for dx alone."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import tinygrad_edu as tg

rng = np.random.default_rng(67)
H, k = 6, 3
O = H - k + 1  # noqa: E741


def correlate(image, kernel):
    windows = sliding_window_view(image, kernel.shape)
    return np.einsum("ijuv,uv->ij", windows, kernel)


def F(x, w, b):
    return tg.conv2d(x.reshape(1, 1, H, H), w.reshape(1, 1, k, k)).reshape(O, O) + b


def BY_HAND(g, x, w, b):
    dw = correlate(x, g)
    padded = np.pad(g, k - 1)
    dx = correlate(padded, w[::-1, ::-1])
    db = np.array([g.sum()])
    return dx, dw, db


POINT = (rng.normal(size=(H, H)), rng.normal(size=(k, k)), rng.normal(size=1))
