"""Linear regression on columns, half the mean squared error and an L1 penalty."""

import numpy as np

rng = np.random.default_rng(24)
features, outputs, m = 4, 3, 10
X = rng.normal(size=(features, m))
Y = rng.normal(size=(outputs, m))
lam = 0.2


def lasso_cost(W, b):
    return np.sum((W @ X + b - Y) ** 2) / (2 * m) + lam * np.sum(np.abs(W))


def lasso_gradient(W, b):
    error = np.subtract(np.add(np.matmul(W, X), b), Y)
    dW = np.matmul(error, X.T) / m + lam * np.sign(W)
    db = np.mean(error, axis=1, keepdims=True)
    return dW, db


POINT = (rng.normal(size=(outputs, features)), rng.normal(size=(outputs, 1)))
F, BY_HAND = lasso_cost, lasso_gradient

SLIPS = [
    ("lam * np.sign(W)", "lam * W", "other", "the penalty of ridge"),
    ("lam * np.sign(W)", "lam * np.abs(W)", "other", "the penalty itself"),
    (
        "np.matmul(error, X.T) / m + lam * np.sign(W)",
        "np.matmul(error, X.T) / m",
        "missing term",
        "the penalty",
    ),
    (
        "np.mean(error, axis=1, keepdims=True)",
        "np.sum(error, axis=1, keepdims=True)",
        "factor",
        "the sum for the mean",
    ),
    (
        "np.matmul(error, X.T) / m",
        "np.matmul(error, X.T) / (2 * m)",
        "factor",
        "the 2 of the square",
    ),
    (
        "np.mean(error, axis=1, keepdims=True)",
        "np.mean(error, axis=1)",
        "shape",
        "the bias is a vector",
    ),
]
