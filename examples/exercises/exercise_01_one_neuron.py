"""Exercise 1: one neuron, one sample.

A neuron computes z = w · x + b and a = tanh(z); the loss is L = ½ (a - y)². The chain rule goes
back the same way: ∂L/∂a = a - y, and the derivative of tanh is 1 - a². Their product is called δ:

    δ = ∂L/∂z = (a - y) (1 - a²)

The derivative of z is x with respect to w, and 1 with respect to b. So both gradients follow from
δ: ∂L/∂w = δ x and ∂L/∂b = δ. Fill in the blanks and run this file until it prints ✓.
"""

import numpy as np

from tinygrad_edu import check_manual, tanh

x = np.array([1.0, -2.0, 0.5])
y = 0.8


def blank(number, what):
    raise SystemExit(f"blank {number} is still to be filled in: {what}")


def loss(w, b):
    a = tanh((w * x).sum() + b)
    return 0.5 * (a - y) ** 2


def my_gradients(w, b):
    a = np.tanh(w @ x + b)
    delta = blank(1, "δ = ∂L/∂z, one number")
    dw = blank(2, "∂L/∂w, shape (3,)")
    db = blank(3, "∂L/∂b, one number")
    return dw, db


print(check_manual(loss, my_gradients, np.array([0.4, 0.1, -0.3]), np.array(0.2)))
