"""Convolution of one image.

A kernel W slides over an image x, and a bias is added. At each place i, j of the output:

    (1)  z[i, j] = b + Σ_u,v x[i + u, j + v] · W[u, v]

Equation 1 is a sum of products. The loop goes over all places; δ[i, j] = ∂L/∂z[i, j] has arrived
there. Find where each number is used: b at every place; W[u, v] at every place too, where it meets
another pixel each time; and a pixel in every window that contains it. `window` selects the pixels
under the kernel: `x[window]` has the shape of W, and so does `dx[window]`, to which you can add.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import conv2d


def inputs(generator):
    rows, columns = generator.choice([4, 5, 6], 2, replace=False)
    height, width = generator.choice([2, 3], 2)
    return {
        "x": generator.normal(size=(rows, columns)).round(1),
        "W": generator.normal(size=(height, width)).round(1),
        "b": round(generator.uniform(0.3, 0.9), 1),
        "delta": generator.normal(size=(rows - height + 1, columns - width + 1)).round(1),
    }


def forward(x, W, b, delta):
    z = conv2d(x[None, None], W[None, None])[0, 0] + b
    L = (delta * z).sum()  # a loss with ∂L/∂z = delta
    return L


def my_gradients(x, W, b, delta):
    z, dx, dW, db = np.zeros(delta.shape), np.zeros(x.shape), np.zeros(W.shape), 0.0
    for i, j in np.ndindex(delta.shape):
        window = np.s_[i : i + W.shape[0], j : j + W.shape[1]]
        z[i, j] = ...  # blank 1: z, the shape of delta; at each place, one number
        db += ...  # blank 2: ∂L/∂b, one number
        dW += ...  # blank 3: ∂L/∂W, the shape of W
        dx[window] += ...  # blank 4: ∂L/∂x, the shape of x
    return {"x": dx, "W": dW, "b": db}


if __name__ == "__main__":
    print(check("convolution", my_gradients))
