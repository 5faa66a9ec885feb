"""Training steps written by hand in NumPy: the reference for all other steps.

`by_hand` is the delta rule in place, as a NumPy programmer writes it; ratios are relative to it.
`tuned` is the same step, optimised by an expert. `floor` is only the matrix products of a step: no
step in NumPy can be faster. `one_by_one` is the loop over samples that a beginner writes. Weights
and biases are changed in place.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.problem import LEARNING_RATE, Candidate, Problem

__all__ = ["by_hand", "floor", "one_by_one", "one_by_one_step", "tuned"]

Array = np.ndarray


def floor(problem: Problem) -> Candidate:
    """Multiply the matrices that a step multiplies, into existing arrays."""
    W = problem.weights
    depth, rows = len(W), len(problem.x)
    a = [problem.x] + [np.ones((rows, w.shape[1]), w.dtype) for w in W]
    out = [np.empty_like(activations) for activations in a]
    dW = [np.empty_like(w) for w in W]

    def step() -> float:
        for layer in range(depth):
            np.dot(a[layer], W[layer], out=out[layer + 1])
        for layer in range(depth - 1, -1, -1):
            np.dot(a[layer].T, a[layer + 1], out=dW[layer])
            if layer:
                np.dot(a[layer + 1], W[layer].T, out=out[layer])
        return 0.0

    return Candidate(step, None, {})


def by_hand(problem: Problem) -> Candidate:
    """Write the delta rule in place, in plain NumPy."""
    return _candidate(problem, _by_hand_step)


def _by_hand_step(
    W: Sequence[Array], b: Sequence[Array], rows: int, lr: float
) -> Callable[[Any, Any], float]:
    depth, n = len(W), np.arange(rows)
    z = [np.empty((rows, w.shape[1]), w.dtype) for w in W]
    delta = [np.empty_like(layer) for layer in z]
    dW, db = [np.empty_like(w) for w in W], [np.empty_like(v) for v in b]

    def step(x: Array, labels: Array) -> float:
        a = [x, *z]  # a[layer] is the input of a layer, z[layer] its output
        for layer in range(depth):
            np.matmul(a[layer], W[layer], out=z[layer])
            z[layer] += b[layer]
            if layer < depth - 1:
                np.maximum(z[layer], 0, out=z[layer])
        logits, d = z[-1], delta[-1]
        logits -= logits.max(axis=1, keepdims=True)
        e = np.exp(logits, out=d)
        total = e.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - logits[n, labels]).mean()
        d /= total
        d[n, labels] -= 1
        d /= rows
        for layer in range(depth - 1, -1, -1):
            d = delta[layer]
            np.matmul(a[layer].T, d, out=dW[layer])
            np.sum(d, axis=0, out=db[layer])
            if layer:
                np.matmul(d, W[layer].T, out=delta[layer - 1])
                delta[layer - 1] *= a[layer] > 0
            dW[layer] *= lr
            W[layer] -= dW[layer]
            db[layer] *= lr
            b[layer] -= db[layer]
        return float(loss)

    return step


def tuned(problem: Problem) -> Candidate:
    """Write it as fast as possible, at the cost of readability."""
    return _candidate(problem, _tuned_step)


def _tuned_step(
    W: Sequence[Array], b: Sequence[Array], rows: int, lr: float
) -> Callable[[Any, Any], float]:
    """A step creates only a few arrays of the size of the batch; a class is a flat index."""
    depth, classes, dtype = len(W), W[-1].shape[1], W[0].dtype
    a = [np.empty((rows, w.shape[1]), dtype) for w in W]
    delta = [np.empty_like(z) for z in a]
    mask = [np.empty(z.shape, bool) for z in a]
    dW, db = [np.empty_like(w) for w in W], [np.empty_like(v) for v in b]
    column = np.empty((rows, 1), dtype)
    base = np.arange(0, rows * classes, classes)
    # As arrays of the right dtype: NumPy converts a Python number at every call.
    rate, share, zero = (np.array(value, dtype) for value in (lr, 1 / rows, 0))

    def step(x: Array, labels: Array) -> float:
        before = x
        for layer in range(depth):
            z = a[layer]
            np.dot(before, W[layer], out=z)  # faster to call than matmul
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


def one_by_one(problem: Problem) -> Candidate:
    """Go through the batch sample by sample, add up the gradients, then update."""
    return _candidate(problem, one_by_one_step)


def one_by_one_step(
    W: Sequence[Array], b: Sequence[Array], rows: int, lr: float
) -> Callable[[Any, Any], float]:
    """Return the step; the batch may have any size, so `rows` is not used."""
    depth = len(W)

    def step(x: Array, labels: Array) -> float:
        dW = [np.zeros_like(w) for w in W]
        db = [np.zeros_like(v) for v in b]
        loss = 0.0
        for sample, label in zip(x, labels, strict=True):
            a = [sample]
            for layer in range(depth):
                z = np.dot(a[-1], W[layer]) + b[layer]
                a.append(np.maximum(z, 0) if layer < depth - 1 else z)
            e = np.exp(z - z.max())
            p = e / e.sum()
            loss -= np.log(p[label])
            d = p
            d[label] -= 1
            for layer in range(depth - 1, -1, -1):
                dW[layer] += np.outer(a[layer], d)
                db[layer] += d
                if layer:
                    d = np.dot(W[layer], d) * (a[layer] > 0)
        for layer in range(depth):
            W[layer] -= lr * dW[layer] / len(x)
            b[layer] -= lr * db[layer] / len(x)
        return float(loss) / len(x)

    return step


def _candidate(problem: Problem, make: Callable[..., Callable[[Any, Any], float]]) -> Candidate:
    W, b = problem.copies()
    step = make(W, b, len(problem.x), LEARNING_RATE)
    return Candidate(lambda: step(problem.x, problem.labels), lambda: (W, b), {})
