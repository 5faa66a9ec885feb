"""Where in a computation something is: its index, operand, module, and the numbers there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..drawing.module_tree import ModuleTree
from ..drawing.operands import operand_letter
from ..primitive import Node, Primitive
from ..tensor import Tensor
from ..texts import clean, number_text

__all__ = ["first_bad", "module_of", "number_at", "numbers_there", "operand_label"]


def first_bad(values: Any, allow_inf: bool) -> tuple[int, ...] | None:
    """Find the first number that is not finite, in memory order; None if all are finite.

    Examples
    --------
    >>> first_bad(np.array([[1.0, np.inf], [np.nan, 1.0]]), False)
    (0, 1)
    >>> first_bad(np.array([[1.0, np.inf], [np.nan, 1.0]]), True)
    (1, 0)
    """
    array = np.asarray(values)
    bad = np.isnan(array) if allow_inf else ~np.isfinite(array)
    if not bad.any():
        return None
    return tuple(int(i) for i in np.unravel_index(int(bad.argmax()), array.shape))


def operand_label(node: Node, position: int) -> str:
    """Name an operand: the path of a parameter, its own name, or its letter in the formula."""
    value = node.inputs[position]
    name = None
    if isinstance(value, Tensor):
        if value.node is None and value._requires_grad and node.module_call is not None:
            name = ModuleTree([node], {}).parameter_name(value, node.module_call)
        name = name or value.name
    return clean(name) if name else operand_letter(node.primitive, position)


def module_of(node: Node) -> str:
    """Name the module that made a call: by its path, or by its class if it is the outermost."""
    if node.module_call is None:
        return ""
    innermost = ModuleTree([node], {}).calls[-1]
    return innermost.path or innermost.kind.partition("(")[0]


def number_at(value: Any, index: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """Return the number of an operand that went into the result at an index."""
    return np.broadcast_to(np.asarray(value), shape)[index]


def numbers_there(
    primitive: Primitive,
    values: Sequence[Any],
    index: tuple[int, ...] | None,
    shape: tuple[int, ...],
) -> list[tuple[int, str]]:
    """Write the numbers that an operation used at an index, or their range if it used many."""
    found = []
    for position, value in enumerate(values):
        array = np.asarray(value)
        if primitive.elementwise and index is not None:
            found.append((position, number_text(number_at(array, index, shape))))
        elif array.size == 1:
            found.append((position, number_text(array.reshape(-1)[0])))
        elif array.dtype.kind == "f" and (finite := array[np.isfinite(array)]).size:
            low, high = number_text(finite.min()), number_text(finite.max())
            others = array.size - finite.size
            more = f" and {others} not finite" if others else ""
            found.append((position, f"{low} … {high}{more}"))
    return found
