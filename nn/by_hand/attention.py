"""Attention as in the textbook: one head, several heads, and the gradients derived by hand.

Queries q (..., L, E), keys k (..., S, E), values v (..., S, V); axes before these are batch and
heads. This file imports only NumPy and shares nothing with the engine. One head, forward:

    A = q kᵀ / √E,   where causal: A_ij = -∞ for j > i, so no query sees a later key    (1)
    P = softmax of each row of A                                                        (2)
    out = P v                                                                           (3)

Backward, with g = ∂L/∂out. Equations 3 and 1 are products of matrices; into one factor flows g
times the other factor, transposed. Softmax is P_j = e^A_j / Σ_l e^A_l in each row, so
∂P_j/∂A_k = P_j ([j = k] - P_k), and the chain rule Σ_j ∂L/∂P_j · ∂P_j/∂A_k gives equation 6:

    ∂L/∂v = Pᵀ g                                                                        (4)
    ∂L/∂P = g vᵀ                                                                        (5)
    ∂L/∂A = P ⊙ (∂L/∂P - Σ_j P_j ∂L/∂P_j)      sums of rows; 0 where masked: P = 0      (6)
    ∂L/∂q = ∂L/∂A k / √E                                                                (7)
    ∂L/∂k = (∂L/∂A)ᵀ q / √E                                                             (8)

Several heads of one sequence x (N, T, D); the columns of q, k and v are split among the heads:

    [q k v] = x W_in + b_in                                W_in (D, 3D), b_in (3D,)     (9)
    out = y W_out + b_out,   y = the heads side by side    W_out (D, D), b_out (D,)     (10)

Both are linear layers, z = a W + b with ∂L/∂a = δ Wᵀ, ∂L/∂W = aᵀ δ and ∂L/∂b = Σ δ for δ = ∂L/∂z:

    ∂L/∂y = g W_outᵀ,   ∂L/∂W_out = yᵀ g,   ∂L/∂b_out = Σ g                             (11)
    δ = [∂L/∂q  ∂L/∂k  ∂L/∂v]   from equations 4 to 8, where g = ∂L/∂y of the head     (12)
    ∂L/∂x = δ W_inᵀ,    ∂L/∂W_in = xᵀ δ,    ∂L/∂b_in = Σ δ                              (13)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def forward(q: Array, k: Array, v: Array, causal: bool = False) -> tuple[Array, Any]:
    """Return the output, (..., L, V), and what `backward` needs: q, k, v and the weights P."""
    seen = np.tri(q.shape[-2], k.shape[-2]) if causal else True
    A = np.where(seen, q @ k.mT / np.sqrt(q.shape[-1]), -np.inf)  # equation 1
    P = np.exp(A - A.max(axis=-1, keepdims=True))
    P = P / P.sum(axis=-1, keepdims=True)  # equation 2
    return P @ v, (q, k, v, P)  # equation 3


def backward(g: Array, cache: Any) -> tuple[Array, Array, Array]:
    """Return ∂L/∂q, ∂L/∂k and ∂L/∂v for g = ∂L/∂out."""
    q, k, v, P = cache
    dv = P.mT @ g  # equation 4
    dP = g @ v.mT  # equation 5
    dA = P * (dP - (P * dP).sum(axis=-1, keepdims=True))  # equation 6
    dq = dA @ k / np.sqrt(q.shape[-1])  # equation 7
    dk = dA.mT @ q / np.sqrt(q.shape[-1])  # equation 8
    return dq, dk, dv


def multihead_forward(
    x: Array, W_in: Array, b_in: Array, W_out: Array, b_out: Array, heads: int, causal: bool = False
) -> tuple[Array, Any]:
    """Return the output of several heads, (N, T, D), and what `multihead_backward` needs."""
    qkv = (x @ W_in + b_in).reshape(*x.shape[:2], 3, heads, -1)  # equation 9
    q, k, v = np.moveaxis(qkv, (2, 3), (0, 2))  # each (N, heads, T, D / heads)
    y, inner = forward(q, k, v, causal)
    y = y.swapaxes(1, 2).reshape(x.shape)
    return y @ W_out + b_out, (x, y, W_in, W_out, inner)  # equation 10


def multihead_backward(g: Array, cache: Any) -> tuple[Array, Array, Array, Array, Array]:
    """Return ∂L/∂x, ∂L/∂W_in, ∂L/∂b_in, ∂L/∂W_out and ∂L/∂b_out for g = ∂L/∂out."""
    x, y, W_in, W_out, inner = cache
    dW_out, db_out = np.einsum("nti,ntj->ij", y, g), g.sum(axis=(0, 1))  # equation 11
    dy = g @ W_out.T
    dy = dy.reshape(*x.shape[:2], inner[0].shape[1], -1).swapaxes(1, 2)
    delta = np.moveaxis(np.stack(backward(dy, inner)), (0, 2), (2, 3))  # equation 12
    delta = delta.reshape(*x.shape[:2], -1)
    dW_in, db_in = np.einsum("nti,ntj->ij", x, delta), delta.sum(axis=(0, 1))  # equation 13
    return delta @ W_in.T, dW_in, db_in, dW_out, db_out
