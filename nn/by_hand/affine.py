"""The affine layer as in the textbook: forward, and its gradients derived by hand.

Rows x (..., in), weights W (in, out), biases b (out,): a row is a sample, or a place of a
sequence. This file imports only NumPy and shares nothing with the engine. Forward:

    out = x W + b                                                                      (1)

Backward, with g = ∂L/∂out and sums over all rows:

    ∂L/∂W = xᵀ g                                                                       (2)
    ∂L/∂b = Σ g                                                                        (3)
    ∂L/∂x = g Wᵀ                                                                       (4)

>>> x, W = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
>>> forward(x, W, np.array([0.5])).tolist()
[[11.5]]
>>> [array.tolist() for array in backward(np.array([[2.0]]), x, W)]
[[[6.0, 8.0]], [[2.0], [4.0]], [2.0]]
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def forward(x: Array, W: Array, b: Array) -> Array:
    """Return the output, (..., out)."""
    return np.asarray(x @ W + b)  # equation 1


def backward(g: Array, x: Array, W: Array) -> tuple[Array, Array, Array]:
    """Return ∂L/∂x, ∂L/∂W and ∂L/∂b for g = ∂L/∂out."""
    rows, g_rows = x.reshape(-1, W.shape[0]), g.reshape(-1, W.shape[1])
    dW = rows.T @ g_rows  # equation 2
    db = g_rows.sum(axis=0)  # equation 3
    return g @ W.T, dW, db  # equation 4
