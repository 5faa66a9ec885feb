"""Losses by the distance of predictions from targets, and what all losses have in common.

Predictions and targets have one shape: nothing is broadcast. Wrong inputs raise an error before
anything is computed, and it names the first wrong element.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import as_floating, checked_array, floating_dtype, is_disguised
from ...facts import Recognition
from ...leaving import values_of
from ...metadata import composed
from ...primitive import as_operands
from ...tensor import Tensor, holds_tensor
from ..arithmetic import divide, multiply, square, subtract
from ..choosing import absolute, clip
from ..elementwise import astype
from ..examining import within
from ..plain import shape_of
from ..reduction import mean, sum
from ..summing import single

__all__ = [
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
]

_OF_ELEMENTS = Recognition("elements")

_TINY = float(np.nextafter(0, 1))


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
    return not_negative(name, what, array)


def not_negative(name: str, what: str, array: Any) -> Any:
    """Check that no number of an array is below 0."""
    message = f"{name}: {what} is {{value}} at {{place}}; expected 0 or more"
    return within(array, lowest=0, message=message)


def check_positive(name: str, what: str, value: Any, expected: str = "a positive number") -> None:
    """Check a number, an array or a tensor by which a loss is scaled."""
    message = f"{name}: {what} is {{value}}; expected {expected}"
    within(values_of(value), lowest=_TINY, message=message)


def reduced(name: str, losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    if 0 in shape_of(losses):
        raise ValueError(f"{name}: no elements have no average loss; reduction='sum' returns 0")
    if reduction == "mean":
        return mean(losses)
    return divide(sum(losses), len(losses))


def as_pair(name: str, predictions: Any, targets: Any) -> tuple[Any, Any]:
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
    predictions, targets = as_pair("mse_loss", predictions, targets)
    return reduced("mse_loss", square(subtract(predictions, targets)), reduction)


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
    predictions, targets = as_pair("l1_loss", predictions, targets)
    return reduced("l1_loss", absolute(subtract(predictions, targets)), reduction)


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
    check_positive("huber_loss", "delta", delta)
    predictions, targets = as_pair("huber_loss", predictions, targets)
    difference = subtract(predictions, targets)
    near = clip(difference, -delta, delta)  # only this is squared, so nothing overflows
    losses = multiply(near, subtract(difference, divide(near, 2)))
    return reduced("huber_loss", losses, reduction)


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
    return reduced("smooth_l1_loss", divide(losses, beta), reduction)
