"""Two layers of sigmoids, samples as rows, half the squared error (without a bias)."""

import numpy as np

np_rng = np.random.default_rng(11)
x = np_rng.uniform(-1, 1, (6, 3))
t = np_rng.uniform(0, 1, (6, 2))


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def error(syn0, syn1):
    l1 = sigmoid(np.dot(x, syn0))
    l2 = sigmoid(np.dot(l1, syn1))
    return 0.5 * np.sum((t - l2) ** 2)


def sigmoid_deriv(output):
    return output * (1 - output)


def backprop(syn0, syn1):
    l0 = x
    l1 = sigmoid(np.dot(l0, syn0))
    l2 = sigmoid(np.dot(l1, syn1))
    l2_error = t - l2
    l2_delta = l2_error * sigmoid_deriv(l2)
    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * sigmoid_deriv(l1)
    grad1 = -l1.T.dot(l2_delta)
    grad0 = -l0.T.dot(l1_delta)
    return grad0, grad1


POINT = (np_rng.normal(size=(3, 5)), np_rng.normal(size=(5, 2)))
F, BY_HAND = error, backprop

SLIPS = [
    (
        "l1_error = l2_delta.dot(syn1.T)",
        "l1_error = l2_error.dot(syn1.T)",
        "missing derivative",
        "the error goes back in place of the delta",
    ),
    (
        "sigmoid_deriv(l2)",
        "sigmoid_deriv(sigmoid(l2))",
        "wrong derivative",
        "the sigmoid is applied twice",
    ),
    ("l2_error = t - l2", "l2_error = l2 - t", "sign", "the sign of the error"),
    ("return output * (1 - output)", "return output * (1 + output)", "wrong derivative", "1 + s"),
    ("grad0 = -l0.T", "grad0 = l0.T", "sign", "the sign of one gradient"),
    (
        "l1_delta = l1_error * sigmoid_deriv(l1)",
        "l1_delta = l1_error",
        "missing derivative",
        "at l1",
    ),
    ("l2_delta = l2_error *", "l2_delta = 2 * l2_error *", "factor", "the half is forgotten"),
]
