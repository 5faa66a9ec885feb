"""Dropout: the same mask on the way back.

A hidden layer with relu, behind which dropout sets some numbers to 0 and enlarges the others:

    (1)  z = x W + b,   a = relu(z)
    (2)  y = a where `mask` is 1, divided by 1 - p;   0 where `mask` is 0

p is the probability to drop. The mask was drawn once, with a chance of 1 - p for each 1. Divided by
1 - p, the numbers keep their mean, so that prediction can do without dropout.

From g = ∂L/∂y, go back through dropout, through relu, and into the layer. For a single number,
equation 2 is a multiplication by a constant.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import relu, where


def inputs(generator):
    n = generator.integers(4, 7)
    mask = generator.permutation(np.arange(4 * n) % 3 > 0).reshape(n, 4)
    return {
        "x": generator.integers(-3, 4, (n, 3)).astype(float),
        "W": generator.normal(size=(3, 4)).round(1),
        "b": generator.normal(size=4).round(1) + 0.05,  # so that no z is exactly 0
        "mask": mask.astype(int),
        "p": generator.choice([0.2, 0.3, 0.4]),
        "g": generator.normal(size=(n, 4)).round(1),
    }


def forward(x, W, b, mask, p, g):
    z = x @ W + b
    a = relu(z)
    y = where(mask == 1, a / (1 - p), 0.0)
    L = (g * y).sum()  # a loss with ∂L/∂y = g
    return L


def my_gradients(x, W, b, mask, p, g):
    z = x @ W + b
    a = np.maximum(z, 0)
    y = ...  # blank 1: y, shape (n, 4)
    da = ...  # blank 2: ∂L/∂a, shape (n, 4)
    delta = ...  # blank 3: ∂L/∂z, shape (n, 4)
    dW = ...  # blank 4: ∂L/∂W, shape (3, 4)
    db = ...  # blank 5: ∂L/∂b, shape (4,)
    return {"W": dW, "b": db}


if __name__ == "__main__":
    print(check("dropout", my_gradients))
