"""Convolution by four loops: images (N, C, H, W), padding one, stride two, a bias."""

import numpy as np

rng = np.random.default_rng(55)
stride, pad = 2, 1


def conv(x, w, b):
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    out = b[:, None, None]
    for i in range(3):
        for j in range(3):
            patch = xp[:, :, i : i + 3 : stride, j : j + 3 : stride]
            out = out + np.einsum("nchw,fc->nfhw", patch, w[:, :, i, j])
    return out


def conv_backward(dout, x, w, b):
    N, F_out, H_out, W_out = dout.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), "constant")
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(w)
    db = np.zeros_like(b)
    for n in range(N):
        for f in range(F_out):
            db[f] += np.sum(dout[n, f])
            for i in range(H_out):
                for j in range(W_out):
                    top, left = i * stride, j * stride
                    window = xp[n, :, top : top + 3, left : left + 3]
                    dw[f] += window * dout[n, f, i, j]
                    dxp[n, :, top : top + 3, left : left + 3] += w[f] * dout[n, f, i, j]
    dx = dxp[:, :, pad:-pad, pad:-pad]
    return dx, dw, db


POINT = (rng.normal(size=(2, 2, 4, 4)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3))
F, BY_HAND = conv, conv_backward

SLIPS = [
    (
        "dw[f] += window * dout[n, f, i, j]",
        "dw[f] = window * dout[n, f, i, j]",
        "missing term",
        "only the last window",
    ),
    (
        "left : left + 3] += w[f]",
        "left : left + 3] = w[f]",
        "missing term",
        "windows overwrite each other",
    ),
    (
        "dx = dxp[:, :, pad:-pad, pad:-pad]",
        "dx = dxp[:, :, : -2 * pad, : -2 * pad]",
        "index",
        "the padding is cut at one side",
    ),
    ("db[f] += np.sum(dout[n, f])", "db[f] += np.mean(dout[n, f])", "averaged", "the bias"),
    ("+= w[f] * dout", "+= w[f, :, ::-1, ::-1] * dout", "other", "the kernel is flipped"),
    (
        "dw[f] += window * dout",
        "dw[f] += window[:, ::-1, ::-1] * dout",
        "other",
        "the window is flipped",
    ),
    ("for n in range(N)", "for n in range(N - 1)", "index", "the last image is left out"),
    (
        "db[f] += np.sum(dout[n, f])",
        "db[f] = np.sum(dout[n, f])",
        "missing term",
        "only the last image",
    ),
]
