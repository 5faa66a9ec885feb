"""Layer normalisation as in the textbook: forward, and its gradients derived by hand.

Each row of x (..., D) is shifted and scaled to mean 0 and variance 1 over its D features, then
scaled by γ (D,) and shifted by β (D,), which are learned. Rows do not see each other. This file
imports only NumPy and shares nothing with the engine. Forward, for each row:

    μ = 1/D Σ_k x_k                                                                     (1)
    r = 1 / √(v + ε)    with the variance v = 1/D Σ_k (x_k - μ)²                        (2)
    x̂_j = (x_j - μ) · r                                                                 (3)
    out_j = γ_j x̂_j + β_j                                                               (4)

Backward, with g = ∂L/∂out. Equation 4 is elementwise; γ and β are the same for all rows:

    ∂L/∂β_j = Σ_rows g_j                                                                (5)
    ∂L/∂γ_j = Σ_rows g_j x̂_j                                                            (6)
    ĝ_j = ∂L/∂x̂_j = g_j γ_j                                                             (7)

x_k moves its own x̂_k, and through μ and r all others. Its three ways, one by one:

* directly and through μ: ∂(x_j - μ)/∂x_k = [j = k] - 1/D
* through v: ∂v/∂x_k = 2/D (x_k - μ); what v gets through μ is 2/D Σ_j (x_j - μ) · (-1/D) = 0
* v to r: ∂r/∂v = -1/2 (v + ε)^(-3/2) = -r³/2, so ∂r/∂x_k = -r³/D (x_k - μ) = -r²/D x̂_k

The product rule on equation 3 gives ∂x̂_j/∂x_k = r ([j = k] - 1/D) - (x_j - μ) r²/D x̂_k
= r ([j = k] - 1/D - x̂_j x̂_k / D), and the chain rule ∂L/∂x_k = Σ_j ĝ_j ∂x̂_j/∂x_k:

    ∂L/∂x_k = r · ( ĝ_k - mean_j(ĝ_j) - x̂_k · mean_j(ĝ_j x̂_j) )                         (8)

So the gradient of a row has sum 0: adding a constant to a row changes nothing.

>>> out, cache = forward(np.array([[1.0, 3.0]]), np.ones(2), np.zeros(2), eps=0.0)
>>> out.tolist()
[[-1.0, 1.0]]
>>> dx, dgamma, dbeta = backward(np.array([[1.0, 5.0]]), cache)
>>> dx.tolist(), dgamma.tolist(), dbeta.tolist()  # of two numbers, x̂ is always -1 and 1
([[0.0, 0.0]], [-1.0, 5.0], [1.0, 5.0])
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Cache = tuple[Array, Array, Array]


def forward(x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> tuple[Array, Cache]:
    """Return the output, in the shape of x, and what `backward` needs."""
    mean = x.mean(axis=-1, keepdims=True)  # equation 1
    r = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + eps)  # equation 2
    x_hat = (x - mean) * r  # equation 3
    return gamma * x_hat + beta, (x_hat, r, gamma)  # equation 4


def backward(g: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """Return ∂L/∂x, ∂L/∂γ and ∂L/∂β for g = ∂L/∂out."""
    x_hat, r, gamma = cache
    rows = tuple(range(g.ndim - 1))
    dbeta = g.sum(axis=rows)  # equation 5
    dgamma = (g * x_hat).sum(axis=rows)  # equation 6
    dx_hat = g * gamma  # equation 7
    mean = dx_hat.mean(axis=-1, keepdims=True)
    along = (dx_hat * x_hat).mean(axis=-1, keepdims=True)
    return r * (dx_hat - mean - x_hat * along), dgamma, dbeta  # equation 8
