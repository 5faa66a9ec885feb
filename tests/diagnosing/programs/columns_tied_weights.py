"""Reconstruction as in principal components: columns x, code tanh(W x), output W' code."""

import numpy as np

rng = np.random.default_rng(44)
p, q, n = 5, 3, 9
X = rng.normal(size=(p, n))


def reconstruction_error(W, mu):
    code = np.tanh(W @ (X - mu))
    return np.sum((W.T @ code + mu - X) ** 2) / n


def reconstruction_gradient(W, mu):
    centred = X - mu
    code = np.tanh(W @ centred)
    residual = W.T @ code + mu - X
    d_out = 2 * residual / n
    d_code = W @ d_out
    d_pre = d_code * (1 - code**2)
    d_W = code @ d_out.T
    d_W += d_pre @ centred.T
    d_mu = d_out.sum(axis=1, keepdims=True)
    d_mu -= (W.T @ d_pre).sum(axis=1, keepdims=True)
    return {"W": d_W, "mu": d_mu}


POINT = (rng.normal(size=(q, p)) / 2, rng.normal(size=(p, 1)))
F, BY_HAND = reconstruction_error, reconstruction_gradient

SLIPS = [
    ("d_W += d_pre @ centred.T", "d_W = d_pre @ centred.T", "missing term", "the decoder's part"),
    ("    d_W += d_pre @ centred.T\n", "    \n", "missing term", "the encoder's part"),
    ("d_mu -= (W.T", "d_mu += (W.T", "sign", "the sign of the centring"),
    (
        "    d_mu -= (W.T @ d_pre).sum(axis=1, keepdims=True)\n",
        "    \n",
        "missing term",
        "the centring",
    ),
    (
        "d_pre = d_code * (1 - code**2)",
        "d_pre = d_code * (1 - d_code**2)",
        "wrong operand",
        "the gradient's square",
    ),
    ("d_pre @ centred.T", "d_pre @ X.T", "wrong operand", "not centred"),
    (
        "d_out = 2 * residual / n",
        "d_out = 2 * residual / p",
        "wrong operand",
        "divided by the width",
    ),
]
