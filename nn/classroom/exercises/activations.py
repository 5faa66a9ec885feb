"""Activations, element by element.

An activation works on each number alone, and so does its derivative: what arrives is multiplied,
element by element, by the slope there. With g, the gradient of each output:

    (1)  relu(u) = u where u > 0, else 0
    (2)  leaky(v) = v where v > 0, else v / 10
    (3)  tanh(w)
    (4)  sigmoid(z) = 1 / (1 + exp(-z))

Find the slopes of relu and leaky from a sketch: two straight lines. Pages 2 and 4 have the others.
At exactly 0, relu has a kink and no derivative; by convention it is 0 there. One of the numbers in
u is 0, so the convention matters.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import leaky_relu, relu, sigmoid, tanh


def inputs(generator):
    n = generator.integers(3, 6)
    away_from_0 = np.array([-2.3, -1.1, -0.4, 0.6, 0.9, 1.7])
    return {
        "u": generator.permutation([0.0, -0.7, 1.2, *generator.choice(away_from_0, n)]),
        "v": generator.permutation([-1.3, 0.8, *generator.choice(away_from_0, n)]),
        "w": generator.normal(size=n).round(1),
        "z": generator.normal(size=n).round(1),
        "g": generator.choice([-1.4, -0.6, 0.3, 0.8, 1.9], 4, replace=False),
    }


def forward(u, v, w, z, g):
    L = (
        g[0] * relu(u).sum()
        + g[1] * leaky_relu(v, 0.1).sum()
        + g[2] * tanh(w).sum()
        + g[3] * sigmoid(z).sum()
    )
    return L


def my_gradients(u, v, w, z, g):
    du = ...  # blank 1: ∂L/∂u, from g[0], the shape of u
    dv = ...  # blank 2: ∂L/∂v, from g[1], the shape of v
    dw = ...  # blank 3: ∂L/∂w, from g[2], the shape of w
    dz = ...  # blank 4: ∂L/∂z, from g[3], the shape of z
    return {"u": du, "v": dv, "w": dw, "z": dz}


if __name__ == "__main__":
    print(check("activations", my_gradients))
