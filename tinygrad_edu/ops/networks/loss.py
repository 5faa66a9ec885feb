"""Losses of predictions against targets of the same shape.

Losses of classifiers start from logits, never from probabilities, which would have to be clipped.
Wrong inputs raise an error before anything is computed, and it names the first wrong element.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...arrays import as_floating, checked_array, floating_dtype, is_disguised, undisguised
from ...facts import Recognition
from ...leaving import values_of
from ...metadata import composed
from ...primitive import as_operands, primitive
from ...tensor import Tensor, holds_tensor
from ..arithmetic import add, divide, multiply, negative, square, subtract
from ..choosing import absolute, clip, where
from ..elementwise import astype, exp
from ..plain import shape_of
from ..reduction import mean, sum
from ..special import sigmoid, xlogy
from ..summing import divided, is_half, single
from ..value_checks import check_positive, check_signs, first_place, refuse
from .activation import relu, softplus
from .mistakes import OF_BINARY_CROSS_ENTROPY

__all__ = [
    "binary_cross_entropy_with_logits",
    "hinge_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
]

_OF_ELEMENTS = Recognition("elements")


# What losses have in common -------------------------------------------------------------------


def check_reduction(name: str, reduction: str, others: tuple[str, ...] = ()) -> None:
    """Raise an error if a word is not a way to reduce losses to one number."""
    known = ("mean", "sum", "none", *others)
    if reduction not in known:
        raise ValueError(f"{name}: reduction is {reduction!r}; expected one of {known}")


def constant_weights(name: str, what: str, weights: Any, like: Any) -> Any:
    """Convert weights to the precision of the array they weigh; no gradient flows to them."""
    if weights is None:
        return None
    array = checked_array(weights, None, True).astype(floating_dtype(like))
    wrong = ~(array >= 0)

    def error() -> ValueError:
        place = first_place(wrong)
        number = undisguised(array)[place]
        return ValueError(f"{name}: {what} is {number} at {place}; expected 0 or more")

    refuse(wrong, error)
    return array


def _reduced(name: str, losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    if 0 in shape_of(losses):
        raise ValueError(f"{name}: no elements have no average loss; reduction='sum' returns 0")
    if reduction == "mean":
        return mean(losses)
    return divide(sum(losses), len(losses))


def _pair(name: str, predictions: Any, targets: Any) -> tuple[Any, Any]:
    """Check that predictions and targets have one shape; nothing is broadcast.

    Whole numbers among the targets get the dtype of the predictions, or else a network of float32
    would become one of float64.
    """
    both = predictions, targets
    predictions, targets = as_operands(name, both, holds_tensor(both))[0]
    shapes = shape_of(predictions), shape_of(targets)
    if shapes[0] != shapes[1]:
        sizes = np.size(predictions), np.size(targets)
        hint = f", use targets.reshape({shapes[0]})" if sizes[0] == sizes[1] else ""
        raise ValueError(
            f"{name}: predictions of shape {shapes[0]} and targets of shape {shapes[1]}; they "
            f"must be the same{hint}"
        )
    if isinstance(targets, Tensor | np.ndarray) and targets.dtype.kind in "iub":
        targets = astype(targets, floating_dtype(predictions))
    if isinstance(predictions, Tensor | np.ndarray):
        predictions = as_floating(predictions)
    return predictions, targets


# Distances ------------------------------------------------------------------------------------


@composed("predictions", "targets", recognition=_OF_ELEMENTS)
@single
def mse_loss(predictions: Any, targets: Any, *, reduction: str = "mean") -> Any:
    """Squared difference of predictions and targets.

    Parameters
    ----------
    predictions, targets : array_like
        Of one shape; gradients flow to both.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, mse_loss
    >>> predictions = Tensor([1.0, 2.0], requires_grad=True)
    >>> loss = mse_loss(predictions, [1.0, 4.0])
    >>> loss.backward()
    >>> loss.item(), predictions.grad
    (2.0, array([ 0., -2.]))
    """
    check_reduction("mse_loss", reduction)
    predictions, targets = _pair("mse_loss", predictions, targets)
    return _reduced("mse_loss", square(subtract(predictions, targets)), reduction)


@composed("predictions", "targets", recognition=_OF_ELEMENTS)
@single
def l1_loss(predictions: Any, targets: Any, *, reduction: str = "mean") -> Any:
    """Absolute difference of predictions and targets; where it is 0, so is its derivative.

    Parameters
    ----------
    predictions, targets, reduction
        As for `mse_loss`.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, l1_loss
    >>> predictions = Tensor([1.0, 2.0], requires_grad=True)
    >>> loss = l1_loss(predictions, [1.0, 4.0])
    >>> loss.backward()
    >>> loss.item(), predictions.grad
    (1.0, array([ 0. , -0.5]))
    """
    check_reduction("l1_loss", reduction)
    predictions, targets = _pair("l1_loss", predictions, targets)
    return _reduced("l1_loss", absolute(subtract(predictions, targets)), reduction)


@composed("predictions", "targets", "delta")
@single
def huber_loss(predictions: Any, targets: Any, *, delta: Any = 1.0, reduction: str = "mean") -> Any:
    """Half the square of small differences, and a straight line for large ones.

    With ``d = predictions - targets`` it is ``d**2 / 2`` up to `delta` and
    ``delta * (abs(d) - delta / 2)`` beyond, where outliers do not pull harder the farther away they
    are. Huber, "Robust Estimation of a Location Parameter", 1964.

    Parameters
    ----------
    predictions, targets, reduction
        As for `mse_loss`.
    delta : number or tensor
        The difference from which on the loss is straight; gradients flow to a tensor.

    Raises
    ------
    ValueError
        If the shapes differ, or `delta` is not positive.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, huber_loss
    >>> huber_loss(Tensor([1.0, 10.0]), [0.0, 0.0], reduction="none")
    Tensor([0.5, 9.5])
    """
    check_reduction("huber_loss", reduction)
    check_positive("huber_loss", "delta", delta, "a positive number")
    predictions, targets = _pair("huber_loss", predictions, targets)
    difference = subtract(predictions, targets)
    near = clip(difference, -delta, delta)  # only this is squared, so nothing overflows
    losses = multiply(near, subtract(difference, divide(near, 2)))
    return _reduced("huber_loss", losses, reduction)


@composed("predictions", "targets", "beta")
@single
def smooth_l1_loss(
    predictions: Any, targets: Any, *, beta: Any = 1.0, reduction: str = "mean"
) -> Any:
    """`huber_loss` divided by the difference where it becomes straight: its slope there is 1.

    Parameters
    ----------
    predictions, targets, reduction
        As for `mse_loss`.
    beta : number or tensor
        The difference from which on the loss is straight; gradients flow to a tensor. 0 means
        `l1_loss`.

    Raises
    ------
    ValueError
        If the shapes differ, or `beta` is negative.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, smooth_l1_loss
    >>> smooth_l1_loss(Tensor([1.0, 10.0]), [0.0, 0.0], beta=2.0, reduction="none")
    Tensor([0.25, 9.  ])
    """
    if isinstance(beta, int | float) and not is_disguised(beta) and beta == 0:
        return l1_loss(predictions, targets, reduction=reduction)
    check_positive("smooth_l1_loss", "beta", beta, "a number >= 0")
    check_reduction("smooth_l1_loss", reduction)
    # Averaged at the end, because beta may differ from element to element.
    losses = huber_loss(predictions, targets, delta=beta, reduction="none")
    return _reduced("smooth_l1_loss", divide(losses, beta), reduction)


@composed("logits", "targets")
@single
def hinge_loss(logits: Any, targets: Any, *, reduction: str = "mean") -> Any:
    """Shortfall of ``targets * logits`` from 1, of a classifier into two classes.

    Parameters
    ----------
    logits : array_like
        Any shape.
    targets : array_like
        Of the same shape; -1 or 1.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ, or a target is another number; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hinge_loss
    >>> hinge_loss(Tensor([2.0, 0.5, -1.0]), [1, 1, 1], reduction="none")
    Tensor([0. , 0.5, 2. ])
    """
    check_reduction("hinge_loss", reduction)
    logits, targets = _pair("hinge_loss", logits, targets)
    check_signs("hinge_loss", targets)
    return _reduced("hinge_loss", relu(subtract(1, multiply(targets, logits))), reduction)


# Probabilities --------------------------------------------------------------------------------


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
    log_probabilities, targets = _pair("kl_div", log_probabilities, targets)
    values = values_of(targets)
    if reduction == "batchmean" and not values.ndim:
        raise ValueError("kl_div: 'batchmean' of a number; expected a batch of shape (N, ...)")
    if not log_target:
        _check_probabilities(values, np.inf)
    zero = values == (-np.inf if log_target else 0)
    # 0 times an infinite logarithm would be nan, also in the backward pass.
    log_probabilities = where(zero, 0.0, log_probabilities)
    if log_target:
        targets = where(zero, 0.0, targets)
        terms = multiply(exp(targets), subtract(targets, log_probabilities))
    else:
        terms = subtract(xlogy(targets, targets), multiply(targets, log_probabilities))
    return _reduced("kl_div", terms, reduction)


def _check_probabilities(targets: Any, most: float) -> None:
    real = np.real(targets)
    wrong = ~((real >= 0) & (real <= most))

    def error() -> ValueError:
        place = first_place(wrong)
        number = undisguised(targets)[place]
        return ValueError(f"target {number} at {place}; targets are probabilities, 0..1")

    refuse(wrong, error)


@primitive(
    lambda g, out, logits, targets: (sigmoid(logits) - targets) * divided(g, logits.size),
    lambda g, out, logits, targets: -logits * divided(g, logits.size),
    symbol="BCE",
    formula="mean(log(1 + exp(logits)) - targets * logits)",
    derivatives=("g / size(logits) * (sigmoid(logits) - targets)", "-g / size(logits) * logits"),
    averages=True,
    applies="sigmoid",
    mistakes=OF_BINARY_CROSS_ENTROPY,
    recognition=_OF_ELEMENTS,
)
def _binary_cross_entropy_with_logits(logits: Any, targets: Any, /) -> Any:
    if logits.shape != targets.shape:
        raise ValueError(
            f"logits of shape {logits.shape} and targets of "
            f"shape {targets.shape}; they must be the same, use targets.reshape({logits.shape})"
        )
    if not logits.size:
        raise ValueError("no elements have no average loss")
    _check_probabilities(targets, 1)
    dtype = np.result_type(logits, targets)
    logits = logits.astype(np.float32) if is_half(logits) else as_floating(logits)
    if targets.dtype.kind in "iub":
        targets = targets.astype(logits.dtype)  # or a float32 network would become float64
    # log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), whose exponential cannot overflow.
    positive = np.maximum(logits, 0)
    losses = positive - logits * targets + np.log1p(np.exp(np.minimum(logits, -logits)))
    loss = np.add.reduce(losses, axis=None) / logits.size
    return loss.astype(np.float16) if dtype.char == "e" else loss


@composed("logits", "targets", "pos_weight")
@partial(single, constants=("weight", "pos_weight"))
def binary_cross_entropy_with_logits(
    logits: Any,
    targets: Any,
    *,
    weight: ArrayLike | None = None,
    pos_weight: Any = None,
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
        The weight of each element, of a shape that broadcasts to that of the logits; constants, 0
        or more. The average divides by the number of elements, not by the sum of the weights.
    pos_weight : array_like, optional
        As `weight`, of the first term, for targets of 1; gradients flow to it.
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
    logits, targets = _pair(name, logits, targets)
    _check_probabilities(values_of(targets), 1)
    positive = multiply(targets, softplus(negative(logits)))
    if pos_weight is not None:
        positive = multiply(positive, _each_weight(name, "pos_weight", pos_weight, logits))
    losses = add(positive, multiply(subtract(1, targets), softplus(logits)))
    if weight is not None:
        losses = multiply(losses, _each_weight(name, "weight", weight, logits))
    return _reduced(name, losses, reduction)


def _each_weight(name: str, what: str, weights: Any, logits: Any) -> Any:
    array = constant_weights(name, what, values_of(weights), logits)
    shape = shape_of(logits)
    try:
        fits = np.broadcast_shapes(shape_of(array), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name}: {what} of shape {shape_of(array)} does not broadcast to the logits of shape "
            f"{shape}"
        )
    return astype(weights, array.dtype) if isinstance(weights, Tensor) else array
