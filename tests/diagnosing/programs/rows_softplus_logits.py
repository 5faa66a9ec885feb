"""Softplus units on rows and one logit; the loss is softplus(z) - y z, the stable spelling."""

import numpy as np

gen = np.random.default_rng(77)
m = 8
inputs = gen.normal(size=(m, 3))
outcome = gen.integers(0, 2, size=(m, 1)).astype(np.float64)


def softplus(v):
    return np.log(1 + np.exp(v))


def nll(w_hidden, b_hidden, w_out, b_out):
    hidden = softplus(inputs @ w_hidden + b_hidden)
    z = hidden @ w_out + b_out
    return np.mean(softplus(z) - outcome * z)


def logistic(v):
    return 1 / (1 + np.exp(-v))


def nll_grad(w_hidden, b_hidden, w_out, b_out):
    pre = inputs @ w_hidden + b_hidden
    hidden = np.log1p(np.exp(pre))
    z = hidden @ w_out + b_out
    grad_z = (logistic(z) - outcome) / m
    grad_w_out = hidden.T @ grad_z
    grad_b_out = grad_z.sum()
    grad_hidden = grad_z @ w_out.T
    grad_pre = grad_hidden * logistic(pre)
    grad_w_hidden = inputs.T @ grad_pre
    grad_b_hidden = grad_pre.sum(axis=0)
    return grad_w_hidden, grad_b_hidden, grad_w_out, grad_b_out.reshape(b_out.shape)


POINT = (gen.normal(size=(3, 5)), gen.normal(size=5), gen.normal(size=(5, 1)), gen.normal(size=1))
F, BY_HAND = nll, nll_grad

SLIPS = [
    (
        "grad_hidden * logistic(pre)",
        "grad_hidden * logistic(pre) * (1 - logistic(pre))",
        "wrong derivative",
        "the sigmoid's",
    ),
    (
        "grad_hidden * logistic(pre)",
        "grad_hidden * logistic(hidden)",
        "wrong derivative",
        "at the output",
    ),
    (
        "grad_pre = grad_hidden * logistic(pre)",
        "grad_pre = grad_hidden",
        "missing derivative",
        "softplus's",
    ),
    (
        "(logistic(z) - outcome) / m",
        "(z - outcome) / m",
        "wrong operand",
        "the logit for the probability",
    ),
    ("grad_w_out = hidden.T", "grad_w_out = pre.T", "wrong operand", "pre in place of hidden"),
    ("grad_z.sum()", "grad_z.mean()", "averaged", "the bias of the output"),
]
