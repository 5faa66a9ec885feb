"""Inputs that are scaled before they enter a network.

The columns of a table are measured in different units. So each column is shifted to mean 0 and
divided by its spread, with numbers m and s that were measured once and do not change:

    (1)  u = (x - m) / s              element by element; m and s have a number for each column
    (2)  z = u W + b

From δ = ∂L/∂z, find the gradients of W, b, u and x. The scale is a step of the graph like any
other, so it has a local derivative.

The scale can also be put into the weights, so that raw rows can be used: there are V and c with
z = x V + c. Write equation 2 with equation 1 in it, and collect what multiplies x, and the rest.
In NumPy, `a[:, None]` makes a column of a row of numbers.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import jacobian


def inputs(generator):
    n = generator.integers(4, 7)
    return {
        "x": (generator.normal(size=(n, 3)) * [1, 20, 5] + [3, 50, -10]).round(),
        "m": np.array([3.0, 50.0, -10.0]) + generator.integers(0, 3, 3),
        "s": generator.permutation([2.0, 20.0, 4.0]),
        "W": generator.normal(size=(3, 2)).round(1),
        "b": generator.normal(size=2).round(1),
        "delta": generator.normal(size=(n, 2)).round(1),
    }


def forward(x, m, s, W, b, delta):
    u = (x - m) / s
    z = u @ W + b
    L = (delta * z).sum()  # a loss with ∂L/∂z = delta
    V = jacobian(lambda row: (row - m) / s @ W + b, x[0]).T  # by machine
    c = z[0] - x[0] @ V
    return L


def my_gradients(x, m, s, W, b, delta):
    u = ...  # blank 1: u, the scaled rows, shape (n, 3)
    dW = ...  # blank 2: ∂L/∂W, shape (3, 2)
    db = ...  # blank 3: ∂L/∂b, shape (2,)
    du = ...  # blank 4: ∂L/∂u, shape (n, 3)
    dx = ...  # blank 5: ∂L/∂x, shape (n, 3)
    V = ...  # blank 6: V, such that z = x V + c, shape (3, 2)
    c = ...  # blank 7: c, shape (2,)
    return {"W": dW, "b": db, "x": dx}


if __name__ == "__main__":
    print(check("scaled_inputs", my_gradients))
