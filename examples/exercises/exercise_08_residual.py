"""Exercise 8: a residual connection.

The second layer adds its output to its input: r = h + t, with h = tanh(x W1) and t = tanh(h W2).
So h is used twice, in the sum and in the product, and its gradient has two contributions:

    ∂L/∂h = ∂L/∂r + δt W2ᵀ      with δt = ∂L/∂r ⊙ tanh′

If a value is used several times, its contributions add up: write +=, not =. The first term flows
back without any factor. That is why deep networks have residual connections.
"""

import numpy as np

from tinygrad_edu import check_manual, softmax_cross_entropy, tanh

generator = np.random.default_rng(8)
x, labels = generator.normal(size=(5, 3)), np.array([0, 1, 2, 1, 0])
W1, W2, W3 = (generator.normal(size=shape) for shape in ((3, 4), (4, 4), (4, 3)))


def blank(number, what):
    raise SystemExit(f"blank {number} is still to be filled in: {what}")


def loss(W1, W2, W3):
    h = tanh(x @ W1)
    return softmax_cross_entropy((h + tanh(h @ W2)) @ W3, labels)


def my_gradients(W1, W2, W3):
    h = np.tanh(x @ W1)
    t = np.tanh(h @ W2)
    e = np.exp((h + t) @ W3)
    delta3 = (e / e.sum(axis=1, keepdims=True) - np.eye(3)[labels]) / len(x)
    dr = blank(1, "∂L/∂r, shape (5, 4)")
    delta_t = blank(2, "δt, before the second tanh, shape (5, 4)")
    dh = blank(3, "∂L/∂h, the sum of two contributions, shape (5, 4)")
    delta_h = blank(4, "δh, before the first tanh, shape (5, 4)")
    return x.T @ delta_h, h.T @ delta_t, (h + t).T @ delta3


print(check_manual(loss, my_gradients, W1, W2, W3))
