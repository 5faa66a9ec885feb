"""Losses over logits: the average over a batch, in one fused and stable operation each.

They start from logits and never from probabilities, which would have to be clipped. What they
refuse, they refuse before anything is computed, and name the first row that is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive
from .activation import sigmoid, softmax

__all__ = ["binary_cross_entropy_with_logits", "softmax_cross_entropy"]


def _checked_labels(logits: Any, labels: Any) -> Any:
    """Refuse labels that do not fit, and give them in the dtype that NumPy indexes with."""
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"logits of shape {logits.shape} and labels of shape "
            f"{labels.shape}; expected (N, K) and (N,), one whole number for each row: use "
            "labels.argmax(axis=1) for one-hot rows, labels.reshape(-1) for a column"
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"softmax_cross_entropy: labels of dtype {labels.dtype}; expected integers, the "
            "number of the right class in each row; use labels.astype(int)"
        )
    rows, classes = logits.shape
    if not rows:
        raise ValueError("a batch of no rows has no average loss")
    # Read as unsigned, a negative label is larger than any class: one pass finds both faults,
    # and argmax is much quicker than max on a batch.
    signed = labels.astype(np.int64, copy=False)
    unsigned = signed.view(np.uint64)
    if unsigned.item(unsigned.argmax()) >= classes:
        row = int(np.argmax((labels < 0) | (labels >= classes)))
        raise ValueError(
            f"label {labels[row]} in row {row}; with {classes} logits labels are 0..{classes - 1}"
        )
    return signed


def _one_hot(labels: Any, classes: int) -> Any:
    return np.equal(np.asarray(labels)[:, None], np.arange(classes))


def _softmax_cross_entropy_rule(
    g: Any, out: Any, logits: Any, labels: Any, residual: Any = None
) -> Any:
    if residual is None:
        residual = softmax(logits, axis=1) - _one_hot(labels, logits.shape[1])
    return residual * (g / len(labels))


@primitive(
    _softmax_cross_entropy_rule,
    None,
    residual=True,
    symbol="CE",
    formula="mean(logsumexp(logits, axis=1) - logits[arange(N), labels])",
    derivatives=("g / N * (softmax(logits) - one_hot(labels))", ""),
)
def softmax_cross_entropy(logits: Any, labels: Any, /) -> Any:
    """Average of ``-log(softmax(logits)[label])`` over the rows of a batch.

    Parameters
    ----------
    logits : array_like, shape (N, K)
        One row for each sample, one column for each class.
    labels : array_like of int, shape (N,)
        The number of the right class, 0..K-1.

    Raises
    ------
    ValueError
        For shapes that do not fit and labels out of range; the first bad row is named.
    TypeError
        For labels that are not integers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, softmax_cross_entropy
    >>> round(softmax_cross_entropy(Tensor([[0.0, 0.0]]), [1]).item(), 4)
    0.6931
    """
    labels = _checked_labels(logits, labels)
    rows, classes = logits.shape
    shifted = logits - np.maximum.reduce(logits, axis=1, keepdims=True)
    delta = np.exp(shifted, order="C")  # so that its flattened form is a view of it
    total = np.add.reduce(delta, axis=1, keepdims=True)
    delta /= total
    # The place of each row's label in the flattened logits: much quicker than a pair of indices.
    chosen = np.arange(0, rows * classes, classes) + labels
    losses = np.log(total[:, 0]) - shifted.take(chosen)
    delta.reshape(-1)[chosen] -= 1
    return np.add.reduce(losses) / rows, delta


def _check_targets(logits: Any, targets: Any) -> None:
    if logits.shape != targets.shape:
        raise ValueError(
            f"logits of shape {logits.shape} and targets of "
            f"shape {targets.shape}; they must be the same, use targets.reshape({logits.shape})"
        )
    if not logits.size:
        raise ValueError("no elements have no average loss")
    real = np.real(targets)
    wrong = ~((real >= 0) & (real <= 1))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"target {targets[where]} at {where}; targets are probabilities, 0..1")


@primitive(
    lambda g, out, logits, targets: (sigmoid(logits) - targets) * (g / logits.size),
    lambda g, out, logits, targets: -logits * (g / logits.size),
    symbol="BCE",
    formula="mean(log(1 + exp(logits)) - targets * logits)",
    derivatives=("g / size(logits) * (sigmoid(logits) - targets)", "-g / size(logits) * logits"),
)
def binary_cross_entropy_with_logits(logits: Any, targets: Any, /) -> Any:
    """Average of ``-t log(p) - (1 - t) log(1 - p)`` with ``p = sigmoid(logits)``.

    Parameters
    ----------
    logits : array_like
        Any shape.
    targets : array_like
        Of the same shape; 0, 1, or a probability between.

    Raises
    ------
    ValueError
        For another shape, and for targets out of range; the first bad one is named.
    """
    _check_targets(logits, targets)
    if targets.dtype.kind in "iub":
        targets = targets.astype(logits.dtype)  # or a float32 network would become float64
    # log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), whose exponential cannot overflow.
    positive = np.maximum(logits, 0)
    losses = positive - logits * targets + np.log1p(np.exp(np.minimum(logits, -logits)))
    return np.add.reduce(losses, axis=None) / logits.size
