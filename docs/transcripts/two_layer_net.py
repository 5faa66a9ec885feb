# A relu network with softmax, as in a well-known course; the mask is taken of the gradient.
import numpy as np

from tinygrad_edu import check_manual

rng = np.random.default_rng(2)
N, D, H, C = 6, 4, 5, 3
X, y = rng.normal(size=(N, D)), rng.integers(0, C, N)
params = rng.normal(size=(D, H)), rng.normal(size=H), rng.normal(size=(H, C)), rng.normal(size=C)


def loss(W1, b1, W2, b2):
    hidden = np.maximum(0, X @ W1 + b1)
    scores = hidden @ W2 + b2
    p = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(N), y])) / N


def gradients(W1, b1, W2, b2):
    hidden = np.maximum(0, X @ W1 + b1)
    scores = hidden @ W2 + b2
    dscores = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    dscores[np.arange(N), y] -= 1
    dscores /= N
    dhidden = dscores @ W2.T
    dhidden[dhidden <= 0] = 0
    return X.T @ dhidden, dhidden.sum(axis=0), hidden.T @ dscores, dscores.sum(axis=0)


print(check_manual(loss, gradients, *params))
