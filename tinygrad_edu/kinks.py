"""Finds on which side of its kinks a computation is.

A difference across a kink does not measure a derivative, so whatever measures slopes checks this
first. Where an operation has kinks is part of its declaration.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from .autodiff import graph_order
from .primitive import Node
from .tensor import Tensor
from .tracing import node_of

__all__ = ["Sides", "crossed", "distances", "is_at_kink", "sides_of"]

Sides: TypeAlias = list[tuple[str, Any]]
"""The operations behind a tensor, each with the side of its kink and the choices of its call."""


def sides_of(output: Tensor) -> Sides:
    """List the operations behind a tensor, each with the side of its kink.

    Between two computations with the same sides there is no kink and no jump, and the order of
    elements does not change.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, relu
    >>> def at(x):
    ...     return sides_of(relu(Tensor(x, requires_grad=True)))
    >>> at(1.0) == at(2.0), at(1.0) == at(-1.0)
    (True, False)
    """
    nodes = map(node_of, graph_order(output))
    return [(node.primitive.name, (_sides(node), _choices(node))) for node in nodes]


def crossed(before: Sides, after: Sides) -> str:
    """Name the operation with a kink between two computations; empty if there is none."""
    if [name for name, _ in before] != [name for name, _ in after]:
        return "a condition in f"
    pairs = zip(before, after, strict=True)
    return next((one[0] for one, other in pairs if one != other), "")


def distances(node: Node) -> list[Any]:
    """Return the signed distances of a call from its kinks: 0 at a kink, one sign on each side."""
    kink = node.primitive.kink
    if kink is None:
        return []
    with np.errstate(all="ignore"):
        found = kink(*node.values, **node.params)
    return list(found) if isinstance(found, tuple) else [found]


def is_at_kink(node: Node) -> Any:
    """Return which elements of an elementwise call are at a kink."""
    return sum(np.equal(distance, 0) for distance in distances(node)) > 0


def _sides(node: Node) -> bytes:
    return b"".join(np.sign(distance).tobytes() for distance in distances(node))


def _choices(node: Node) -> Any:
    """Collect the integers and booleans among the arguments of a call.

    An index computed from data, as in `sort`, and labels select what is computed.
    """
    rules = node.primitive.rules_for(len(node.inputs))
    given = [value for value, rule in zip(node.values, rules, strict=True) if rule is None]
    return [_fixed(value) for value in (*node.params.values(), *given)]


def _fixed(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_fixed(part) for part in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tobytes() if value.dtype.kind in "iub" else None
    return value if isinstance(value, int | slice) else None
