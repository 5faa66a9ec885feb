"""Exercise 6: the delta rule, for one hidden layer.

All steps together: a1 = tanh(x W1 + b1), z2 = a1 W2 + b2, and softmax with cross-entropy. The
deltas go from the output back to the input. Each layer computes its gradients from its own delta:

    δ2 = (p - y) / n                    ∂L/∂W2 = a1ᵀ δ2     ∂L/∂b2 = Σ δ2
    δ1 = (δ2 W2ᵀ) ⊙ tanh′(z1)           ∂L/∂W1 = xᵀ δ1      ∂L/∂b1 = Σ δ1

A mistake in δ1 makes two gradients wrong; a mistake in δ2 makes all four wrong. Start with the
first gradient that the check reports as wrong, going backwards.
"""

import numpy as np

from tinygrad_edu import check_manual, softmax_cross_entropy, tanh

generator = np.random.default_rng(6)
x, labels = generator.normal(size=(6, 4)), np.array([0, 1, 2, 2, 1, 0])
W1, b1 = generator.normal(size=(4, 5)), generator.normal(size=5)
W2, b2 = generator.normal(size=(5, 3)), generator.normal(size=3)


def blank(number, what):
    raise SystemExit(f"blank {number} is still to be filled in: {what}")


def loss(W1, b1, W2, b2):
    return softmax_cross_entropy(tanh(x @ W1 + b1) @ W2 + b2, labels)


def my_gradients(W1, b1, W2, b2):
    a1 = np.tanh(x @ W1 + b1)
    e = np.exp(a1 @ W2 + b2)
    p, y = e / e.sum(axis=1, keepdims=True), np.eye(3)[labels]
    delta2 = (p - y) / len(x)
    dW2 = a1.T @ delta2
    db2 = delta2.sum(axis=0)
    delta1 = (delta2 @ W2.T) * (1 - a1**2)
    # Why: back through the weights as in exercise 3, then through tanh as in exercise 4.
    dW1 = x.T @ delta1
    db1 = delta1.sum(axis=0)
    return dW1, db1, dW2, db2


print(check_manual(loss, my_gradients, W1, b1, W2, b2))
