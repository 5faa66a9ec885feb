"""Four layers of tanh in a loop over lists, rows as samples, linear output, squared error."""

import numpy as np

rng = np.random.default_rng(8)
sizes = [3, 5, 4, 6, 2]
X = rng.normal(size=(7, sizes[0]))
T = rng.normal(size=(7, sizes[-1]))
L = len(sizes) - 1


def forward(*params):
    a = X
    for i in range(L):
        z = a @ params[2 * i] + params[2 * i + 1]
        a = np.tanh(z) if i < L - 1 else z
    return np.sum((a - T) ** 2) / len(X)


def backward(*params):
    weights, biases = params[0::2], params[1::2]
    activations, a = [X], X
    for i in range(L):
        a = a @ weights[i] + biases[i]
        if i < L - 1:
            a = np.tanh(a)
        activations.append(a)

    gradients = [None] * (2 * L)
    delta = 2 * (activations[-1] - T) / len(X)
    for i in reversed(range(L)):
        gradients[2 * i] = activations[i].T @ delta
        gradients[2 * i + 1] = delta.sum(axis=0)
        if i > 0:
            delta = (delta @ weights[i].T) * (1 - activations[i] ** 2)
    return gradients


POINT = tuple(
    rng.normal(size=shape) / 2
    for i in range(L)
    for shape in ((sizes[i], sizes[i + 1]), (sizes[i + 1],))
)
F, BY_HAND = forward, backward

SLIPS = [
    ("(1 - activations[i] ** 2)", "(1 - activations[i])", "wrong derivative", "not squared"),
    (
        "(1 - activations[i] ** 2)",
        "(1 - np.tanh(activations[i]) ** 2)",
        "wrong derivative",
        "twice",
    ),
    (
        "delta = (delta @ weights[i].T) * (1 - activations[i] ** 2)",
        "delta = delta @ weights[i].T",
        "missing derivative",
        "tanh's",
    ),
    ("if i > 0:", "if i > 1:", "index", "the delta stops a layer early"),
    (
        "delta = 2 * (activations[-1] - T) / len(X)",
        "delta = 2 * (T - activations[-1]) / len(X)",
        "sign",
        "T - a",
    ),
    ("delta.sum(axis=0)", "delta[0]", "not summed", "only the first sample's"),
    ("delta = 2 * (", "delta = (", "factor", "the 2 is forgotten"),
]
