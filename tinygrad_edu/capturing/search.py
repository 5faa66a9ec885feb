"""Finds everything that a step can reach: functions, objects, classes, containers and modules.

The user's code is searched to any depth, by the names in it; code of libraries is not searched.
Objects that change unwatched are refused by name. Whether watched ones changed is checked
elsewhere.
"""

from __future__ import annotations

import builtins
import functools
import importlib.util
import inspect
import operator
import os
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CaptureError
from ..primitive import Primitive
from ..tensor import Tensor
from .environment import GONE, Environment, Slot
from .names import Names, names_of
from .ownership import LIBRARY, OURS, OWN, owner_of_class, owner_of_function, owner_of_module
from .recorder import Tracer
from .unwatchable import BY_NAME, COMPUTING, REFUSED, REFUSED_ATTRIBUTES

__all__ = ["environment_of"]

_MOST_SLOTS = 10_000
_ENGINE = f"{__package__.partition('.')[0]}."

# Objects that never change.
_CONSTANTS: tuple[type, ...] = (
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
    range,
    type(...),
    type(NotImplemented),
    np.dtype,
    np.generic,
    inspect.Signature,
)
_CONSTANTS += (
    inspect.Signature,
    np.ufunc,
    type(np.dot),
    Tracer,
    operator.itemgetter,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    type(GONE),
)
_SLOTS = (types.GetSetDescriptorType, types.MemberDescriptorType)
_CONSTANTS += _SLOTS
_CONSTANT_MODULES = {"pathlib", "re", "datetime", "decimal", "fractions", "uuid", "enum", "typing"}
_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
_EXACT = (dict, list, tuple, set, frozenset, deque, types.MappingProxyType)

# Attributes that every class has, or that do not affect a computation.
_IGNORED = set(vars(type("Plain", (), {"__annotations__": {}, "__slots__": ()})))
_IGNORED |= {"__dict__", "__weakref__", "__orig_bases__", "__parameters__", "__abstractmethods__"}
_IGNORED |= {"_abc_impl", "__match_args__", "__dataclass_fields__", "__dataclass_params__"}
_IGNORED |= {"__static_attributes__", "__firstlineno__", "__annotate__", "__annotate_func__"}
_IGNORED |= {"__annotations_cache__", "__classdictcell__", "__hash__"}
_CODE: tuple[Any, ...] = (types.FunctionType, staticmethod, classmethod, property)
_CODE += (functools.cached_property, functools.partialmethod)


def environment_of(function: Callable[..., Any], arguments: dict[str, Any]) -> Environment:
    """Return the environment that a step can reach.

    Raises
    ------
    CaptureError
        If it contains something that a replay could not watch.
    """
    search = _Search(function, arguments)
    search.run()
    found = search.found
    found.note_random_states()
    return found


