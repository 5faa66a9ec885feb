"""Pooling: the largest and the average of each window.

A window slides over a row of numbers, `size` numbers wide, one step at a time, so windows overlap:

    (1)  largest[i] = the largest of x[i], ..., x[i + size - 1]
    (2)  average[i] = their mean

Nothing is learned here; the gradient of the output is only sent back to x. Move one number of a
window a little, and see what moves in the output: that is its local derivative. A number that is in
several windows gets a contribution from each.

`g_largest` and `g_average` are the gradients of the two outputs, with a number for each window.
"""

import numpy as np

from nn.classroom import check


def inputs(generator):
    length, size = generator.integers(6, 9), generator.integers(2, 4)
    return {
        "x": generator.permutation(np.arange(-9, 10) / 10)[:length],  # no two are equal
        "size": int(size),
        "g_largest": generator.normal(size=length - size + 1).round(1),
        "g_average": generator.normal(size=length - size + 1).round(1),
    }


def forward(x, size, g_largest, g_average):
    window, top, largest, average = [], [], 0.0, 0.0
    for i in range(len(g_largest)):
        window.append(x[i : i + size])
        top.append(window[i].max())
        largest = largest + g_largest[i] * top[i]  # a loss with the gradient g_largest
        average = average + g_average[i] * window[i].mean()
    L = largest + average
    return L


def my_gradients(x, size, g_largest, g_average):
    through_largest, through_average = np.zeros(len(x)), np.zeros(len(x))
    for i in range(len(g_largest)):
        window = x[i : i + size]
        slope = ...  # blank 1: ∂top[i]/∂window[i], shape (size,), where top[i] is the largest
        through_largest[i : i + size] += ...  # blank 2: ∂largest/∂x, the shape of x
        through_average[i : i + size] += ...  # blank 3: ∂average/∂x, the shape of x
    dx = ...  # blank 4: ∂L/∂x, the shape of x
    return {"x": dx}


if __name__ == "__main__":
    print(check("pooling", my_gradients))
