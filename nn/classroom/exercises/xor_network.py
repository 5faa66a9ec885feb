"""A network for XOR.

Two hidden neurons with tanh, and one output neuron with sigmoid, get the four rows of XOR. For each
row i:

    (1)  z1 = x W1 + b1,   h = tanh(z1)           two numbers, one for each hidden neuron
    (2)  z2 = h · w2 + b2, a = sigmoid(z2)        the answer, between 0 and 1
    (3)  L gets (a - y)² / 4                      the mean over the four rows

The loop goes back through each row, from the answer to the weights. All rows use the same weights,
so their contributions add up: that is why these lines have += instead of =. The weight W1[j, k] is
multiplied by x[j] and leads to neuron k, so its gradient needs a number of x and a number of delta1
for each j and k. `np.outer(u, v)` is the table of all products u[j] · v[k].
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import sigmoid, tanh


def inputs(generator):
    rows = generator.permutation([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return {
        "x": rows,
        "y": abs(rows[:, 0] - rows[:, 1]),
        "W1": generator.normal(size=(2, 2)).round(1),
        "b1": generator.normal(size=2).round(1),
        "w2": generator.choice([-1.2, -0.8, 0.7, 1.1], 2, replace=False),
        "b2": generator.choice([-0.3, 0.2, 0.4]),
    }


def forward(x, y, W1, b1, w2, b2):
    z1, z2, L = [], [], 0.0
    for i in range(4):
        z1.append(x[i] @ W1 + b1)
        h = tanh(z1[i])
        z2.append((h * w2).sum() + b2)
        a = sigmoid(z2[i])
        L = L + (a - y[i]) ** 2 / 4
    return L


def my_gradients(x, y, W1, b1, w2, b2):
    dW1, db1, dw2, db2 = np.zeros((2, 2)), np.zeros(2), np.zeros(2), 0.0
    for i in range(4):
        h = np.tanh(x[i] @ W1 + b1)
        a = 1 / (1 + np.exp(-(h @ w2 + b2)))
        delta2 = ...  # blank 1: ∂L/∂z2[i], one number
        dw2 += ...  # blank 2: ∂L/∂w2, shape (2,)
        db2 += ...  # blank 3: ∂L/∂b2, one number
        delta1 = ...  # blank 4: ∂L/∂z1[i], shape (2,)
        dW1 += ...  # blank 5: ∂L/∂W1, shape (2, 2)
        db1 += ...  # blank 6: ∂L/∂b1, shape (2,)
    return {"W1": dW1, "b1": db1, "w2": dw2, "b2": db2}


if __name__ == "__main__":
    print(check("xor_network", my_gradients))
