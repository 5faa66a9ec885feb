"""Rows through two residual blocks x + tanh(x W + b) V, then a linear read-out."""

import numpy as np

rng = np.random.default_rng(14)
X = rng.normal(size=(5, 4))
target = rng.normal(size=(5, 3))


def block(x, W, b, V):
    return x + np.tanh(x @ W + b) @ V


def F(W1, b1, V1, W2, b2, V2, R):
    out = block(block(X, W1, b1, V1), W2, b2, V2) @ R
    return 0.5 * np.sum((out - target) ** 2) / len(X)


def block_forward(x, W, b, V):
    h = np.tanh(x @ W + b)
    out = x + h @ V
    return out, (x, h, W, V)


def block_backward(dout, cache):
    x, h, W, V = cache
    dV = h.T @ dout
    dh = dout @ V.T
    dz = dh * (1 - h * h)
    dW = x.T @ dz
    db = dz.sum(axis=0)
    dx = dz @ W.T
    dx += dout
    return dx, dW, db, dV


def BY_HAND(W1, b1, V1, W2, b2, V2, R):
    x1, cache1 = block_forward(X, W1, b1, V1)
    x2, cache2 = block_forward(x1, W2, b2, V2)
    dscore = (x2 @ R - target) / len(X)
    dR = x2.T @ dscore
    dx2 = dscore @ R.T
    dx1, dW2, db2, dV2 = block_backward(dx2, cache2)
    _, dW1, db1, dV1 = block_backward(dx1, cache1)
    return dW1, db1, dV1, dW2, db2, dV2, dR


shapes = [(4, 6), (6,), (6, 4), (4, 5), (5,), (5, 4), (4, 3)]
POINT = tuple(rng.normal(size=shape) / 2 for shape in shapes)

SLIPS = [
    ("    dx += dout\n", "    \n", "missing term", "the gradient of the shortcut"),
    ("dx += dout", "dx = dout", "missing term", "= for +="),
    ("dz = dh * (1 - h * h)", "dz = dh * (1 - h)", "wrong derivative", "not squared"),
    ("dx = dz @ W.T", "dx = dh @ W.T", "missing derivative", "tanh's, towards the input alone"),
    (
        "dW2, db2, dV2 = block_backward(dx2, cache2)",
        "dW2, db2, dV2 = block_backward(x2, cache2)",
        "wrong operand",
        "the value goes back",
    ),
    (
        "block_backward(dx1, cache1)",
        "block_backward(dx2, cache1)",
        "wrong operand",
        "dx2 goes into the first block",
    ),
    ("db = dz.sum(axis=0)", "db = dz.mean(axis=0)", "averaged", "both biases"),
]
