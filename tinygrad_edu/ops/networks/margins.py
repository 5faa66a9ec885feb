"""Losses that ask for a margin between scores, distances or similarities; beyond it they are 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...leaving import values_of
from ...metadata import composed
from ..arithmetic import multiply, subtract
from ..examining import examination, first
from ..summing import single
from .activation import relu
from .loss import as_pair, check_reduction, reduced

__all__ = ["hinge_loss"]


@examination
def _signs(values: Any, *, name: str) -> Any:
    wrong = ~np.isin(np.real(values), (-1, 1))
    if wrong.any():
        place = first(wrong)
        raise ValueError(
            f"{name}: target {values[place]} at {place}; targets are -1 or 1, "
            "use 2 * targets - 1 for 0 and 1"
        )
    return values


def check_signs(name: str, targets: Any) -> None:
    """Check that each target is -1 or 1."""
    _signs(values_of(targets), name=name)


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
    logits, targets = as_pair("hinge_loss", logits, targets)
    check_signs("hinge_loss", targets)
    return reduced("hinge_loss", relu(subtract(1, multiply(targets, logits))), reduction)
