"""A factorization machine of order two on rows, half the mean squared error."""

import numpy as np

rng = np.random.default_rng(27)
X = rng.normal(size=(8, 5))
y = rng.normal(size=8)
n = X.shape[0]


def fm_loss(w0, w, V):
    pairs = 0.5 * np.sum((X @ V) ** 2 - (X**2) @ (V**2), axis=1)
    return np.sum((w0 + X @ w + pairs - y) ** 2) / (2 * n)


def fm_gradient(w0, w, V):
    XV = X @ V
    y_hat = w0 + X @ w + 0.5 * (XV**2 - (X**2) @ (V**2)).sum(axis=1)
    error = (y_hat - y) / n
    grad_w0 = error.sum()
    grad_w = X.T @ error
    grad_V = np.zeros_like(V)
    for i in range(n):
        for f in range(V.shape[1]):
            grad_V[:, f] += error[i] * (X[i] * XV[i, f] - V[:, f] * X[i] ** 2)
    return grad_w0, grad_w, grad_V


POINT = (np.array(0.2), rng.normal(size=5), 0.5 * rng.normal(size=(5, 3)))
F, BY_HAND = fm_loss, fm_gradient

SLIPS = [
    ("- V[:, f] * X[i] ** 2", "- V[:, f] * X[i]", "constant", "x is not squared"),
    (
        "(X[i] * XV[i, f] - V[:, f] * X[i] ** 2)",
        "(X[i] * XV[i, f])",
        "missing term",
        "the diagonal",
    ),
    ("for i in range(n)", "for i in range(1, n)", "index", "the first sample is left out"),
    (
        "grad_V[:, f] += error",
        "grad_V[:, f] = error",
        "missing term",
        "only the last sample counts",
    ),
    (
        "grad_w = X.T @ error",
        "grad_w = X.T @ y_hat / n",
        "wrong operand",
        "output in place of error",
    ),
    ("error = (y_hat - y) / n", "error = y_hat - y", "factor", "not averaged"),
    ("XV[i, f] - V", "XV[i, f] + V", "sign", "the sign of the diagonal"),
]
