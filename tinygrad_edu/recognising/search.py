"""Lists the functions that are recognised in a graph; the parts of the search are next to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..tensor import Tensor
from .ancestry import Ancestry
from .attention import attention
from .axes import along_an_axis
from .elementwise import elementwise
from .functions import known
from .losses import losses
from .masks import masks

__all__ = ["Recognised", "recognised"]


@dataclass(frozen=True, slots=True, eq=False)
class Recognised:
    """A tensor of a graph that is a known function of another one.

    Attributes
    ----------
    name : str
        The function, such as ``"softmax"``.
    source, result : Tensor
        `result` is the function of `source`.
    params : dict
        What else the function was given, such as ``axis``. For a loss: ``targets``, the constant
        that the source is compared with; ``count``, the number that the sum of the losses was
        divided by; ``of``, the activation that the source is a result of, empty for logits;
        and ``axis``, where the classes are, for a loss that has classes. For attention, whose
        source is the scores before they are scaled: ``scale``, ``weights`` and their ``axis``.
    """

    name: str
    source: Tensor
    result: Tensor
    params: Mapping[str, Any] = field(default_factory=dict)


def recognised(order: Sequence[Tensor]) -> list[Recognised]:
    """List the functions in a graph: activations, softmax, averages, losses, attention and more.

    Parameters
    ----------
    order : list of Tensor
        As `graph_order` returns it.

    Returns
    -------
    list of Recognised
        Newest results first, and for one result the nearest source first. All that fit are listed:
        the sigmoid inside of a swish, and softmax both of logits and of shifted logits. A function
        is not recognised if its numbers do not show it, such as a relu of positive numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.autodiff import graph_order
    >>> x = Tensor([[1.0, -2.0, 3.0]], requires_grad=True)
    >>> y = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    >>> [(one.name, one.source is x, one.params) for one in recognised(graph_order(y))]
    [('softmax', True, {'axis': 1})]
    """
    graph = Ancestry(order)
    with np.errstate(all="ignore"):
        functions = known()
        finders = (elementwise, along_an_axis, masks, losses)
        parts = [one for find in finders for one in find(graph, functions)]
        parts += attention(order, parts)
        found = _without_targets([Recognised(*one) for one in parts])
    places = {id(tensor): place for place, tensor in enumerate(order)}
    last, ranks = len(places), {one.name: rank for rank, one in enumerate(functions)}

    def rank(one: Recognised) -> tuple[int, ...]:
        # Large numbers alone do not tell relu from gelu: what was called comes first, and then the
        # functions in the order of their declarations, simple ones before others.
        node = one.result.node
        made = () if node is None else (node.primitive.name, *getattr(node, "called", ())[:1])
        place, source = places[id(one.result)], places.get(id(one.source), last)
        return place, source, one.name not in made, ranks.get(one.name, len(ranks))

    return sorted(found, key=rank)


def _without_targets(found: list[Recognised]) -> list[Recognised]:
    """Leave out masks that are the targets of a loss, where zeros are not dropped at random."""
    targets = [np.asarray(one.params["targets"]) for one in found if "targets" in one.params]

    def is_target(one: Recognised) -> bool:
        mask = one.params.get("mask")
        return mask is not None and any(
            array.size == mask.size
            and any(np.array_equal(mask.reshape(-1), array.reshape(-1) != no) for no in (0, 1))
            for array in targets
        )

    return [one for one in found if not is_target(one)]
