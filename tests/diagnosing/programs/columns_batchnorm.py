"""Columns, batch norm over the samples between two layers, sigmoid, cross-entropy."""

import numpy as np

rng = np.random.default_rng(36)
n0, n1, m = 3, 4, 8
X = rng.normal(size=(n0, m))
Y = rng.integers(0, 2, (1, m)) * 1.0
epsilon = 1e-3


def cost(W1, gamma, beta, W2, b2):
    Z1 = np.dot(W1, X)
    mu = np.mean(Z1, axis=1, keepdims=True)
    sigma2 = np.mean((Z1 - mu) ** 2, axis=1, keepdims=True)
    Zn = (Z1 - mu) / np.sqrt(sigma2 + epsilon)
    A1 = np.tanh(gamma * Zn + beta)
    A2 = 1 / (1 + np.exp(-(np.dot(W2, A1) + b2)))
    return -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))


def gradients(W1, gamma, beta, W2, b2):
    Z1 = np.dot(W1, X)
    mu = np.mean(Z1, axis=1, keepdims=True)
    sigma2 = np.var(Z1, axis=1, keepdims=True)
    std = np.sqrt(sigma2 + epsilon)
    Zn = (Z1 - mu) / std
    A1 = np.tanh(gamma * Zn + beta)
    A2 = 1 / (1 + np.exp(-(np.dot(W2, A1) + b2)))

    dZ2 = (A2 - Y) / m
    dW2 = np.dot(dZ2, A1.T)
    db2 = np.sum(dZ2, axis=1, keepdims=True)
    dZt = np.dot(W2.T, dZ2) * (1 - A1 * A1)
    dgamma = np.sum(dZt * Zn, axis=1, keepdims=True)
    dbeta = np.sum(dZt, axis=1, keepdims=True)
    dZn = dZt * gamma
    dsigma2 = np.sum(dZn * (Z1 - mu), axis=1, keepdims=True) * -0.5 * std**-3
    dmu = np.sum(-dZn / std, axis=1, keepdims=True)
    dZ1 = dZn / std + 2 * dsigma2 * (Z1 - mu) / m + dmu / m
    dW1 = np.dot(dZ1, X.T)
    return dW1, dgamma, dbeta, dW2, db2


POINT = (
    rng.normal(size=(n1, n0)),
    rng.uniform(0.5, 2, (n1, 1)),
    rng.normal(size=(n1, 1)),
    rng.normal(size=(1, n1)),
    rng.normal(size=(1, 1)),
)
F, BY_HAND = cost, gradients

SLIPS = [
    ("-0.5 * std**-3", "-0.5 * std**-2", "constant", "the exponent"),
    ("-0.5 * std**-3", "0.5 * std**-3", "sign", "the sign of the variance's"),
    ("+ dmu / m", "+ dmu", "factor", "the mean's gradient is not spread"),
    ("dZn = dZt * gamma", "dZn = dZt", "missing factor", "gamma"),
    ("+ 2 * dsigma2", "+ dsigma2", "factor", "the 2 of the square"),
    (
        "dmu = np.sum(-dZn / std, axis=1, keepdims=True)",
        "dmu = np.sum(-dZt / std, axis=1, keepdims=True)",
        "wrong operand",
        "dZt for dZn",
    ),
    (
        "dgamma = np.sum(dZt * Zn, axis=1",
        "dgamma = np.sum(dZt * Z1, axis=1",
        "wrong operand",
        "not normalised",
    ),
    ("dbeta = np.sum(dZt, axis=1", "dbeta = np.mean(dZt, axis=1", "averaged", "dbeta"),
]
