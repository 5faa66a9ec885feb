"""The negative log-likelihood of columns under a normal with mean W x + b and its log variance."""

import numpy as np

rng = np.random.default_rng(46)
N = 8
X = rng.normal(size=(4, N))
T = rng.normal(size=(3, N))


def negative_log_likelihood(W, b, log_var):
    mean = W @ X + b
    var = np.exp(log_var)
    terms = 0.5 * (np.log(2 * np.pi) + log_var + (T - mean) ** 2 / var)
    return np.sum(terms) / N


def score(W, b, log_var):
    mean = W @ X + b
    var = np.exp(log_var)
    difference = T - mean
    d_mean = -difference / var / N
    d_W = d_mean @ X.T
    d_b = d_mean.sum(axis=1, keepdims=True)
    d_log_var = 0.5 * (1 - difference**2 / var) / N
    d_log_var = d_log_var.sum(axis=1, keepdims=True)
    return d_W, d_b, d_log_var


POINT = (rng.normal(size=(3, 4)), rng.normal(size=(3, 1)), rng.normal(size=(3, 1)))
F, BY_HAND = negative_log_likelihood, score

SLIPS = [
    (
        "d_mean = -difference / var / N",
        "d_mean = difference / var / N",
        "sign",
        "T - mean has a minus",
    ),
    (
        "d_mean = -difference / var / N",
        "d_mean = -difference / N",
        "missing factor",
        "the variance",
    ),
    (
        "(1 - difference**2 / var)",
        "(1 - difference**2 / var**2)",
        "constant",
        "the exponent of the variance",
    ),
    (
        "0.5 * (1 - difference**2 / var)",
        "0.5 * (1 / var - difference**2 / var**2)",
        "missing factor",
        "by the variance, not its logarithm",
    ),
    (
        "0.5 * (1 - difference**2 / var) / N",
        "0.5 * (-difference**2 / var) / N",
        "missing term",
        "the determinant",
    ),
    ("d_log_var = 0.5 *", "d_log_var = 1.0 *", "factor", "the half"),
    (
        "d_log_var = d_log_var.sum(axis=1, keepdims=True)",
        "d_log_var = d_log_var.mean(axis=1, keepdims=True)",
        "averaged",
        "over the samples again",
    ),
]
