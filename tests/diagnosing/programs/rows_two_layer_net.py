"""A two-layer net as in a course on vision: softmax loss, L2 penalty on both weights."""

import numpy as np

rng = np.random.default_rng(1)
num_inputs, input_size, hidden_size, num_classes = 6, 4, 10, 3
X = 2 * rng.standard_normal((num_inputs, input_size))
y = np.array([0, 1, 2, 2, 1, 0])
reg = 0.05


def total_loss(W1, b1, W2, b2):
    hidden = np.maximum(0, X.astype(float) @ W1 + b1)
    scores = hidden @ W2 + b2
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    log_probs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    data_loss = -np.sum(log_probs[range(num_inputs), y]) / num_inputs
    return data_loss + reg * (np.sum(W1 * W1) + np.sum(W2 * W2))


def loss_gradients(W1, b1, W2, b2):
    N = X.shape[0]
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2
    exp_scores = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    softmax = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)

    grads = {}
    softmax[np.arange(N), y] -= 1
    softmax /= N

    # second layer
    grads["W2"] = hidden.T.dot(softmax)
    grads["b2"] = np.sum(softmax, axis=0)

    # first layer
    dhidden = softmax.dot(W2.T)
    dhidden[hidden <= 0] = 0
    grads["W1"] = X.T.dot(dhidden)
    grads["b1"] = np.sum(dhidden, axis=0)

    # regularization
    grads["W2"] += 2 * reg * W2
    grads["W1"] += 2 * reg * W1
    return grads


POINT = (
    0.5 * rng.standard_normal((input_size, hidden_size)),
    0.1 * rng.standard_normal(hidden_size),
    0.5 * rng.standard_normal((hidden_size, num_classes)),
    0.1 * rng.standard_normal(num_classes),
)
F, BY_HAND = total_loss, loss_gradients

SLIPS = [
    ('grads["W2"] += 2 * reg * W2', 'grads["W2"] += reg * W2', "factor", "the 2 of the penalty"),
    ('grads["W1"] += 2 * reg * W1', 'grads["W1"] = 2 * reg * W1', "missing term", "= for +="),
    ("    dhidden[hidden <= 0] = 0\n", "    \n", "missing derivative", "relu's"),
    ("dhidden[hidden <= 0] = 0", "dhidden[dhidden <= 0] = 0", "wrong derivative", "of itself"),
    ("    softmax /= N\n", "    softmax *= 1\n", "factor", "the mean is forgotten"),
    ('grads["b1"] = np.sum(dhidden, axis=0)', 'grads["b1"] = np.sum(dhidden)', "wrong axis", "all"),
    ("2 * reg * W1", "2 * reg * W1 / N", "extra factor", "the penalty is averaged, too"),
    (
        "dhidden = softmax.dot(W2.T)",
        "dhidden = scores.dot(W2.T)",
        "wrong operand",
        "scores go back",
    ),
]
