"""Batch normalization.

Each column of a batch is shifted to mean 0 and scaled to variance 1, and then scaled by γ and
shifted by β, which are learned:

    (1)  μ = 1/n Σ_i x_i,   v = 1/n Σ_i (x_i - μ)²,   r = 1/√(v + ε)        in each column
    (2)  x̂ = (x - μ) r
    (3)  y = γ x̂ + β

With g = ∂L/∂y. Equation 3 is the same for all rows. Equation 2 is not: each x_i is in its own x̂_i,
and through μ and v in those of all other rows. μ and v are not constants.

So the last blank needs more than r. Page 10 has the formula, with σ = 1/r. To find it yourself: x̂
does not change if all x_i of a column grow by the same amount, nor if their distances from μ grow
by the same factor. In these two directions the gradient must be 0.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import sqrt


def inputs(generator):
    n = generator.integers(4, 7)
    return {
        "x": generator.normal(size=(n, 2)).round(1),
        "gamma": generator.choice([-1.3, 0.6, 1.4, 1.8], 2, replace=False),
        "beta": generator.normal(size=2).round(1),
        "eps": 0.1,
        "g": generator.normal(size=(n, 2)).round(1),
    }


def forward(x, gamma, beta, eps, g):
    mean = x.mean(axis=0)
    r = 1 / sqrt(((x - mean) ** 2).mean(axis=0) + eps)
    x_hat = (x - mean) * r
    y = gamma * x_hat + beta
    L = (g * y).sum()  # a loss with ∂L/∂y = g
    return L


def my_gradients(x, gamma, beta, eps, g):
    r = 1 / np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) * r
    dbeta = ...  # blank 1: ∂L/∂beta, shape (2,)
    dgamma = ...  # blank 2: ∂L/∂gamma, shape (2,)
    dx_hat = ...  # blank 3: ∂L/∂x_hat, shape (n, 2)
    dx = ...  # blank 4: ∂L/∂x, shape (n, 2)
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


if __name__ == "__main__":
    print(check("batch_norm", my_gradients))
