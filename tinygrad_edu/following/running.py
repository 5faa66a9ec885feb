"""Runs hand-written code and follows it: what each of its statements computes, also with changes.

A function is followed by exchanging its code for an instrumented copy while it runs, and so are
the functions of the learner that it calls. No debugger's hook is used, so none is disturbed.
"""

from __future__ import annotations

import contextlib
import copy
import io
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .instrumenting import FOLLOW, Statement, instrumented
from .source import find_source, is_learners
from .state import State

__all__ = ["Event", "Follower", "Replacement", "TooLong"]

Array: TypeAlias = NDArray[Any]

_MOST_EVENTS = 20_000
_SHORTEST_LIMIT, _TIMES_AS_LONG = 0.2, 20  # of a run with changes; the limit is in seconds
_LARGEST = 1_000_000  # elements of an array that is kept


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """What a statement computed once.

    Attributes
    ----------
    number : int
        The statement.
    value : object
        A copy, if it is an array or a sequence of arrays.
    written : bool
        Whether it is the whole array that the statement wrote into, not the value it computed.
    """

    number: int
    value: Any
    written: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Replacement:
    """What a statement computes instead.

    Attributes
    ----------
    code : CodeType or None
        An expression, evaluated with the variables of the statement, and `value` as ``true_value``.
    value : object
        The value, where there is no code.
    values : sequence
        One value for each time that the statement runs, instead of `value`.
    """

    code: CodeType | None = None
    value: Any = None
    values: Sequence[Any] = ()

    def of(self, variables: Mapping[str, Any], time: int = 0) -> Any:
        """Compute the value from variables, for one of the times that the statement runs."""
        if self.code is None:
            return copy.copy(self.values[time] if self.values else self.value)
        # One mapping: what is inside of a comprehension sees only global variables.
        return eval(self.code, {**variables, "true_value": self.value})


class TooLong(BaseException):
    """A run with changes takes too long, as where a loop no longer ends.

    It is no Exception, so that the learner's code does not catch it.
    """


class _Looked(BaseException):
    """Ends a run that was only to show the variables of a statement."""


