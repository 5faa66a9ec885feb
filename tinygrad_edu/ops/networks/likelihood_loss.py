"""Negative log-likelihoods of numbers: of a normal distribution, and of counts.

Those of classes are in `classification.py` and `loss.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays import undisguised
from ...leaving import values_of
from ...metadata import composed
from ...primitive import as_operand
from ..arithmetic import add, divide, multiply, square, subtract
from ..choosing import clip, where
from ..elementwise import exp, log
from ..plain import shape_of
from ..shape import expand_dims
from ..special import xlogy
from ..summing import single
from ..value_checks import first_place, refuse
from .loss import _pair, _reduced, check_reduction

__all__ = ["gaussian_nll_loss", "poisson_nll_loss"]


def _check_not_negative(name: str, what: str, numbers: Any) -> None:
    values = values_of(numbers)
    wrong = ~(np.real(values) >= 0)

    def error() -> ValueError:
        place = first_place(wrong)
        number = undisguised(values)[place]
        return ValueError(f"{name}: {what} {number} at {place}; expected 0 or more")

    refuse(wrong, error)


@composed("predictions", "targets", "var")
@single
def gaussian_nll_loss(
    predictions: Any,
    targets: Any,
    var: Any,
    *,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """Negative log-likelihood of numbers, with a predicted mean and a predicted variance.

    It is ``(log(var) + (predictions - targets)**2 / var) / 2``: a network that is often wrong
    learns to predict a large variance. Nix and Weigend, 1994.

    Parameters
    ----------
    predictions, targets : array_like
        The predicted means and the numbers, of one shape.
    var : array_like
        The predicted variances, 0 or more: of the same shape, or without the last axis or with size
        1 there, or one number. Gradients flow to it, except where it is below `eps`.
    full : bool
        Whether to add the constant ``log(2 * pi) / 2``.
    eps : float
        The smallest variance that is used.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If shapes do not fit, or a variance is negative; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, gaussian_nll_loss
    >>> gaussian_nll_loss(Tensor([1.0, 2.0]), [1.0, 4.0], [1.0, 1.0], reduction="none")
    Tensor([0., 2.])
    """
    name = "gaussian_nll_loss"
    check_reduction(name, reduction)
    predictions, targets = _pair(name, predictions, targets)
    var = as_operand(name, var)
    shape, given = shape_of(predictions), shape_of(var)
    if shape and given == shape[:-1]:
        var = expand_dims(var, -1)
    elif given not in ((), shape, (*shape[:-1], 1)):
        raise ValueError(
            f"{name}: var of shape {given} for predictions of shape {shape}; expected the same, "
            "one variance for each row, or one number"
        )
    if not eps > 0:
        raise ValueError(f"{name}: eps is {eps}; expected a small positive number")
    _check_not_negative(name, "var", var)
    var = clip(var, eps)
    losses = add(log(var), divide(square(subtract(predictions, targets)), var))
    losses = multiply(losses, 0.5)
    if full:
        losses = add(losses, 0.5 * math.log(2 * math.pi))
    return _reduced(name, losses, reduction)


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
    """Negative log-likelihood of counts, with a predicted rate: ``rate - targets * log(rate)``.

    Parameters
    ----------
    predictions : array_like
        The logarithms of the rates; with ``log_input=False`` the rates themselves.
    targets : array_like
        The counts, of the same shape; 0 or more.
    log_input : bool
        Whether `predictions` are logarithms.
    full : bool
        Whether to add Stirling's approximation of ``log(targets!)`` for targets above 1.
    eps : float
        Added to the rates before the logarithm, with ``log_input=False``.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ, or a target is negative; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, poisson_nll_loss
    >>> poisson_nll_loss(Tensor([0.0, 0.0]), [0, 3], reduction="none")
    Tensor([1., 1.])
    """
    name = "poisson_nll_loss"
    check_reduction(name, reduction)
    predictions, targets = _pair(name, predictions, targets)
    _check_not_negative(name, "target", targets)
    if log_input:
        losses = subtract(exp(predictions), multiply(targets, predictions))
    else:
        losses = subtract(predictions, multiply(targets, log(add(predictions, eps))))
    if full:
        counted = np.greater(targets, 1)
        counts = where(counted, targets, 1.0)
        stirling = add(
            subtract(xlogy(counts, counts), counts), multiply(log(multiply(counts, 2 * np.pi)), 0.5)
        )
        losses = add(losses, where(counted, stirling, 0.0))
    return _reduced(name, losses, reduction)
