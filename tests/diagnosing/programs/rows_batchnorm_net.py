"""A layer, batch norm in its compact form, relu and a second layer: rows, mean squared error."""

import numpy as np

rng = np.random.default_rng(33)
X = rng.normal(size=(8, 4))
Y = rng.normal(size=(8, 2))
eps = 1e-5
N, D = 8, 5


def loss(W1, gamma, beta, W2):
    h = X @ W1
    mean = np.mean(h, axis=0)
    var = np.mean((h - mean) ** 2, axis=0)
    hhat = (h - mean) / np.sqrt(var + eps)
    a = np.maximum(0, gamma * hhat + beta)
    return np.mean((a @ W2 - Y) ** 2)


def backward(W1, gamma, beta, W2):
    h = X.dot(W1)
    mean, var = h.mean(axis=0), h.var(axis=0)
    inv = 1.0 / np.sqrt(var + eps)
    hhat = (h - mean) * inv
    bn = gamma * hhat + beta
    a = bn * (bn > 0)
    out = a.dot(W2)

    dout = 2.0 * (out - Y) / out.size
    dW2 = a.T.dot(dout)
    da = dout.dot(W2.T)
    dbn = da * (bn > 0)
    dgamma = np.sum(dbn * hhat, axis=0)
    dbeta = np.sum(dbn, axis=0)
    dh = (gamma * inv / N) * (N * dbn - dbeta - hhat * dgamma)
    dW1 = X.T.dot(dh)
    return dW1, dgamma, dbeta, dW2


POINT = (
    rng.normal(size=(4, D)),
    rng.uniform(0.5, 1.5, D),
    rng.normal(size=D),
    rng.normal(size=(D, 2)),
)
F, BY_HAND = loss, backward

SLIPS = [
    (
        "dgamma = np.sum(dbn * hhat, axis=0)",
        "dgamma = np.sum(dbn * h, axis=0)",
        "wrong operand",
        "not normalised",
    ),
    (
        "(N * dbn - dbeta - hhat * dgamma)",
        "(N * dbn - hhat * dgamma)",
        "missing term",
        "the mean is a constant",
    ),
    (
        "(N * dbn - dbeta - hhat * dgamma)",
        "(N * dbn - dbeta)",
        "missing term",
        "the variance is a constant",
    ),
    ("(gamma * inv / N)", "(inv / N)", "missing factor", "gamma"),
    (
        "dbn = da * (bn > 0)",
        "dbn = da * (hhat > 0)",
        "wrong derivative",
        "the mask before gamma and beta",
    ),
    ("/ out.size", "/ N", "factor", "averaged over rows only"),
    ("- dbeta - hhat", "+ dbeta - hhat", "sign", "the sign of the mean's term"),
    (
        "da = dout.dot(W2.T)",
        "da = dout.dot((W2 - 0.01 * dW2).T)",
        "updated too early",
        "the new weights carry the gradient",
    ),
]
