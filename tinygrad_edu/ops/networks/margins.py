"""Losses that ask for a margin between scores, distances or similarities; beyond it they are 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import floating_dtype
from ...leaving import values_of
from ...metadata import composed
from ..arithmetic import add, multiply, negative, subtract
from ..choosing import minimum, where
from ..distances import cosine_similarity, pairwise_distance
from ..examining import examination, first
from ..plain import shape_of
from ..summing import single
from .activation import relu
from .loss import as_pair, check_reduction, reduced

__all__ = [
    "cosine_embedding_loss",
    "hinge_loss",
    "margin_ranking_loss",
    "triplet_margin_loss",
]


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


def _signs_like(name: str, targets: Any, scores: Any) -> Any:
    """Check targets of -1 or 1, of the shape of the scores; return them in their dtype."""
    values = values_of(targets)
    if values.shape not in ((), shape_of(scores)):
        raise ValueError(
            f"{name}: targets of shape {values.shape}; expected {shape_of(scores)}, one for each "
            "pair"
        )
    check_signs(name, values)
    return values.astype(floating_dtype(scores))


@composed("x", "y")
@single
def margin_ranking_loss(
    x: Any, y: Any, targets: Any, *, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    """Shortfall of the lead of one score over another: ``max(0, -targets * (x - y) + margin)``.

    Parameters
    ----------
    x, y : array_like
        Scores, of one shape.
    targets : array_like
        1 where `x` should be larger, -1 where `y` should be.
    margin : float
        The lead that is enough.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ, or a target is another number; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, margin_ranking_loss
    >>> margin_ranking_loss(Tensor([3.0, 1.0]), [1.0, 2.0], [1, 1], reduction="none")
    Tensor([0., 1.])
    """
    name = "margin_ranking_loss"
    check_reduction(name, reduction)
    x, y = as_pair(name, x, y)
    lead = subtract(x, y)
    signs = _signs_like(name, targets, lead)
    return reduced(name, relu(add(multiply(negative(signs), lead), margin)), reduction)


@composed("x", "y")
@single
def cosine_embedding_loss(
    x: Any, y: Any, targets: Any, *, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    """One minus the cosine of similar vectors; of others, what the cosine exceeds a margin by.

    Parameters
    ----------
    x, y : array_like, shape (N, features)
        The vectors, in pairs.
    targets : array_like, shape (N,)
        1 for pairs that should be similar, -1 for others.
    margin : float
        The cosine from which on two vectors count as different.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ, or a target is another number; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cosine_embedding_loss
    >>> x = Tensor([[1.0, 0.0], [1.0, 0.0]])
    >>> cosine_embedding_loss(x, [[0.0, 1.0], [1.0, 0.0]], [1, -1], reduction="none")
    Tensor([1., 1.])
    """
    name = "cosine_embedding_loss"
    check_reduction(name, reduction)
    x, y = as_pair(name, x, y)
    cosine = cosine_similarity(x, y, axis=-1)
    signs = _signs_like(name, targets, cosine)
    losses = where(signs > 0, subtract(1, cosine), relu(subtract(cosine, margin)))
    return reduced(name, losses, reduction)


@composed("anchor", "positive", "negative")
@single
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """How much nearer than a margin the negative example is to the anchor, against the positive.

    It is ``max(0, distance(anchor, positive) - distance(anchor, negative) + margin)``.

    Parameters
    ----------
    anchor, positive, negative : array_like, shape (..., features)
        An example, one of its kind, and one of another kind; of one shape.
    margin : float
        The difference of the distances that is enough.
    p, eps : float
        As for `pairwise_distance`.
    swap : bool
        Whether to measure the negative example from the positive one where that is nearer.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, triplet_margin_loss
    >>> anchor, near, far = Tensor([[0.0, 0.0]]), [[0.0, 1.0]], [[1.5, 0.0]]
    >>> round(triplet_margin_loss(anchor, near, far).item(), 4)
    0.5
    """
    name = "triplet_margin_loss"
    check_reduction(name, reduction)
    near = pairwise_distance(*as_pair(name, anchor, positive), p, eps)
    far = pairwise_distance(*as_pair(name, anchor, negative), p, eps)
    if swap:
        far = minimum(far, pairwise_distance(*as_pair(name, positive, negative), p, eps))
    return reduced(name, relu(add(subtract(near, far), margin)), reduction)
