"""Logistic regression on rows: cross-entropy of one output, weights as a vector, bias a number."""

import numpy as np

rng = np.random.default_rng(5)
n_samples, n_features = 10, 4
X = rng.normal(size=(n_samples, n_features))
y = rng.integers(0, 2, n_samples).astype(float)


def sigmoid(t):
    return 1.0 / (1.0 + np.exp(-t))


def bce(weights, bias):
    p = sigmoid(np.dot(X, weights) + bias)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def fit_step(weights, bias):
    linear_model = np.dot(X, weights) + bias
    y_predicted = sigmoid(linear_model)
    dw = (1 / n_samples) * np.dot(X.T, (y_predicted - y))
    db = (1 / n_samples) * np.sum(y_predicted - y)
    return dw, db


POINT = (rng.normal(size=n_features), np.array(rng.normal()))
F, BY_HAND = bce, fit_step

SLIPS = [
    ("np.dot(X.T, (y_predicted - y))", "np.dot(X.T, (y - y_predicted))", "sign", "y - p"),
    ("dw = (1 / n_samples) * np", "dw = np", "factor", "the mean is forgotten in dw"),
    ("db = (1 / n_samples) * np", "db = np", "factor", "the mean is forgotten in db"),
    ("db = (1 / n_samples)", "db = (1 / n_features)", "wrong operand", "divided by the features"),
    (
        "np.dot(X.T, (y_predicted - y))",
        "np.dot(X.T, (linear_model - y))",
        "wrong operand",
        "z for p",
    ),
    ("dw = (1 / n_samples) *", "dw = (2 / n_samples) *", "factor", "as for a squared error"),
]
