"""Bug hunt 6: four kinds of flowers.

One layer with softmax and cross-entropy, trained by hand on clouds of points that are far apart,
one for each kind. The equations are those of the textbook, but every prediction is wrong.

`check` compares the gradients before training. Run this file with `python -i` and type:

>>> print(check.with_hints("none"))

The next step names the line; the last one also names the mistake, with its correction:

>>> print(check.with_hints("where"))
>>> print(check)
"""

import numpy as np

from tinygrad_edu import check_manual, softmax_cross_entropy

generator = np.random.default_rng(6)
labels = generator.integers(0, 4, 40)  # classes 0, 1, 2, 3
corners = np.array([[3.0, 3.0], [-3.0, 3.0], [-3.0, -3.0], [3.0, -3.0]])
x = corners[labels] + generator.normal(size=(40, 2))
W, b = generator.normal(size=(2, 4)), np.zeros(4)


def loss(W, b):
    return softmax_cross_entropy(x @ W + b, labels)


def my_gradients(W, b):
    e = np.exp(x @ W + b)
    p = e / e.sum(axis=1, keepdims=True)
    y = np.eye(4)[labels - 1]
    delta = (p - y) / len(x)
    return x.T @ delta, delta.sum(axis=0)


check = check_manual(loss, my_gradients, W, b)
for _ in range(200):
    dW, db = my_gradients(W, b)
    W, b = W - 0.5 * dW, b - 0.5 * db
right = int(((x @ W + b).argmax(axis=1) == labels).sum())
print(f"{'✓' if check.agree else '✗'} after training {right} of 40 flowers are recognised")
