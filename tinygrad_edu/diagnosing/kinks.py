"""Where functions have kinks, and on which side of them a computation is.

A derivative across a kink is no derivative: what measures slopes asks here first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..autodiff import graph_order
from ..tensor import Tensor
from ..tracing import node_of

__all__ = ["Sides", "sides_of"]

Sides: TypeAlias = list[tuple[str, bytes]]
"""The operations behind a number, each with the side of its kink where it has one."""


def _extreme(x: NDArray[Any], params: dict[str, Any]) -> NDArray[Any]:
    return np.asarray(x == x.max(axis=params.get("axis"), keepdims=True))


# Element by element; 0 is a side of its own.
_SIDES: dict[str, Callable[..., Any]] = {
    "relu": lambda params, x: np.sign(x),
    "absolute": lambda params, x: np.sign(x),
    "sign": lambda params, x: np.sign(x),
    "maximum": lambda params, x, y: np.sign(np.subtract(x, y)),
    "minimum": lambda params, x, y: np.sign(np.subtract(x, y)),
    "max": lambda params, x: _extreme(x, params),
    "min": lambda params, x: _extreme(-x, params),
    "clip": lambda params, x, *ends: [
        np.sign(x - end) for end in (params.get("min"), params.get("max")) if end is not None
    ],
    "where": lambda params, condition, x, y: np.not_equal(condition, 0),
}


def sides_of(output: Tensor) -> Sides:
    """List the operations behind a tensor, and on which side of its kink each is.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, relu
    >>> def at(x):
    ...     return sides_of(relu(Tensor(x, requires_grad=True)))
    >>> at(1.0) == at(2.0), at(1.0) == at(-1.0)
    (True, False)
    """
    sides = []
    for tensor in graph_order(output):
        node = node_of(tensor)
        name = node.primitive.name
        side = _SIDES[name](node.params, *node.values) if name in _SIDES else ()
        sides.append((name, np.asarray(side).tobytes()))
    return sides
