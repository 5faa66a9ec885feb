"""Where functions have kinks, and on which side of them a computation is.

A difference across a kink measures no derivative: what measures slopes asks here first. Where an
operation has its kinks is in its declaration.
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
"""The operations behind a number, each with the side of its kink and the choices of its call."""


def sides_of(output: Tensor) -> Sides:
    """List the operations behind a tensor, and on which side of its kink each is.

    Two computations with the same sides went the same way: between them there is no kink, no
    jump, and no other order of elements.

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
    """Name the operation whose kink lies between two computations; empty if there is none."""
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
    """Return where the elements of an elementwise call lie at a kink."""
    return sum(np.equal(distance, 0) for distance in distances(node)) > 0


def _sides(node: Node) -> bytes:
    return b"".join(np.sign(distance).tobytes() for distance in distances(node))


def _choices(node: Node) -> Any:
    """Collect the whole numbers and truth values that a call was given.

    An index that was computed from data, as `sort` does, or labels, choose what is computed.
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
