"""Bug hunt 5: the squared error of probabilities.

Instead of cross-entropy, this loss is the mean squared distance of the probabilities from the
one-hot targets (the Brier score). So the derivative of softmax itself is needed here.

`check` is the comparison. Run this file with `python -i` and type:

>>> print(check.with_hints("none"))

The next step names the line; the last one also names the mistake, with its correction:

>>> print(check.with_hints("where"))
>>> print(check)
"""

import numpy as np

from tinygrad_edu import check_manual, softmax

generator = np.random.default_rng(5)
x, y = generator.normal(size=(6, 4)), np.eye(3)[generator.integers(0, 3, 6)]
W, b = generator.normal(size=(4, 3)), generator.normal(size=3)


def loss(W, b):
    p = softmax(x @ W + b)
    return ((p - y) ** 2).sum() / len(x)


def my_gradients(W, b):
    e = np.exp(x @ W + b)
    p = e / e.sum(axis=1, keepdims=True)
    dp = 2 * (p - y) / len(x)
    delta = dp * p * (1 - p)
    return x.T @ delta, delta.sum(axis=0)


check = check_manual(loss, my_gradients, W, b)
print("✓ the gradients are right" if check.agree else "✗ gradients are wrong")
