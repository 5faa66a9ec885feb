"""Logistic regression on columns: w of shape (n, 1), one number b, the cost as a mean."""

import numpy as np

rng = np.random.default_rng(2)
X = rng.normal(size=(5, 9))
Y = (rng.random((1, 9)) < 0.5) * 1.0


def cost(w, b):
    A = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
    return -1 / 9 * np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A))


def propagate(w, b):
    m = X.shape[1]
    A = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
    dw = 1 / m * np.dot(X, (A - Y).T)
    db = 1 / m * np.sum(A - Y)
    return {"w": dw, "b": db}


POINT = (rng.normal(size=(5, 1)), np.array(-0.4))
F, BY_HAND = cost, propagate

SLIPS = [
    ("db = 1 / m * np.sum(A - Y)", "db = np.sum(A - Y)", "factor", "not averaged"),
    ("np.dot(X, (A - Y).T)", "np.dot(X, (Y - A).T)", "sign", "Y - A"),
    ("m = X.shape[1]", "m = X.shape[0]", "index", "the number of features"),
    ("np.dot(X, (A - Y).T)", "np.dot(X, (A - Y).T).T", "transposed", "dw is a row"),
    (
        "np.dot(X, (A - Y).T)",
        "np.dot(X, ((A - Y) * A * (1 - A)).T)",
        "extra factor",
        "the sigmoid's derivative",
    ),
    (
        "dw = 1 / m * np.dot(X, (A - Y).T)",
        "dw = 1 / m * np.dot(X, A.T)",
        "missing term",
        "the labels",
    ),
]
