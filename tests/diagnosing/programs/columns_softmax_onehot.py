"""Columns, relu by z * (z > 0), softmax over the rows of a column, one-hot labels."""

import numpy as np

rng = np.random.default_rng(19)
m = 8
X = rng.normal(size=(4, m))
Y = np.eye(3)[:, rng.integers(0, 3, m)]


def F(W1, b1, W2, b2):
    Z1 = W1.dot(X) + b1
    A1 = Z1 * (Z1 > 0)
    Z2 = W2.dot(A1) + b2
    A2 = np.exp(Z2) / np.sum(np.exp(Z2), axis=0)
    return -np.sum(Y * np.log(A2)) / m


def forward_prop(W1, b1, W2, b2):
    Z1 = W1.dot(X) + b1
    A1 = Z1 * (Z1 > 0)
    Z2 = W2.dot(A1) + b2
    A2 = np.exp(Z2) / sum(np.exp(Z2))
    return Z1, A1, Z2, A2


def back_prop(Z1, A1, Z2, A2, W2):
    dZ2 = A2 - Y
    dW2 = 1 / m * dZ2.dot(A1.T)
    db2 = 1 / m * np.sum(dZ2, 1)
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    dW1 = 1 / m * dZ1.dot(X.T)
    db1 = 1 / m * np.sum(dZ1, 1)
    return dW1, db1, dW2, db2


def BY_HAND(W1, b1, W2, b2):
    Z1, A1, Z2, A2 = forward_prop(W1, b1, W2, b2)
    dW1, db1, dW2, db2 = back_prop(Z1, A1, Z2, A2, W2)
    return dW1, db1.reshape(-1, 1), dW2, db2.reshape(-1, 1)


POINT = (
    rng.normal(size=(5, 4)),
    rng.normal(size=(5, 1)),
    rng.normal(size=(3, 5)),
    rng.normal(size=(3, 1)),
)

SLIPS = [
    (
        "db2 = 1 / m * np.sum(dZ2, 1)",
        "db2 = 1 / m * np.sum(dZ2)",
        "wrong axis",
        "one number for all biases",
    ),
    (
        "db1 = 1 / m * np.sum(dZ1, 1)",
        "db1 = 1 / m * np.sum(dZ1, 0)",
        "wrong axis",
        "over the units",
    ),
    ("W2.T.dot(dZ2) * (Z1 > 0)", "W2.T.dot(dZ2) * (Z1 < 0)", "wrong derivative", "turned around"),
    ("W2.T.dot(dZ2) * (Z1 > 0)", "W2.T.dot(dZ2) * A1", "wrong derivative", "relu's value"),
    ("dZ2 = A2 - Y", "dZ2 = 2 * (A2 - Y)", "factor", "as for a squared error"),
    ("dW2 = 1 / m * dZ2.dot(A1.T)", "dW2 = 1 / m * dZ2.dot(Z1.T)", "wrong operand", "Z1 for A1"),
    ("dW1 = 1 / m * dZ1.dot(X.T)", "dW1 = dZ1.dot(X.T)", "factor", "not averaged"),
    (
        "dZ1 = W2.T.dot(dZ2)",
        "dZ1 = (W2 - 0.5 * dW2).T.dot(dZ2)",
        "updated too early",
        "the new weights",
    ),
]
