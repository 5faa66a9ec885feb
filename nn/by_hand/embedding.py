"""An embedding as in the textbook: rows of a table, and the gradient of the table.

A table (V, D) has a row for each word of a vocabulary; `indices`, integers of any shape, say which
rows are read. This file imports only NumPy and shares nothing with the engine.

    out[n] = table[indices[n]]                                                          (1)

With the one-hot matrix O[n, v] = [v = indices[n]] this is out = O · table, a linear layer without
a bias, so ∂L/∂table = Oᵀ g for g = ∂L/∂out. Row v of Oᵀ has a 1 for each n that reads row v:

    ∂L/∂table[v] = Σ_{n: indices[n] = v} g[n]                                           (2)

Contributions of a row that is read several times add up (`table[indices] += g` keeps only the
last of them), and a row that is not read has gradient 0. Indices have no gradient.

>>> forward(np.array([[1.0], [2.0], [3.0]]), np.array([2, 0, 2])).tolist()
[[3.0], [1.0], [3.0]]
>>> backward(np.array([[1.0], [10.0], [100.0]]), np.array([2, 0, 2]), rows=3).tolist()
[[10.0], [0.0], [101.0]]
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def forward(table: Array, indices: Array) -> Array:
    """Return the rows, of shape (*indices.shape, D)."""
    return np.asarray(table[indices])  # equation 1


def backward(g: Array, indices: Array, rows: int) -> Array:
    """Return ∂L/∂table, (rows, D), for g = ∂L/∂out."""
    dtable = np.zeros((rows, g.shape[-1]))
    np.add.at(dtable, indices, g)  # equation 2
    return dtable
