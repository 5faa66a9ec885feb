"""Puts back what a run of hand-written code changes outside of it.

That is what its functions can reach besides their arguments: global variables, variables of the
functions around them, the object of a method, and generators of random numbers.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

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
        for name in dict.fromkeys(_names(function.__code__)):
            if name in variables:
                value = variables[name]
                self._undo.append(_assigning(variables, name, value))
                self._look_at(value)
            else:
                self._undo.append(_removing(variables, name))
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
            if id(one) in self._seen or isinstance(one, ModuleType | type | str | bytes):
                continue
            if isinstance(one, FunctionType):
                self.note(one)
                continue
            undo, inner = _contents(one)
            if undo is not None:
                self._seen[id(one)] = one
                self._undo.append(undo)
                waiting += inner


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global names of a function, and of the functions inside of it."""
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _names(one)


def _assigning(variables: dict[str, Any], name: str, value: Any) -> Callable[[], None]:
    def undo() -> None:
        if variables.get(name) is not value:
            variables[name] = value

    return undo


def _removing(variables: dict[str, Any], name: str) -> Callable[[], None]:
    def undo() -> None:
        variables.pop(name, None)

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
    if isinstance(one, set):
        members = set(one)
        return _refilling(one, members), []
    if isinstance(one, np.random.Generator):
        state = copy.deepcopy(one.bit_generator.state)
        return lambda: setattr(one.bit_generator, "state", state), []
    if isinstance(one, tuple):
        return lambda: None, list(one)
    attributes = getattr(one, "__dict__", None)
    if isinstance(attributes, dict):
        before = dict(attributes)
        return _refilling(attributes, before), list(before.values())
    return None, []


def _refilling(one: Any, before: Any) -> Callable[[], None]:
    def undo() -> None:
        one.clear()
        one.update(before)

    return undo


def _of_array(one: np.ndarray[Any, Any]) -> Callable[[], None]:
    if not one.flags.writeable or one.dtype.hasobject:
        return lambda: None
    before = one.copy()

    def undo() -> None:
        one[...] = before

    return undo
