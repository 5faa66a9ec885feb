"""The boxes of a graph, and its local derivatives.

A machine with two numbers w and b multiplies, adds, squeezes with tanh, and takes the error to the
power 2. Its graph has a box for each result:

    w, x  → multiply → p
    p, b  → add      → z
    z     → tanh     → a
    a, y  → subtract → e
    e     → power    → L

Fill in the value of each box. Then fill in the local derivative of each operation: how much its own
result grows when one of its inputs grows a little. A local derivative needs only the boxes next to
its operation. Page 2 has a table of them.
"""

import math

from nn.classroom import check
from tinygrad_edu import add, multiply, power, subtract, tanh


def inputs(generator):
    return {
        "w": generator.choice([-1.2, -0.4, 0.3, 0.9, 1.1]),
        "b": generator.choice([-0.7, -0.2, 0.2, 0.6]),
        "x": generator.choice([-2.0, 0.5, 1.5, 3.0]),
        "y": generator.choice([-0.9, 0.8]),
    }


def forward(w, b, x, y):
    p = multiply(w, x)
    z = add(p, b)
    a = tanh(z)
    e = subtract(a, y)
    L = power(e, 2)
    return L


def my_gradients(w, b, x, y):
    p = ...  # blank 1: p, one number
    z = ...  # blank 2: z, one number
    a = math.tanh(z)
    e = a - y
    L = ...  # blank 3: L, one number
    dp_dw = ...  # blank 4: ∂p/∂w, one number
    dz_dp = ...  # blank 5: ∂z/∂p, one number
    da_dz = ...  # blank 6: ∂a/∂z, one number
    de_da = 1
    dL_de = ...  # blank 7: ∂L/∂e, one number
    return {"p": p, "z": z, "L": L}


if __name__ == "__main__":
    print(check("graph", my_gradients))
