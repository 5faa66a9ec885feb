"""Puts back what a run of hand-written code changes outside of it.

That is what its functions can reach besides their arguments: global variables, variables of the
functions around them, the object of a method, and generators of random numbers.
"""

from __future__ import annotations

import collections
import copy
import random
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from .source import is_learners

__all__ = ["State"]

_MOST = 20_000  # objects


class State:
    """What a run may change, as it was when it was noted.

    Examples
    --------
    >>> history = [1, 2]
    >>> def f():
    ...     history.append(3)
    >>> state = State()
    >>> state.note(f)
    >>> f()
    >>> state.restore()
    >>> history
    [1, 2]
    """

    def __init__(self) -> None:
        self._seen: dict[int, Any] = {}  # keeps the objects, so that no other has their number
        self._undo: list[Callable[[], None]] = []
        self._random = random.getstate()
        self._numpy = np.random.get_state()  # noqa: NPY002, the code may use it

    def note(self, function: Callable[..., Any]) -> None:
        """Note what a function can reach."""
        if isinstance(function, MethodType):
            self._look_at(function.__self__)
            function = function.__func__
        if not isinstance(function, FunctionType) or id(function) in self._seen:
            return
        self._seen[id(function)] = function
        variables = function.__globals__
        if id(variables) not in self._seen:
            self._seen[id(variables)] = variables
            self._undo.append(_renaming(variables, dict(variables)))
        for name in dict.fromkeys(_names(function.__code__)):
            self._look_at(variables.get(name))
        self._undo.append(_refilling(vars(function), dict(vars(function))))
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:  # it is still empty
                continue
            self._undo.append(_filling(cell, value))
            self._look_at(value)
        for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._look_at(value)

    def restore(self) -> None:
        """Put everything back."""
        for undo in self._undo:
            undo()
        random.setstate(self._random)
        np.random.set_state(self._numpy)  # noqa: NPY002

    def _look_at(self, value: Any) -> None:
        """Note what an object holds, and what it refers to."""
        waiting = [value]
        while waiting and len(self._seen) < _MOST:
            one = waiting.pop()
            if id(one) in self._seen or isinstance(one, ModuleType | str | bytes):
                continue
            if isinstance(one, type):
                self._look_at_class(one)
                continue
            if isinstance(one, FunctionType):
                self.note(one)
                continue
            undo, inner = _contents(one)
            if undo is not None:
                self._seen[id(one)] = one
                self._undo.append(undo)
                waiting += inner

    def _look_at_class(self, one: type) -> None:
        """Note the attributes of a class of the learner's."""
        if not _is_of_the_learner(one) or one.__module__ == "types":
            return
        self._seen[id(one)] = one
        before = dict(vars(one))
        self._undo.append(_attributes_of(one, before))
        for value in before.values():
            self._look_at(
                value.__func__ if isinstance(value, staticmethod | classmethod) else value
            )


def _attributes_of(one: type, before: dict[str, Any]) -> Callable[[], None]:
    def undo() -> None:
        for name in vars(one).keys() - before.keys():
            delattr(one, name)
        for name, value in before.items():
            if vars(one).get(name, before) is not value:
                setattr(one, name, value)

    return undo


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global names of a function and of those inside of it, and its texts.

    A text may be a name too, as in ``globals()["count"]``.
    """
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _names(one)
        elif isinstance(one, str):
            yield one


def _renaming(variables: dict[str, Any], before: dict[str, Any]) -> Callable[[], None]:
    """Put global variables back; their values are put back apart."""

    def undo() -> None:
        for name in variables.keys() - before.keys():
            del variables[name]
        for name, value in before.items():
            if variables.get(name, before) is not value:
                variables[name] = value

    return undo


def _filling(cell: Any, value: Any) -> Callable[[], None]:
    def undo() -> None:
        cell.cell_contents = value

    return undo


def _contents(one: Any) -> tuple[Callable[[], None] | None, list[Any]]:
    """Return how to put the contents of an object back, and what it refers to."""
    if isinstance(one, np.ndarray):
        return _of_array(one), []
    if isinstance(one, list):
        items = list(one)
        return lambda: one.__setitem__(slice(None), items), items
    if isinstance(one, dict):
        entries = dict(one)
        return _refilling(one, entries), list(entries.values())
    if isinstance(one, collections.deque):
        queue = list(one)
        return lambda: (one.clear(), one.extend(queue))[1], queue  # type: ignore[func-returns-value]
    if isinstance(one, set):
        members = set(one)
        return _refilling(one, members), []
    if isinstance(one, np.random.Generator):
        state = copy.deepcopy(one.bit_generator.state)
        return lambda: setattr(one.bit_generator, "state", state), []
    if isinstance(one, tuple):
        return lambda: None, list(one)
    attributes = getattr(one, "__dict__", None)
    if not _is_of_the_learner(type(one)):
        return None, []
    if isinstance(attributes, dict):
        before = dict(attributes)
        return _refilling(attributes, before), list(before.values())
    return None, []


def _refilling(one: Any, before: Any) -> Callable[[], None]:
    def undo() -> None:
        one.clear()
        one.update(before)

    return undo


def _is_of_the_learner(kind: type) -> bool:
    """Whether a class is in the learner's code, or is a plain holder of names."""
    if kind.__module__ not in sys.modules or kind.__module__ in ("__main__", "types"):
        return True
    file = getattr(sys.modules[kind.__module__], "__file__", None)
    return file is not None and is_learners(file)


def _of_array(one: np.ndarray[Any, Any]) -> Callable[[], None]:
    if not one.flags.writeable or one.dtype.hasobject:
        return lambda: None
    before = one.copy()

    def undo() -> None:
        one[...] = before

    return undo
