"""The chain rule, backwards along a path.

The forward pass goes down this graph:

    p = w · x,   z = p + b,   a = tanh(z),   e = a - y,   L = e²

The walk back starts at L, where the slope of L by itself is 1. Each step multiplies what has
arrived by one local derivative, and sends the product one box further:

    contribution = upstream gradient · local derivative

Each blank is one contribution. It uses what has arrived at the box below: the blank before it, or
the one before that where two arrows leave one operation.
"""

import math

from nn.classroom import check
from tinygrad_edu import tanh


def inputs(generator):
    return {
        "w": generator.choice([-0.8, -0.3, 0.4, 0.7]),
        "b": generator.choice([-0.6, -0.1, 0.2, 0.5]),
        "x": generator.choice([-1.5, -0.5, 1.5, 2.0]),
        "y": generator.choice([-0.9, 0.8]),
    }


def forward(w, b, x, y):
    p = w * x
    z = p + b
    a = tanh(z)
    e = a - y
    L = e**2
    return L


def my_gradients(w, b, x, y):
    p = w * x
    z = p + b
    a = math.tanh(z)
    e = a - y
    de = ...  # blank 1: ∂L/∂e, one number
    da = ...  # blank 2: ∂L/∂a, one number
    dz = ...  # blank 3: ∂L/∂z, one number
    dp = ...  # blank 4: ∂L/∂p, one number
    db = ...  # blank 5: ∂L/∂b, one number
    dw = ...  # blank 6: ∂L/∂w, one number
    return {"w": dw, "b": db}


if __name__ == "__main__":
    print(check("chain_rule", my_gradients))
