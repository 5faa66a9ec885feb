"""One neuron, one example.

A neuron computes z = w · x + b and a = tanh(z). The loss is L = ½ (a - y)². The chain rule goes
back in the reverse order. Each step multiplies by one local derivative:

    (1)  ∂L/∂a = a - y               the derivative of ½ (a - y)²
    (2)  δ = ∂L/∂z = ∂L/∂a · f′(z)   here f is tanh; page 2 has its derivative
    (3)  ∂L/∂w and ∂L/∂b             what multiplies w in z, and what multiplies b?

`delta` is equation 2, with ∂L/∂a of equation 1 in it.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import tanh


def inputs(generator):
    return {
        "x": generator.normal(size=3).round(1),
        "y": generator.choice([-0.8, 0.8]),
        "w": generator.normal(size=3).round(1),
        "b": round(generator.normal(), 1),
    }


def forward(x, y, w, b):
    z = (w * x).sum() + b
    a = tanh(z)
    L = 0.5 * (a - y) ** 2
    return L


def my_gradients(x, y, w, b):
    a = np.tanh(w @ x + b)
    delta = ...  # blank 1: δ = ∂L/∂z, one number
    dw = ...  # blank 2: ∂L/∂w, shape (3,)
    db = ...  # blank 3: ∂L/∂b, one number
    return {"w": dw, "b": db}


if __name__ == "__main__":
    print(check("one_neuron", my_gradients))
