"""Bug hunt 1: a small classifier.

Two hidden layers with tanh, three classes, and a backward pass written by hand. It runs, all
shapes fit, and the loss even falls in training, but some gradients are wrong. Find the line.

`check` is the comparison with automatic differentiation. Run this file with `python -i`, so that
Python stays open afterwards, and type:

>>> print(check.with_hints("none"))

See which gradients agree: the mistake is where the first one differs, going backwards. If you do
not find it, the second step names the line, and the third one the mistake, with its correction:

>>> print(check.with_hints("where"))
>>> print(check)
"""

import numpy as np

from tinygrad_edu import check_manual, softmax_cross_entropy, tanh

generator = np.random.default_rng(1)
x, labels = generator.normal(size=(8, 4)), generator.integers(0, 3, 8)
W1, W2, W3 = (generator.normal(size=shape) for shape in ((4, 6), (6, 5), (5, 3)))
b1, b2, b3 = (generator.normal(size=size) for size in (6, 5, 3))


def loss(W1, b1, W2, b2, W3, b3):
    a2 = tanh(tanh(x @ W1 + b1) @ W2 + b2)
    return softmax_cross_entropy(a2 @ W3 + b3, labels)


def my_gradients(W1, b1, W2, b2, W3, b3):
    a1 = np.tanh(x @ W1 + b1)
    a2 = np.tanh(a1 @ W2 + b2)
    e = np.exp(a2 @ W3 + b3)
    delta3 = (e / e.sum(axis=1, keepdims=True) - np.eye(3)[labels]) / len(x)
    delta2 = (delta3 @ W3.T) * (1 - a2**2)
    delta1 = delta2 @ W2.T
    return (
        *(x.T @ delta1, delta1.sum(axis=0)),
        *(a1.T @ delta2, delta2.sum(axis=0)),
        *(a2.T @ delta3, delta3.sum(axis=0)),
    )


check = check_manual(loss, my_gradients, W1, b1, W2, b2, W3, b3)
print("✓ the gradients are right" if check.agree else "✗ gradients are wrong")
