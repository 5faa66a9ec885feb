"""A loop over samples, each a column, in the notation of a book on neural networks."""

import numpy as np

rng = np.random.default_rng(52)
X = rng.normal(size=(4, 6))
Y = rng.uniform(size=(3, 6))


def F(w1, b1, w2, b2):
    a = 1 / (1 + np.exp(-(np.dot(w1, X) + b1)))
    a = 1 / (1 + np.exp(-(np.dot(w2, a) + b2)))
    return 0.5 * np.sum((a - Y) ** 2)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def BY_HAND(w1, b1, w2, b2):
    nabla_w1, nabla_b1 = np.zeros(w1.shape), np.zeros(b1.shape)
    nabla_w2, nabla_b2 = np.zeros(w2.shape), np.zeros(b2.shape)
    for k in range(X.shape[1]):
        x, y = X[:, [k]], Y[:, [k]]
        z1 = np.dot(w1, x) + b1
        a1 = sigmoid(z1)
        z2 = np.dot(w2, a1) + b2
        a2 = sigmoid(z2)
        delta = (a2 - y) * sigmoid_prime(z2)
        nabla_b2 += delta
        nabla_w2 += np.dot(delta, a1.T)
        delta = np.dot(w2.T, delta) * sigmoid_prime(z1)
        nabla_b1 += delta
        nabla_w1 += np.dot(delta, x.T)
    return nabla_w1, nabla_b1, nabla_w2, nabla_b2


POINT = (
    rng.normal(size=(5, 4)),
    rng.normal(size=(5, 1)),
    rng.normal(size=(3, 5)),
    rng.normal(size=(3, 1)),
)
