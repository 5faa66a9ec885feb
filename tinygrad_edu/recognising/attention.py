"""Recognises attention: values weighted by the softmax of scaled scores, in any spelling.

The weights are known by their numbers, which add up to 1. The scores are the product of two
tensors from which they come by a scale and a mask; the result is a product of the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..tensor import Tensor
from .ancestry import close, tolerance_of
from .functions import Found

__all__ = ["attention"]

_MOST_BACK = 8  # operations between scores and weights: a scale, a mask, the largest subtracted
_MOST_LAYOUTS = 4  # of weights that are turned before they are used


def attention(order: Sequence[Tensor], found: Sequence[Found]) -> Iterator[Found]:
    """Find attention.

    Parameters
    ----------
    order : sequence of Tensor
    found : sequence of (name, source, result, params)
        What was recognised before, with the weights among it.
    """
    known: set[tuple[int, int]] = set()
    for _, source, weights, params in found:
        axis = params.get("axis")
        if not isinstance(axis, int) or not _are_weights(weights, axis):
            continue
        scores, result = _scores_of(source), _product_of(order, weights)
        if scores is None or result is None or (id(scores), id(result)) in known:
            continue
        scale = _scale(source, scores)
        if scale:
            known.add((id(scores), id(result)))
            more = {"axis": axis, "scale": scale, "weights": weights}
            yield "attention", scores, result, more


def _are_weights(tensor: Tensor, axis: int) -> bool:
    data = tensor._data
    if data.ndim < 2 or not -data.ndim <= axis < data.ndim:  # a mean has lost its axis
        return False
    if data.shape[axis] < 2 or not data.min() >= 0:
        return False
    return close(data.sum(axis=axis), np.ones(1), 10 * tolerance_of(tensor))


def _tensors(tensor: Tensor) -> list[Tensor]:
    """List the inputs of a tensor that need gradients."""
    node = tensor.node
    inputs = node.inputs if node is not None else ()
    return [one for one in inputs if isinstance(one, Tensor) and one.requires_grad]


def _is_product(tensor: Tensor) -> bool:
    """Whether a tensor is computed from two tensors, not element by element."""
    node = tensor.node
    return node is not None and not node.primitive.elementwise and len(_tensors(tensor)) == 2


def _scores_of(source: Tensor) -> Tensor | None:
    """Go back from the argument of a softmax to the product of two tensors."""
    now = source
    for _ in range(_MOST_BACK):
        if _is_product(now):
            return now
        before = [one for one in _tensors(now) if one.size == source.size]
        if len(before) != 1:
            return None
        (now,) = before
    return None


def _product_of(order: Sequence[Tensor], weights: Tensor) -> Tensor | None:
    """Go on from weights to the product that they are used in, also if they are turned first."""
    now = {id(weights)}
    for _ in range(_MOST_LAYOUTS):
        users = [one for one in order if any(id(part) in now for part in _tensors(one))]
        products = [one for one in users if _is_product(one)]
        if products:
            return products[-1]
        now = {id(one) for one in users if one.size == weights.size and len(_tensors(one)) == 1}
    return None


def _scale(source: Tensor, scores: Tensor) -> float:
    """Return the factor of the scores that most elements have; 0 if they have none."""
    if source.size != scores.size:
        return 0.0
    with np.errstate(all="ignore"):
        ratios = (source._data.reshape(scores.shape) / scores._data).reshape(-1)
    ratios = ratios[np.isfinite(ratios)]
    if not ratios.size:
        return 0.0
    scale = float(np.median(ratios))
    agree = np.abs(ratios - scale) <= 1e3 * tolerance_of(scores) * abs(scale)
    return scale if agree.sum() * 2 > scores.size else 0.0
