"""Pooling as in the textbook: the largest or the average of each window, and its gradient.

Images x (N, C, H, W); windows of `size` pixels, `stride` apart (by default they touch); both are a
number, or one for each axis. w runs over the places of the output, k over the K pixels of a window;
x_k[w] is pixel k of window w. This file imports only NumPy and shares nothing with the engine.

The largest, forward and backward, with g = ∂L/∂out:

    out[w] = max_k x_k[w]                                                               (1)
    s_k[w] = [x_k[w] = out[w]] / Σ_l [x_l[w] = out[w]]                                  (2)
    ∂L/∂x += s_k[w] · g[w]    at the pixel x_k[w]                                       (3)

A small change of the winner changes the output by as much, and a change of another pixel changes
nothing: the derivative is 1 or 0. Winners of a tie share equally. The average:

    out[w] = 1/K Σ_k x_k[w]                                                             (4)
    ∂L/∂x += 1/K · g[w]       at the pixel x_k[w]                                       (5)

A sum passes g on to each of its terms, and the factor 1/K stays. Both times it is += because
windows overlap if the stride is smaller than the size: a pixel gets a share from each.

>>> x = np.array([[[[1.0, 5.0, 2.0], [0.0, 3.0, 4.0]]]])
>>> out, cache = max_forward(x, 2, stride=1)
>>> out.tolist(), max_backward(np.array([[[[1.0, 10.0]]]]), cache).tolist()
([[[[5.0, 5.0]]]], [[[[0.0, 11.0, 0.0], [0.0, 0.0, 0.0]]]])
>>> out, cache = average_forward(x, 2, stride=1)
>>> out.tolist(), average_backward(np.array([[[[4.0, 8.0]]]]), cache).tolist()
([[[[2.25, 3.5]]]], [[[[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]]]])
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = int | tuple[int, int]


def _windows(x: Array, size: Pair, stride: Pair | None) -> tuple[Array, list[Any]]:
    """Return x_k[w], (K, N, C, H', W'), and for each k where its pixels are in x."""
    taps, (s, t) = np.ndindex(*np.broadcast_to(size, 2)), np.broadcast_to(stride or size, 2)
    h, w = np.array(x.shape[2:]) - size + 1  # where windows can begin
    if min(h, w) < 1:
        raise ValueError(f"windows of {size} do not fit into images of shape {x.shape[2:]}")
    places = [np.s_[:, :, u : u + h : s, v : v + w : t] for u, v in taps]
    return np.stack([x[place] for place in places]), places


def max_forward(x: Array, size: Pair, stride: Pair | None = None) -> tuple[Array, Any]:
    """Return the largest pixel of each window, (N, C, H', W'), and what `max_backward` needs."""
    windows, places = _windows(x, size, stride)
    out = windows.max(axis=0)  # equation 1
    return out, (windows == out, places, x.shape)


def max_backward(g: Array, cache: Any) -> Array:
    """Return ∂L/∂x for g = ∂L/∂out."""
    is_largest, places, shape = cache
    shares = is_largest / is_largest.sum(axis=0)  # equation 2
    dx = np.zeros(shape)
    for share, place in zip(shares, places, strict=True):
        dx[place] += share * g  # equation 3
    return dx


def average_forward(x: Array, size: Pair, stride: Pair | None = None) -> tuple[Array, Any]:
    """Return the average of each window, (N, C, H', W'), and what `average_backward` needs."""
    windows, places = _windows(x, size, stride)
    return windows.mean(axis=0), (places, x.shape)  # equation 4


def average_backward(g: Array, cache: Any) -> Array:
    """Return ∂L/∂x for g = ∂L/∂out."""
    places, shape = cache
    dx = np.zeros(shape)
    for place in places:
        dx[place] += g / len(places)  # equation 5
    return dx
