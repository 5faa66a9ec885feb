"""Three square layers on columns, tanh everywhere, half the squared error per sample."""

import numpy as np

rng = np.random.default_rng(15)
k = 4
X = rng.normal(size=(k, k))
Y = rng.uniform(-1, 1, size=(k, k))


def J(W1, b1, W2, b2, W3, b3):
    a1 = np.tanh(W1 @ X + b1)
    a2 = np.tanh(W2 @ a1 + b2)
    a3 = np.tanh(W3 @ a2 + b3)
    return np.sum((a3 - Y) ** 2) / (2 * k)


def tanh_prime(a):
    return 1 - a**2


def dJ(W1, b1, W2, b2, W3, b3):
    a1 = np.tanh(W1 @ X + b1)
    a2 = np.tanh(W2 @ a1 + b2)
    a3 = np.tanh(W3 @ a2 + b3)
    delta3 = (a3 - Y) * tanh_prime(a3)
    delta2 = (W3.T @ delta3) * tanh_prime(a2)
    delta1 = (W2.T @ delta2) * tanh_prime(a1)
    one = np.ones((k, 1))
    return [
        delta1 @ X.T / k,
        delta1 @ one / k,
        delta2 @ a1.T / k,
        delta2 @ one / k,
        delta3 @ a2.T / k,
        delta3 @ one / k,
    ]


POINT = tuple(rng.normal(size=shape) / 2 for _ in range(3) for shape in ((k, k), (k, 1)))
F, BY_HAND = J, dJ

SLIPS = [
    (
        "(W3.T @ delta3) * tanh_prime(a2)",
        "(W3 @ delta3) * tanh_prime(a2)",
        "transposed",
        "W3 is not transposed",
    ),
    ("(W2.T @ delta2)", "(W3.T @ delta2)", "wrong operand", "another layer's weights"),
    (
        "(W3.T @ delta3) * tanh_prime(a2)",
        "(W3.T @ delta3) * tanh_prime(a3)",
        "wrong operand",
        "another layer's slope",
    ),
    (
        "delta3 = (a3 - Y) * tanh_prime(a3)",
        "delta3 = a3 - Y",
        "missing derivative",
        "tanh's at the output",
    ),
    ("delta2 @ a1.T / k", "a1 @ delta2.T / k", "transposed", "the gradient of W2"),
    ("delta1 @ X.T / k", "delta1 @ X / k", "transposed", "X is not transposed"),
    ("delta3 @ a2.T / k", "delta3 @ a1.T / k", "index", "the layer before the one before"),
    ("return 1 - a**2", "return a * (1 - a)", "wrong derivative", "the sigmoid's"),
]
