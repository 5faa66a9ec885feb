"""Samples one after the other as columns, sigmoid layers, quadratic cost, nabla lists."""

import numpy as np

rng = np.random.default_rng(13)
sizes = [3, 5, 2]
batch = [(rng.normal(size=(3, 1)), rng.random((2, 1))) for _ in range(4)]


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def quadratic_cost(w1, b1, w2, b2):
    total = 0
    for x, y in batch:
        a = sigmoid(w2 @ sigmoid(w1 @ x + b1) + b2)
        total = total + 0.5 * np.sum((a - y) ** 2)
    return total / len(batch)


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def cost_derivative(output_activations, y):
    return output_activations - y


def backprop(weights, biases, x, y):
    activation = x
    activations = [x]
    zs = []
    for k in range(len(weights)):
        z = np.dot(weights[k], activation) + biases[k]
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    nabla_w, nabla_b = [None, None], [None, None]
    delta = cost_derivative(activations[-1], y) * sigmoid_prime(zs[-1])
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].transpose())
    for k in range(2, len(sizes)):
        sp = sigmoid_prime(zs[-k])
        delta = np.dot(weights[-k + 1].transpose(), delta) * sp
        nabla_b[-k] = delta
        nabla_w[-k] = np.dot(delta, activations[-k - 1].transpose())
    return nabla_w, nabla_b


def update_gradients(w1, b1, w2, b2):
    sums = [np.zeros(p.shape) for p in (w1, b1, w2, b2)]
    for x, y in batch:
        nabla_w, nabla_b = backprop([w1, w2], [b1, b2], x, y)
        for k in range(2):
            sums[2 * k] += nabla_w[k]
            sums[2 * k + 1] += nabla_b[k]
    return [s / len(batch) for s in sums]


POINT = (
    rng.normal(size=(5, 3)),
    rng.normal(size=(5, 1)),
    rng.normal(size=(2, 5)),
    rng.normal(size=(2, 1)),
)
F, BY_HAND = quadratic_cost, update_gradients

SLIPS = [
    (
        "cost_derivative(activations[-1], y) * sigmoid_prime(zs[-1])",
        "cost_derivative(activations[-1], y)",
        "missing derivative",
        "as for the cross-entropy",
    ),
    (
        "sigmoid_prime(zs[-k])",
        "sigmoid_prime(activations[-k])",
        "wrong derivative",
        "at the output",
    ),
    ("return output_activations - y", "return y - output_activations", "sign", "y - a"),
    (
        "sums[2 * k] += nabla_w[k]",
        "sums[2 * k] = nabla_w[k]",
        "missing term",
        "only the last sample",
    ),
    ("s / len(batch)", "s", "factor", "not averaged"),
    (
        "sp = sigmoid_prime(zs[-k])",
        "sp = sigmoid_prime(zs[-k]) ** 2",
        "constant",
        "squared by mistake",
    ),
    (
        "return sigmoid(z) * (1 - sigmoid(z))",
        "return sigmoid(z) * (1 - z)",
        "wrong derivative",
        "z for sigmoid(z)",
    ),
]