class _Search:
    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        self.found = Environment()
        self._root = function  # always searched, even if a library owns it
        self._seen: dict[int, Any] = {}
        self._waiting: deque[tuple[Any, str]] = deque([(function, "")])
        self._waiting.extend((value, name) for name, value in arguments.items())
        self._placed: set[tuple[int, Any]] = set()
        self._names: set[str] = set()  # attributes that the user's code looks up, and strings
        self._methods = {"__call__", "forward"}  # and those that methods of this project call
        self._is_computing = False  # whether names are computed at run time
        self._modules: dict[int, tuple[types.ModuleType, set[str]]] = {}
        self._classes: dict[type, set[str]] = {}  # classes of this project

    def run(self) -> None:
        """Search until nothing new is found."""
        while self._waiting:
            while self._waiting:
                value, path = self._waiting.popleft()
                if type(value) is str and value.isidentifier():
                    self._names.add(value)
                if not isinstance(value, _CONSTANTS) and id(value) not in self._seen:
                    self._seen[id(value)] = value
                    self._search(value, path)
                if len(self.found.settings) > _MOST_SLOTS:
                    raise CaptureError(
                        f"the step can reach more than {_MOST_SLOTS:,} objects, too many to "
                        "watch; define it where it can reach only what it needs"
                    )
            for module, known in list(self._modules.values()):
                self._search_module(module, known)
            for kind, known in list(self._classes.items()):
                self._search_class_of_ours(kind, known)
        for module, _ in self._modules.values():
            if missing := frozenset(self._names - vars(module).keys()):
                self.found.absent.append((vars(module), missing))

    def _keep(self, slot: Slot) -> None:
        if slot.identity in self._placed:
            return
        self._placed.add(slot.identity)
        value = slot.get()
        is_number = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiub"
        if isinstance(value, Tracer) or is_number:
            self.found.arrays.append(slot)
        else:
            self.found.settings.append((slot, value))
            self._waiting.append((value, slot.path))

    def _wait_for(self, values: Iterable[Any], path: str) -> None:
        self._waiting.extend((value, path) for value in values)

    # Values --------------------------------------------------------------------------------

    def _search(self, value: Any, path: str) -> None:
        if value is vars(builtins):  # in the globals of code made at run time
            return
        if id(value) in REFUSED:
            name, reason = REFUSED[id(value)]
            raise CaptureError(f"the step uses {name}, which {reason}")
        self._is_computing |= id(value) in COMPUTING
        search = next(search for kinds, search in _KINDS if isinstance(value, kinds))
        search(self, value, path)
        if isinstance(value, _EXACT) and type(value) not in _EXACT:
            self._search_attributes(value, f"{path}." if path else "")

    def _search_getter(self, value: Any, path: str) -> None:
        self._names |= {part for name in value.__reduce__()[1] for part in _parts(name)}

    def _search_slice(self, value: slice, path: str) -> None:
        self._wait_for((value.start, value.stop, value.step), path)

    def _search_builtin(self, value: Any, path: str) -> None:
        owner = value.__self__
        if owner is not None and not isinstance(owner, types.ModuleType | np.ufunc):
            self._waiting.append((owner, path))

    def _search_generator(self, value: Any, path: str) -> None:
        self.found.generators.append((path, value))

    def _search_array(self, value: NDArray[Any], path: str) -> None:
        if value.flags.writeable:
            raise CaptureError(
                f"the step can reach the array {path}, which cannot be watched where it is (in a "
                "tuple, for example); keep it in a list, a tensor or an attribute"
            )

    def _search_environment(self, value: Any, path: str) -> None:
        self._search_container(vars(value)["_data"], path)

    def _note_module(self, value: types.ModuleType, path: str) -> None:
        self._modules[id(value)] = (value, set())

    def _search_container(self, value: Any, path: str) -> None:
        if isinstance(value, dict | types.MappingProxyType):
            self.found.orders.append((value, [*value]))
            for key in value:
                self._keep(Slot(value, key, False, f"{path}[{key!r}]"))
        elif isinstance(value, list | deque):
            self.found.lengths.append((value, len(value)))
            for position in range(len(value)):
                self._keep(Slot(value, position, False, f"{path}[{position}]"))
        else:
            if isinstance(value, set):
                self.found.orders.append((value, set(value)))
            self._waiting.extend((entry, f"{path}[{i}]") for i, entry in enumerate(value))

    def _search_bound(self, value: Any, path: str) -> None:
        if isinstance(value, functools.partial):
            self._wait_for((value.func, value.args, value.keywords), path)
        else:
            self._waiting.extend([(value.__self__, path or "self"), (value.__func__, path)])

    def _search_tensor(self, tensor: Tensor, path: str) -> None:
        dot = f"{path}." if path else ""
        if tensor.node is not None:
            raise CaptureError(
                f"the step can reach {tensor._label()} ({path}), which was computed before, and a "
                "captured step does not continue graphs; detach() it, or compute it inside"
            )
        for key in ("_data", "_grad"):
            self._keep(Slot(tensor, key, True, dot + key[1:]))
        self._keep(Slot(tensor, "_requires_grad", True, dot + "requires_grad"))
        if hasattr(tensor, "_hooks"):
            self._keep(Slot(tensor, "_hooks", True, dot + "hooks"))
        if type(tensor) is Tensor:
            self._classes.setdefault(Tensor, set())
        else:
            self._search_attributes(tensor, dot)

    def _search_object(self, value: Any, path: str) -> None:
        kind = type(value)
        owner = owner_of_class(kind)
        if owner == LIBRARY and kind.__module__.partition(".")[0] in _CONSTANT_MODULES:
            return
        if owner == OURS and kind.__module__.startswith(__package__):
            # A captured step, such as one stored on this object.
            self._wait_for([value.function] if hasattr(value, "function") else [], path)
            return
        is_empty = getattr(value, "__dict__", None) == {} and _is_bare(kind)
        if kind is object or (owner == LIBRARY and is_empty):  # a sentinel
            return
        is_namespace = kind is types.SimpleNamespace or kind.__name__ == "Namespace"
        if (owner == LIBRARY and not is_namespace) or hasattr(kind, "__next__"):
            raise CaptureError(
                f"the step can reach {path or 'an object'}, a {kind.__name__}, which a replay "
                "cannot watch or advance; define the step where it cannot reach it, and pass its "
                "values as arguments"
            )
        self._search_attributes(value, f"{path}." if path else "")

    def _search_attributes(self, value: Any, dot: str) -> None:
        kind = type(value)
        self._waiting.append((kind, ""))
        attributes = getattr(value, "__dict__", None)
        if attributes is not None:
            self.found.settings.append((Slot(value, "__class__", True, f"{dot}__class__"), kind))
            self.found.lengths.append((attributes, len(attributes)))
            for name in attributes:
                self._keep(Slot(attributes, name, False, dot + name))
        for base in kind.__mro__:
            if base is Tensor:
                break  # `_search_tensor` handles its slots
            slots = base.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name.startswith("__") and not name.endswith("__"):
                    name = f"_{base.__name__.lstrip('_')}{name}"
                if name not in ("__weakref__", "__dict__"):
                    self._keep(Slot(value, name, True, dot + name))

    # Code ----------------------------------------------------------------------------------

    def _search_function(self, function: types.FunctionType, path: str) -> None:
        dot = f"{path}." if path else ""
        if function is not self._root and owner_of_function(function) != OWN:
            # A library's decorator may hold an object of the user.
            held = [cell.cell_contents for cell in function.__closure__ or () if _is_full(cell)]
            held += [*function.__dict__.values(), *(function.__defaults__ or ())]
            declared = function.__dict__.get("primitive")  # its rules may be the user's
            held += [*declared.rules, declared.each] if isinstance(declared, Primitive) else []
            self._wait_for(filter(_may_be_own, held), path)
            if function in (os.getenv, os.getenvb):
                self._waiting.append((os.environ, "os.environ"))
            return
        for key in ("__code__", "__defaults__", "__kwdefaults__"):
            value = getattr(function, key)
            self.found.settings.append((Slot(function, key, True, f"{dot}{key}"), value))
        self._wait_for((function.__defaults__, function.__kwdefaults__), dot + "defaults")
        for cell, name in zip(
            function.__closure__ or (), function.__code__.co_freevars, strict=True
        ):
            self._keep(Slot(cell, "cell_contents", True, name))
        self.found.lengths.append((function.__dict__, len(function.__dict__)))
        for name in function.__dict__:
            self._keep(Slot(function.__dict__, name, False, dot + name))
        names = names_of(function.__code__)
        self._is_computing |= names.is_computing
        self._names |= names.attributes | names.texts
        if refused := sorted(names.attributes & REFUSED_ATTRIBUTES):
            raise CaptureError(f"the step uses {refused[0]}, which {BY_NAME}")
        self._search_globals(function, names)

    def _search_globals(self, function: types.FunctionType, names: Names) -> None:
        space = function.__globals__
        fallback = vars(builtins)
        missing = set()
        for name in sorted(names.globals):
            if name in space:
                self._keep(Slot(space, name, False, name))
            else:
                missing.add(name)
                if name in fallback:
                    self._keep(Slot(fallback, name, False, name))
                else:
                    self.found.absent.append((fallback, frozenset([name])))
        if missing:
            self.found.absent.append((space, frozenset(missing)))
        package = space.get("__package__") or space.get("__name__", "").rpartition(".")[0]
        for name, level in sorted(names.imports):
            whole = importlib.util.resolve_name("." * level + name, package) if level else name
            while whole:
                if whole in sys.modules:
                    self._keep(Slot(sys.modules, whole, False, whole))
                else:
                    self.found.absent.append((sys.modules, frozenset([whole])))
                whole = whole.rpartition(".")[0]

    def _search_descriptor(self, value: Any, path: str) -> None:
        parts = [
            getattr(value, name, None) for name in ("__func__", "fget", "fset", "fdel", "func")
        ]
        self._wait_for((part for part in parts if part is not None), path)
        if owner_of_class(type(value)) == OWN:  # a property with additional attributes
            self._search_attributes(value, f"{path}." if path else "")

    def _search_class(self, kind: type, path: str) -> None:
        owner = owner_of_class(kind)
        if owner == OURS:
            for base in kind.__mro__:
                if owner_of_class(base) == OURS:
                    self._classes.setdefault(base, set())
        if owner != OWN:
            return
        attributes = vars(kind)
        self.found.lengths.append((attributes, len(attributes)))
        bases = Slot(kind, "__bases__", True, f"{kind.__name__}.__bases__")
        self.found.settings.append((bases, kind.__bases__))
        for name, value in attributes.items():
            path = f"{kind.__name__}.{name}"
            if name in _IGNORED or isinstance(value, _SLOTS):
                continue
            if isinstance(value, _CODE) or hasattr(type(value), "__get__"):
                # Read from the namespace, because getattr would call the descriptor.
                self.found.settings.append((Slot(attributes, name, False, path), value))
                if isinstance(value, _CODE) or owner_of_class(type(value)) != LIBRARY:
                    self._waiting.append((value, path))
            elif not name.startswith("__") or isinstance(value, _CONSTANTS):
                self._keep(Slot(kind, name, True, path))
        self._wait_for((*kind.__bases__, type(kind)), "")

    def _search_class_of_ours(self, kind: type, known: set[str]) -> None:
        """Watch the methods of this project that the step calls, and those that they call."""
        attributes = vars(kind)
        if not known and kind is not Tensor:
            self.found.lengths.append((attributes, len(attributes)))
        known.add("")
        names = self._names if kind is Tensor else self._names | self._methods
        for name in sorted(attributes.keys() & names - known):
            known.add(name)
            value = attributes[name]
            if isinstance(value, _SLOTS):
                continue
            slot = Slot(attributes, name, False, f"{kind.__name__}.{name}")
            self.found.settings.append((slot, value))
            self._waiting.append((value, slot.path))
            if isinstance(value, types.FunctionType) and owner_of_function(value) == OURS:
                self._methods |= names_of(value.__code__).attributes

    def _search_module(self, module: types.ModuleType, known: set[str]) -> None:
        """Watch the names in a module that the step may look up: those in the user's code."""
        space = vars(module)
        is_own = owner_of_module(module) == OWN
        names = self._names | {"__getattr__"}
        if self._is_computing and is_own:
            names = {name for name in space if not name.startswith("__")}
        elif self._is_computing and "*" not in known:
            known.add("*")
            self.found.wholes.append((space, dict(space)))
        new = sorted(space.keys() & names - known)
        known.update(new)
        for name in new:
            slot = Slot(space, name, False, f"{module.__name__}.{name}")
            value = space[name]
            is_open = isinstance(value, types.ModuleType | list | set | dict | deque | np.ndarray)
            is_special = id(value) in REFUSED or id(value) in COMPUTING
            if is_own or is_open or is_special or _may_be_own(value):
                self._keep(slot)
            else:
                self.found.settings.append((slot, value))


