"""Columns, layer norm over the features of each sample, step by step."""

import numpy as np

rng = np.random.default_rng(64)
n, m = 4, 5
eps = 1e-4


def F(A, gamma, beta):
    mean = np.sum(A, axis=0) / n
    var = np.sum((A - mean) ** 2, axis=0) / n
    return gamma * ((A - mean) / np.sqrt(var + eps)) + beta


def BY_HAND(dout, A, gamma, beta):
    mean = np.sum(A, axis=0) / n
    centred = A - mean
    var = np.sum(centred**2, axis=0) / n
    std = np.sqrt(var + eps)
    Ahat = centred / std
    dgamma = np.sum(dout * Ahat, axis=1, keepdims=True)
    dbeta = np.sum(dout, axis=1, keepdims=True)
    dAhat = gamma * dout
    dvar = np.sum(dAhat * centred, axis=0) * (-1 / 2) * (var + eps) ** (-3 / 2)
    dmean = np.sum(dAhat, axis=0) * (-1 / std)
    dA = dAhat / std + dvar * 2 / n * centred + dmean / n
    return dA, dgamma, dbeta


POINT = (
    rng.normal(size=(n, m)),
    rng.uniform(0.5, 2, (n, 1)),
    rng.normal(size=(n, 1)),
)
