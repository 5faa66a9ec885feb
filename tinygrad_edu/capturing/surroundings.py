"""What a step can reach beside its arguments: tensors, arrays, settings, and where they are kept.

A step uses more than it is given: a network, an optimiser, a global number. While it is recorded,
stand-ins take the places of the arrays; and a replay is right only as long as the settings are
what they were. Functions, objects and containers are searched, library code is not; what changes
and cannot be watched is refused.
"""

from __future__ import annotations

import dis
import functools
import inspect
import operator
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
from ..scope import OFF, get_scope
from ..stand_in import StandIn
from ..tensor import Tensor

__all__ = ["Place", "Surroundings", "same"]

_MOST_PLACES = 10_000
_OURS = {"tinygrad_edu", "nn"}  # their objects are searched, their code is not
_LIBRARIES = {"numpy", "pandas", "matplotlib", *_OURS, *sys.stdlib_module_names}
_NAMESPACES = ("SimpleNamespace", "Namespace")

# What never changes.
_CONSTANTS: tuple[type, ...] = (
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
    range,
    type(...),
    np.dtype,
    np.generic,
)
_CONSTANTS += (
    np.ufunc,
    type(np.dot),
    StandIn,
    operator.itemgetter,
    operator.attrgetter,
    operator.methodcaller,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
)
_CONSTANT_MODULES = {"pathlib", "re", "datetime", "decimal", "fractions", "uuid", "enum", "typing"}
_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


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
        """Put something there, past what a class may have to say to it."""
        if isinstance(self.holder, type):
            setattr(self.holder, self.key, value)
        elif self.is_attribute:
            object.__setattr__(self.holder, self.key, value)
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
        How long containers were, and how many attributes objects had.
    orders : list of (dict or set, object)
        The keys of dictionaries, in order; the contents of sets.
    modes : tuple of (bool, int)
        Whether recording of graphs is off, and how many tensors have hooks.

    Raises
    ------
    CaptureError
        If something is there that a replay could not watch.
    """

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        self.arrays: list[Place] = []
        self.settings: list[tuple[Place, Any]] = []
        self.lengths: list[tuple[Any, int]] = []
        self.orders: list[tuple[Any, Any]] = []
        self.modes = (get_scope() is OFF, len(hooked))
        self._generators: list[tuple[str, Any]] = [("random", random), ("np.random", np.random)]
        self._root = function
        self._seen: dict[int, Any] = {}
        self._waiting: deque[tuple[Any, str]] = deque([(function, "")])
        self._waiting.extend((value, name) for name, value in arguments.items())
        while self._waiting:
            value, path = self._waiting.popleft()
            if not isinstance(value, _CONSTANTS) and id(value) not in self._seen:
                self._seen[id(value)] = value
                self._search(value, path)
            if len(self.settings) > _MOST_PLACES:
                raise CaptureError(
                    f"the step can reach more than {_MOST_PLACES:,} things, too many to watch; "
                    "define it where it sees only what it needs"
                )
        self._states = self._random_states()

    def changed(self) -> list[str]:
        """Name the settings that are not what they were."""
        found = [place.path for place, old in self.settings if not same(place.get(), old)]
        found += [f"the length of a {type(x).__name__}" for x, n in self.lengths if len(x) != n]
        pairs = zip(self._states, self._random_states(), strict=True)
        return found + [f"the random numbers of {old[0]}" for old, new in pairs if old != new]

    def is_like(self, other: Surroundings) -> bool:
        """Whether the settings were the same."""
        values = [[value for _, value in s.settings] for s in (self, other)]
        is_same = len(values[0]) == len(values[1]) and all(map(same, *values))
        return is_same and self.modes == other.modes

    def put_back(self) -> None:
        """Restore the settings."""
        for container, length in self.lengths:
            if isinstance(container, list | deque):
                while len(container) > length:
                    container.pop()
        for container, keys in self.orders:
            if isinstance(container, dict):
                for key in container.keys() - set(keys):
                    del container[key]
        for place, old in self.settings:
            if place.get() is not old and not isinstance(place.holder, types.MappingProxyType):
                place.put(old)

    def _random_states(self) -> list[tuple[str, str]]:
        found = []
        for path, generator in self._generators:
            if isinstance(generator, np.random.Generator):
                state: Any = generator.bit_generator.state
            elif isinstance(generator, np.random.RandomState) or generator is np.random:
                state = [x.tolist() if hasattr(x, "tolist") else x for x in generator.get_state()]
            else:
                state = generator.getstate()
            found.append((path, repr(state)))
        return found

    # The search ----------------------------------------------------------------------------

    def _keep(self, place: Place) -> None:
        value = place.get()
        is_number = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiub"
        if isinstance(value, StandIn) or is_number:
            self.arrays.append(place)
        else:
            self.settings.append((place, value))
            self._waiting.append((value, place.path))

    def _search(self, value: Any, path: str) -> None:
        dot = f"{path}." if path else ""
        if isinstance(value, Tensor):
            self._search_tensor(value, dot)
        elif isinstance(value, dict | types.MappingProxyType):
            self.orders.append((value, [*value]))
            for key in value:
                self._keep(Place(value, key, False, f"{path}[{key!r}]"))
        elif isinstance(value, list | deque):
            self.lengths.append((value, len(value)))
            for position in range(len(value)):
                self._keep(Place(value, position, False, f"{path}[{position}]"))
        elif isinstance(value, tuple | set | frozenset):
            if isinstance(value, set):
                self.orders.append((value, set(value)))
            self._waiting.extend((entry, f"{path}[{i}]") for i, entry in enumerate(value))
        elif isinstance(value, slice):
            self._waiting.extend((part, path) for part in (value.start, value.stop, value.step))
        elif isinstance(value, functools.partial):
            parts = (value.func, value.args, value.keywords)
            self._waiting.extend((part, path) for part in parts)
        elif isinstance(value, types.MethodType):
            self._waiting.extend([(value.__self__, path or "self"), (value.__func__, path)])
        elif isinstance(value, types.BuiltinFunctionType | types.MethodWrapperType):
            owner = value.__self__
            if owner is not None and not isinstance(owner, types.ModuleType | np.ufunc):
                self._waiting.append((owner, path))
        elif isinstance(value, types.FunctionType):
            if value is self._root or _root(value.__module__) not in _LIBRARIES:
                self._search_function(value, dot)
        elif isinstance(value, type):
            self._search_class(value)
        elif isinstance(value, _GENERATORS):
            self._generators.append((path, value))
        elif isinstance(value, np.ndarray):
            if value.flags.writeable:
                raise CaptureError(
                    f"the step can reach the array {path}, which stands where it cannot be "
                    "watched, in a tuple for example; keep it in a list, a tensor or an attribute"
                )
        elif not isinstance(value, types.ModuleType):
            self._search_object(value, path)
        exact = (dict, list, tuple, set, frozenset, deque, types.MappingProxyType)
        if isinstance(value, exact) and type(value) not in exact:
            self._search_attributes(value, dot)

    def _search_tensor(self, tensor: Tensor, dot: str) -> None:
        if tensor.node is not None:
            raise CaptureError(
                f"the step can reach {tensor._label()} ({dot.rstrip('.')}), which was computed "
                "before it: a captured step ends all graphs; detach() it, or compute it inside"
            )
        for key in ("_data", "_grad"):
            self._keep(Place(tensor, key, True, dot + key[1:]))
        self._keep(Place(tensor, "_requires_grad", True, dot + "requires_grad"))
        if hasattr(tensor, "_hooks"):
            self._keep(Place(tensor, "_hooks", True, dot + "hooks"))

    def _search_function(self, function: types.FunctionType, dot: str) -> None:
        for cell, name in zip(
            function.__closure__ or (), function.__code__.co_freevars, strict=True
        ):
            self._keep(Place(cell, "cell_contents", True, dot + name))
        for name in function.__dict__:
            self._keep(Place(function.__dict__, name, False, dot + name))
        self._waiting.append((function.__defaults__, dot + "defaults"))
        self._waiting.append((function.__kwdefaults__, dot + "defaults"))
        names = set(_names(function.__code__, ("LOAD_GLOBAL", "LOAD_NAME")))
        for name in sorted(names & function.__globals__.keys()):
            self._keep(Place(function.__globals__, name, False, name))
        parts = set(_names(function.__code__, ("LOAD_ATTR", "LOAD_METHOD")))
        modules = [function.__globals__[name] for name in names & function.__globals__.keys()]
        modules += [sys.modules.get(x) for x in _names(function.__code__, ("IMPORT_NAME",))]
        for module in modules:
            is_module = isinstance(module, types.ModuleType)
            if is_module and _root(module.__name__) not in _LIBRARIES:
                for name in sorted(parts & vars(module).keys()):
                    self._keep(Place(vars(module), name, False, f"{module.__name__}.{name}"))

    def _search_class(self, kind: type) -> None:
        if _root(kind.__module__) in _LIBRARIES:
            return
        attributes = vars(kind)
        self.lengths.append((attributes, len(attributes)))
        for name, value in attributes.items():
            if isinstance(value, types.FunctionType | staticmethod | classmethod | property):
                self.settings.append((Place(attributes, name, False, name), value))
                parts = [getattr(value, part, None) for part in ("__func__", "fget", "fset")]
                self._waiting.extend((part, name) for part in (value, *parts) if _is_code(part))
            elif not name.startswith("__") and not inspect.isdatadescriptor(value):
                self._keep(Place(kind, name, True, f"{kind.__name__}.{name}"))
        self._waiting.extend((base, "") for base in (*kind.__bases__, type(kind)))

    def _search_object(self, value: Any, path: str) -> None:
        kind = type(value)
        root = _root(kind.__module__)
        if root in _CONSTANT_MODULES:
            return
        if root in _OURS and kind.__module__.startswith(
            __package__
        ):  # a captured step, of this object perhaps
            if hasattr(value, "function"):
                self._waiting.append((value.function, path))
            return
        is_foreign = root in _LIBRARIES - _OURS and kind.__name__ not in _NAMESPACES
        if is_foreign or hasattr(kind, "__next__"):
            raise CaptureError(
                f"the step can reach {path or 'something'}, a {kind.__name__}, which a replay "
                "could neither watch nor advance; define the step where it does not see it, and "
                "pass what it gives as an argument"
            )
        self._search_attributes(value, f"{path}." if path else "")

    def _search_attributes(self, value: Any, dot: str) -> None:
        kind = type(value)
        self._waiting.append((kind, ""))
        attributes = getattr(value, "__dict__", None)
        if attributes is not None:
            self.lengths.append((attributes, len(attributes)))
            for name in attributes:
                # Through the object where that is the same thing: Python does it quicker.
                is_plain = not hasattr(kind, name) and name.isidentifier()
                holder = value if is_plain else attributes
                self._keep(Place(holder, name, is_plain, dot + name))
        for base in kind.__mro__:
            slots = base.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name.startswith("__") and not name.endswith("__"):
                    name = f"_{base.__name__.lstrip('_')}{name}"
                if hasattr(value, name) and name not in ("__weakref__", "__dict__"):
                    self._keep(Place(value, name, True, dot + name))


def same(value: Any, old: Any) -> bool:
    """Whether a setting is what it was; numbers and texts may be other objects of one value."""
    if value is old:
        return True
    is_plain = type(value) is type(old) and isinstance(old, int | float | str)
    return is_plain and repr(value) == repr(old)  # which tells -0.0 from 0.0


def _is_code(value: Any) -> bool:
    return isinstance(value, types.FunctionType)


def _names(code: types.CodeType, kinds: tuple[str, ...]) -> Iterator[str]:
    """Give the names that a function looks up, or has as texts, and functions inside of it."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in kinds:
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield from (constant, *constant.split("."))
        elif isinstance(constant, types.CodeType):
            yield from _names(constant, kinds)


def _root(module: Any) -> str:
    return module.partition(".")[0] if isinstance(module, str) else ""
