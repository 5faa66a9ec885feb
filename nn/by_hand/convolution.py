"""Convolution as in the textbook: forward, and its gradients derived by hand.

A batch x (N, C, H, W), kernels W (F, C, KH, KW), biases b (F,); s is the stride, and x̄ is x with
`padding` zeros around each image. n, f, i, j is a place of the output; u, v is a tap, a place of
the kernel. This file imports only NumPy and shares nothing with the engine. Forward:

    out[n,f,i,j] = b[f] + Σ_c,u,v  x̄[n, c, s i + u, s j + v] · W[f,c,u,v]              (1)

Backward, with g = ∂L/∂out. Equation 1 is a sum of products, so what flows back into one factor is
g times the other factor, added up over all terms in which the factor occurs.

* b[f] occurs once at every place of every image, with factor 1:

    ∂L/∂b[f] = Σ_n,i,j  g[n,f,i,j]                                                     (2)

* W[f,c,u,v] occurs at every place too; the pixel that it meets moves along with the place:

    ∂L/∂W[f,c,u,v] = Σ_n,i,j  g[n,f,i,j] · x̄[n, c, s i + u, s j + v]                   (3)

* A pixel x̄[n,c,h,w] occurs once for each tap and place with s i + u = h and s j + v = w. Instead
  of solving for the places, go over the taps; each adds to the pixels that it met (+=, not =):

    ∂L/∂x̄[n, c, s i + u, s j + v] += Σ_f  g[n,f,i,j] · W[f,c,u,v]                      (4)

* The zeros of the border are constants: their gradients are cut off.

    ∂L/∂x = ∂L/∂x̄ without the border                                                   (5)

>>> x, W = np.arange(9.0).reshape(1, 1, 3, 3), np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
>>> forward(x, W, np.zeros(1)).tolist()
[[[[27.0, 37.0], [57.0, 67.0]]]]
>>> dx, dW, db = backward(np.ones((1, 1, 2, 2)), x, W)  # the pixel in the middle meets all taps
>>> dx[0, 0].tolist(), dW[0, 0].tolist(), db.tolist()
([[1.0, 3.0, 2.0], [4.0, 10.0, 6.0], [3.0, 7.0, 4.0]], [[8.0, 12.0], [20.0, 24.0]], [4.0])
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = int | tuple[int, int]  # for both axes of an image, or for each


def _padded(x: Array, padding: Pair) -> Array:
    p, q = np.broadcast_to(padding, 2)
    return np.pad(x, [(0, 0), (0, 0), (p, p), (q, q)])


def _taps(kernel: Any, places: Any, stride: Pair) -> Iterator[tuple[int, int, Any]]:
    """Yield each tap u, v of the kernel, and where the pixels are that it meets at all places."""
    (s, t), (rows, columns) = np.broadcast_to(stride, 2), places
    for u, v in np.ndindex(*kernel):
        yield u, v, np.s_[:, :, u : u + s * rows : s, v : v + t * columns : t]


def forward(x: Array, W: Array, b: Array, stride: Pair = 1, padding: Pair = 0) -> Array:
    """Return the output, (N, F, H', W')."""
    x_bar, kernel = _padded(x, padding), W.shape[2:]
    places = (np.array(x_bar.shape[2:]) - kernel) // np.broadcast_to(stride, 2) + 1
    out = np.zeros((len(x), len(W), *places)) + b[:, None, None]
    for u, v, met in _taps(kernel, places, stride):
        out += np.einsum("ncij,fc->nfij", x_bar[met], W[:, :, u, v])  # equation 1
    return out


def backward(
    g: Array, x: Array, W: Array, stride: Pair = 1, padding: Pair = 0
) -> tuple[Array, Array, Array]:
    """Return ∂L/∂x, ∂L/∂W and ∂L/∂b for g = ∂L/∂out."""
    db = g.sum(axis=(0, 2, 3))  # equation 2
    x_bar, dW = _padded(x, padding), np.zeros_like(W)
    dx_bar = np.zeros_like(x_bar)
    for u, v, met in _taps(W.shape[2:], g.shape[2:], stride):
        dW[:, :, u, v] = np.einsum("nfij,ncij->fc", g, x_bar[met])  # equation 3
        dx_bar[met] += np.einsum("nfij,fc->ncij", g, W[:, :, u, v])  # equation 4
    p, q = np.broadcast_to(padding, 2)
    return dx_bar[:, :, p : p + x.shape[2], q : q + x.shape[3]], dW, db  # equation 5
