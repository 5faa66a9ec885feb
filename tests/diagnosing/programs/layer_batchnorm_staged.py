"""Batch norm step by step, every stage forwards and backwards, with an upstream gradient."""

import numpy as np

rng = np.random.default_rng(51)
N, D = 6, 4
eps = 1e-5


def batchnorm(x, gamma, beta):
    mu = np.sum(x, axis=0) / N
    xmu = x - mu
    var = np.sum(xmu**2, axis=0) / N
    return gamma * (xmu / np.sqrt(var + eps)) + beta


def batchnorm_backward(dout, x, gamma, beta):
    # forward
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu**2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    # step 9
    dbeta = np.sum(dout, axis=0)
    dgammax = dout
    # step 8
    dgamma = np.sum(dgammax * xhat, axis=0)
    dxhat = dgammax * gamma
    # step 7
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    # step 6
    dsqrtvar = -1.0 / (sqrtvar**2) * divar
    # step 5
    dvar = 0.5 * 1.0 / np.sqrt(var + eps) * dsqrtvar
    # step 4
    dsq = 1.0 / N * np.ones((N, D)) * dvar
    # step 3
    dxmu2 = 2 * xmu * dsq
    # step 2
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    # step 1
    dx2 = 1.0 / N * np.ones((N, D)) * dmu
    # step 0
    dx = dx1 + dx2
    return dx, dgamma, dbeta


POINT = (rng.normal(2, 3, size=(N, D)), rng.uniform(0.5, 2, D), rng.normal(size=D))
F, BY_HAND = batchnorm, batchnorm_backward

SLIPS = [
    ("dxmu2 = 2 * xmu * dsq", "dxmu2 = xmu * dsq", "factor", "the 2 of the square"),
    ("dsqrtvar = -1.0 / (sqrtvar**2)", "dsqrtvar = 1.0 / (sqrtvar**2)", "sign", "step 6"),
    ("dx = dx1 + dx2", "dx = dx1", "missing term", "the mean is a constant"),
    ("dx1 = dxmu1 + dxmu2", "dx1 = dxmu1", "missing term", "the variance, in dx1 alone"),
    ("dsq = 1.0 / N * np.ones", "dsq = np.ones", "factor", "the mean of the squares"),
    (
        "dgamma = np.sum(dgammax * xhat, axis=0)",
        "dgamma = np.sum(dgammax * x, axis=0)",
        "wrong operand",
        "x for xhat",
    ),
    ("dxhat = dgammax * gamma", "dxhat = dgammax", "missing factor", "gamma"),
    (
        "divar = np.sum(dxhat * xmu, axis=0)",
        "divar = np.sum(dxhat * xhat, axis=0)",
        "wrong operand",
        "xhat for xmu",
    ),
]
