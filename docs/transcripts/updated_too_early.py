# The weights are updated before the error goes back through them.
import numpy as np

from tinygrad_edu import check_manual

rng = np.random.default_rng(3)
x, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
lr = 0.1


def loss(W1, W2):
    return ((np.tanh(x @ W1) @ W2 - t) ** 2).mean()


def gradients(W1, W2):
    h = np.tanh(x @ W1)
    error = 2 * (h @ W2 - t) / t.size
    dW2 = h.T @ error
    W2 = W2 - lr * dW2
    dh = error @ W2.T
    dW1 = x.T @ (dh * (1 - h**2))
    return dW1, dW2


print(check_manual(loss, gradients, rng.normal(size=(3, 4)), rng.normal(size=(4, 2))))
