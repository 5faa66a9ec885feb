"""What a step can reach beside its arguments: tensors, arrays, settings, and where they are kept.

A step uses more than it is given: a network, an optimiser, a global number. While it is recorded,
stand-ins take the places of the arrays; and a replay is right only as long as the settings are
what they were. Functions, objects, lists and dictionaries are searched, library code is not.
"""

from __future__ import annotations

import functools
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..hooks import hooked
from ..primitive import OFF, get_scope
from ..stand_in import StandIn
from ..tensor import Tensor

__all__ = ["Place", "Surroundings", "random_states"]

_MOST_PLACES = 10_000
_LIBRARIES = {"numpy", "pandas", "matplotlib", "tinygrad_edu", "nn"} | set(sys.stdlib_module_names)
# Objects of these are searched, although their classes are library code.
_SEARCHED = {"tinygrad_edu", "nn"}
_NAMESPACES = {"SimpleNamespace", "Namespace"}


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where something is kept: an attribute, or an entry of a list or dictionary.

    Attributes
    ----------
    holder : object
    key : object
    is_attribute : bool
    path : str
        How a person would write it.
    """

    holder: Any
    key: Any
    is_attribute: bool
    path: str

    def get(self) -> Any:
        """Look what is there; None if it is gone."""
        try:
            return getattr(self.holder, self.key) if self.is_attribute else self.holder[self.key]
        except (AttributeError, LookupError, ValueError):  # ValueError: an empty cell
            return None

    def put(self, value: Any) -> None:
        """Put something there."""
        if self.is_attribute:
            setattr(self.holder, self.key, value)
        else:
            self.holder[self.key] = value


class Surroundings:
    """The places that a function can reach, in the order in which they are found.

    Attributes
    ----------
    arrays : list of Place
        Where an array is kept that the step may read and replace.
    settings : list of (Place, object)
        Where anything else is kept, and what it was.
    lengths : list of (container, int)
        Lists, dictionaries and sets, and how long they were.
    constants : set of int
        The ids of arrays in tuples, which cannot be replaced there.
    """

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        self.arrays: list[Place] = []
        self.settings: list[tuple[Place, Any]] = []
        self.lengths: list[tuple[Any, int]] = []
        self.constants: set[int] = set()
        self._seen: dict[int, Any] = {}
        self._root = function
        self._waiting: deque[tuple[Any, str]] = deque([(function, "")])
        self._waiting.extend((value, name) for name, value in arguments.items())
        while self._waiting:
            self._search(*self._waiting.popleft())
            if len(self.settings) > _MOST_PLACES:
                raise CaptureError(
                    f"the step can reach more than {_MOST_PLACES:,} things, too many to watch; "
                    "define it where it sees only what it needs"
                )
        self.modes = self._modes()

    def _modes(self) -> tuple[bool, int]:
        """Whether recording is off, and how many tensors have hooks."""
        return get_scope() is OFF, len(hooked)

    def changed(self) -> list[str]:
        """Name the settings that are not what they were."""
        found = [place.path for place, old in self.settings if not same(place.get(), old)]
        found += [f"the length of a {type(x).__name__}" for x, n in self.lengths if len(x) != n]
        return found

    def is_like(self, other: Surroundings) -> bool:
        """Whether the settings were the same."""
        values = [[value for _, value in s.settings] for s in (self, other)]
        return len(values[0]) == len(values[1]) and all(map(same, *values))

    def _keep(self, place: Place, value: Any = None) -> None:
        value = place.get() if value is None else value
        if isinstance(value, StandIn) or (isinstance(value, np.ndarray) and value.dtype != object):
            self.arrays.append(place)
            return
        self.settings.append((place, value))
        if type(value).__hash__ is not None and hasattr(value, "__next__"):
            raise CaptureError(
                f"the step can reach the iterator {place.path}, which a replay would not advance; "
                "pass what it gives as an argument"
            )
        self._waiting.append((value, place.path))

    def _search(self, value: Any, path: str) -> None:
        if isinstance(value, _LEAVES) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        dot = f"{path}." if path else ""
        if isinstance(value, Tensor):
            for key in ("_data", "_grad"):
                self._keep(Place(value, key, True, dot + key[1:]))
            self.settings.append(
                (Place(value, "_requires_grad", True, dot + "requires_grad"), value._requires_grad)
            )
        elif isinstance(value, dict):
            self.lengths.append((value, len(value)))
            for key in value:
                self._keep(Place(value, key, False, f"{path}[{key!r}]"))
        elif isinstance(value, list):
            self.lengths.append((value, len(value)))
            for position in range(len(value)):
                self._keep(Place(value, position, False, f"{path}[{position}]"))
        elif isinstance(value, tuple | set | frozenset | deque):
            if not isinstance(value, tuple | frozenset):
                self.lengths.append((value, len(value)))
            self.constants |= {id(entry) for entry in value if isinstance(entry, np.ndarray)}
            self._waiting.extend((entry, f"{path}[{i}]") for i, entry in enumerate(value))
        elif isinstance(value, functools.partial):
            parts = (value.func, value.args, value.keywords)
            self._waiting.extend((part, path) for part in parts)
        elif isinstance(value, types.MethodType):
            self._waiting.extend([(value.__self__, path or "self"), (value.__func__, path)])
        elif isinstance(value, types.FunctionType):
            if value is self._root or _root(value.__module__) not in _LIBRARIES:
                self._search_function(value, dot)
        elif isinstance(value, type):
            self._search_class(value, path)
        elif not isinstance(value, types.ModuleType | types.BuiltinFunctionType):
            self._search_object(value, dot)

    def _search_function(self, function: types.FunctionType, dot: str) -> None:
        for cell, name in zip(
            function.__closure__ or (), function.__code__.co_freevars, strict=True
        ):
            self._keep(Place(cell, "cell_contents", True, dot + name))
        if _root(function.__module__) in _LIBRARIES:
            return
        self._waiting.append((function.__defaults__, dot + "defaults"))
        self._waiting.append((function.__kwdefaults__, dot + "defaults"))
        names = set(_names(function.__code__))
        for name in sorted(names & function.__globals__.keys()):
            value = function.__globals__[name]
            self._keep(Place(function.__globals__, name, False, name))
            if isinstance(value, types.ModuleType) and _root(value.__name__) not in _LIBRARIES:
                for inner in sorted(names & vars(value).keys()):
                    self._keep(Place(vars(value), inner, False, f"{name}.{inner}"))

    def _search_class(self, kind: type, path: str) -> None:
        if _root(kind.__module__) in _LIBRARIES:
            return
        for name, value in vars(kind).items():
            if isinstance(value, types.FunctionType | staticmethod | classmethod | property):
                functions = [getattr(value, "__func__", value), getattr(value, "fget", None)]
                self._waiting.extend((function, path) for function in functions)
            elif not name.startswith("__"):
                self._keep(Place(kind, name, True, f"{kind.__name__}.{name}"), value)
        self._waiting.extend((base, path) for base in kind.__bases__)

    def _search_object(self, value: Any, dot: str) -> None:
        kind = type(value)
        self._waiting.append((kind, dot))
        if _root(kind.__module__) in _LIBRARIES - _SEARCHED and kind.__name__ not in _NAMESPACES:
            return
        if kind.__module__.startswith(__package__):  # a captured step, of this object perhaps
            return
        attributes = getattr(value, "__dict__", None)
        if attributes is not None:
            self.lengths.append((attributes, len(attributes)))
            for name in attributes:
                # Through the object where that is the same thing: Python does it quicker.
                is_plain = not hasattr(kind, name)
                holder = value if is_plain else attributes
                self._keep(Place(holder, name, is_plain, dot + name))
        for base in kind.__mro__:
            slots = base.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if hasattr(value, name) and not name.startswith("__"):
                    self._keep(Place(value, name, True, dot + name))


_LEAVES = (int, float, complex, str, bytes, type(None), np.dtype, np.generic, np.ndarray, StandIn)


def same(value: Any, old: Any) -> bool:
    """Whether a setting is what it was; numbers and texts may be other objects of one value."""
    if value is old:
        return True
    return type(value) is type(old) and isinstance(old, int | float | str) and bool(value == old)


def _names(code: types.CodeType) -> Iterator[str]:
    """Give the names that a function uses, also in the functions inside of it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _root(module: str | None) -> str:
    return (module or "").partition(".")[0]


def random_states(surroundings: Surroundings) -> list[tuple[str, Any]]:
    """Give the states of the random generators that the step can reach."""
    found: list[tuple[str, Any]] = [("random", random.getstate())]
    found.append(("np.random", repr(np.random.get_state())))  # noqa: NPY002 (a user may draw so)
    for place, value in surroundings.settings:
        if isinstance(value, np.random.Generator):
            found.append((place.path, value.bit_generator.state))
        elif isinstance(value, random.Random):
            found.append((place.path, value.getstate()))
    return found
