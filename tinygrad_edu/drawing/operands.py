"""The texts at an operation: names of operands, metadata, and where it broadcast.

They come from the declaration of the operation, so a new operation needs no entry here. A table
replaces a few names of the declaration by better ones.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..primitive import Node, Primitive
from .text import clean, number_text

__all__ = [
    "declared",
    "operand_letter",
    "operand_name",
    "param_texts",
    "parameter_word",
    "summed_axes",
]

_COMMUTATIVE = {"add", "multiply", "maximum", "minimum"}
_OPERANDS = {"linear": ("input", "weight", "bias"), "where": ("if", "1", "2")}


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
    if count == 1 or primitive.name in _COMMUTATIVE:
        return ""
    if primitive.name in _OPERANDS:
        return _OPERANDS[primitive.name][position]
    # A letter could be the name of another tensor.
    return parameter_word(primitive, position) or str(position + 1)


def param_texts(node: Node) -> tuple[tuple[str, str], ...]:
    """Write the metadata of a call that are not defaults."""
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
    if isinstance(value, tuple):
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
    shape = node.inputs[position].shape
    name = node.primitive.name
    if name == "einsum":  # what it sums over are its own indices, and it stretches none
        return ()
    if name in ("matmul", "solve"):  # only the axes before the matrices are stretched
        shape = shape[:-2]
        out_shape = np.broadcast_shapes(*(np.shape(value)[:-2] for value in node.inputs))
    elif not (node.primitive.broadcasts or (name == "linear" and position == 2)):
        return ()
    added = len(out_shape) - len(shape)
    stretched = (
        axis + added
        for axis, (size, full) in enumerate(zip(shape, out_shape[added:], strict=True))
        if size != full
    )
    return (*range(added), *stretched)
