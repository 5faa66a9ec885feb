"""Weight decay and momentum as in the textbook: a penalty on large weights, and a step.

w is a parameter, g = ∂L/∂w, λ the decay, η the learning rate, μ the momentum, v the velocity (zeros
at first). Biases get no penalty. This file imports only NumPy and shares nothing with the engine.
Other rules are in `updates.rules`.

The penalty, and its gradient (each w_i is in one term, and (w²)′ = 2 w cancels the 1/2):

    R = λ/2 Σ_i w_i²                                                                    (1)
    ∂R/∂w = λ w                                                                         (2)

It is added to the loss, so its gradient is added to g, once, without 1/n: it does not belong to a
sample. Momentum is a running sum of gradients in which older ones count less:

    v = μ v + g                                                                         (3)
    w = w - η v                                                                         (4)

If g is constant, v comes close to g (1 + μ + μ² + ...) = g / (1 - μ): with μ = 0.9, steps are ten
times as long; gradients that change their sign cancel instead.

Coupled decay passes g + λ w to equation 3, so the velocity contains the decay; decoupled decay
(AdamW) passes g alone, and subtracts η λ w from the weight afterwards, outside of the velocity.

    w = w - η λ w - η v                                                                 (5)

>>> penalty(np.array([1.0, -2.0]), 0.1)
(0.25, array([ 0.1, -0.2]))
>>> w, v = np.array([1.0]), np.array([0.0])
>>> for _ in range(2):
...     w, v = momentum_step(w, np.array([1.0]), v, lr=0.5, momentum=0.5)
>>> w.tolist(), v.tolist()
([-0.25], [1.5])
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def penalty(w: Array, decay: float) -> tuple[float, Array]:
    """Return R, which is added to the loss, and ∂R/∂w, which is added to ∂L/∂w."""
    R = decay / 2 * np.sum(w**2)  # equation 1
    return float(R), decay * w  # equation 2


def momentum_step(
    w: Array, g: Array, v: Array, lr: float, momentum: float, decoupled: float = 0.0
) -> tuple[Array, Array]:
    """Return the new w and v; `decoupled` is the λ of equation 5, where it is not in g."""
    v = momentum * v + g  # equation 3
    if decoupled:
        return w - lr * decoupled * w - lr * v, v  # equation 5
    return w - lr * v, v  # equation 4
