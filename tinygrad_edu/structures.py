"""Flattens nested tuples, lists and dictionaries of tensors, and rebuilds them with other values.

`functional.py` uses it for the arguments and results of functions. Named tuples and the order of
dictionaries are kept. It computes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .tensor import holds_tensor

__all__ = ["entries", "is_structure", "rebuilt"]


def is_structure(value: Any, lists: bool = True) -> bool:
    """Whether a value is a container; with ``lists=False`` a list of numbers is an array."""
    if isinstance(value, list):
        return lists or holds_tensor(value)
    return isinstance(value, tuple | dict)


def entries(structure: Any, lists: bool = True) -> list[Any]:
    """List the values in a structure, in order; for a single value, that value."""
    if not is_structure(structure, lists):
        return [structure]
    inside = structure.values() if isinstance(structure, dict) else structure
    return [entry for part in inside for entry in entries(part, lists)]


def rebuilt(structure: Any, values: Iterator[Any], lists: bool = True) -> Any:
    """Rebuild a structure with other values."""
    if not is_structure(structure, lists):
        return next(values)
    if isinstance(structure, dict):
        return {key: rebuilt(part, values, lists) for key, part in structure.items()}
    parts = [rebuilt(part, values, lists) for part in structure]
    if isinstance(structure, list):
        return parts
    return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