def _is_bare(kind: type) -> bool:
    """Whether the objects of a class have only a `__dict__`; those of C classes can have more."""
    return kind.__basicsize__ == type("Bare", (), {}).__basicsize__


def _parts(name: Any) -> list[str]:
    return name.split(".") if isinstance(name, str) else []


def _is_full(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _may_be_own(value: Any) -> bool:
    """Whether a value in a library's module or decorator may lead to an object of the user."""
    if isinstance(value, types.FunctionType | types.MethodType | functools.partial | Tensor):
        return True
    if isinstance(value, types.BuiltinFunctionType):  # np.random.normal has a generator
        return value.__self__ is not None and not isinstance(value.__self__, types.ModuleType)
    kind = value if isinstance(value, type) else type(value)
    owner = owner_of_class(kind)
    if owner == OURS:  # a network, for example, but not a part of the engine
        return not isinstance(value, type) and not kind.__module__.startswith(_ENGINE)
    return value is os.environ or owner == OWN


# The method that searches a value: the first row that matches its type.
_KINDS: tuple[tuple[Any, Callable[[_Search, Any, str], None]], ...] = (
    (Tensor, _Search._search_tensor),
    (operator.attrgetter | operator.methodcaller, _Search._search_getter),
    (dict | types.MappingProxyType | list | deque | tuple | set, _Search._search_container),
    (frozenset, _Search._wait_for),
    (slice, _Search._search_slice),
    (functools.partial | types.MethodType, _Search._search_bound),
    (types.BuiltinFunctionType | types.MethodWrapperType, _Search._search_builtin),
    (types.FunctionType, _Search._search_function),
    (_CODE, _Search._search_descriptor),
    (type, _Search._search_class),
    (_GENERATORS, _Search._search_generator),
    (np.ndarray, _Search._search_array),
    (types.ModuleType, _Search._note_module),
    (type(os.environ), _Search._search_environment),
    (object, _Search._search_object),
)
