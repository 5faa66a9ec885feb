"""Losses of classifiers: logits of several classes, against the number of the right one.

They start from logits and never from probabilities, which would have to be clipped. Wrong inputs
raise an error before anything is computed, and it names the first wrong row.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...arrays import as_floating, dtype_of, floating_dtype, real_dtype_of, undisguised
from ...facts import Recognition
from ...leaving import values_of
from ...metadata import composed
from ...primitive import primitive
from ..arithmetic import add, multiply, negative
from ..choosing import where
from ..constants import counting, ones
from ..indexing import getitem
from ..plain import shape_of
from ..reduction import mean, sum
from ..summing import divided, is_half, single
from ..value_checks import WIDE, all_true, first_place, refuse
from .activation import log_softmax, softmax
from .loss import check_reduction, constant_weights
from .mistakes import OF_CROSS_ENTROPY

__all__ = ["cross_entropy", "nll_loss", "softmax_cross_entropy"]


def _counted(labels: Any, ignore_index: int | None) -> Any:
    """Return which labels are not ignored; None if all count."""
    return None if ignore_index is None else np.not_equal(labels, ignore_index)


def _places(logits: Any, labels: Any, counted: Any) -> Any:
    """Return where each row's label is in the flattened logits; check that labels fit.

    Rows that do not count have the first place.
    """
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
    signed = labels.astype(np.int64, copy=False)
    if counted is not None:
        signed = np.where(counted, signed, 0)

    def error() -> ValueError:
        row = int(np.argmax((signed < 0) | (signed >= classes)))
        return ValueError(
            f"label {labels[row]} in row {row}; with {classes} logits labels are 0..{classes - 1}"
        )

    if signed.dtype in WIDE:
        refuse((signed < 0) | (signed >= classes), error)
    try:
        return np.ravel_multi_index((counting(rows), signed), logits.shape)
    except ValueError:
        raise error() from None


def _count(counted: Any, dtype: Any) -> Any:
    """Count the rows whose label is not ignored, in the dtype that the losses have."""
    total = np.add.reduce(counted)

    def error() -> ValueError:
        return ValueError("only labels that are ignored, and so no average loss")

    refuse(total <= 0, error)
    return total.astype(dtype)


def _one_hot(labels: Any, classes: int) -> Any:
    return np.equal(values_of(labels)[:, None], np.arange(classes))


def _softmax_cross_entropy_rule(
    g: Any,
    out: Any,
    logits: Any,
    labels: Any,
    *,
    ignore_index: int | None = None,
    residual: Any = None,
) -> Any:
    if residual is not None:
        delta, count = residual
        return delta * divided(g, count)
    delta, count = softmax(logits, axis=1) - _one_hot(labels, logits.shape[1]), len(labels)
    counted = _counted(values_of(labels), ignore_index)
    if counted is not None:
        delta = where(counted[:, None], delta, 0.0)
        count = _count(counted, np.float32 if is_half(g) else real_dtype_of(g))
    return delta * divided(g, count)


@primitive(
    _softmax_cross_entropy_rule,
    None,
    residual=True,
    symbol="CE",
    formula="mean(logsumexp(logits, axis=1) - logits[arange(N), labels])",
    derivatives=("g / N * (softmax(logits) - one_hot(labels))", ""),
    averages=True,
    applies="softmax",
    mistakes=OF_CROSS_ENTROPY,
    recognition=Recognition("labels"),
)
def softmax_cross_entropy(logits: Any, labels: Any, /, *, ignore_index: int | None = None) -> Any:
    """Average of ``-log(softmax(logits)[label])`` over the rows of a batch.

    The gradient of a row is ``softmax(logits)``, minus 1 at the label, divided by N.

    Parameters
    ----------
    logits : array_like, shape (N, K)
        One row for each sample, one column for each class.
    labels : array_like of int, shape (N,)
        The number of the right class, 0..K-1.
    ignore_index : int, optional
        The label of rows that do not count, neither in the loss nor in the average.

    Raises
    ------
    ValueError
        If shapes do not fit or labels are out of range; the message names the first wrong row. Also
        if no row counts.
    TypeError
        If labels are not integers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, softmax_cross_entropy
    >>> logits = Tensor([[0.0, 0.0]], requires_grad=True)
    >>> loss = softmax_cross_entropy(logits, [1])
    >>> loss.backward()
    >>> round(loss.item(), 4), logits.grad
    (0.6931, array([[ 0.5, -0.5]]))
    """
    counted = _counted(labels, ignore_index)
    chosen, kind = _places(logits, labels, counted), logits.dtype.char
    if kind not in "fd":  # float16 is computed in float32, and rounded once
        logits = logits.astype(np.float32) if kind == "e" else as_floating(logits)
    rows, classes = logits.shape
    # NumPy picks elements, and multiplies, much quicker than it reduces short rows.
    largest = logits.take(counting(rows, classes) + logits.argmax(axis=1))
    shifted = logits - largest[:, None]
    delta = np.exp(shifted, order="C")  # so that its flattened form is a view of it
    total = delta.dot(ones(classes, delta.dtype))
    losses = np.log(total) - shifted.take(chosen)
    delta /= total[:, None]
    delta.reshape(-1)[chosen] -= 1
    count: Any = rows
    if counted is not None:
        losses, delta = np.where(counted, losses, 0), np.where(counted[:, None], delta, 0)
        count = _count(counted, losses.dtype)
    loss = np.add.reduce(losses) / count
    return loss.astype(np.float16) if kind == "e" else loss, (delta, count)


def _class_numbers(
    name: str, scores: Any, labels: Any, weight: Any, ignore_index: int, reduction: str
) -> tuple[Any, Any, Any, Any]:
    """Check labels and weights.

    Returns the labels, with 0 for those that are ignored; which of them count; the weights of the
    classes, or None; and the divisor of a sum over the batch.
    """
    check_reduction(name, reduction)
    shape = shape_of(scores)
    if len(shape) < 2 or labels.shape != (shape[0], *shape[2:]):
        raise ValueError(
            f"{name}: scores of shape {shape} and labels of shape {labels.shape}; expected "
            "(N, K, ...) and (N, ...), one whole number for each row: use labels.argmax(axis=1) "
            "for one-hot rows, labels.reshape(-1) for a column"
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: labels of dtype {labels.dtype}; expected integers, the number of the right "
            "class in each row; use labels.astype(int)"
        )
    counted = labels != ignore_index
    wrong = counted & ((labels < 0) | (labels >= shape[1]))
    given = labels

    def error() -> ValueError:
        place = first_place(wrong)
        where_it_is = f"in row {place[0]}" if len(place) == 1 else f"at {place}"
        return ValueError(
            f"{name}: label {undisguised(given)[place]} {where_it_is}; with {shape[1]} classes "
            f"labels are 0..{shape[1] - 1}, or ignore_index={ignore_index}"
        )

    refuse(wrong, error)
    labels = np.where(counted, labels, 0).astype(np.intp)
    weights = constant_weights(name, "weight", weight, scores)
    if weights is not None and weights.shape != shape[1:2]:
        raise ValueError(
            f"{name}: weight of shape {weights.shape}; expected {shape[1:2]}, one for each class"
        )
    shares = counted if weights is None else np.where(counted, np.take(weights, labels), 0)
    total = np.sum(shares, dtype=float)

    def no_average() -> ValueError:
        reason = "no labels" if not counted.size else "only labels that are ignored"
        reason = "only labels of weight 0" if undisguised(counted).any() else reason
        return ValueError(f"{name}: {reason}, and so no average loss; reduction='sum' returns 0")

    if reduction == "mean":
        refuse(total <= 0, no_average)
    return labels, counted, weights, total


def _losses(log_probabilities: Any, labels: Any, counted: Any, weights: Any) -> Any:
    """Return the weighted losses one by one, and 0 for those that do not count."""
    places = list(np.indices(labels.shape, sparse=True))
    places.insert(1, labels)
    losses = multiply(getitem(log_probabilities, tuple(places)), -1.0)  # whole numbers would wrap
    if not all_true(counted):
        losses = where(counted, losses, 0.0)
    return losses if weights is None else multiply(losses, np.take(weights, labels))


def _reduced(losses: Any, total: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    average = mean(losses)  # which does not overflow in float16, as a sum would
    if all_true(total == losses.size):
        return average
    return multiply(average, (losses.size / total).astype(floating_dtype(losses)))


@composed("log_probabilities")
@partial(single, constants=("weight",))
def nll_loss(
    log_probabilities: Any,
    labels: Any,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Negative logarithm of the probability of the right class.

    Parameters
    ----------
    log_probabilities : array_like, shape (N, K, ...)
        The result of `log_softmax` along axis 1.
    labels : array_like of int, shape (N, ...)
        The number of the right class, 0..K-1, or `ignore_index`.
    weight, ignore_index, reduction
        As for `cross_entropy`.

    Raises
    ------
    ValueError, TypeError
        As `cross_entropy` does.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, log_softmax, nll_loss
    >>> round(nll_loss(log_softmax(Tensor([[0.0, 0.0]])), [1]).item(), 4)
    0.6931
    """
    labels = values_of(labels)
    labels, counted, weights, total = _class_numbers(
        "nll_loss", log_probabilities, labels, weight, ignore_index, reduction
    )
    return _reduced(_losses(log_probabilities, labels, counted, weights), total, reduction)


