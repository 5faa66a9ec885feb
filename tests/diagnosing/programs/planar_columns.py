"""Two layers, tanh, samples as columns, binary cross-entropy (a planar classifier)."""

import numpy as np

rng = np.random.default_rng(3)
m = 7
X = rng.normal(size=(2, m))
Y = (rng.random((1, m)) > 0.5).astype(float)


def cost(W1, b1, W2, b2):
    A1 = np.tanh(np.dot(W1, X) + b1)
    A2 = 1 / (1 + np.exp(-(np.dot(W2, A1) + b2)))
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    return -(1 / m) * np.sum(logprobs)


def backward(W1, b1, W2, b2):
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = 1 / (1 + np.exp(-Z2))

    dZ2 = A2 - Y
    dW2 = (1 / m) * np.dot(dZ2, A1.T)
    db2 = (1 / m) * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = (1 / m) * np.dot(dZ1, X.T)
    db1 = (1 / m) * np.sum(dZ1, axis=1, keepdims=True)
    return dW1, db1, dW2, db2


POINT = (
    rng.normal(size=(4, 2)),
    rng.normal(size=(4, 1)),
    rng.normal(size=(1, 4)),
    rng.normal(size=(1, 1)),
)
F, BY_HAND = cost, backward

SLIPS = [
    (
        "np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))",
        "np.dot(W2.T, dZ2)",
        "missing derivative",
        "tanh's",
    ),
    ("dZ2 = A2 - Y", "dZ2 = Y - A2", "sign", "the sign of the output error"),
    ("1 - np.power(A1, 2)", "1 - np.power(Z1, 2)", "wrong derivative", "the formula at the input"),
    ("db1 = (1 / m) * np.sum", "db1 = np.sum", "factor", "db1 is not averaged"),
    (
        "dW2 = (1 / m) * np.dot(dZ2, A1.T)",
        "dW2 = np.dot(dZ2, A1.T)",
        "factor",
        "dW2 is not averaged",
    ),
    ("np.dot(dZ1, X.T)", "np.dot(dZ2, X.T)", "wrong operand", "the delta of the other layer"),
    ("np.power(A1, 2)", "np.power(A1, 3)", "constant", "the exponent"),
    (
        "np.sum(dZ1, axis=1, keepdims=True)",
        "np.sum(dZ1, keepdims=True)",
        "wrong axis",
        "over all elements",
    ),
]
