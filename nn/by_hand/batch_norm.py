"""Batch normalisation as in the textbook: forward, and its gradients derived by hand.

Each channel of a batch x, (N, C) or (N, C, H, W), is shifted and scaled to mean 0 and variance 1
over its M numbers in the batch (N, or N·H·W), then scaled by γ (C,) and shifted by β (C,), which
are learned. This file imports only NumPy and shares nothing with the engine. It is for training: in
prediction μ and v are constants, so ∂L/∂x = g γ r. Forward, for each channel:

    μ = 1/M Σ_m x_m                                                                     (1)
    r = 1 / √(v + ε)    with the variance v = 1/M Σ_m (x_m - μ)²                        (2)
    x̂_m = (x_m - μ) · r                                                                 (3)
    out_m = γ x̂_m + β                                                                   (4)

Backward, with g = ∂L/∂out. γ and β are in every term of a channel, so contributions add up:

    ∂L/∂β = Σ_m g_m                                                                     (5)
    ∂L/∂γ = Σ_m g_m x̂_m                                                                 (6)
    ĝ_m = ∂L/∂x̂_m = g_m γ                                                               (7)

Unlike in a linear layer, samples see each other: x_k is in μ and v, and so in every x̂_m; μ and v
are not constants. With ∂μ/∂x_k = 1/M and ∂v/∂x_k = 2/M (x_k - μ), which has no term by way
of μ because Σ_m (x_m - μ) = 0, and ∂r/∂v = -r³/2:

    ∂x̂_m/∂x_k = r ([m = k] - 1/M) + (x_m - μ) · (-r³/2) · 2/M (x_k - μ)
              = r/M (M [m = k] - 1 - x̂_m x̂_k)

With this the chain rule ∂L/∂x_k = Σ_m ĝ_m ∂x̂_m/∂x_k becomes

    ∂L/∂x_k = r/M · ( M ĝ_k - Σ_m ĝ_m - x̂_k Σ_m ĝ_m x̂_m )                               (8)

>>> x = np.array([[1.0, 0.0], [3.0, 8.0]])
>>> out, cache = forward(x, np.ones(2), np.zeros(2), eps=0.0)
>>> out.tolist()
[[-1.0, -1.0], [1.0, 1.0]]
>>> dx, dgamma, dbeta = backward(np.array([[1.0, 0.0], [5.0, 2.0]]), cache)
>>> dx.tolist(), dgamma.tolist(), dbeta.tolist()  # of two samples, x̂ is always -1 and 1
([[0.0, 0.0], [0.0, 0.0]], [4.0, 2.0], [6.0, 2.0])
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _over(x: Array) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return all axes but that of the channels, and a shape in which γ and β broadcast."""
    return (0, *range(2, x.ndim)), (-1, *(1,) * (x.ndim - 2))


def forward(x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> tuple[Array, Any]:
    """Return the output, in the shape of x, and what `backward` needs."""
    axes, shape = _over(x)
    mean = x.mean(axis=axes, keepdims=True)  # equation 1
    r = 1 / np.sqrt(x.var(axis=axes, keepdims=True) + eps)  # equation 2
    x_hat = (x - mean) * r  # equation 3
    return gamma.reshape(shape) * x_hat + beta.reshape(shape), (x_hat, r, gamma)  # equation 4


def backward(g: Array, cache: Any) -> tuple[Array, Array, Array]:
    """Return ∂L/∂x, ∂L/∂γ and ∂L/∂β for g = ∂L/∂out."""
    (x_hat, r, gamma), (axes, shape) = cache, _over(g)
    dbeta = g.sum(axis=axes)  # equation 5
    dgamma = (g * x_hat).sum(axis=axes)  # equation 6
    dx_hat = g * gamma.reshape(shape)  # equation 7
    total = dx_hat.sum(axis=axes, keepdims=True)
    along = (dx_hat * x_hat).sum(axis=axes, keepdims=True)
    M = g.size // g.shape[1]
    return r / M * (M * dx_hat - total - x_hat * along), dgamma, dbeta  # equation 8
