"""Three layers on columns with an L2 cost lambd / (2 m): relu, relu, sigmoid."""

import numpy as np

rng = np.random.default_rng(29)
m, lambd = 6, 0.7
X = rng.normal(size=(3, m))
Y = rng.integers(0, 2, (1, m)).astype(float)


def compute_cost(W1, b1, W2, b2, W3, b3):
    A2 = np.maximum(0, np.dot(W2, np.maximum(0, np.dot(W1, X) + b1)) + b2)
    A3 = 1 / (1 + np.exp(-(np.dot(W3, A2) + b3)))
    cross_entropy = -np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3)) / m
    squares = np.sum(np.square(W1)) + np.sum(np.square(W2)) + np.sum(np.square(W3))
    return cross_entropy + lambd * squares / (2 * m)


def backward_propagation(W1, b1, W2, b2, W3, b3):
    Z1 = np.dot(W1, X) + b1
    A1 = np.maximum(0, Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = np.maximum(0, Z2)
    Z3 = np.dot(W3, A2) + b3
    A3 = 1 / (1 + np.exp(-Z3))

    dZ3 = A3 - Y
    dW3 = 1 / m * np.dot(dZ3, A2.T) + (lambd / m) * W3
    db3 = 1 / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3)
    dZ2 = np.multiply(dA2, np.int64(A2 > 0))
    dW2 = 1 / m * np.dot(dZ2, A1.T) + (lambd / m) * W2
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dZ1 = np.multiply(dA1, np.int64(A1 > 0))
    dW1 = 1 / m * np.dot(dZ1, X.T) + (lambd / m) * W1
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


shapes = [(5, 3), (5, 1), (4, 5), (4, 1), (1, 4), (1, 1)]
POINT = tuple(rng.normal(size=shape) for shape in shapes)
F, BY_HAND = compute_cost, backward_propagation

SLIPS = [
    ("(lambd / m) * W2", "(lambd / m) * W2**2", "constant", "the square is not differentiated"),
    ("(lambd / m) * W3", "lambd * W3", "factor", "the penalty is not divided by m"),
    (
        "dW1 = 1 / m * np.dot(dZ1, X.T) + (lambd / m) * W1",
        "dW1 = 1 / m * np.dot(dZ1, X.T)",
        "missing term",
        "the penalty",
    ),
    (
        "np.multiply(dA2, np.int64(A2 > 0))",
        "np.multiply(dA2, A2)",
        "wrong derivative",
        "relu's value",
    ),
    ("np.dot(dZ2, A1.T)", "np.dot(dZ2, A1.T) * 2", "factor", "a 2 that was not removed"),
    ("db1 = 1 / m * np.sum(dZ1", "db1 = 4 / m * np.sum(dZ1", "factor", "4 in place of 1"),
    ("np.int64(A1 > 0)", "np.int64(dA1 > 0)", "wrong derivative", "the mask of the gradient"),
    (
        "dA1 = np.dot(W2.T, dZ2)",
        "dA1 = np.dot(W2.T, dA2)",
        "missing derivative",
        "relu's, second layer",
    ),
]
