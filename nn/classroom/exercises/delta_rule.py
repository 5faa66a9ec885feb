"""The delta rule, for one hidden layer.

A network with a hidden layer, for n rows at once:

    (1)  z1 = x W1 + b1,    a1 = tanh(z1)
    (2)  z2 = a1 W2 + b2,   a2 = sigmoid(z2)
    (3)  L = 1/n Σ (a2 - y)²                   the sum over all rows and outputs

δ2 = ∂L/∂z2 and δ1 = ∂L/∂z1 are the deltas. They go from the output back to the input:

* δ2 is the derivative of the loss, times the derivative of the activation, element by element. The
  mean is in the loss, so its 1/n is in δ2, and nowhere else.
* δ1 is δ2, sent back through W2, times the derivative of the activation there.
* The weights and biases of a layer get their gradients from its own δ and its own input.

A mistake in δ1 makes two gradients wrong, a mistake in δ2 all four.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import sigmoid, tanh


def inputs(generator):
    n = generator.integers(5, 8)
    return {
        "x": generator.normal(size=(n, 2)).round(1),
        "y": generator.integers(0, 2, (n, 3)).astype(float),
        "W1": generator.normal(size=(2, 4)).round(1),
        "b1": generator.normal(size=4).round(1),
        "W2": generator.normal(size=(4, 3)).round(1),
        "b2": generator.normal(size=3).round(1),
    }


def forward(x, y, W1, b1, W2, b2):
    z1 = x @ W1 + b1
    a1 = tanh(z1)
    z2 = a1 @ W2 + b2
    a2 = sigmoid(z2)
    L = ((a2 - y) ** 2).sum() / len(x)
    return L


def my_gradients(x, y, W1, b1, W2, b2):
    n = len(x)
    a1 = np.tanh(x @ W1 + b1)
    a2 = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    delta2 = ...  # blank 1: ∂L/∂z2, shape (n, 3)
    dW2 = ...  # blank 2: ∂L/∂W2, shape (4, 3)
    db2 = ...  # blank 3: ∂L/∂b2, shape (3,)
    delta1 = ...  # blank 4: ∂L/∂z1, shape (n, 4)
    dW1 = ...  # blank 5: ∂L/∂W1, shape (2, 4)
    db1 = ...  # blank 6: ∂L/∂b1, shape (4,)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


if __name__ == "__main__":
    print(check("delta_rule", my_gradients))
