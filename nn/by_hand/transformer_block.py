"""A block of a transformer as in the textbook: the gradients derived by hand, part by part.

A sequence x (N, T, D) passes through attention, and each position through a small network; each of
the two reads a normalised copy, and its result is added to the original. `p` maps names to the
parameters, as in `nn.TransformerBlock(norm_first=True)`: norm1.weight, norm1.bias,
self_attn.in_proj_weight, self_attn.in_proj_bias, self_attn.out_proj.weight, ... linear1.weight
(D, F), linear1.bias, linear2.weight (F, D), linear2.bias, norm2.weight, norm2.bias. This file
imports NumPy and two other derivations, and shares nothing with the engine. Forward:

    y = x + attention(norm1(x))                                                         (1)
    z = norm2(y) W1 + b1,   a = f(z)                                                    (2)
    out = y + a W2 + b2                                                                 (3)

Backward, with g = ∂L/∂out. A sum passes g on to both of its terms, unchanged. So g reaches y
directly and through the small network, then x directly and through attention; both add up:

    ∂L/∂W2 = aᵀ g,            ∂L/∂b2 = Σ g                                              (4)
    δ = ∂L/∂z = (g W2ᵀ) ⊙ f′(z)                                                         (5)
    ∂L/∂W1 = norm2(y)ᵀ δ,     ∂L/∂b1 = Σ δ                                              (6)
    ∂L/∂y = g + (norm2 backward)(δ W1ᵀ)                                                 (7)
    ∂L/∂x = ∂L/∂y + (norm1 backward)((attention backward)(∂L/∂y))                       (8)

The first terms of 7 and 8 carry a gradient through many blocks undiminished. f is relu, or
gelu(z) = z Φ(z) with the normal distribution Φ(z) = (1 + erf(z / √2)) / 2; Φ′ is the density
φ(z) = exp(-z²/2) / √(2π), so by the product rule gelu′(z) = Φ(z) + z φ(z).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import attention, layer_norm

Array = NDArray[Any]
_INNER = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")


def _activated(z: Array, activation: str) -> tuple[Array, Array]:
    """Return f(z) and f′(z)."""
    if activation == "relu":
        return np.maximum(z, 0), np.asarray(z > 0)
    if activation != "gelu":
        raise ValueError(f"activation must be 'relu' or 'gelu', got {activation!r}")
    below = (1 + np.vectorize(math.erf, otypes=[float])(z / math.sqrt(2))) / 2  # Φ(z)
    return z * below, below + z * np.exp(-z * z / 2) / math.sqrt(2 * np.pi)


def forward(
    x: Array, p: dict[str, Array], heads: int, causal: bool = False, activation: str = "relu",
    eps: float = 1e-5,
) -> tuple[Array, Any]:  # fmt: skip
    """Return the output, (N, T, D), and what `backward` needs."""
    normed, norm1 = layer_norm.forward(x, p["norm1.weight"], p["norm1.bias"], eps)
    W_in, b_in, W_out, b_out = (p[f"self_attn.{name}"] for name in _INNER)
    read, attn = attention.multihead_forward(normed, W_in, b_in, W_out, b_out, heads, causal)
    y = x + read  # equation 1
    normed, norm2 = layer_norm.forward(y, p["norm2.weight"], p["norm2.bias"], eps)
    z = normed @ p["linear1.weight"] + p["linear1.bias"]  # equation 2
    a, slope = _activated(z, activation)
    out = y + a @ p["linear2.weight"] + p["linear2.bias"]  # equation 3
    return out, (p, norm1, attn, norm2, normed, a, slope)


def backward(g: Array, cache: Any) -> tuple[Array, dict[str, Array]]:
    """Return ∂L/∂x, and the gradients of all parameters by name, for g = ∂L/∂out."""
    p, norm1, attn, norm2, normed, a, slope = cache
    d = {"linear2.weight": np.einsum("nti,ntj->ij", a, g)}  # equation 4
    d["linear2.bias"] = g.sum(axis=(0, 1))
    delta = (g @ p["linear2.weight"].T) * slope  # equation 5
    d["linear1.weight"] = np.einsum("nti,ntj->ij", normed, delta)  # equation 6
    d["linear1.bias"] = delta.sum(axis=(0, 1))
    back = delta @ p["linear1.weight"].T
    back, d["norm2.weight"], d["norm2.bias"] = layer_norm.backward(back, norm2)
    dy = g + back  # equation 7
    back, *inner = attention.multihead_backward(dy, attn)
    back, d["norm1.weight"], d["norm1.bias"] = layer_norm.backward(back, norm1)
    d |= {f"self_attn.{name}": gradient for name, gradient in zip(_INNER, inner, strict=True)}
    return dy + back, d  # equation 8
