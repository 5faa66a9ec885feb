"""Losses that compare samples with each other, up to a margin: pairs, triplets and ranks.

They train embeddings, in which similar samples are near each other. Losses of predictions against
targets are in `loss.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...metadata import composed
from ..arithmetic import add, multiply, negative, subtract
from ..choosing import minimum, where
from ..linear_algebra.distances import cosine_similarity, pairwise_distance
from ..plain import shape_of
from ..summing import single
from ..value_checks import check_signs
from .activation import relu, softplus
from .loss import _pair, _reduced, check_reduction

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
]


def _signs(name: str, targets: Any, shape: tuple[int, ...]) -> Any:
    """Check targets of -1 and 1, one for each pair; return which of them are 1."""
    targets = np.asarray(targets) if isinstance(targets, list | tuple | int | float) else targets
    if shape_of(targets) != shape:
        raise ValueError(
            f"{name}: targets of shape {shape_of(targets)} for {shape} pairs; expected one for each"
        )
    check_signs(name, targets)
    return np.greater(targets, 0)


def _alike(name: str, **samples: Any) -> None:
    """Check that all samples have one shape."""
    shapes = {key: shape_of(value) for key, value in samples.items()}
    if len({*shapes.values()}) > 1:
        listed = ", ".join(f"{key} of shape {shape}" for key, shape in shapes.items())
        raise ValueError(f"{name}: {listed}; they must be the same")


@composed("x", "y")
@single
def cosine_embedding_loss(
    x: Any, y: Any, targets: Any, *, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    """Loss of pairs of vectors that are to point in the same direction, or apart.

    It is 1 minus the cosine of the angle for a target of 1, and what the cosine exceeds the margin
    by for a target of -1.

    Parameters
    ----------
    x, y : array_like, shape (N, n) or (n,)
        The vectors of each pair.
    targets : array_like, shape (N,) or ()
        1 for pairs that belong together, -1 for the others; constants.
    margin : float
        The cosine up to which vectors are far enough apart, -1..1.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If shapes do not fit, or a target is another number; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cosine_embedding_loss
    >>> x = Tensor([[1.0, 0.0], [1.0, 0.0]])
    >>> cosine_embedding_loss(x, [[0.0, 2.0], [3.0, 0.0]], [1, -1], reduction="none")
    Tensor([1., 1.])
    """
    name = "cosine_embedding_loss"
    check_reduction(name, reduction)
    _alike(name, x=x, y=y)
    similarity = cosine_similarity(x, y, axis=-1)
    together = _signs(name, targets, shape_of(similarity))
    losses = where(together, subtract(1.0, similarity), relu(subtract(similarity, margin)))
    return _reduced(name, losses, reduction)


@composed("distances")
@single
def hinge_embedding_loss(
    distances: Any, targets: Any, *, margin: float = 1.0, reduction: str = "mean"
) -> Any:
    """Loss of distances between pairs that belong together, or are to be a margin apart.

    It is the distance itself for a target of 1, and what is missing to the margin for -1.

    Parameters
    ----------
    distances : array_like
        Any shape.
    targets : array_like
        Of the same shape; 1 for pairs that belong together, -1 for the others; constants.
    margin : float
        The distance from which on others are far enough apart.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ, or a target is another number; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hinge_embedding_loss
    >>> hinge_embedding_loss(Tensor([0.5, 0.25, 3.0]), [1, -1, -1], reduction="none")
    Tensor([0.5 , 0.75, 0.  ])
    """
    name = "hinge_embedding_loss"
    check_reduction(name, reduction)
    together = _signs(name, targets, shape_of(distances))
    losses = where(together, distances, relu(subtract(margin, distances)))
    return _reduced(name, losses, reduction)


@composed("x", "y")
@single
def margin_ranking_loss(
    x: Any, y: Any, targets: Any, *, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    """Loss of pairs of scores of which one is to be larger than the other, by a margin.

    It is ``max(0, margin - target * (x - y))``.

    Parameters
    ----------
    x, y : array_like
        The scores, of one shape.
    targets : array_like
        Of the same shape; 1 where `x` is to be larger, -1 where `y` is; constants.
    margin : float
        By how much.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ, or a target is another number; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, margin_ranking_loss
    >>> margin_ranking_loss(Tensor([1.0, 1.0]), [3.0, 3.0], [1, -1], reduction="none")
    Tensor([2., 0.])
    """
    name = "margin_ranking_loss"
    check_reduction(name, reduction)
    _alike(name, x=x, y=y)
    difference = subtract(x, y)
    signed = where(_signs(name, targets, shape_of(x)), difference, negative(difference))
    return _reduced(name, relu(subtract(margin, signed)), reduction)


@composed("logits", "targets")
@single
def soft_margin_loss(logits: Any, targets: Any, *, reduction: str = "mean") -> Any:
    """Smooth variant of `hinge_loss`: ``log(1 + exp(-targets * logits))``, without overflow.

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
    >>> from tinygrad_edu import Tensor, soft_margin_loss
    >>> soft_margin_loss(Tensor([0.0, -2.0]), [1, 1], reduction="none").data.round(4)
    array([0.6931, 2.1269])
    """
    name = "soft_margin_loss"
    check_reduction(name, reduction)
    logits, targets = _pair(name, logits, targets)
    check_signs(name, targets)
    return _reduced(name, softplus(negative(multiply(targets, logits))), reduction)


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
    """Loss of triplets in which an anchor is to be nearer to one sample than to another.

    It is ``max(0, margin + distance(anchor, positive) - distance(anchor, negative))``.

    Parameters
    ----------
    anchor, positive, negative : array_like, shape (N, n) or (n,)
        The vectors: a sample, one that is like it, and one that is not.
    margin : float
        By how much it is to be nearer.
    p : float
        The kind of norm of the distance; see `linalg.norm`.
    eps : float
        Added to the differences, as in PyTorch.
    swap : bool
        Whether to use the distance of the other two instead, where it is smaller; Balntas et al.,
        "Learning Shallow Convolutional Feature Descriptors with Triplet Losses", 2016.
    reduction : {"mean", "sum", "none"}
        Return the average, the sum, or the losses one by one.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, triplet_margin_loss
    >>> anchor = Tensor([[0.0, 0.0]])
    >>> triplet_margin_loss(anchor, [[0.0, 3.0]], [[3.5, 0.0]], eps=0.0)
    Tensor(0.5)
    """
    name = "triplet_margin_loss"
    check_reduction(name, reduction)
    _alike(name, anchor=anchor, positive=positive, negative=negative)
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return _reduced(name, relu(add(subtract(near, far), margin)), reduction)
