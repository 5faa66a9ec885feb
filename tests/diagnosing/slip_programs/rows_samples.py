"""A loop over samples, each a row of the data."""

import numpy as np

rng = np.random.default_rng(51)
X = rng.normal(size=(6, 4))
T = rng.normal(size=(6, 3))


def F(W1, b1, W2):
    return np.sum((np.tanh(X @ W1 + b1) @ W2 - T) ** 2)


def BY_HAND(W1, b1, W2):
    dW1, db1, dW2 = np.zeros_like(W1), np.zeros_like(b1), np.zeros_like(W2)
    for i in range(len(X)):
        a = np.tanh(X[i] @ W1 + b1)
        dout = 2 * (a @ W2 - T[i])
        dW2 += np.outer(a, dout)
        dz = (dout @ W2.T) * (1 - a**2)
        dW1 += np.outer(X[i], dz)
        db1 += dz
    return dW1, db1, dW2


POINT = (rng.normal(size=(4, 5)), rng.normal(size=5), rng.normal(size=(5, 3)))
