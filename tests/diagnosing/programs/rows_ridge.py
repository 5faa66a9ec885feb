"""Linear regression with several outputs on rows, and a ridge penalty in the loss."""

import numpy as np

rng = np.random.default_rng(21)
A = rng.normal(size=(11, 3))
B = rng.normal(size=(11, 2))
lam = 0.3
n = len(A)


def objective(theta, intercept):
    residual = A @ theta + intercept - B
    return np.sum(residual**2) / (2 * n) + lam / 2 * np.sum(theta**2)


def grad_objective(theta, intercept):
    residual = A @ theta + intercept - B
    grad_theta = A.T @ residual / n + lam * theta
    grad_intercept = residual.sum(axis=0) / n
    return {"theta": grad_theta, "intercept": grad_intercept}


POINT = (rng.normal(size=(3, 2)), rng.normal(size=2))
F, BY_HAND = objective, grad_objective

SLIPS = [
    (
        "grad_theta = A.T @ residual / n + lam * theta",
        "grad_theta = A.T @ residual / n",
        "missing term",
        "the penalty",
    ),
    ("+ lam * theta", "- lam * theta", "sign", "the sign of the penalty"),
    ("+ lam * theta", "+ 2 * lam * theta", "factor", "the half of the penalty"),
    ("A.T @ residual / n", "A.T @ residual", "factor", "not averaged"),
    (
        "residual.sum(axis=0) / n",
        "residual.sum(axis=0) / n + lam * intercept",
        "extra term",
        "the bias is in the penalty",
    ),
    ("residual.sum(axis=0) / n", "residual.sum() / n", "wrong axis", "summed over all elements"),
    ("lam * theta\n", "lam / n * theta\n", "extra factor", "the penalty is divided by n"),
]
