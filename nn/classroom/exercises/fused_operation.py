"""A chain of operations in one formula.

A neuron with sigmoid and cross-entropy is a chain: z makes p, and p makes the loss.

    (1)  p = 1 / (1 + exp(-z))
    (2)  loss = -(y log(p) + (1 - y) log(1 - p))         y is 0 or 1, for each row
    (3)  L = the mean of the losses

First go back through the chain, one operation after the other, with the scores `u`, which are
small. Then do it in one operation, with the scores `z`. Some of these are 800 or -800. There p is
rounded to 0 or 1, so equation 2 would take the logarithm of 0, and exp(800) is too large for a
float. So write the loss as a function of z without p: with equation 1 in it, each logarithm becomes
log(1 + exp(...)). And log(1 + exp(z)) is z + log(1 + exp(-z)): for each z, one of the two has an
exp of at most 1. A common form of both uses `np.maximum(z, 0)`, which is z or 0, number by number,
and abs(z). `np.log1p(a)` is log(1 + a).

The derivative of the fused operation needs no intermediate derivative either.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import log, sigmoid, softplus


def inputs(generator):
    n = generator.integers(4, 7)
    y = generator.permutation([0.0, 1.0, *generator.integers(0, 2, n - 2)])
    z = generator.choice([-3.0, -1.5, -0.5, 0.5, 2.0, 4.0], n, replace=False)
    z[:2] = generator.permutation([-800.0, 800.0])
    return {
        "u": generator.choice([-1.7, -1.1, -0.4, 0.3, 0.8, 1.6], n, replace=False),
        "z": generator.permutation(z),
        "y": y,
    }


def forward(u, z, y):
    p = sigmoid(u)
    chain = -(y * log(p) + (1 - y) * log(1 - p)).mean()
    losses = softplus(z) - y * z
    fused = losses.mean()
    L = chain + fused
    return L


def my_gradients(u, z, y):
    n = len(y)
    p = 1 / (1 + np.exp(-u))
    dp = ...  # blank 1: ∂chain/∂p, shape (n,)
    du = ...  # blank 2: ∂chain/∂u, shape (n,)
    losses = ...  # blank 3: losses, of z, shape (n,), all of them finite
    dz = ...  # blank 4: ∂fused/∂z, shape (n,), all of them finite
    return {"u": du, "z": dz}


if __name__ == "__main__":
    print(check("fused_operation", my_gradients))
