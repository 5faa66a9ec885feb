"""Wrong gradients that people derive for softmax, and for losses on logits.

The declarations of these operations list them, and `check_manual` tries them. Nothing else computes
with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...facts import Mistake

__all__ = ["OF_BINARY_CROSS_ENTROPY", "OF_CROSS_ENTROPY", "OF_LOG_SOFTMAX", "OF_SOFTMAX"]

Array = NDArray[Any]

OF_SOFTMAX = (
    Mistake(
        "softmax elementwise",
        "softmax was treated as a function of each element alone, p (1 - p); every output "
        "depends on every input",
        lambda g, out, x, **params: g * out * (1 - out),
    ),
    Mistake(
        "softmax elementwise",
        "the sum was left out, p * g; the gradient of softmax is p * (g - sum(p * g))",
        lambda g, out, x, **params: g * out,
    ),
    Mistake(
        "no activation derivative",
        "the derivative of softmax was forgotten: the gradient passed through it unchanged",
        lambda g, out, x, **params: g,
    ),
)

OF_LOG_SOFTMAX = (
    Mistake(
        "softmax elementwise",
        "log-softmax was treated as a function of each element alone, g - p * g; its gradient is "
        "g - p * sum(g), with the sum over the classes",
        lambda g, out, x, **params: g - np.exp(out) * g,
    ),
    Mistake(
        "softmax elementwise",
        "the sum of the upstream gradient over the classes was left out, g - p; the gradient of "
        "log-softmax is g - p * sum(g)",
        lambda g, out, x, **params: g - np.exp(out),
    ),
)


# Softmax cross-entropy ------------------------------------------------------------------------


def _probabilities(z: Array, axis: int | None = 1, of_rows: bool = True) -> Array:
    """Compute softmax, with its sum over the right axis or over a wrong one.

    Over a wrong one, the result depends on whether the maximum of each row was subtracted.
    """
    e = np.exp(z - z.max(axis=1 if of_rows else None, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def _one_hot(z: Array, labels: Any) -> Array:
    return np.asarray(np.eye(z.shape[1])[np.asarray(labels, dtype=int)])


def _delta(g: Any, z: Array, labels: Any, axis: int | None = 1, of_rows: bool = True) -> Array:
    return np.asarray((_probabilities(z, axis, of_rows) - _one_hot(z, labels)) * g / len(z))


def _off_by_a_row(step: int, which: str) -> Mistake:
    return Mistake(
        "labels off",
        f"the labels are off by a row: each row was given that of the {which}",
        lambda g, out, z, labels, **_: _delta(g, z, np.roll(labels, step)),
    )


def _off_by_a_class(step: int) -> Mistake:
    return Mistake(
        "labels off",
        f"the classes are off by one: {step:+d} in each row",
        lambda g, out, z, labels, **_: _delta(g, z, (np.asarray(labels) + step) % z.shape[1]),
    )


def _over_the_wrong_axis(axis: int | None, which: str, of_rows: bool = True) -> Mistake:
    return Mistake(
        "softmax over the wrong axis",
        f"the sum in softmax was taken {which}, not over axis 1, the classes",
        lambda g, out, z, labels, **_: _delta(g, z, labels, axis, of_rows),
    )


def _of_probabilities(g: Any, out: Any, z: Array, labels: Any, **_: Any) -> Array:
    return np.asarray(-_one_hot(z, labels) / _probabilities(z) * g / len(z))


def _elementwise(g: Any, out: Any, z: Array, labels: Any, **_: Any) -> Array:
    return np.asarray(-_one_hot(z, labels) * (1 - _probabilities(z)) * g / len(z))


def _softmax_twice(g: Any, out: Any, z: Array, labels: Any, **_: Any) -> Array:
    p = _probabilities(z)
    return np.asarray(_delta(g, z, labels) * p * (1 - p))


OF_CROSS_ENTROPY = (
    _off_by_a_row(1, "row before"),
    _off_by_a_row(-1, "row after"),
    _off_by_a_class(1),
    _off_by_a_class(-1),
    Mistake(
        "labels off",
        "the labels were left out: p instead of p - y",
        lambda g, out, z, labels, **_: _probabilities(z) * g / len(z),
    ),
    _over_the_wrong_axis(0, "over axis 0, the batch"),
    _over_the_wrong_axis(0, "over axis 0, the batch", False),
    _over_the_wrong_axis(None, "over all elements"),
    _over_the_wrong_axis(None, "over all elements", False),
    Mistake(
        "factor",
        "the mean was taken over all elements, not over the rows: 1/K too small for K classes",
        lambda g, out, z, labels, **_: _delta(g, z, labels) / z.shape[1],
    ),
    Mistake(
        "no activation derivative",
        "the derivative of softmax was forgotten: -y / p is the gradient of p, p - y that of the "
        "logits",
        _of_probabilities,
    ),
    Mistake(
        "softmax elementwise",
        "softmax was treated as a function of each element alone: its derivative p (1 - p) is "
        "only the diagonal of the Jacobian",
        _elementwise,
    ),
    Mistake(
        "softmax elementwise",
        "p (1 - p) was multiplied in twice; p - y has the derivative of softmax already",
        _softmax_twice,
    ),
)


# Binary cross-entropy -------------------------------------------------------------------------


def _sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def _difference(g: Any, z: Array, targets: Any) -> Array:
    return np.asarray((_sigmoid(z) - targets) * g / z.size)


def _sigmoid_twice(g: Any, out: Any, z: Array, targets: Any) -> Array:
    p = _sigmoid(z)
    return np.asarray(_difference(g, z, targets) * p * (1 - p))


def _sigmoid_forgotten(g: Any, out: Any, z: Array, targets: Any) -> Array:
    p = _sigmoid(z)
    return np.asarray(_difference(g, z, targets) / (p * (1 - p)))


def _with_targets(words: str, change: Callable[[Array], Array]) -> Mistake:
    return Mistake(
        "labels off",
        words,
        lambda g, out, z, targets: _difference(g, z, change(np.asarray(targets))),
    )


OF_BINARY_CROSS_ENTROPY = (
    Mistake(
        "softmax elementwise",
        "the derivative of the sigmoid, p (1 - p), was multiplied in twice; p - y has it already",
        _sigmoid_twice,
    ),
    Mistake(
        "no activation derivative",
        "the derivative of the sigmoid at the output was forgotten: (p - y) / (p (1 - p)) is "
        "the gradient of p, p - y that of the logits",
        _sigmoid_forgotten,
    ),
    _with_targets("the targets are off by a row", lambda y: np.roll(y, 1, 0)),
    _with_targets("the targets are off by a row", lambda y: np.roll(y, -1, 0)),
    _with_targets("the targets are swapped: 1 - y instead of y", lambda y: 1 - y),
    _with_targets("the targets were left out: p instead of p - y", lambda y: 0 * y),
)
