"""Which gradients depend on what a statement computes: those that change when its value does.

A statement on which no wrong gradient depends is not the mistake. One on which a right gradient
depends would make that one wrong if it computed something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from .running import Follower, Replacement, TooLong

__all__ = ["Influence"]

Gradients: TypeAlias = Mapping[str, Any]


class Influence:
    """Finds the gradients that depend on a statement, by running the code.

    Parameters
    ----------
    follower : Follower
    read : callable
        Turns what the function returns into gradients by name.
    changed : mapping of int to Replacement
        The corrections so far.
    result : object
        What the function returns with them.
    values : mapping of int to object
        What the statements compute, or the arrays that they write into.
    """

    def __init__(
        self,
        follower: Follower,
        read: Callable[[Any], Gradients],
        changed: Mapping[int, Replacement],
        result: Any,
        values: Mapping[int, Any],
    ) -> None:
        self.follower, self.read, self.changed = follower, read, dict(changed)
        self._before = read(result)
        self._values = dict(values)
        self._known: dict[int, frozenset[str] | None] = {}

    def of(self, number: int) -> frozenset[str] | None:
        """Return the gradients that depend on a statement; None if that is not known.

        It is not known of a whole number, of what is true or false, of an index, and of objects:
        they cannot be changed a little.
        """
        if number not in self._known:
            self._known[number] = self._measured(number)
        return self._known[number]

    def _measured(self, number: int) -> frozenset[str] | None:
        kinds = ("assign", "augment", "return", "call")
        is_one = self.follower.statements[number].kind in kinds
        if not is_one or not _is_real(self._values.get(number)):
            return None
        # What is only compared with something shows when its sign is turned.
        return self._changed(number, False) or self._changed(number, True)

    def _changed(self, number: int, turns: bool) -> frozenset[str] | None:
        try:
            after = self.read(self.follower.disturb(number, self.changed, turns))
        except (Exception, TooLong):
            return None
        return frozenset(name for name, one in after.items() if self._changes(name, one))

    def _changes(self, name: str, after: Any) -> bool:
        """Whether a gradient changes; where it is not finite, it always may."""
        before = self._before.get(name)
        return not _is_finite(before) or not _is_same(after, before)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, tuple | list) or isinstance(other, tuple | list):
        return False
    arrays = np.asarray(one), np.asarray(other)
    are_real = all(array.dtype.kind == "f" for array in arrays)
    return np.array_equal(*arrays, equal_nan=are_real)


def _is_real(value: Any) -> bool:
    """Whether all of a value are numbers that can be changed a little."""
    if isinstance(value, tuple | list):
        return bool(value) and all(map(_is_real, value))
    if isinstance(value, dict):
        return bool(value) and all(map(_is_real, value.values()))
    return np.asarray(value).dtype.kind == "f"


def _is_finite(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_finite, value))
    array = np.asarray(value)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
