"""Losses as in the textbook: each returns its value and δ = ∂L/∂z, derived by hand.

z is the output of a network, y what is wanted. n is what the mean is taken over: the rows, if a row
is one decision between classes, and otherwise all elements. 1/n enters each δ once. [a = b] is 1 if
a = b, and 0 otherwise. This file imports only NumPy and shares nothing with the engine.

1.  softmax_cross_entropy: z (N, C), y (N,) numbers of classes. With p_k = e^z_k / Σ_j e^z_j, the
    loss of a row is -log p_y = log Σ_j e^z_j - z_y. Its derivative by z_k is
    e^z_k / Σ_j e^z_j - [k = y]:                     δ_k = (p_k - [k = y]) / n
2.  sigmoid_cross_entropy: y from 0 to 1. With p = σ(z), -y log p - (1 - y) log(1 - p)
    = log(1 + e^z) - y z. Its derivative is e^z / (1 + e^z) - y:     δ = (σ(z) - y) / n
3.  squared_error: (z - y)². Inner derivative 1, outer 2 (z - y):    δ = 2 (z - y) / n
4.  absolute_error: |z - y|. The slope is -1 or 1, and 0 at 0:       δ = sign(z - y) / n
5.  huber: with d = z - y it is d²/2 up to the bend, |d| ≤ b, and b (|d| - b/2) beyond, where the
    slope is ±b: as d, but not larger:               δ = min(max(d, -b), b) / n
6.  hinge: y is -1 or 1. max(0, 1 - y z): slope -y where the margin y z is below 1, else 0:
                                                     δ = -y [y z < 1] / n
7.  multiclass_hinge: y (N,) numbers of classes. Σ_k≠y max(0, m_k), m_k = 1 + z_k - z_y. Each
    positive m_k gives 1 to z_k and -1 to z_y:       δ_k = [m_k > 0] / n for k ≠ y,
                                                     δ_y = -(number of m_k > 0) / n

>>> loss, delta = softmax_cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))
>>> round(loss, 4), delta.tolist()
(0.6931, [[0.5, -0.5]])
>>> huber(np.array([0.5, -3.0]), np.zeros(2))
(1.3125, array([ 0.25, -0.5 ]))
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def softmax_cross_entropy(z: Array, y: Array) -> tuple[float, Array]:
    """Return L and ∂L/∂z (N, C) for numbers of classes y (N,)."""
    z = z - z.max(axis=1, keepdims=True)  # changes no p, and no exponential overflows
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    is_right = y[:, None] == np.arange(z.shape[1])
    losses = np.log(np.exp(z).sum(axis=1)) - z[is_right]
    return float(losses.mean()), (p - is_right) / len(z)  # equation 1


def sigmoid_cross_entropy(z: Array, y: Array) -> tuple[float, Array]:
    """Return L and ∂L/∂z for targets y from 0 to 1, in the shape of z."""
    losses = np.logaddexp(0, z) - y * z
    return float(losses.mean()), (np.exp(-np.logaddexp(0, -z)) - y) / z.size  # equation 2


def squared_error(z: Array, y: Array) -> tuple[float, Array]:
    """Return L and ∂L/∂z for targets y in the shape of z."""
    return float(((z - y) ** 2).mean()), 2 * (z - y) / z.size  # equation 3


def absolute_error(z: Array, y: Array) -> tuple[float, Array]:
    """Return L and ∂L/∂z for targets y in the shape of z."""
    return float(np.abs(z - y).mean()), np.sign(z - y) / z.size  # equation 4


def huber(z: Array, y: Array, bend: float = 1.0) -> tuple[float, Array]:
    """Return L and ∂L/∂z for targets y in the shape of z; `bend` is b."""
    d = z - y
    losses = np.where(np.abs(d) <= bend, d**2 / 2, bend * (np.abs(d) - bend / 2))
    return float(losses.mean()), np.clip(d, -bend, bend) / z.size  # equation 5


def hinge(z: Array, y: Array) -> tuple[float, Array]:
    """Return L and ∂L/∂z for targets y of -1 or 1, in the shape of z."""
    return float(np.maximum(0, 1 - y * z).mean()), -y * (y * z < 1) / z.size  # equation 6


def multiclass_hinge(z: Array, y: Array) -> tuple[float, Array]:
    """Return L and ∂L/∂z (N, C) for numbers of classes y (N,)."""
    is_right = y[:, None] == np.arange(z.shape[1])
    margins = np.where(is_right, 0, 1 + z - z[is_right][:, None])
    above = (margins > 0).astype(float)
    delta = np.where(is_right, -above.sum(axis=1, keepdims=True), above)
    return float(np.maximum(0, margins).sum() / len(z)), delta / len(z)  # equation 7
