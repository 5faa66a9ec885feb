"""Bug hunt 4: an autoencoder.

The encoder h = tanh(x W) reduces four numbers to two. The decoder r = h Wᵀ turns them into four
again, with the same weights. The loss is the mean of (r - x)². Each line of the backward pass
below, taken alone, is right.

Run this file with `python -i`. See which contributions the gradient of W has, and compare:

>>> from tinygrad_edu import Tensor, explain
>>> weights = Tensor(W, requires_grad=True, name="W")
>>> print(explain(weights, loss(weights)))
>>> print(check.with_hints("none"))

The next step names the line; the last one also names the mistake, with its correction:

>>> print(check.with_hints("where"))
>>> print(check)
"""

import numpy as np

from tinygrad_edu import check_manual, tanh

generator = np.random.default_rng(4)
x, W = generator.normal(size=(5, 4)), generator.normal(size=(4, 2))


def loss(W):
    h = tanh(x @ W)
    return ((h @ W.T - x) ** 2).mean()


def my_gradients(W):
    h = np.tanh(x @ W)
    r = h @ W.T
    dr = 2 * (r - x) / x.size
    dW = dr.T @ h  # of the decoder
    delta = (dr @ W) * (1 - h**2)
    dW = x.T @ delta  # of the encoder
    return [dW]


check = check_manual(loss, my_gradients, W)
print("✓ the gradient is right" if check.agree else "✗ the gradient is wrong")
