"""Columns, leaky relu as a maximum, softmax by a helper, a table of functions per layer."""

import numpy as np

rng = np.random.default_rng(41)
m = 6
X = rng.normal(size=(3, m))
classes = rng.integers(0, 4, m)
SLOPE = 0.2


def cost(W1, b1, W2, b2):
    A1 = leaky_relu(np.matmul(W1, X) + b1)
    Z2 = np.matmul(W2, A1) + b2
    Z2 = Z2 - np.max(Z2, axis=0, keepdims=True)
    P = np.exp(Z2) / np.sum(np.exp(Z2), axis=0, keepdims=True)
    return np.mean(-np.log(P[classes, range(m)]))


def leaky_relu(Z):
    return np.maximum(SLOPE * Z, Z)


def softmax(Z):
    shifted = np.exp(Z - Z.max(axis=0))
    return shifted / shifted.sum(axis=0)


def d_leaky_relu(Z):
    d = np.ones_like(Z)
    d[Z < 0] = SLOPE
    return d


def d_softmax_cost(P):
    dZ = P.copy()
    dZ[classes, np.arange(m)] -= 1
    return dZ / m


def linear_grads(dZ, A_prev, W):
    dW = np.matmul(dZ, A_prev.T)
    db = dZ.sum(axis=1, keepdims=True)
    return np.matmul(W.T, dZ), dW, db


def gradients(W1, b1, W2, b2):
    Z1 = np.matmul(W1, X) + b1
    A1 = leaky_relu(Z1)
    P = softmax(np.matmul(W2, A1) + b2)
    dZ2 = d_softmax_cost(P)
    dA1, dW2, db2 = linear_grads(dZ2, A1, W2)
    dZ1 = dA1 * d_leaky_relu(Z1)
    _, dW1, db1 = linear_grads(dZ1, X, W1)
    return dW1, db1, dW2, db2


POINT = tuple(rng.normal(size=shape) for shape in [(5, 3), (5, 1), (4, 5), (4, 1)])
F, BY_HAND = cost, gradients

SLIPS = [
    ("d[Z < 0] = SLOPE", "d[Z < 0] = 0", "wrong derivative", "relu's"),
    ("d[Z < 0] = SLOPE", "d[Z < 0] = -SLOPE", "sign", "the sign of the slope"),
    (
        "dZ1 = dA1 * d_leaky_relu(Z1)",
        "dZ1 = d_leaky_relu(Z1)",
        "missing factor",
        "the upstream gradient",
    ),
    (
        "dZ1 = dA1 * d_leaky_relu(Z1)",
        "dZ1 = dA1 * leaky_relu(Z1)",
        "wrong derivative",
        "the function itself",
    ),
    ("return dZ / m", "return dZ", "factor", "not averaged"),
    (
        "shifted / shifted.sum(axis=0)",
        "shifted / shifted.sum(axis=1, keepdims=True)",
        "wrong axis",
        "softmax over the samples",
    ),
    ("dZ[classes, np.arange(m)] -= 1", "dZ[classes] -= 1", "index", "whole rows are reduced"),
    (
        "linear_grads(dZ1, X, W1)",
        "linear_grads(dA1, X, W1)",
        "missing derivative",
        "dA1 in place of dZ1",
    ),
]
