"""Columns, batch norm over the samples, the short formula."""

import numpy as np

rng = np.random.default_rng(62)
n, m = 4, 6
eps = 1e-3


def F(Z, gamma, beta):
    mu = np.mean(Z, axis=1, keepdims=True)
    var = np.mean((Z - mu) ** 2, axis=1, keepdims=True)
    return gamma * ((Z - mu) / np.sqrt(var + eps)) + beta


def BY_HAND(dY, Z, gamma, beta):
    mu = np.mean(Z, axis=1, keepdims=True)
    var = np.var(Z, axis=1, keepdims=True)
    ivar = 1.0 / np.sqrt(var + eps)
    Zhat = (Z - mu) * ivar
    dbeta = np.sum(dY, axis=1, keepdims=True)
    dgamma = np.sum(dY * Zhat, axis=1, keepdims=True)
    dZhat = dY * gamma
    mean1 = np.mean(dZhat, axis=1, keepdims=True)
    mean2 = np.mean(dZhat * Zhat, axis=1, keepdims=True)
    dZ = ivar * (dZhat - mean1 - Zhat * mean2)
    return dZ, dgamma, dbeta


POINT = (
    rng.normal(size=(n, m)),
    rng.uniform(0.5, 2, (n, 1)),
    rng.normal(size=(n, 1)),
)
