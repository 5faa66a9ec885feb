"""A linear SVM on rows, vectorised, with margin one and a penalty (without a bias)."""

import numpy as np

rng = np.random.default_rng(9)
num_train, dim, classes = 9, 5, 4
X = rng.normal(size=(num_train, dim))
y = rng.integers(0, classes, size=num_train)
reg = 0.1
rows = np.arange(num_train)
others = np.ones((num_train, classes))
others[rows, y] = 0


def svm_loss(W):
    scores = X @ W
    correct = scores[rows, y]
    margins = np.maximum(0, scores - correct[:, None] + 1) * others
    return np.sum(margins) / num_train + reg * np.sum(W * W)


def svm_gradient(W):
    scores = X.dot(W)
    correct_class_score = scores[np.arange(num_train), y].reshape(num_train, 1)
    margin = np.maximum(0, scores - correct_class_score + 1)
    margin[np.arange(num_train), y] = 0

    mask = np.zeros(margin.shape)
    mask[margin > 0] = 1
    incorrect_counts = np.sum(mask, axis=1)
    mask[np.arange(num_train), y] = -incorrect_counts
    dW = X.T.dot(mask)
    dW /= num_train
    dW += 2 * reg * W
    return (dW,)


POINT = (rng.normal(size=(dim, classes)),)
F, BY_HAND = svm_loss, svm_gradient

SLIPS = [
    ("y] = -incorrect_counts", "y] = -1", "constant", "the count of the margins is forgotten"),
    ("y] = -incorrect_counts", "y] = incorrect_counts", "sign", "the sign at the correct class"),
    ("    dW /= num_train\n", "    \n", "factor", "not averaged"),
    ("dW += 2 * reg * W", "dW = 2 * reg * W", "missing term", "= for +="),
    ("dW += 2 * reg * W", "dW += reg * W", "factor", "the 2 of the penalty"),
    (
        "    margin[np.arange(num_train), y] = 0\n",
        "    \n",
        "missing term",
        "the label has a margin",
    ),
    ("- correct_class_score + 1", "- correct_class_score", "constant", "the margin is 0"),
]
