"""Two layers, relu, samples as rows, softmax with the maximum subtracted, labels by index."""

import numpy as np

rng = np.random.default_rng(0)
N = 7
X = rng.normal(size=(N, 4))
y = rng.integers(0, 3, N)


def loss(W1, b1, W2, b2):
    h = np.maximum(0, X @ W1 + b1)
    scores = h @ W2 + b2
    scores = scores - np.max(scores, axis=1, keepdims=True)
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    return -np.mean(np.log(probs[np.arange(N), y]))


def gradients(W1, b1, W2, b2):
    z = X @ W1 + b1
    h = np.maximum(0, z)
    scores = h @ W2 + b2
    scores = scores - scores.max(axis=1, keepdims=True)
    probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    dscores = probs.copy()
    dscores[np.arange(N), y] -= 1
    dscores /= N
    dW2 = h.T @ dscores
    db2 = dscores.sum(axis=0)
    dh = dscores @ W2.T
    dz = dh * (z > 0)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
    return dW1, db1, dW2, db2


POINT = (
    rng.normal(size=(4, 5)),
    rng.normal(size=5),
    rng.normal(size=(5, 3)),
    rng.normal(size=3),
)
F, BY_HAND = loss, gradients

SLIPS = [
    ("dz = dh * (z > 0)", "dz = dh", "missing derivative", "the derivative of relu is missing"),
    ("dscores /= N", "dscores /= 1", "factor", "the mean over the samples is forgotten"),
    ("y] -= 1", "y] += 1", "sign", "one is added to the probability of the label"),
    ("db1 = dz.sum(axis=0)", "db1 = dh.sum(axis=0)", "wrong operand", "dh in place of dz"),
    ("dW2 = h.T @ dscores", "dW2 = z.T @ dscores", "wrong operand", "z in place of h"),
    ("db2 = dscores.sum(axis=0)", "db2 = dscores.mean(axis=0)", "averaged", "db2 is averaged"),
    ("(z > 0)", "(dh > 0)", "wrong derivative", "the mask is taken of the gradient"),
    (
        "    dh = dscores @ W2.T\n",
        "    W2 = W2 - 0.1 * dW2\n    dh = dscores @ W2.T\n",
        "updated too early",
        "W2 is updated before its delta goes back",
    ),
]
