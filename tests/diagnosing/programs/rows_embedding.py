"""Words by index: three embeddings each are averaged, then softmax over the classes."""

import numpy as np

rng = np.random.default_rng(23)
vocabulary, width, classes = 8, 5, 3
tokens = np.array([[0, 3, 3], [1, 2, 0], [7, 3, 1], [5, 5, 5], [2, 6, 0], [4, 1, 6]])
labels = np.array([2, 0, 1, 1, 0, 2])
B, T = tokens.shape


def loss(E, W, b):
    bag = np.mean(E[tokens], axis=1)
    logits = bag @ W + b
    log_z = np.log(np.sum(np.exp(logits), axis=1))
    return np.mean(log_z - logits[np.arange(B), labels])


def gradients(E, W, b):
    vectors = E[tokens]
    bag = vectors.mean(axis=1)
    logits = bag @ W + b
    p = np.exp(logits) / np.exp(logits).sum(axis=1)[:, None]

    dlogits = p
    dlogits[np.arange(B), labels] -= 1
    dlogits = dlogits / B
    dW = bag.T @ dlogits
    db = dlogits.sum(axis=0)
    dbag = dlogits @ W.T
    dvectors = np.repeat(dbag[:, None, :], T, axis=1) / T
    dE = np.zeros_like(E)
    np.add.at(dE, tokens, dvectors)
    return dE, dW, db


POINT = (
    rng.normal(size=(vocabulary, width)),
    rng.normal(size=(width, classes)),
    rng.normal(size=classes),
)
F, BY_HAND = loss, gradients

SLIPS = [
    (
        "np.add.at(dE, tokens, dvectors)",
        "dE[tokens] += dvectors",
        "missing term",
        "repeated words count once",
    ),
    ("np.add.at(dE, tokens, dvectors)", "dE[tokens] = dvectors", "missing term", "= for +="),
    ("T, axis=1) / T", "T, axis=1)", "factor", "the mean over the words"),
    ("dlogits = dlogits / B", "dlogits = dlogits / T", "wrong operand", "divided by the words"),
    ("labels] -= 1", "labels - 1] -= 1", "index", "labels are counted from one"),
    (
        "np.exp(logits).sum(axis=1)[:, None]",
        "np.exp(logits).sum()",
        "wrong axis",
        "softmax over everything",
    ),
    ("dlogits = dlogits / B", "dlogits = dlogits * p / B", "extra factor", "p once more"),
]
