"""Holds the environment of a step before a call: the slots of arrays, and the values of settings.

A step uses more than its arguments: a network, an optimizer, a global number. While it is
recorded, tracers replace the arrays; and a replay is right only while the settings are unchanged.
What a step can reach is found in `search.py`, not here.
"""

from __future__ import annotations

import contextlib
import gc
import random
import types
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..hooks import hooked
from ..scope import OFF, get_scope

__all__ = ["GONE", "Environment", "Slot", "is_plain", "same", "unwrapped"]


class _Gone:
    pass


GONE: Any = _Gone()
"""The value of a slot that does not exist."""


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """A place for a value: an attribute, or an entry of a list or dictionary.

    Attributes
    ----------
    holder : object
    key : object
    is_attribute : bool
    path : str
        The expression for it in the user's code.
    """

    holder: Any
    key: Any
    is_attribute: bool
    path: str

    @property
    def identity(self) -> tuple[int, Any]:
        """A key that differs for different slots."""
        return id(self.read_from), self.key

    @property
    def read_from(self) -> Any:
        """The holder, without the view that `vars` of a class makes anew at each call."""
        return unwrapped(self.holder)

    def get(self) -> Any:
        """Return the current value, or `GONE`."""
        try:
            return getattr(self.holder, self.key) if self.is_attribute else self.holder[self.key]
        except (AttributeError, LookupError, ValueError):  # ValueError: an empty cell
            return GONE

    @property
    def setter(self) -> Callable[[Any, Any, Any], None]:
        """The C function that sets the slot, called with holder, key and value.

        It bypasses methods like `__setattr__` of the user's class: the recorded call ran them, so
        their effects are part of the program.
        """
        if isinstance(self.holder, type):
            return type.__setattr__
        if self.is_attribute:
            is_usual = vars(object)["__setattr__"] is type(self.holder).__setattr__
            return setattr if is_usual else object.__setattr__
        kinds = (kind for kind in (dict, list, deque) if isinstance(self.holder, kind))
        return next(kinds).__setitem__

    def put(self, value: Any) -> None:
        """Set the value."""
        self.setter(self.holder, self.key, value)


class Environment:
    """The slots that a step can reach, in the order of the search.

    Attributes
    ----------
    arrays : list of Slot
        The slots of arrays, which the step may read and replace.
    settings : list of (Slot, object)
        All other slots, with their values.
    lengths : list of (container, int)
        The lengths of containers, and the numbers of attributes of objects.
    orders : list of (dict or set, object)
        The keys of dictionaries, in order; the contents of sets.
    wholes : list of (dict, dict)
        Namespaces in which the step can look up any name, and copies of them.
    absent : list of (dict, frozenset of str)
        Namespaces, and missing names that the step would use if they existed.
    generators : list of (str, object)
        Sources of random numbers.
    modes : tuple of (bool, int)
        Whether recording of graphs is off, and how many tensors have hooks.
    """

    def __init__(self) -> None:
        self.arrays: list[Slot] = []
        self.settings: list[tuple[Slot, Any]] = []
        self.lengths: list[tuple[Any, int]] = []
        self.orders: list[tuple[Any, Any]] = []
        self.wholes: list[tuple[Any, dict[str, Any]]] = []
        self.absent: list[tuple[Any, frozenset[str]]] = []
        self.generators: list[tuple[str, Any]] = [("random", random), ("np.random", np.random)]
        self.modes = (get_scope() is OFF, len(hooked))
        self._states: list[tuple[str, Any]] = []

    def note_random_states(self) -> None:
        """Store the states of the random generators, for `drawn`."""
        self._states = self._random_states()

    def changed(self) -> tuple[list[tuple[Slot, Any]], list[str]]:
        """Return the changed settings with their old values, and the names of other changes."""
        found = [(slot, old) for slot, old in self.settings if not same(slot.get(), old)]
        others = [f"the length of a {type(x).__name__}" for x, n in self.lengths if len(x) != n]
        others += [name for x, names in self.absent for name in names & x.keys()]
        return found, others

    def drawn(self, recorded: Collection[Any] = ()) -> list[str]:
        """Return the names of the random generators that were used since, without recorded ones."""
        pairs = zip(self._states, self._random_states(), strict=True)
        known = {id(generator) for generator in recorded}
        names = [
            (path, generator)
            for (path, generator), (one, other) in zip(self.generators, pairs, strict=True)
            if one != other and id(generator) not in known
        ]
        return [f"the random numbers of {path}" for path, _ in names]

    @property
    def key(self) -> tuple[Any, ...]:
        """A key that is equal for two calls with the same slots and settings.

        It contains ids of objects, so it is valid only while this environment keeps them alive.
        """
        return (
            self.modes,
            tuple([slot.identity for slot in self.arrays]),
            tuple(
                [
                    (*slot.identity, *((type(v), repr(v)) if is_plain(v) else (id(v),)))
                    for slot, v in self.settings
                ]
            ),
            tuple([(id(unwrapped(x)), n) for x, n in self.lengths]),
            tuple([(id(x), names) for x, names in self.absent]),
            tuple([(id(unwrapped(x)), *map(id, keys)) for x, keys in self.orders]),
        )

    def restore(self) -> None:
        """Restore the settings."""
        for container, length in self.lengths:
            if isinstance(container, list | deque):
                while len(container) > length:
                    container.pop()
        for container, keys in self.orders:
            if isinstance(container, dict):
                for key in container.keys() - set(keys):
                    del container[key]
        for slot, old in self.settings:
            if old is not GONE and slot.get() is not old:
                # A method, for example, is found in a read-only view of its class.
                with contextlib.suppress(AttributeError, TypeError, StopIteration):
                    slot.put(old)

    def _random_states(self) -> list[tuple[str, Any]]:
        found = []
        for path, generator in self.generators:
            if isinstance(generator, np.random.Generator):
                state: Any = repr(generator.bit_generator.state)
            elif isinstance(generator, np.random.RandomState) or generator is np.random:
                legacy: Any = generator.get_state()
                state = (legacy[0], legacy[1].tobytes(), *legacy[2:])
            else:
                state = generator.getstate()
            found.append((path, state))
        return found


def unwrapped(holder: Any) -> Any:
    """Return the dictionary behind a read-only view, and any other holder unchanged."""
    is_view = isinstance(holder, types.MappingProxyType)
    return gc.get_referents(holder)[0] if is_view else holder


def is_plain(value: Any) -> bool:
    """Whether a value is a number, a string or None, which never change."""
    return value is None or isinstance(value, int | float | str)


def same(value: Any, old: Any) -> bool:
    """Whether a setting is unchanged; numbers and strings are compared by value."""
    if value is old:
        return True
    is_alike = type(value) is type(old) and isinstance(old, int | float | str)
    return is_alike and repr(value) == repr(old)  # -0.0 differs from 0.0
