"""Columns, two hidden layers with dropout masks D1 and D2 as in a course on deep learning."""

import numpy as np

rng = np.random.default_rng(18)
m, keep_prob = 7, 0.7
X = rng.normal(size=(2, m))
Y = rng.integers(0, 2, (1, m)).astype(float)
D1 = (rng.random((6, m)) < keep_prob).astype(int)
D2 = (rng.random((3, m)) < keep_prob).astype(int)


def cost(W1, b1, W2, b2, W3, b3):
    A1 = np.tanh(np.dot(W1, X) + b1) * D1 / keep_prob
    A2 = np.tanh(np.dot(W2, A1) + b2) * D2 / keep_prob
    A3 = 1.0 / (1.0 + np.exp(-(np.dot(W3, A2) + b3)))
    return np.mean(-np.log(A3) * Y - np.log(1 - A3) * (1 - Y))


def backward_with_dropout(W1, b1, W2, b2, W3, b3):
    T1 = np.tanh(np.dot(W1, X) + b1)
    A1 = T1 * D1 / keep_prob
    T2 = np.tanh(np.dot(W2, A1) + b2)
    A2 = T2 * D2 / keep_prob
    A3 = 1.0 / (1.0 + np.exp(-(np.dot(W3, A2) + b3)))

    dZ3 = (A3 - Y) / m
    dW3 = np.dot(dZ3, A2.T)
    db3 = np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3)
    dA2 = dA2 * D2
    dA2 = dA2 / keep_prob
    dZ2 = dA2 * (1 - T2**2)
    dW2 = np.dot(dZ2, A1.T)
    db2 = np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dA1 *= D1
    dA1 /= keep_prob
    dZ1 = dA1 * (1 - T1**2)
    dW1 = np.dot(dZ1, X.T)
    db1 = np.sum(dZ1, axis=1, keepdims=True)
    return dW1, db1, dW2, db2, dW3, db3


shapes = [(6, 2), (6, 1), (3, 6), (3, 1), (1, 3), (1, 1)]
POINT = tuple(rng.normal(size=shape) for shape in shapes)
F, BY_HAND = cost, backward_with_dropout

SLIPS = [
    ("    dA2 = dA2 / keep_prob\n", "    \n", "missing factor", "1 / keep in the second layer"),
    ("    dA1 *= D1\n", "    \n", "missing factor", "the mask of the first layer"),
    ("dA1 /= keep_prob", "dA1 *= keep_prob", "wrong operand", "multiplied in place of divided"),
    ("dZ1 = dA1 * (1 - T1**2)", "dZ1 = dA1 * (1 - A1**2)", "wrong derivative", "after dropout"),
    ("dW2 = np.dot(dZ2, A1.T)", "dW2 = np.dot(dZ2, T1.T)", "wrong operand", "before dropout"),
    ("dA2 = dA2 * D2", "dA2 = dA2 * (1 - D2)", "wrong operand", "the mask is inverted"),
    ("dZ3 = (A3 - Y) / m", "dZ3 = A3 - Y", "factor", "not averaged"),
]
