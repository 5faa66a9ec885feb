"""The slope of a loss.

A machine with one number w computes a · w and should get y. Its loss is L = (a w - y)². Expand the
square, as page 1 does. Each term is then a number, or a number times w, or a number times w²:

    (1)  L = a² · w²  -  2 a y · w  +  y²
             square      linear

The rules of page 1 give the slope of each term. The slope of a sum is the sum of the slopes. With
it, one step downhill moves w against the slope, with a factor `rate` that keeps the step short:

    (2)  w_next = w - rate · ∂L/∂w

Page 1 writes dL/dw. The round ∂ says that there are other numbers, here a and y, that stay as they
are. Fill in one blank after the other, and run this file after each.
"""

from nn.classroom import check
from tinygrad_edu import grad


def inputs(generator):
    return {
        "w": generator.choice([-1.5, -0.6, 0.7, 1.2]),
        "a": generator.choice([-3.0, -2.0, 2.0, 3.0]),
        "y": generator.choice([-6.0, -5.0, 4.0, 5.0, 6.0]),
        "rate": generator.choice([0.01, 0.02, 0.03]),
    }


def forward(w, a, y, rate):
    def loss(w):
        return (a * w - y) ** 2

    square = a**2 * w**2
    linear = -2 * w * a * y
    L = square + linear + y**2
    w_next = w - rate * grad(L, w)  # by machine
    L_next = loss(w_next)
    return L


def my_gradients(w, a, y, rate):
    dsquare = ...  # blank 1: ∂square/∂w, one number
    dlinear = ...  # blank 2: ∂linear/∂w, one number
    dw = ...  # blank 3: ∂L/∂w, one number
    w_next = ...  # blank 4: w_next, after one step downhill
    L_next = ...  # blank 5: L_next, the loss at w_next
    return {"w": dw}


if __name__ == "__main__":
    print(check("slope", my_gradients))