@composed("logits", "labels")
@partial(single, constants=("weight",))
def cross_entropy(
    logits: Any,
    labels: Any,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Any:
    """Cross-entropy of logits and the right classes, with weights and other options.

    For a batch of rows and numbers of classes, without weights, smoothing and another reduction, it
    is `softmax_cross_entropy`.

    Parameters
    ----------
    logits : array_like, shape (N, K, ...)
        The classes are along axis 1. Further axes are, for example, the pixels of an image; each
        has a label.
    labels : array_like of int, shape (N, ...)
        The number of the right class, 0..K-1, or `ignore_index`. Floating numbers of the shape of
        the logits are probabilities of the classes; gradients flow to them, and the average is
        that over the samples.
    weight : array_like, shape (K,), optional
        The weight of each class; constants, 0 or more.
    ignore_index : int
        The label of rows that do not count, neither in the loss nor in the average.
    label_smoothing : float
        The share of each label that is spread evenly over all classes, 0..1.
    reduction : {"mean", "sum", "none"}
        Return the average, weighted by the weights of the labels that count; the sum; or the losses
        one by one, with 0 for those that are ignored.

    Raises
    ------
    ValueError
        If shapes do not fit, or labels are out of range; the message names the first of them. Also
        for the average when all labels are ignored.
    TypeError
        If labels are not integers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cross_entropy
    >>> logits = Tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    >>> cross_entropy(logits, [0, 1, -100], reduction="none").data.round(4)
    array([0.1269, 2.1269, 0.    ])
    >>> round(cross_entropy(logits, [0, 1, -100]).item(), 4)
    1.1269
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is {label_smoothing}; expected 0..1")
    is_number = dtype_of(labels).kind not in "fc"
    if not is_number and np.size(labels) and np.ndim(labels) == np.ndim(logits):
        return _of_probabilities(logits, labels, weight, label_smoothing, reduction)
    labels = values_of(labels)
    # Which way to go must not depend on labels: a captured step goes the same way in each replay.
    if weight is None and not label_smoothing and reduction == "mean" and np.ndim(logits) == 2:
        return softmax_cross_entropy(logits, labels, ignore_index=ignore_index)
    labels, counted, weights, total = _class_numbers(
        "cross_entropy", logits, labels, weight, ignore_index, reduction
    )
    log_probabilities = log_softmax(logits, axis=1)
    losses = _losses(log_probabilities, labels, counted, weights)
    if label_smoothing:
        if weights is not None:
            column = weights.reshape(-1, *(1,) * (labels.ndim - 1))
            log_probabilities = multiply(log_probabilities, column)
        even = where(counted, negative(mean(log_probabilities, axis=1)), 0.0)
        losses = add(multiply(losses, 1 - label_smoothing), multiply(even, label_smoothing))
    return _reduced(losses, total, reduction)


def _of_probabilities(
    logits: Any, targets: Any, weight: Any, label_smoothing: float, reduction: str
) -> Any:
    """Compute `cross_entropy` against the probabilities of the classes."""
    check_reduction("cross_entropy", reduction)
    shape = shape_of(logits)
    if len(shape) < 2 or shape_of(targets) != shape:
        raise ValueError(
            f"cross_entropy: logits of shape {shape} and probabilities of shape "
            f"{shape_of(targets)}; expected the same, (N, K, ...), or whole numbers of classes of "
            "shape (N, ...), use labels.astype(int)"
        )
    values = np.real(values_of(targets))
    wrong = ~((values >= 0) & (values <= 1))

    def error() -> ValueError:
        place = first_place(wrong)
        number = undisguised(values)[place]
        return ValueError(f"cross_entropy: target {number} at {place}; expected probabilities 0..1")

    refuse(wrong, error)
    if label_smoothing:
        targets = add(multiply(targets, 1 - label_smoothing), label_smoothing / shape[1])
    log_probabilities = log_softmax(logits, axis=1)
    # 0 times an infinite logarithm would be nan, also in the backward pass.
    never = np.equal(values, 0) & np.isinf(values_of(log_probabilities))
    terms = multiply(targets, where(never, 0.0, log_probabilities))
    weights = constant_weights("cross_entropy", "weight", weight, logits)
    if weights is not None:
        if weights.shape != shape[1:2]:
            raise ValueError(
                f"cross_entropy: weight of shape {weights.shape}; expected {shape[1:2]}, one for "
                "each class"
            )
        terms = multiply(terms, weights.reshape(-1, *(1,) * (len(shape) - 2)))
    losses = negative(sum(terms, axis=1))
    if reduction == "mean" and 0 in shape:
        raise ValueError(
            "cross_entropy: no rows, and so no average loss; reduction='sum' returns 0"
        )
    return _reduced(losses, np.float64(math.prod(shape_of(losses))), reduction)
