"""Rows, a loop over layers of equal width, sigmoid, half of the squared error.

Equal widths, because another layer's arrays have the same shape only then.
"""

import numpy as np

rng = np.random.default_rng(45)
X = rng.normal(size=(7, 4))
T = rng.normal(size=(7, 4))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def F(W1, W2, W3):
    a = X
    for W in (W1, W2, W3):
        a = sigmoid(a @ W)
    return 0.5 * np.sum((a - T) ** 2) / len(X)


def BY_HAND(W1, W2, W3):
    Ws = [W1, W2, W3]
    zs, acts = [], [X]
    for W in Ws:
        zs.append(acts[-1] @ W)
        acts.append(sigmoid(zs[-1]))
    error = (acts[-1] - T) / len(X)
    delta = error * acts[-1] * (1 - acts[-1])
    grads = [np.zeros_like(W) for W in Ws]
    grads[2] = acts[2].T @ delta
    for l in (1, 0):  # noqa: E741
        back = delta @ Ws[l + 1].T
        slope = sigmoid(zs[l]) * (1 - sigmoid(zs[l]))
        delta = back * slope
        grads[l] = acts[l].T @ delta
    return grads


POINT = tuple(rng.normal(size=(4, 4)) for _ in range(3))
