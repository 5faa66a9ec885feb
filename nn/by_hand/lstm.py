"""The LSTM as in the textbook: forward over the steps, and back-propagation through time.

Sequences x (N, T, D), states of H features: W_ih (D, 4H), W_hh (H, 4H), b_ih and b_hh (4H,), h_0
and c_0 (N, H). The 4H columns are the gates i, f, n, o: input, forget, new content, output. σ is
the sigmoid, ⊙ the elementwise product. This file imports only NumPy and shares nothing with the
engine. Forward, for t = 1 ... T:

    z_t = x_t W_ih + b_ih + h_t-1 W_hh + b_hh                                           (1)
    i, f, n, o = σ(z_i), σ(z_f), tanh(z_n), σ(z_o)     the four parts of z_t            (2)
    c_t = f ⊙ c_t-1 + i ⊙ n                                                             (3)
    h_t = o ⊙ tanh(c_t)                                                                 (4)

Backward, for t = T ... 1, with g_t = ∂L/∂h_t from outside, and the gradients dh, dc, dz of the
whole loss by h_t, c_t, z_t. A quantity gets one contribution from each place where it is used:

* h_t is the output of step t, and is used in step t + 1 by equation 1:

    dh_t = g_t + dz_t+1 W_hhᵀ                                                           (5)

* c_t is used in equation 4, where tanh′ = 1 - tanh², and by equation 3 in step t + 1:

    dc_t = dh_t ⊙ o ⊙ (1 - tanh²(c_t)) + dc_t+1 ⊙ f_t+1                                 (6)

* Each gate is a factor: its gradient is dc_t or dh_t times the other factor. Then the slope of its
  activation, σ′ = σ (1 - σ) or tanh′, leads to z:

    dz_t = (dc⊙n⊙i(1-i),  dc⊙c_t-1⊙f(1-f),  dc⊙i⊙(1-n²),  dh⊙tanh(c_t)⊙o(1-o))           (7)

* Equation 1 is a linear layer at each step, with the same weights: contributions add up.

    ∂L/∂x_t  = dz_t W_ihᵀ                                                               (8)
    ∂L/∂W_ih = Σ_t x_tᵀ dz_t                                                            (9)
    ∂L/∂W_hh = Σ_t h_t-1ᵀ dz_t                                                          (10)
    ∂L/∂b_ih = ∂L/∂b_hh = Σ_t sum of the rows of dz_t                                   (11)
    ∂L/∂h_0  = dz_1 W_hhᵀ,  ∂L/∂c_0 = dc_1 ⊙ f_1                                        (12)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def forward(
    x: Array, W_ih: Array, W_hh: Array, b_ih: Array, b_hh: Array, h: Array, c: Array
) -> tuple[Array, Array, Any]:
    """Return h_1 ... h_T, (N, T, H), the last cell c_T, (N, H), and what `backward` needs."""
    hidden, steps = [], []
    for x_t in x.swapaxes(0, 1):
        z = x_t @ W_ih + b_ih + h @ W_hh + b_hh  # equation 1
        z_i, z_f, z_n, z_o = np.split(z, 4, axis=1)
        i, f, o = (np.exp(-np.logaddexp(0, -z)) for z in (z_i, z_f, z_o))  # equation 2
        n = np.tanh(z_n)  # equation 2
        steps.append((x_t, h, c, i, f, n, o))
        c = f * c + i * n  # equation 3
        h = o * np.tanh(c)  # equation 4
        hidden.append(h)
    return np.stack(hidden, axis=1), c, (steps, c, W_ih, W_hh)


def backward(g: Array, cache: Any, dc: Any = 0.0) -> tuple[Array, ...]:
    """Return ∂L/∂(x, W_ih, W_hh, b_ih, b_hh, h_0, c_0) for g = ∂L/∂h_1...T and dc = ∂L/∂c_T."""
    steps, c, W_ih, W_hh = cache
    dx, dW_ih, dW_hh, db = [], np.zeros_like(W_ih), np.zeros_like(W_hh), np.zeros(W_hh.shape[1])
    dz, f_next = np.zeros((len(g), W_hh.shape[1])), 1.0
    for step, g_t in zip(steps[::-1], g.swapaxes(0, 1)[::-1], strict=True):
        x_t, h_before, c_before, i, f, n, o = step
        dh = g_t + dz @ W_hh.T  # equation 5
        dc = dh * o * (1 - np.tanh(c) ** 2) + dc * f_next  # equation 6
        dz_i, dz_f = dc * n * i * (1 - i), dc * c_before * f * (1 - f)
        dz_n, dz_o = dc * i * (1 - n**2), dh * np.tanh(c) * o * (1 - o)
        dz = np.hstack([dz_i, dz_f, dz_n, dz_o])  # equation 7
        dx.append(dz @ W_ih.T)  # equation 8
        dW_ih += x_t.T @ dz  # equation 9
        dW_hh += h_before.T @ dz  # equation 10
        db += dz.sum(axis=0)  # equation 11
        c, f_next = c_before, f
    return np.stack(dx[::-1], axis=1), dW_ih, dW_hh, db, db, dz @ W_hh.T, dc * f  # equation 12
