"""The delta rule, for any number of layers.

The same steps in a loop. Layer l computes, with a[0] = x:

    (1)  z[l] = a[l] W[l] + b[l],   a[l+1] = tanh(z[l])      tanh in every layer
    (2)  L = 1/n Σ (a[last] - y)²

Going back, `delta` is ∂L/∂z of the layer that the loop is at. The layer computes its gradients from
it, and then hands on the delta of the layer before: through the weights of this layer, times the
derivative of tanh at the layer before.

Mind the numbers: a[l] is the input of layer l, and also the output of layer l - 1. The number of
layers, and of the neurons in each, is different in every draw.
"""

from itertools import pairwise

import numpy as np

from nn.classroom import check
from tinygrad_edu import tanh


def inputs(generator):
    sizes = generator.choice([2, 3, 4, 5], generator.integers(3, 5), replace=False)
    n = generator.integers(6, 9)
    pairs = list(pairwise(sizes))
    return {
        "x": generator.normal(size=(n, sizes[0])).round(1),
        "y": generator.choice([-0.9, 0.8], (n, sizes[-1])),
        "W": [generator.normal(size=pair).round(1) for pair in pairs],
        "b": [generator.normal(size=after).round(1) for _, after in pairs],
    }


def forward(x, y, W, b):
    z, a = [], [x]
    for layer in range(len(W)):
        z.append(a[layer] @ W[layer] + b[layer])
        a.append(tanh(z[layer]))
    L = ((a[-1] - y) ** 2).sum() / len(x)
    return L


def my_gradients(x, y, W, b):
    n = len(x)
    a = [x]
    for layer in range(len(W)):
        a.append(np.tanh(a[layer] @ W[layer] + b[layer]))
    last = ...  # blank 1: ∂L/∂z[-1], the shape of y
    dWs, dbs, delta = [None] * len(W), [None] * len(W), last
    for layer in reversed(range(len(W))):
        dW = ...  # blank 2: ∂L/∂W[layer], the shape of W[layer]
        db = ...  # blank 3: ∂L/∂b[layer], the shape of b[layer]
        dWs[layer], dbs[layer] = dW, db
        if layer > 0:
            before = ...  # blank 4: ∂L/∂z[layer - 1], the shape of a[layer]
            delta = before
    return {"W": dWs, "b": dbs}


if __name__ == "__main__":
    print(check("any_depth", my_gradients))
