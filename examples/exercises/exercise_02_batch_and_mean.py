"""Exercise 2: a batch of samples, and the mean.

The rows of X are n samples. A neuron without activation computes z = X w + b, one number a row.
The loss is the mean of the squared errors, L = 1/n Σ (zᵢ - yᵢ)². The mean and the factor 2 of the
square enter once, in δ:

    δ = ∂L/∂z = 2/n (z - y)

All rows share the weights and the bias, so their gradients are sums over the rows:
∂L/∂w = Σ xᵢ δᵢ, which is Xᵀ δ, and ∂L/∂b = Σ δᵢ.
"""

import numpy as np

from tinygrad_edu import check_manual

X = np.array(
    [[1.0, 2.0, 0.5], [0.0, -1.0, 1.0], [3.0, 0.5, -1.0], [-2.0, 1.0, 1.5], [1.0, 1.0, -0.5]]
)
y = np.array([3.0, -1.0, 4.0, -1.5, 2.0])


def blank(number, what):
    raise SystemExit(f"blank {number} is still to be filled in: {what}")


def loss(w, b):
    return ((X @ w + b - y) ** 2).mean()


def my_gradients(w, b):
    z = X @ w + b
    delta = blank(1, "δ = ∂L/∂z, shape (5,)")
    dw = blank(2, "∂L/∂w, shape (3,)")
    db = blank(3, "∂L/∂b, one number")
    return dw, db


print(check_manual(loss, my_gradients, np.array([0.5, 1.5, -1.0]), np.array(0.1)))
