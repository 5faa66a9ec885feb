"""Dropout as in the textbook: a random mask, and the same mask on the way back.

Each element is kept with probability 1 - p and set to 0 otherwise; what is kept is divided by
1 - p, so the expected value does not change and prediction needs no correction ("inverted"
dropout). `mask` has True where an element is kept: draw it with ``rng.random(x.shape) >= p``, once,
and pass it to both functions. This file imports only NumPy and shares nothing with the engine.

    out = x ⊙ mask / (1 - p)                                                            (1)

For one element, out = x · c with a constant c = mask / (1 - p). So with g = ∂L/∂out it is
∂L/∂x = g · c: the same mask and the same factor.

    ∂L/∂x = g ⊙ mask / (1 - p)                                                          (2)

>>> mask = np.array([True, False, True])
>>> forward(np.array([1.0, 2.0, 3.0]), mask, 0.5), backward(np.ones(3), mask, 0.5)
(array([2., 0., 6.]), array([2., 0., 2.]))
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _factor(mask: Array, p: float) -> Array:
    """Return c, by which each element is multiplied."""
    if not 0 <= p < 1:
        raise ValueError(f"p is {p}; expected the probability to drop, at least 0 and below 1")
    return np.asarray(mask) / (1 - p)


def forward(x: Array, mask: Array, p: float) -> Array:
    """Return the output, in the shape of x; p is the probability to drop, below 1."""
    return x * _factor(mask, p)  # equation 1


def backward(g: Array, mask: Array, p: float) -> Array:
    """Return ∂L/∂x for g = ∂L/∂out."""
    return g * _factor(mask, p)  # equation 2
