"""Flattens nested tuples, lists and dictionaries of tensors, and rebuilds them with other values.

`autodiff.py`, the derivatives of functions, and `vmap` use it for arguments and results. Named
tuples, subclasses of dict and the order of dictionaries are kept; None holds nothing. It computes
nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from .tensor import Tensor

__all__ = ["described", "entries", "is_structure", "labelled", "parts", "rebuilt"]


def is_structure(value: Any, lists: bool = True) -> bool:
    """Whether a value is a container, or None; with ``lists=False`` a list of numbers is an array.

    A list that contains a tensor, an array, a dictionary or None, at any depth, is a container.
    """
    if isinstance(value, list):
        return lists or _holds_more_than_numbers(value)
    return value is None or isinstance(value, tuple | dict)


def _holds_more_than_numbers(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_more_than_numbers, value))
    return value is None or isinstance(value, Tensor | np.ndarray | dict)


def parts(structure: Any) -> list[tuple[str, Any]]:
    """List what a container holds, each with the expression that selects it, such as ``['w']``."""
    if structure is None:
        return []
    if isinstance(structure, dict):
        return [(f"[{key!r}]", part) for key, part in structure.items()]
    fields = getattr(structure, "_fields", None)
    names = [f".{name}" for name in fields] if fields else map("[{}]".format, range(len(structure)))
    return list(zip(names, structure, strict=True))


def labelled(structure: Any, lists: bool = True, path: str = "") -> list[tuple[str, Any]]:
    """List the values in a structure, in order, each with its path; for a single value, that."""
    if not is_structure(structure, lists):
        return [(path, structure)]
    return [
        entry for name, part in parts(structure) for entry in labelled(part, lists, path + name)
    ]


def entries(structure: Any, lists: bool = True) -> list[Any]:
    """List the values in a structure, in order; for a single value, that value."""
    return [value for _, value in labelled(structure, lists)]


def rebuilt(structure: Any, values: Iterator[Any], lists: bool = True) -> Any:
    """Rebuild a structure with other values."""
    if not is_structure(structure, lists):
        return next(values)
    if structure is None:
        return None
    if isinstance(structure, dict):
        found = copy.copy(structure)  # of the same class, and in the same order
        for key, part in structure.items():
            found[key] = rebuilt(part, values, lists)
        return found
    inside = [rebuilt(part, values, lists) for part in structure]
    if isinstance(structure, list):
        return inside
    return type(structure)(*inside) if hasattr(structure, "_fields") else tuple(inside)


def described(value: Any) -> str:
    """Return the words for a value in a message about structures."""
    if isinstance(value, dict):
        return f"a dictionary with the keys {', '.join(map(repr, value)) or '(none)'}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'aeinou' else 'a'} {kind}"
