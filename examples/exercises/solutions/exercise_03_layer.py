"""Exercise 3: a layer that knows only the gradient of its output.

A layer of neurons computes Z = X W + b: a row for each sample, a column for each neuron. The next
layer sends back G = ∂L/∂Z, with the shape of Z. From G, this layer computes

    ∂L/∂X = G Wᵀ     ∂L/∂W = Xᵀ G     ∂L/∂b = the sum of the rows of G

Shapes are a good guide: each gradient has the shape of its variable, and often only one product
fits. But shapes prove nothing, so this file checks the numbers.
"""

import numpy as np

from tinygrad_edu import check_manual

generator = np.random.default_rng(3)
X, W, b = generator.normal(size=(4, 3)), generator.normal(size=(3, 2)), np.array([0.1, -0.2])


def blank(number, what):
    raise SystemExit(f"blank {number} is still to be filled in: {what}")


def layer(X, W, b):
    return X @ W + b


def my_gradients(G, X, W, b):
    dX = G @ W.T
    # Why: neuron j uses x with weights W[:, j], so its gradient goes back with the same weights.
    dW = X.T @ G
    # Why: W[i, j] connects input i and neuron j; each row uses it once, so sum over the rows.
    db = G.sum(axis=0)
    return dX, dW, db


print(check_manual(layer, my_gradients, X, W, b))