class Follower:
    """Follows a function of the learner, and runs it with changes.

    Parameters
    ----------
    function : callable
    arguments : sequence
        They are copied before each run.
    """

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
        self.function, self.arguments = function, arguments
        self.statements: list[Statement] = []
        self.changed: dict[int, Replacement] = {}
        self.events: list[Event] = []
        self.is_recording = False
        self.probe: Callable[[Statement, Mapping[str, Any]], None] | None = None
        self.probed = -1
        self.disturbed = -1  # the statement whose value is changed
        self.turns = False  # whether its sign is changed
        self.longest = float("inf")  # seconds of a run; known after the first one
        self._codes: dict[FunctionType, tuple[CodeType, CodeType]] = {}
        self._seen: set[Any] = set()
        self._globals: list[dict[str, Any]] = []
        self._times: dict[int, int] = {}  # how often each replaced statement ran in this run
        self._state = State()
        self._state.note(function)
        self.call(function)

    # Called by the instrumented code -----------------------------------------------------------

    def __call__(self, number: int, value: Any) -> Any:
        """Observe the value of a statement."""
        if self.is_recording and len(self.events) < _MOST_EVENTS:
            self.events.append(Event(number, _kept(value)))
        if time.perf_counter() - self._start > self.longest:
            raise TooLong
        return _disturbed(value, self.turns) if number == self.disturbed else value

    def wrote(self, number: int, array: Any) -> None:
        """Observe the array that a statement wrote into."""
        if self.is_recording and len(self.events) < _MOST_EVENTS:
            self.events.append(Event(number, _kept(array), True))
        if number == self.disturbed and isinstance(array, np.ndarray) and array.dtype.kind == "f":
            array[...] = _disturbed(array, self.turns)

    def instead(self, number: int) -> Any:
        """Compute the value that replaces that of a statement."""
        frame = sys._getframe(1)
        variables = {**frame.f_globals, **frame.f_locals}
        if number == self.probed and self.probe is not None:
            probe, self.probe = self.probe, None
            probe(self.statements[number], variables)
            raise _Looked  # computing parts of a statement may have changed something
        time = self._times[number] = self._times.get(number, -1) + 1
        return self.changed[number].of(variables, time)

    def call(self, function: Any) -> Any:
        """Follow a function that is about to be called; return it."""
        plain = function
        if isinstance(plain, MethodType):
            plain = plain.__func__
        elif isinstance(plain, type):
            plain = plain.__dict__.get("__init__")
        elif not isinstance(plain, FunctionType):
            plain = vars(type(plain)).get("__call__")
        if isinstance(plain, FunctionType) and plain not in self._seen:
            self._seen.add(plain)
            self._follow(plain)
        return function

    def _follow(self, function: FunctionType) -> None:
        if "<locals>" not in function.__qualname__:  # else it was made in this run, or is noted
            self._state.note(function)
        if not is_learners(function.__code__.co_filename) or function.__code__.co_flags & 0x2A0:
            return  # generators and coroutines are not followed
        source = find_source(function)
        if source is None:
            return
        node, statements = instrumented(source, len(self.statements))
        code = source.compiled(node)
        if code.co_freevars == function.__code__.co_freevars:
            self.statements += statements
            self._codes[function] = function.__code__, code
            if self._globals:  # while running
                self._enter(function)

    # Running -----------------------------------------------------------------------------------

    @property
    def follows(self) -> bool:
        """Whether there is any code to follow."""
        return bool(self.statements)

    def run(self, changed: Mapping[int, Replacement] | None = None) -> Any:
        """Run the function with changes; whatever it raises is raised, and `TooLong`.

        What it prints is lost, and what it changes outside of it is put back.
        """
        self.changed = dict(changed or {})
        self._times = {}
        self._start = time.perf_counter()
        arguments = [copy.deepcopy(one) for one in self.arguments]
        try:
            self._globals.append({})
            for function in list(self._codes):
                self._enter(function)
            with (
                contextlib.redirect_stdout(io.StringIO()),
                warnings.catch_warnings(),
                np.errstate(all="ignore"),
            ):
                warnings.simplefilter("ignore")
                result = self.function(*arguments)
            if self.longest == float("inf"):
                taken = time.perf_counter() - self._start
                self.longest = max(_SHORTEST_LIMIT, _TIMES_AS_LONG * taken)
            return result
        finally:
            self._leave()
            self._state.restore()

    def record(self, changed: Mapping[int, Replacement] | None = None) -> tuple[Any, list[Event]]:
        """Run the function with changes; return its result, and what its statements computed."""
        self.events, self.is_recording = [], True
        try:
            return self.run(changed), self.events
        finally:
            self.is_recording = False

    def disturb(self, number: int, changed: Mapping[int, Replacement], turns: bool = False) -> Any:
        """Run the function with another value of a statement; return its result.

        Parameters
        ----------
        number : int
        changed : mapping of int to Replacement
        turns : bool
            Whether it has another sign; otherwise it is a little larger.
        """
        self.disturbed, self.turns = number, turns
        try:
            return self.run(changed)
        finally:
            self.disturbed = -1

    def look(
        self,
        number: int,
        changed: Mapping[int, Replacement],
        probe: Callable[[Statement, Mapping[str, Any]], None],
    ) -> None:
        """Run the function, and call `probe` with the variables where a statement first runs."""
        self.probe, self.probed = probe, number
        try:
            self.run({number: Replacement(), **changed})
        except (_Looked, TooLong):
            pass
        finally:
            self.probe, self.probed = None, -1

    def _enter(self, function: FunctionType) -> None:
        function.__code__ = self._codes[function][1]
        variables = function.__globals__
        if FOLLOW not in variables:
            variables[FOLLOW] = self
            self._globals.append(variables)

    def _leave(self) -> None:
        for function, (original, _) in self._codes.items():
            function.__code__ = original
        for variables in self._globals:
            variables.pop(FOLLOW, None)
        self._globals.clear()


def _disturbed(value: Any, turns: bool) -> Any:
    """Return a value with every number in it changed, each in another way."""
    sign = -1 if turns else 1
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        return type(value)(_disturbed(one, turns) for one in value)
    if isinstance(value, dict):
        return {key: _disturbed(one, turns) for key, one in value.items()}
    if isinstance(value, float | np.floating):
        return sign * (value * 1.01 + 1e-3)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        steps = np.linspace(1e-3, 2e-3, max(value.size, 1)).reshape(value.shape)
        return sign * (value * (1 + 10 * steps) + steps)
    return value


def _kept(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        is_kept = value.dtype.kind in "fiubc" and value.size <= _LARGEST
        return value.copy() if is_kept else None
    if isinstance(value, tuple | list) and len(value) <= 100:
        return type(value)(map(_kept, value)) if type(value) in (tuple, list) else None
    if isinstance(value, dict) and len(value) <= 100:
        return {key: _kept(one) for key, one in value.items()}
    return value if isinstance(value, int | float | complex | np.generic | str) else None
