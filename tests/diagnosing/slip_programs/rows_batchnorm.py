"""Rows, batch norm over the samples, step by step."""

import numpy as np

rng = np.random.default_rng(61)
N, D = 6, 4
eps = 1e-3


def F(x, gamma, beta):
    mu = x.mean(axis=0)
    var = ((x - mu) ** 2).mean(axis=0)
    return gamma * (x - mu) / np.sqrt(var + eps) + beta


def BY_HAND(g, x, gamma, beta):
    mu = x.mean(axis=0)
    xmu = x - mu
    var = np.mean(xmu**2, axis=0)
    std = np.sqrt(var + eps)
    xhat = xmu / std
    dbeta = g.sum(axis=0)
    dgamma = np.sum(g * xhat, axis=0)
    dxhat = g * gamma
    dvar = np.sum(dxhat * xmu, axis=0) * -0.5 / std**3
    dmu = -np.sum(dxhat, axis=0) / std
    dx = dxhat / std + dvar * 2 * xmu / N + dmu / N
    return dx, dgamma, dbeta


POINT = (rng.normal(size=(N, D)), rng.uniform(0.5, 2, D), rng.normal(size=D))
