"""Convolution of one channel through im2col and col2im, then relu and a sum of squares."""

import numpy as np

rng = np.random.default_rng(57)
image = rng.normal(size=(3, 5, 5))
size, out_size, filters = 3, 3, 4


def loss(x, w, b):
    z = b
    for i in range(size):
        for j in range(size):
            z = z + x[:, i : i + out_size, j : j + out_size][..., None] * w[:, i, j]
    return 0.5 * np.sum(np.maximum(0, z) ** 2)


def im2col(x):
    cols = np.zeros((len(x) * out_size * out_size, size * size))
    row = 0
    for picture in x:
        for r in range(out_size):
            for c in range(out_size):
                cols[row] = picture[r : r + size, c : c + size].ravel()
                row += 1
    return cols


def col2im(cols, shape):
    x = np.zeros(shape)
    row = 0
    for n in range(shape[0]):
        for r in range(out_size):
            for c in range(out_size):
                x[n, r : r + size, c : c + size] += cols[row].reshape(size, size)
                row += 1
    return x


def loss_backward(x, w, b):
    cols = im2col(x)
    w_rows = w.reshape(filters, -1)
    z = cols @ w_rows.T + b
    a = np.maximum(0, z)
    dz = a * (z > 0)
    db = dz.sum(axis=0)
    dw = (dz.T @ cols).reshape(w.shape)
    dcols = dz @ w_rows
    dx = col2im(dcols, x.shape)
    return dx, dw, db


POINT = (image, rng.normal(size=(filters, size, size)), rng.normal(size=filters))
F, BY_HAND = loss, loss_backward

SLIPS = [
    (
        "c : c + size] += cols[row]",
        "c : c + size] = cols[row]",
        "missing term",
        "windows overwrite each other",
    ),
    ("reshape(size, size)", "reshape(size, size).T", "transposed", "each window on the way back"),
    ("reshape(w.shape)", "reshape(w.shape).transpose(0, 2, 1)", "transposed", "each filter"),
    ("dz = a * (z > 0)", "dz = (z > 0) * 1.0", "missing factor", "the upstream gradient"),
    ("db = dz.sum(axis=0)", "db = dz.mean(axis=0)", "averaged", "the bias"),
    (
        "dcols = dz @ w_rows",
        "dcols = z @ w_rows",
        "missing derivative",
        "relu's, towards the image",
    ),
    (
        "for n in range(shape[0]):",
        "for n in range(1, shape[0]):",
        "index",
        "the first image is left out",
    ),
]
