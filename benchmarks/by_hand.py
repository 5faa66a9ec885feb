"""One training step written by hand in NumPy, as fast as it can be written: what we race against.

Everything happens in place, in buffers that are made once: no array is allocated in a step except
a few of the size of the batch. The classes of the batch are picked by flat index, which is quicker
than a pair of indices.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["make_step"]


def make_step(
    weights: Sequence[np.ndarray], biases: Sequence[np.ndarray], rows: int, lr: float
) -> Callable[[Any, Any], float]:
    """Make a step of mini-batch gradient descent on softmax cross-entropy; it changes W and b."""
    W, b = [w.copy() for w in weights], [v.copy() for v in biases]
    depth, classes, dtype = len(W), W[-1].shape[1], W[0].dtype
    a = [np.empty((rows, w.shape[1]), dtype) for w in W]
    delta = [np.empty_like(z) for z in a]
    mask = [np.empty(z.shape, bool) for z in a]
    dW, db = [np.empty_like(w) for w in W], [np.empty_like(v) for v in b]
    column = np.empty((rows, 1), dtype)
    base = np.arange(0, rows * classes, classes)
    # As arrays of the right dtype: NumPy converts a Python number at every call.
    rate, share, zero = (np.array(value, dtype) for value in (lr, 1 / rows, 0))

    def step(x: np.ndarray, labels: np.ndarray) -> float:
        before = x
        for layer in range(depth):
            z = a[layer]
            np.dot(before, W[layer], out=z)  # quicker to call than matmul
            np.add(z, b[layer], out=z)
            if layer < depth - 1:
                np.maximum(z, zero, out=z)
            before = z
        d = delta[-1]
        np.maximum.reduce(z, axis=1, keepdims=True, out=column)
        np.subtract(z, column, out=z)
        np.exp(z, out=d)
        np.add.reduce(d, axis=1, keepdims=True, out=column)
        chosen = base + labels
        loss = np.add.reduce(np.log(column[:, 0]) - z.take(chosen)) / rows
        np.divide(d, column, out=d)
        d.reshape(-1)[chosen] -= 1
        np.multiply(d, share, out=d)
        for layer in range(depth - 1, -1, -1):
            before = a[layer - 1] if layer else x
            np.dot(before.T, delta[layer], out=dW[layer])
            np.add.reduce(delta[layer], axis=0, out=db[layer])
            if layer:
                np.dot(delta[layer], W[layer].T, out=delta[layer - 1])
                np.greater(before, zero, out=mask[layer - 1])
                np.multiply(delta[layer - 1], mask[layer - 1], out=delta[layer - 1])
            np.multiply(dW[layer], rate, out=dW[layer])
            np.subtract(W[layer], dW[layer], out=W[layer])
            np.multiply(db[layer], rate, out=db[layer])
            np.subtract(b[layer], db[layer], out=b[layer])
        return float(loss)

    return step
