"""Two layers with elu on rows, mean absolute error."""

import numpy as np

rng = np.random.default_rng(12)
xs = rng.normal(size=(7, 4))
ys = rng.normal(size=(7, 3))
ALPHA = 1.3


def mean_absolute_error(U, p, V, q):
    z = xs @ U + p
    a = np.where(z > 0, z, ALPHA * (np.exp(z) - 1))
    return np.mean(np.abs(a @ V + q - ys))


def elu(z):
    return np.where(z > 0, z, ALPHA * (np.exp(z) - 1))


def elu_prime(z):
    return np.where(z > 0, 1, ALPHA * np.exp(z))


def hand_gradients(U, p, V, q):
    z = xs @ U + p
    a = elu(z)
    y_hat = a @ V + q
    dy = np.sign(y_hat - ys) / ys.size
    dV = np.einsum("nh,no->ho", a, dy)
    dq = np.einsum("no->o", dy)
    da = np.einsum("no,ho->nh", dy, V)
    dz = da * elu_prime(z)
    dU = np.einsum("ni,nh->ih", xs, dz)
    dp = np.einsum("nh->h", dz)
    return {"U": dU, "p": dp, "V": dV, "q": dq}


POINT = (rng.normal(size=(4, 6)), rng.normal(size=6), rng.normal(size=(6, 3)), rng.normal(size=3))
F, BY_HAND = mean_absolute_error, hand_gradients

SLIPS = [
    (
        "np.sign(y_hat - ys) / ys.size",
        "2 * (y_hat - ys) / ys.size",
        "other",
        "the squared error's gradient",
    ),
    ("np.sign(y_hat - ys)", "np.sign(ys - y_hat)", "sign", "target minus output"),
    ("dz = da * elu_prime(z)", "dz = da * elu_prime(a)", "wrong derivative", "taken at the output"),
    (
        "return np.where(z > 0, 1, ALPHA * np.exp(z))",
        "return np.where(z > 0, 1, np.exp(z))",
        "missing factor",
        "ALPHA",
    ),
    (
        "return np.where(z > 0, 1, ALPHA * np.exp(z))",
        "return np.where(z > 0, 1, ALPHA * (np.exp(z) - 1))",
        "wrong derivative",
        "elu itself",
    ),
    (
        'dU = np.einsum("ni,nh->ih", xs, dz)',
        'dU = np.einsum("ni,nh->ih", xs, da)',
        "missing derivative",
        "elu's, in dU alone",
    ),
    ("/ ys.size", "/ len(ys)", "factor", "rows in place of elements"),
]
