"""A number that is used twice.

Here h goes two ways: through k and t, and directly into the sum. Deep networks do the same, and
call the direct way a residual connection:

    h = w · x,   k = v · h,   t = tanh(k),   r = h + t,   L = (r - y)²

Where paths meet, contributions are added: h gets one from the sum, and one from the product k. Work
back from r. A sum sends what arrives at it to both of its inputs, unchanged.
"""

import math

from nn.classroom import check
from tinygrad_edu import tanh


def inputs(generator):
    return {
        "w": generator.choice([-0.8, -0.3, 0.4, 0.7]),
        "v": generator.choice([-1.4, -0.6, 0.5, 1.3]),
        "x": generator.choice([-1.5, -0.5, 1.5, 2.0]),
        "y": generator.choice([-1.9, 1.8]),
    }


def forward(w, v, x, y):
    h = w * x
    k = v * h
    t = tanh(k)
    r = h + t
    L = (r - y) ** 2
    return L


def my_gradients(w, v, x, y):
    h = w * x
    k = v * h
    t = math.tanh(k)
    r = h + t
    dr = ...  # blank 1: ∂L/∂r, one number
    dt = ...  # blank 2: ∂L/∂t, one number
    dk = ...  # blank 3: ∂L/∂k, one number
    dv = ...  # blank 4: ∂L/∂v, one number
    dh = ...  # blank 5: ∂L/∂h, the sum of two contributions
    dw = ...  # blank 6: ∂L/∂w, one number
    return {"w": dw, "v": dv}


if __name__ == "__main__":
    print(check("used_twice", my_gradients))
