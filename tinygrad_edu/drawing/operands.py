"""The texts at an operation: names of operands, metadata, and where it broadcast.

They come from the declaration of the operation, so a new operation needs no entry here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..primitive import Node, Primitive
from ..texts import clean, number_text

__all__ = [
    "declared",
    "derivative_texts",
    "operand_letter",
    "operand_name",
    "param_texts",
    "parameter_word",
    "summed_axes",
]


@functools.lru_cache(maxsize=1024)
def declared(primitive: Primitive) -> Mapping[str, inspect.Parameter]:
    """Return the parameters in the declaration of an operation; a large graph asks often."""
    return inspect.signature(primitive.forward).parameters


@functools.lru_cache(maxsize=1024)
def _positional(primitive: Primitive) -> list[inspect.Parameter]:
    parameters = declared(primitive).values()
    return [parameter for parameter in parameters if parameter.kind is parameter.POSITIONAL_ONLY]


def parameter_word(primitive: Primitive, position: int) -> str:
    """Return the name of an operand in the declaration, such as ``labels``; "" for a letter."""
    parameters = _positional(primitive)
    if position >= len(parameters) or len(parameters[position].name) == 1:
        return ""
    return parameters[position].name


def operand_letter(primitive: Primitive, position: int) -> str:
    """Return the name of an operand in the formula."""
    if primitive.each is not None:
        return ("x", "y")[position] if position < 2 else f"input {position + 1}"
    return _positional(primitive)[position].name


def operand_name(primitive: Primitive, position: int, count: int) -> str:
    """Name an operand if the order of operands changes the result; else return ""."""
    if count == 1 or primitive.commutes:
        return ""
    if position < len(primitive.operands):
        return primitive.operands[position]
    # A letter could be the name of another tensor.
    return parameter_word(primitive, position) or str(position + 1)


def derivative_texts(node: Node) -> tuple[str, ...]:
    """Return the rules of a call as text, one for each input; none if there can be many inputs."""
    made = node.primitive
    if made.each is not None:
        return ()
    is_stack = bool(made.stacked) and np.ndim(node.values[0]) > 2
    return made.stacked if is_stack else made.derivatives


def param_texts(node: Node) -> tuple[tuple[str, str], ...]:
    """Write the metadata of a call that is not default."""
    if not node.params:
        return ()
    known = declared(node.primitive)
    shown = []
    for name, value in node.params.items():
        default = known[name].default if name in known else inspect.Parameter.empty
        if value is default or (isinstance(value, bool | int | float) and value == default):
            continue
        shown.append((clean(name), clean(_param_text(value), limit=24)))
    return tuple(shown)


def _param_text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array {value.shape}"
    if isinstance(value, slice):
        parts = [value.start, value.stop] + ([] if value.step is None else [value.step])
        return ":".join("" if part is None else str(part) for part in parts)
    if isinstance(value, tuple | list):
        inner = ", ".join(map(_param_text, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if value is Ellipsis:
        return "..."
    if isinstance(value, bool | int | float | np.number):
        return number_text(value)
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if value is None or isinstance(value, str):
        return str(value)
    return type(value).__name__  # a repr could contain an address, which differs in each run


def summed_axes(node: Node, position: int, out_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Find the axes of the output along which an operand was repeated."""
    shape, made = node.inputs[position].shape, node.primitive
    is_added = made.matrix_product and position == 2
    if made.each is not None or not (made.broadcasts or is_added):
        return ()
    if made.broadcasts == "stacks" and not is_added:
        shape = shape[:-2]
        out_shape = np.broadcast_shapes(*(np.shape(value)[:-2] for value in node.inputs))
    added = len(out_shape) - len(shape)
    stretched = (
        axis + added
        for axis, (size, full) in enumerate(zip(shape, out_shape[added:], strict=True))
        if size != full
    )
    return (*range(added), *stretched)
