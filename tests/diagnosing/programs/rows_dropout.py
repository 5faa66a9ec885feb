"""Two layers with inverted dropout on the hidden layer (a fixed mask), softmax on rows."""

import numpy as np

rng = np.random.default_rng(17)
keep = 0.8
data = rng.normal(size=(9, 4))
labels = np.eye(3)[rng.integers(0, 3, 9)]
drop = rng.random((9, 6)) < keep


def cost(W1, b1, W2, b2):
    hidden = np.maximum(data @ W1 + b1, 0)
    hidden = hidden * drop / keep
    logits = hidden @ W2 + b2
    log_sum = np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    return np.sum(labels * (log_sum - logits)) / len(data)


def cost_gradients(W1, b1, W2, b2):
    pre = data @ W1 + b1
    hidden = np.maximum(pre, 0)
    dropped = hidden * drop / keep
    logits = dropped @ W2 + b2
    e = np.exp(logits)
    probabilities = e / e.sum(axis=1, keepdims=True)

    d_logits = (probabilities - labels) / len(data)
    d_W2 = dropped.T @ d_logits
    d_b2 = d_logits.sum(0)
    d_dropped = d_logits @ W2.T
    d_hidden = d_dropped * drop / keep
    d_pre = d_hidden * (hidden > 0)
    d_W1 = data.T @ d_pre
    d_b1 = d_pre.sum(0)
    return d_W1, d_b1, d_W2, d_b2


POINT = (
    rng.normal(size=(4, 6)),
    rng.normal(size=(1, 6)),
    rng.normal(size=(6, 3)),
    rng.normal(size=(1, 3)),
)
F = cost


def BY_HAND(W1, b1, W2, b2):
    d_W1, d_b1, d_W2, d_b2 = cost_gradients(W1, b1, W2, b2)
    return d_W1, d_b1[None], d_W2, d_b2[None]


SLIPS = [
    ("d_hidden = d_dropped * drop / keep", "d_hidden = d_dropped", "missing factor", "the mask"),
    (
        "d_hidden = d_dropped * drop / keep",
        "d_hidden = d_dropped * drop",
        "missing factor",
        "1 / keep",
    ),
    (
        "d_hidden = d_dropped * drop / keep",
        "d_hidden = d_dropped / keep",
        "missing factor",
        "only the mask",
    ),
    ("d_W2 = dropped.T", "d_W2 = hidden.T", "wrong operand", "the values before dropout"),
    ("d_logits.sum(0)", "d_logits.mean(0)", "averaged", "the bias is averaged"),
    ("(probabilities - labels) / len(data)", "(probabilities - labels)", "factor", "not averaged"),
    (
        "d_W1 = data.T @ d_pre",
        "d_W1 = data.T @ d_hidden",
        "missing derivative",
        "relu's, in d_W1 alone",
    ),
]
