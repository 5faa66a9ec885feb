"""Losses that compare predicted distributions with targets of the same shape.

Losses of classifiers start from logits, never from probabilities, which would have to be clipped.
Losses of several classes, by number, are in `classification.py`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...arrays import as_floating, floating_dtype
from ...facts import Recognition
from ...leaving import values_of
from ...metadata import composed
from ...primitive import as_operand, primitive
from ..arithmetic import add, divide, multiply, negative, square, subtract
from ..choosing import where
from ..elementwise import astype, exp, log
from ..examining import within
from ..plain import shape_of
from ..special import sigmoid, xlogy
from ..summing import divided, is_half, single
from .activation import softplus
from .loss import as_pair, check_reduction, not_negative, reduced
from .mistakes import OF_BINARY_CROSS_ENTROPY

__all__ = [
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "kl_div",
    "poisson_nll_loss",
]


def check_probabilities(name: str, targets: Any, largest: float = 1) -> None:
    """Check that targets are probabilities, or with another limit at least not negative."""
    message = f"{name}: target {{value}} at {{place}}; targets are probabilities, 0..1"
    within(values_of(targets), lowest=0, largest=largest, message=message)


@composed("log_probabilities", "targets")
@single
def kl_div(
    log_probabilities: Any, targets: Any, *, log_target: bool = False, reduction: str = "mean"
) -> Any:
    """Kullback-Leibler divergence, term by term: ``t * (log(t) - log_probabilities)``.

    The divergence itself is the sum of its terms. As in PyTorch the default is their average over
    all axes, classes included; ``reduction="batchmean"`` returns the average divergence of a batch
    of distributions. Where a target is 0, its term and its gradient are 0.

    Parameters
    ----------
    log_probabilities : array_like
        Logarithms of the probabilities to test, such as the result of `log_softmax`.
    targets : array_like
        The probabilities to compare them with, of the same shape.
    log_target : bool
        Whether `targets` are logarithms too.
    reduction : {"mean", "batchmean", "sum", "none"}
        Return the average of all terms; their sum divided by the number of rows; their sum; or the
        terms one by one.

    Raises
    ------
    ValueError
        If the shapes differ, or targets that are not logarithms are negative; the message names the
        first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, kl_div, log_softmax
    >>> logits = Tensor([[0.0, 0.0]])
    >>> round(kl_div(log_softmax(logits), [[1.0, 0.0]], reduction="batchmean").item(), 4)
    0.6931
    """
    check_reduction("kl_div", reduction, ("batchmean",))
    log_probabilities, targets = as_pair("kl_div", log_probabilities, targets)
    values = values_of(targets)
    if reduction == "batchmean" and not values.ndim:
        raise ValueError("kl_div: 'batchmean' of a number; expected a batch of shape (N, ...)")
    if not log_target:
        check_probabilities("kl_div", targets, np.inf)
    zero = values == (-np.inf if log_target else 0)
    # 0 times an infinite logarithm would be nan, also in the backward pass.
    log_probabilities = where(zero, 0.0, log_probabilities)
    if log_target:
        targets = where(zero, 0.0, targets)
        terms = multiply(exp(targets), subtract(targets, log_probabilities))
    else:
        terms = subtract(xlogy(targets, targets), multiply(targets, log_probabilities))
    return reduced("kl_div", terms, reduction)


@primitive(
    lambda g, out, logits, targets: (sigmoid(logits) - targets) * divided(g, logits.size),
    lambda g, out, logits, targets: -logits * divided(g, logits.size),
    symbol="BCE",
    formula="mean(log(1 + exp(logits)) - targets * logits)",
    derivatives=("g / size(logits) * (sigmoid(logits) - targets)", "-g / size(logits) * logits"),
    averages=True,
    applies="sigmoid",
    mistakes=OF_BINARY_CROSS_ENTROPY,
    recognition=Recognition("elements"),
)
def _binary_cross_entropy_with_logits(logits: Any, targets: Any, /) -> Any:
    if logits.shape != targets.shape:
        raise ValueError(
            f"logits of shape {logits.shape} and targets of "
            f"shape {targets.shape}; they must be the same, use targets.reshape({logits.shape})"
        )
    if not logits.size:
        raise ValueError("no elements have no average loss")
    check_probabilities("binary_cross_entropy_with_logits", targets)
    dtype = np.result_type(logits, targets)
    logits = logits.astype(np.float32) if is_half(logits) else as_floating(logits)
    if targets.dtype.kind in "iub":
        targets = targets.astype(logits.dtype)  # or a float32 network would become float64
    # log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), whose exponential cannot overflow.
    positive = np.maximum(logits, 0)
    losses = positive - logits * targets + np.log1p(np.exp(np.minimum(logits, -logits)))
    loss = np.add.reduce(losses, axis=None) / logits.size
    return loss.astype(np.float16) if dtype.char == "e" else loss


@composed("logits", "targets", "weight", "pos_weight")
@partial(single, constants=("weight", "pos_weight"))
def binary_cross_entropy_with_logits(
    logits: Any,
    targets: Any,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> Any:
    """Average of ``-t log(p) - (1 - t) log(1 - p)`` with ``p = sigmoid(logits)``.

    Parameters
    ----------
    logits : array_like
        Any shape.
    targets : array_like
        Of the same shape; 0, 1, or a probability between.
    weight : array_like, optional
        The weight of each element, of a shape that broadcasts to that of the logits; 0 or more.
        The average divides by the number of elements, not by the sum of the weights. Gradients flow
        to a tensor.
    pos_weight : array_like, optional
        The weight of the first term, which counts for targets of 1; as for `weight`.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ, or a target is out of range; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, binary_cross_entropy_with_logits
    >>> logits = Tensor([0.0, 0.0], requires_grad=True)
    >>> loss = binary_cross_entropy_with_logits(logits, [0, 1])
    >>> loss.backward()
    >>> round(loss.item(), 4), logits.grad
    (0.6931, array([ 0.25, -0.25]))
    """
    if weight is None and pos_weight is None and reduction == "mean":
        return _binary_cross_entropy_with_logits(logits, targets)
    name = "binary_cross_entropy_with_logits"
    check_reduction(name, reduction)
    logits, targets = as_pair(name, logits, targets)
    check_probabilities("binary_cross_entropy_with_logits", targets)
    positive = multiply(targets, softplus(negative(logits)))
    if pos_weight is not None:
        positive = multiply(positive, _each_weight(name, "pos_weight", pos_weight, logits))
    losses = add(positive, multiply(subtract(1, targets), softplus(logits)))
    if weight is not None:
        losses = multiply(losses, _each_weight(name, "weight", weight, logits))
    return reduced(name, losses, reduction)


def _each_weight(name: str, what: str, weights: Any, logits: Any) -> Any:
    weights = as_operand(name, weights)
    weights = astype(weights, floating_dtype(logits))
    not_negative(name, what, values_of(weights))
    shape = shape_of(logits)
    try:
        fits = np.broadcast_shapes(shape_of(weights), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name}: {what} of shape {shape_of(weights)} does not broadcast to the predictions "
            f"of shape {shape}"
        )
    return weights


@composed("predictions", "targets")
@single
def poisson_nll_loss(
    predictions: Any,
    targets: Any,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Any:
    """Negative logarithm of the probability of counts, by Poisson's distribution.

    It is ``exp(predictions) - targets * predictions``, without a term that does not depend on the
    predictions.

    Parameters
    ----------
    predictions : array_like
        Logarithms of the expected counts.
    targets : array_like
        The counts, of the same shape.
    log_input : bool
        False if the predictions are the expected counts themselves, 0 or more.
    full : bool
        Whether to add Stirling's approximation of that term, ``log(targets!)``, where the count is
        greater than 1.
    eps : float
        Added to expected counts before their logarithm is taken.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, poisson_nll_loss
    >>> poisson_nll_loss(Tensor([0.0, 0.0]), [1.0, 3.0], reduction="none")
    Tensor([1., 1.])
    """
    name = "poisson_nll_loss"
    check_reduction(name, reduction)
    predictions, targets = as_pair(name, predictions, targets)
    if log_input:
        losses = subtract(exp(predictions), multiply(targets, predictions))
    else:
        losses = subtract(predictions, multiply(targets, log(add(predictions, eps))))
    if full:
        is_many = np.real(values_of(targets)) > 1
        many = where(is_many, targets, 1.0)
        scale = multiply(log(multiply(many, 2 * np.pi)), 0.5)
        stirling = add(subtract(multiply(many, log(many)), many), scale)
        losses = add(losses, where(is_many, stirling, 0.0))
    return reduced(name, losses, reduction)


@composed("predictions", "targets", "variances")
@single
def gaussian_nll_loss(
    predictions: Any,
    targets: Any,
    variances: Any,
    *,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """Negative logarithm of the density of targets, by normal distributions.

    It is ``(log(variances) + (predictions - targets)**2 / variances) / 2``.

    Parameters
    ----------
    predictions : array_like
        The expected values.
    targets : array_like
        What was observed, of the same shape.
    variances : array_like
        The variances, 0 or more; they broadcast to that shape.
    full : bool
        Whether to add the constant, ``log(2 * pi) / 2``.
    eps : float
        The smallest variance that is used.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ, or a variance is negative; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, gaussian_nll_loss
    >>> gaussian_nll_loss(Tensor([0.0, 3.0]), [0.0, 0.0], [1.0, 1.0], reduction="none")
    Tensor([0. , 4.5])
    """
    name = "gaussian_nll_loss"
    check_reduction(name, reduction)
    predictions, targets = as_pair(name, predictions, targets)
    variances = _each_weight(name, "variances", variances, predictions)
    # As in PyTorch, a variance that is too small is treated as a constant, and keeps its gradient.
    lift = np.maximum(eps - np.real(values_of(variances)), 0)
    variances = add(variances, lift)
    losses = add(log(variances), divide(square(subtract(predictions, targets)), variances))
    losses = multiply(losses, 0.5)
    return reduced(name, add(losses, float(0.5 * np.log(2 * np.pi))) if full else losses, reduction)
