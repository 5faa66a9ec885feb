"""A recurrent network as in the textbook: forward over the steps, and backward through time.

Sequences x (N, T, D), states of H features: W_ih (D, H), W_hh (H, H), b_ih and b_hh (H,), and the
first state h_0 (N, H). The same weights serve at every step. This file imports only NumPy and
shares nothing with the engine. Forward, for t = 1 ... T:

    z_t = x_t W_ih + b_ih + h_t-1 W_hh + b_hh                                           (1)
    h_t = tanh(z_t)                                                                     (2)

Unrolled, this is a network of T layers that share their weights. Backward, for t = T ... 1, with
g_t = ∂L/∂h_t from outside, such as from a layer that reads every state, or 0 except at the last:

* h_t is used twice, outside and in step t + 1 (equation 1), so two contributions add up. After the
  last step there is no other:

    dh_t = g_t + dz_t+1 W_hhᵀ                                                           (3)

* tanh′(z) = 1 - tanh²(z), and h is tanh(z):

    dz_t = dh_t ⊙ (1 - h_t²)                                                            (4)

* Equation 1 is a linear layer at each step. What a shared weight gets is the sum over its uses:

    ∂L/∂x_t  = dz_t W_ihᵀ                                                               (5)
    ∂L/∂W_ih = Σ_t x_tᵀ dz_t                                                            (6)
    ∂L/∂W_hh = Σ_t h_t-1ᵀ dz_t                                                          (7)
    ∂L/∂b_ih = ∂L/∂b_hh = Σ_t sum of the rows of dz_t                                   (8)
    ∂L/∂h_0  = dz_1 W_hhᵀ                                                               (9)

On its way through k steps a gradient is multiplied k times by W_hhᵀ and by slopes below 1: so it
vanishes or explodes, which the LSTM was designed to avoid.

>>> x, one = np.array([[[0.0], [0.0]]]), np.ones((1, 1))
>>> h, cache = forward(x, one, 0.5 * one, np.zeros(1), np.zeros(1), np.zeros((1, 1)))
>>> dx, *_, dh_0 = backward(np.array([[[0.0], [8.0]]]), cache)  # of the last state alone
>>> dx.ravel().tolist(), dh_0.tolist()  # half as much for each step back
([4.0, 8.0], [[2.0]])
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def forward(
    x: Array, W_ih: Array, W_hh: Array, b_ih: Array, b_hh: Array, h: Array
) -> tuple[Array, Any]:
    """Return h_1 ... h_T, (N, T, H), and what `backward` needs."""
    states = [h]
    for x_t in x.swapaxes(0, 1):
        z = x_t @ W_ih + b_ih + states[-1] @ W_hh + b_hh  # equation 1
        states.append(np.tanh(z))  # equation 2
    return np.stack(states[1:], axis=1), (x, states, W_ih, W_hh)


def backward(g: Array, cache: Any) -> tuple[Array, ...]:
    """Return ∂L/∂x, W_ih, W_hh, b_ih, b_hh and h_0 for g = ∂L/∂h_1 ... h_T, (N, T, H)."""
    x, states, W_ih, W_hh = cache
    dx, dz = np.zeros_like(x), np.zeros_like(states[0])
    dW_ih, dW_hh, db = np.zeros_like(W_ih), np.zeros_like(W_hh), np.zeros(len(W_hh))
    for t in range(x.shape[1] - 1, -1, -1):  # h_t is states[t + 1], as Python counts from 0
        dh = g[:, t] + dz @ W_hh.T  # equation 3
        dz = dh * (1 - states[t + 1] ** 2)  # equation 4
        dx[:, t] = dz @ W_ih.T  # equation 5
        dW_ih += x[:, t].T @ dz  # equation 6
        dW_hh += states[t].T @ dz  # equation 7
        db += dz.sum(axis=0)  # equation 8
    return dx, dW_ih, dW_hh, db, db, dz @ W_hh.T  # equation 9
