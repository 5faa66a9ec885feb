"""Group norm of images (N, C, H, W): statistics per sample and group of channels."""

import numpy as np

rng = np.random.default_rng(54)
N, C, H, W, G = 2, 6, 2, 3, 2
eps = 1e-5


def groupnorm(x, gamma, beta):
    xg = np.reshape(x, (N, G, -1))
    mean = np.mean(xg, axis=2, keepdims=True)
    var = np.mean((xg - mean) ** 2, axis=2, keepdims=True)
    xhat = np.reshape((xg - mean) / np.sqrt(var + eps), (N, C, H, W))
    return gamma * xhat + beta


def groupnorm_backward(dout, x, gamma, beta):
    xg = x.reshape(N * G, -1)
    M = xg.shape[1]
    mean = xg.mean(axis=1, keepdims=True)
    std = np.sqrt(xg.var(axis=1, keepdims=True) + eps)
    xhat_g = (xg - mean) / std
    xhat = xhat_g.reshape(x.shape)

    dbeta = np.sum(dout, axis=(0, 2, 3), keepdims=True)
    dgamma = np.sum(dout * xhat, axis=(0, 2, 3), keepdims=True)
    dxhat = (dout * gamma).reshape(N * G, M)
    sum1 = dxhat.sum(axis=1, keepdims=True)
    sum2 = (dxhat * xhat_g).sum(axis=1, keepdims=True)
    dx = (M * dxhat - sum1 - xhat_g * sum2) / (M * std)
    return dx.reshape(x.shape), dgamma, dbeta


POINT = (
    rng.normal(size=(N, C, H, W)),
    rng.uniform(0.5, 1.5, (1, C, 1, 1)),
    rng.normal(size=(1, C, 1, 1)),
)
F, BY_HAND = groupnorm, groupnorm_backward

SLIPS = [
    (
        "dbeta = np.sum(dout, axis=(0, 2, 3)",
        "dbeta = np.mean(dout, axis=(0, 2, 3)",
        "averaged",
        "dbeta",
    ),
    ("dgamma = np.sum(dout * xhat", "dgamma = np.sum(dout * x", "wrong operand", "x for xhat"),
    ("(dout * gamma).reshape", "dout.reshape", "missing factor", "gamma"),
    ("- sum1 - xhat_g * sum2", "- sum1 - sum2", "missing factor", "xhat at the second sum"),
    ("(M * dxhat - sum1", "(N * dxhat - sum1", "wrong operand", "samples for elements of a group"),
    ("M * dxhat - sum1 - xhat_g", "M * dxhat - xhat_g", "missing term", "the mean is a constant"),
    ("/ (M * std)", "/ M", "missing factor", "the deviation"),
]
