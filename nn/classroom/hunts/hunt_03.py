"""Bug hunt 3: yes or no.

A hidden layer with relu, and one output for yes or no: p = sigmoid(z), with binary cross-entropy.
Three of four gradients are right, so the deltas cannot be wrong.

`check` is the comparison. Run this file with `python -i` and type:

>>> print(check.with_hints("none"))

The next step names the line; the last one also names the mistake, with its correction:

>>> print(check.with_hints("where"))
>>> print(check)
"""

import numpy as np

from tinygrad_edu import binary_cross_entropy_with_logits, check_manual, relu

generator = np.random.default_rng(3)
x, y = generator.normal(size=(10, 3)), generator.integers(0, 2, (10, 1)).astype(float)
W1, b1 = generator.normal(size=(3, 6)), generator.normal(size=6)
W2, b2 = generator.normal(size=(6, 1)), generator.normal(size=1)


def loss(W1, b1, W2, b2):
    return binary_cross_entropy_with_logits(relu(x @ W1 + b1) @ W2 + b2, y)


def my_gradients(W1, b1, W2, b2):
    a1 = np.maximum(x @ W1 + b1, 0)
    p = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    delta2 = (p - y) / len(x)
    delta1 = (delta2 @ W2.T) * (a1 > 0)
    dW2, db2 = a1.T @ delta2, delta2.sum(axis=0)
    dW1, db1 = x.T @ delta1, delta1.mean(axis=0)
    return dW1, db1, dW2, db2


check = check_manual(loss, my_gradients, W1, b1, W2, b2)
print("✓ the gradients are right" if check.agree else "✗ gradients are wrong")
