"""Losses of classifiers: logits of several classes, against the number of the right one.

They start from logits and never from probabilities, which would have to be clipped. Wrong inputs
raise an error before anything is computed, and it names the first wrong row.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...arrays import as_floating, dtype_of, floating_dtype, real_dtype_of
from ...facts import Recognition
from ...leaving import values_of
from ...metadata import checked, composed
from ...primitive import as_operand, primitive
from ..arithmetic import add, multiply, negative
from ..choosing import where
from ..constants import counting, ones
from ..examining import examination, first
from ..indexing import getitem
from ..plain import shape_of
from ..reduction import mean, sum
from ..summing import divided, is_half, single
from .activation import log_softmax, softmax
from .likelihood import check_probabilities
from .loss import check_reduction, constant_weights, reduced
from .mistakes import OF_CROSS_ENTROPY

__all__ = ["cross_entropy", "nll_loss", "softmax_cross_entropy"]


@examination
def _chosen(
    labels: Any, *, name: str, scores: str, shape: tuple[int, ...], ignore_index: int | None
) -> tuple[Any, Any]:
    """Check labels of scores of a shape; return them as indices, and which of them count.

    Labels that are ignored become 0. Without an `ignore_index`, None is returned for the others.

    Parameters
    ----------
    labels : array
    name, scores : str
        The loss, and what the classes are counted by, for messages.
    shape : tuple of int
        The shape of the scores.
    ignore_index : int or None
    """
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: labels of dtype {labels.dtype}; expected integers, the number of the right "
            "class in each row; use labels.astype(int)"
        )
    signed = labels.astype(np.int64, copy=False)
    counted = None if ignore_index is None else np.not_equal(labels, ignore_index)
    if counted is not None:
        signed = np.where(counted, signed, 0)
    try:  # NumPy checks them: a captured step repeats this call
        return np.ravel_multi_index((signed,), shape[1:2]), counted
    except ValueError:
        place = first((signed < 0) | (signed >= shape[1]))
        where_it_is = f"in row {place[0]}" if len(place) == 1 else f"at {place}"
        also = "" if counted is None else f", or ignore_index={ignore_index}"
        raise ValueError(
            f"{name}: label {labels[place]} {where_it_is}; with {shape[1]} {scores} labels are "
            f"0..{shape[1] - 1}{also}"
        ) from None


def _one_hot(labels: Any, classes: int) -> Any:
    return np.equal(labels[:, None], np.arange(classes))


def _softmax_cross_entropy_rule(
    g: Any,
    out: Any,
    logits: Any,
    labels: Any,
    *,
    ignore_index: int | None = None,
    residual: Any = None,
) -> Any:
    labels, count = values_of(labels), logits.shape[0]
    if ignore_index is not None:
        counted = np.not_equal(labels, ignore_index)
        count = np.add.reduce(counted).astype(np.float32 if is_half(g) else real_dtype_of(g))
    if residual is None:
        residual = softmax(logits, axis=1) - _one_hot(labels, logits.shape[1])
        if ignore_index is not None:
            residual = where(counted[:, None], residual, 0.0)
    return residual * divided(g, count)


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
    kind = logits.dtype.char
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"logits of shape {logits.shape} and labels of shape "
            f"{labels.shape}; expected (N, K) and (N,), one whole number for each row: use "
            "labels.argmax(axis=1) for one-hot rows, labels.reshape(-1) for a column"
        )
    rows, classes = logits.shape
    numbers, counted = _chosen(
        labels, name="softmax_cross_entropy", scores="logits", shape=logits.shape,
        ignore_index=ignore_index,
    )  # fmt: skip
    if not rows:
        raise ValueError("a batch of no rows has no average loss")
    if kind not in "fd":  # float16 is computed in float32, and rounded once
        logits = logits.astype(np.float32) if kind == "e" else as_floating(logits)
    starts, count = counting(rows, classes), rows
    chosen = starts + numbers
    # NumPy picks elements, and multiplies, much quicker than it reduces short rows.
    largest = logits.take(starts + logits.argmax(axis=1))
    shifted = logits - largest[:, None]
    delta = np.exp(shifted, order="C")  # so that its flattened form is a view of it
    total = delta.dot(ones(classes, delta.dtype))
    losses = np.log(total) - shifted.take(chosen)
    delta /= total[:, None]
    delta.reshape(-1)[chosen] -= 1
    if counted is not None:
        losses = np.where(counted, losses, 0)
        delta = np.where(counted[:, None], delta, 0)
        count = _number_of_labels(counted, name="softmax_cross_entropy").astype(losses.dtype)
    loss = np.add.reduce(losses) / count
    return loss.astype(np.float16) if kind == "e" else loss, delta


def _none_left(name: str, reason: str) -> ValueError:
    return ValueError(f"{name}: {reason}, and so no average loss; reduction='sum' returns 0")


@examination
def _number_of_labels(counted: Any, *, name: str) -> Any:
    """Count the labels that are not ignored; an average needs one."""
    count = np.add.reduce(counted, axis=None)
    if not count:
        raise _none_left(name, "only labels that are ignored" if counted.size else "no labels")
    return np.asarray(count)


@examination
def _total_weight(counted: Any, weights: Any, *, name: str) -> Any:
    """Add up the weights of the labels that are not ignored; an average needs a positive sum."""
    _number_of_labels(counted, name=name)
    total = np.add.reduce(np.where(counted, weights, 0), axis=None, dtype=float)
    if not total:
        raise _none_left(name, "only labels of weight 0")
    return np.asarray(total)


def _class_numbers(
    name: str, scores: Any, labels: Any, weight: Any, ignore_index: int, reduction: str
) -> tuple[Any, Any, Any, Any]:
    """Check labels and weights.

    Returns the labels, with 0 for those that are ignored; which of them count; the weights of the
    classes, or None; and the factor that turns an average over all labels into that over those
    which count.
    """
    shape = shape_of(scores)
    if len(shape) < 2 or labels.shape != (shape[0], *shape[2:]):
        raise ValueError(
            f"{name}: scores of shape {shape} and labels of shape {labels.shape}; expected "
            "(N, K, ...) and (N, ...), one whole number for each row: use labels.argmax(axis=1) "
            "for one-hot rows, labels.reshape(-1) for a column"
        )
    labels, counted = _chosen(
        labels, name=name, scores="classes", shape=shape, ignore_index=ignore_index
    )
    weights = class_weights(name, weight, scores)
    if reduction != "mean":
        return labels, counted, weights, None
    if weights is None:
        total = _number_of_labels(counted, name=name)
    else:
        total = _total_weight(counted, weights[labels], name=name)
    return labels, counted, weights, (labels.size / total).astype(floating_dtype(scores))


def class_weights(name: str, weight: Any, scores: Any) -> Any:
    """Return the weights of classes, in the precision of the scores; None if there are none."""
    weights = constant_weights(name, "weight", weight, scores)
    expected = shape_of(scores)[1:2]
    if weights is not None and weights.shape != expected:
        raise ValueError(
            f"{name}: weight of shape {weights.shape}; expected {expected}, one for each class"
        )
    return weights


def _losses(log_probabilities: Any, labels: Any, counted: Any, weights: Any) -> Any:
    """Return the weighted losses one by one, and 0 for those that do not count."""
    places = list(np.indices(labels.shape, sparse=True))
    places.insert(1, labels)
    losses = multiply(getitem(log_probabilities, tuple(places)), -1.0)  # whole numbers would wrap
    losses = where(counted, losses, 0.0)
    return losses if weights is None else multiply(losses, weights[labels])


def _averaged(losses: Any, factor: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    return multiply(mean(losses), factor)  # an average does not overflow in float16 as a sum would


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
    check_reduction("nll_loss", reduction)
    labels, counted, weights, factor = _class_numbers(
        "nll_loss", log_probabilities, values_of(labels), weight, ignore_index, reduction
    )
    return _averaged(_losses(log_probabilities, labels, counted, weights), factor, reduction)


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
    """Cross-entropy of logits and the numbers of the right classes, with weights and other options.

    For a batch of rows, without any of the options, it is `softmax_cross_entropy`.

    Parameters
    ----------
    logits : array_like, shape (N, K, ...)
        The classes are along axis 1. Further axes are, for example, the pixels of an image; each
        has a label.
    labels : array_like of int, shape (N, ...), or of float, shape (N, K, ...)
        The number of the right class, 0..K-1, or `ignore_index`. Floating numbers of the shape of
        the logits are the probabilities of the classes; gradients flow to them.
    weight : array_like, shape (K,), optional
        The weight of each class; constants, 0 or more.
    ignore_index : int
        The label of rows that do not count, neither in the loss nor in the average.
    label_smoothing : float
        The share of each label that is spread evenly over all classes, 0..1.
    reduction : {"mean", "sum", "none"}
        Return the average, weighted by the weights of the labels that count; the sum; or the losses
        one by one, with 0 for those that are ignored. Losses of probabilities have equal weights in
        the average, as in PyTorch.

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
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is {label_smoothing}; expected 0..1")
    labels = as_operand("cross_entropy", labels)
    shape = shape_of(logits)
    if dtype_of(labels).kind in "fc" and shape_of(labels) == shape and len(shape) > 1:
        return _of_probabilities(logits, labels, weight, ignore_index, label_smoothing, reduction)
    labels = checked(labels, "cross_entropy", "labels", _NUMBERS)
    if weight is None and not label_smoothing and reduction == "mean" and len(shape) == 2:
        return softmax_cross_entropy(logits, labels, ignore_index=ignore_index)
    labels, counted, weights, factor = _class_numbers(
        "cross_entropy", logits, labels, weight, ignore_index, reduction
    )
    log_probabilities = log_softmax(logits, axis=1)
    losses = _losses(log_probabilities, labels, counted, weights)
    if label_smoothing:
        if weights is not None:
            log_probabilities = multiply(log_probabilities, _column(weights, shape))
        even = where(counted, negative(mean(log_probabilities, axis=1)), 0.0)
        losses = add(multiply(losses, 1 - label_smoothing), multiply(even, label_smoothing))
    return _averaged(losses, factor, reduction)


_NUMBERS = "pass class numbers, or probabilities of the shape of the logits"


def _column(weights: Any, shape: tuple[int, ...]) -> Any:
    return weights.reshape(-1, *(1,) * (len(shape) - 2))


def _of_probabilities(
    logits: Any,
    targets: Any,
    weight: Any,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> Any:
    if ignore_index >= 0:
        raise ValueError(
            f"cross_entropy: ignore_index is {ignore_index}, but the labels are probabilities, of "
            "which none is ignored; leave it out"
        )
    check_probabilities("cross_entropy", targets)
    weights, shape = class_weights("cross_entropy", weight, logits), shape_of(logits)
    log_probabilities = log_softmax(logits, axis=1)
    # 0 times an infinite logarithm would be nan, also in the backward pass.
    never = np.equal(values_of(targets), 0) & np.isinf(values_of(log_probabilities))
    log_probabilities = where(never, 0.0, log_probabilities)
    if label_smoothing:
        targets = add(multiply(targets, 1 - label_smoothing), label_smoothing / shape[1])
    terms = multiply(targets, log_probabilities)
    if weights is not None:
        terms = multiply(terms, _column(weights, shape))
    return reduced("cross_entropy", negative(sum(terms, axis=1)), reduction)
