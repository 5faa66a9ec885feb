"""Any number of layers on columns: lists W, b, z, a, a pair of lambdas, a loop backwards."""

import numpy as np

rng = np.random.default_rng(38)
units = (3, 6, 5, 2)
m = 5
X = rng.normal(size=(3, m))
Y = rng.normal(size=(2, m))
pair = {
    "f": lambda z: 1 / (1 + np.exp(-z)),
    "df": lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
}


def mean_squared_error(*theta):
    a = X
    for j in range(0, len(theta), 2):
        a = 1 / (1 + np.exp(-(theta[j] @ a + theta[j + 1])))
    return ((a - Y) ** 2).sum() / m


def feed(W, b):
    a, z = [X], [None]
    for j in range(len(W)):
        z.append(W[j] @ a[j] + b[j])
        a.append(pair["f"](z[j + 1]))
    return a, z


def back(*theta):
    W, b = theta[::2], theta[1::2]
    a, z = feed(W, b)
    n = len(W)
    delta = [None] * (n + 1)
    delta[n] = 2 / m * (a[n] - Y) * pair["df"](z[n])
    for j in range(n - 1, 0, -1):
        delta[j] = W[j].T @ delta[j + 1] * pair["df"](z[j])
    result = []
    for j in range(n):
        result.append(delta[j + 1] @ a[j].T)
        result.append(delta[j + 1].sum(axis=1, keepdims=True))
    return result


POINT = tuple(
    rng.normal(size=shape)
    for j in range(3)
    for shape in ((units[j + 1], units[j]), (units[j + 1], 1))
)
F, BY_HAND = mean_squared_error, back

SLIPS = [
    (
        'W[j].T @ delta[j + 1] * pair["df"](z[j])',
        'W[j].T @ delta[j + 1] * pair["df"](a[j])',
        "wrong derivative",
        "at the output",
    ),
    (
        'W[j].T @ delta[j + 1] * pair["df"](z[j])',
        "W[j].T @ delta[j + 1]",
        "missing derivative",
        "in the hidden layers",
    ),
    (
        "delta[n] = 2 / m * (a[n] - Y)",
        "delta[n] = 2 / n * (a[n] - Y)",
        "wrong operand",
        "layers for samples",
    ),
    ('(a[n] - Y) * pair["df"](z[n])', "(a[n] - Y)", "missing derivative", "at the output"),
    (
        '"df": lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2',
        '"df": lambda z: np.exp(-z) / (1 + np.exp(-z))',
        "constant",
        "the square of the denominator",
    ),
    (
        "delta[j + 1].sum(axis=1, keepdims=True)",
        "delta[j + 1].mean(axis=1, keepdims=True)",
        "averaged",
        "all biases",
    ),
    ("2 / m * (a[n] - Y)", "1 / m * (a[n] - Y)", "factor", "the 2 of the square"),
]
