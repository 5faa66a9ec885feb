"""Softmax and cross-entropy.

The last layer computes scores z, a row for each example and a column for each class. Softmax turns
each row into probabilities, and the loss looks at the one of the right class:

    (1)  S = Σ_k exp(z_k),   p_k = exp(z_k) / S            in each row
    (2)  L = the mean of -log(p_c) over n rows             c is the right class, from `labels`
           = the mean of log(S) - z_c

Equation 2, in its second form, gives the slope by each score: page 6 does it in three lines. As a
table, the right classes are one-hot rows y: a 1 in column c, and 0 elsewhere.

In blank 1, divide each row of e by its own sum. The last two blanks are a layer, as on page 5.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import one_hot, softmax, softmax_cross_entropy


def inputs(generator):
    n = generator.integers(4, 7)
    return {
        "x": generator.normal(size=(n, 2)).round(1),
        "labels": generator.permutation([0, 1, 2, *generator.integers(0, 3, n - 3)]),
        "W": generator.normal(size=(2, 3)).round(1),
        "b": generator.normal(size=3).round(1),
    }


def forward(x, labels, W, b):
    z = x @ W + b
    p = softmax(z)
    y = one_hot(labels, 3)
    L = softmax_cross_entropy(z, labels)
    return L


def my_gradients(x, labels, W, b):
    z = x @ W + b
    e = np.exp(z - z.max(axis=1, keepdims=True))  # subtract the largest: no overflow
    p = ...  # blank 1: p, the probabilities, shape (n, 3)
    y = ...  # blank 2: y, one-hot rows, shape (n, 3)
    delta = ...  # blank 3: ∂L/∂z, shape (n, 3)
    dW = ...  # blank 4: ∂L/∂W, shape (2, 3)
    db = ...  # blank 5: ∂L/∂b, shape (3,)
    return {"W": dW, "b": db}


if __name__ == "__main__":
    print(check("softmax_cross_entropy", my_gradients))
