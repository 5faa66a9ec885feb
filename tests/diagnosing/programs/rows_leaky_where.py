"""Three layers, leaky relu by np.where, mean squared error over all elements."""

import numpy as np

rng = np.random.default_rng(42)
inputs = rng.standard_normal((8, 5))
targets = rng.standard_normal((8, 2))
alpha = 0.1


def leaky(z):
    return np.where(z > 0, z, alpha * z)


def mse(w1, c1, w2, c2, w3, c3):
    h1 = leaky(inputs @ w1 + c1)
    h2 = leaky(h1 @ w2 + c2)
    return np.mean(np.square(h2 @ w3 + c3 - targets))


def leaky_grad(z):
    return np.where(z > 0, 1.0, alpha)


def manual(w1, c1, w2, c2, w3, c3):
    z1 = inputs @ w1 + c1
    h1 = leaky(z1)
    z2 = h1 @ w2 + c2
    h2 = leaky(z2)
    pred = h2 @ w3 + c3

    d3 = 2 * (pred - targets) / targets.size
    gw3, gc3 = h2.T @ d3, np.sum(d3, axis=0)
    d2 = (d3 @ w3.T) * leaky_grad(z2)
    gw2, gc2 = h1.T @ d2, np.sum(d2, axis=0)
    d1 = (d2 @ w2.T) * leaky_grad(z1)
    gw1, gc1 = inputs.T @ d1, np.sum(d1, axis=0)
    return gw1, gc1, gw2, gc2, gw3, gc3


POINT = tuple(
    rng.standard_normal(shape) * 0.7 for shape in [(5, 6), (6,), (6, 4), (4,), (4, 2), (2,)]
)
F, BY_HAND = mse, manual

SLIPS = [
    ("np.where(z > 0, 1.0, alpha)", "np.where(z > 0, 1.0, 0.0)", "wrong derivative", "relu's"),
    ("np.where(z > 0, 1.0, alpha)", "np.where(z < 0, 1.0, alpha)", "wrong derivative", "turned"),
    ("d3 = 2 * (pred", "d3 = (pred", "factor", "the 2 of the square is forgotten"),
    ("/ targets.size", "/ len(targets)", "factor", "the mean over rows, not over elements"),
    ("leaky_grad(z1)", "leaky_grad(d2 @ w2.T)", "wrong derivative", "taken at the gradient"),
    ("gw2, gc2 = h1.T @ d2", "gw2, gc2 = z1.T @ d2", "wrong operand", "z1 in place of h1"),
    (
        "(d2 @ w2.T) * leaky_grad(z1)",
        "d2 @ w2.T",
        "missing derivative",
        "leaky relu's, first layer",
    ),
]
