"""Capturing: a training step is recorded, and from then on replayed.

A step of a small network is some forty calls of NumPy, and finding out which they are takes longer
than making them. `capture` finds out once, as the compilers of large frameworks do: it records
(`recorder.py`), watches what the record depends on (`environment.py`), drops what is not needed
and plans the memory (`plan.py`), and writes the program (`program.py`), which can be read. Now and
then a replay is compared with the step itself (`verification.py`).
"""

from __future__ import annotations

import inspect
import threading
import types
import warnings
from collections.abc import Callable
from typing import Any

from ..errors import CaptureError, ReplayError
from .comparison import difference
from .program import MISS, Program
from .recording import Recording, detached, is_recording, record

__all__ = ["CapturedStep", "capture"]

_MOST_PROGRAMS = 16
# After so many recordings in vain, most calls skip recording, which is slow. As many programs as
# there may be can be made in turn before that, from two recordings each.
_PATIENCE = 2 * _MOST_PROGRAMS
_RARELY = 12


def capture(function: Callable[..., Any]) -> CapturedStep:
    """Make a step fast: record what it does, and replay that without tensors and graph.

    The first calls run as ever, and are recorded as calls of NumPy. When two of them have done the
    same, the third is a replay: the same calls on the same numbers, so that the results are
    the same to the last bit, into memory that is used again and again. Another shape or dtype, and
    any change of what the step can reach (a learning rate, a frozen parameter), is recorded anew.

    Parameters
    ----------
    function : callable
        A step: for example forward, backward, update. It takes arrays, tensors and numbers, and
        gives arrays and tensors, or tuples, lists and dictionaries of them. What changes from
        call to call must be an array: an argument, or kept in a tensor, an attribute or a list.

    Returns
    -------
    CapturedStep
        To be called like the function. What it gives has no graph.

    Raises
    ------
    CaptureError
        By a call whose step cannot be replayed faithfully: where it looks at values (``if``,
        ``float``, ``item``), draws random numbers, or changes anything but arrays. Nothing has
        been changed by such a call, as far as arrays are concerned.
    ReplayError
        By a call in which the replay was compared with the step itself (call 4, 8, 16, ...) and
        gave something else, because of what could not be watched: a `CaptureError` which says
        since which call replays may be wrong.

    Notes
    -----
    A replay is all or nothing: after an error or an interruption all updates have been made, or
    none. Other threads see the values of before or after it; arrays that others hold keep theirs.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, capture
    >>> w = Tensor([0.0, 0.0], requires_grad=True)
    >>> @capture
    ... def step(x, y):
    ...     loss = ((x @ w - y) ** 2).mean()
    ...     loss.backward()
    ...     w.data, w.grad = w.data - 0.5 * w.grad, None
    ...     return loss
    >>> x, y = np.eye(2), np.array([1.0, 2.0])
    >>> [step(x, y).item() for _ in range(4)]
    [2.5, 0.625, 0.15625, 0.0390625]
    >>> step.recordings
    2
    """
    return CapturedStep(function)


class CapturedStep:
    """A step that is recorded when it is called for the first times, and replayed from then on.

    Attributes
    ----------
    function : callable
        The step as it was given.
    recordings : int
        How many calls were recorded, or made without.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import capture
    >>> step = capture(lambda x: x * 2)
    >>> [step(np.full(1, n)).tolist() for n in range(5)], step.recordings
    ([[0], [2], [4], [6], [8]], 2)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.recordings = 0
        self._signature = inspect.signature(function)
        for parameter in self._signature.parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(
                    f"a captured step has named parameters, and {parameter} stands for any; "
                    "name them"
                )
        self._lock = threading.RLock()
        self._start_again()
        self._in_vain = 0  # calls since a recording led to a replay
        self._has_warned = False

    def _start_again(self) -> None:
        self._programs: list[Program] = []
        self._replay: Callable[..., Any] = lambda *arguments, **keywords: MISS
        self._previous: dict[Any, Recording] = {}
        self._changes: dict[Any, dict[str, str]] = {}  # of the last recording with such arguments

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Do the step."""
        with self._lock:
            try:
                result = self._replay(*arguments, **keywords)
                return self._others(arguments, keywords) if result is MISS else result
            except ReplayError:
                self._start_again()
                raise

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as a method when accessed on an instance."""
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the function; the copy makes recordings of its own."""
        return type(self), (self.function,)

    def _others(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Look for another program that fits, and record if there is none."""
        if is_recording():  # a step inside of a step
            return detached(self.function(*arguments, **keywords))
        for program in self._programs:
            result = program.replay(*arguments, **keywords)
            if result is not MISS:
                self._programs.remove(program)
                self._programs.insert(0, program)  # those that are not used are dropped first
                self._replay = program.replay
                self._in_vain = 0
                return result
        if self._is_better_plain():
            return detached(self.function(*arguments, **keywords))
        bound = self._signature.bind(*arguments, **keywords)
        bound.apply_defaults()
        recording = record(self.function, bound)
        try:
            is_known = self._is_known(recording)
        except CaptureError:
            recording.undo()
            raise
        if is_known:
            program = Program(self.function, recording)
            self._programs = [program, *self._programs[: _MOST_PROGRAMS - 1]]
            self._in_vain = 0
            self._replay = self._programs[0].replay
            recording.tape.forget()
        return recording.result_of_call

    def _is_better_plain(self) -> bool:
        """Count a call that cannot be replayed; say whether it should not even be recorded.

        That is so for most calls where recordings have not led to replays for a while, or where
        there are as many programs as there may be: they would only drive each other out.
        """
        self.recordings += 1
        self._in_vain += 1
        is_full = len(self._programs) == _MOST_PROGRAMS
        is_in_vain = self._in_vain > _PATIENCE
        if (is_full or is_in_vain) and not self._has_warned:
            self._has_warned = True
            warnings.warn(_advice(is_full), stacklevel=4)
        number = self.recordings if is_full else self._in_vain
        return (is_full or is_in_vain) and number % _RARELY > 1  # two in a row can be compared

    def _is_known(self, recording: Recording) -> bool:
        """Whether a recording has shown the same as an earlier one; keep it for later ones."""
        form = recording.form
        before = self._changes.pop(form, {})
        if recording.changes:
            if len(self._changes) >= _MOST_PROGRAMS:
                self._changes.clear()
            self._changes[form] = recording.changes
            if again := [name for name in recording.changes if name in before]:
                advice = recording.changes[again[0]]
                raise CaptureError(
                    f"the step changes {', '.join(again[:3])} at each call, which a replay would "
                    f"not do; {advice}"
                )
            return False
        key = (form, recording.environment.key)
        previous = self._previous.pop(key, None)
        if previous is not None:
            found = difference(previous, recording)
            previous.tape.forget()
            if found is None:
                return True
            raise CaptureError(
                f"two calls of the step did not do the same: {found}; pass what changes as an "
                "argument"
            )
        self._keep(key, recording)
        return False

    def _keep(self, key: Any, recording: Recording) -> None:
        """Keep a recording for a later one like it; there is room for few, and old ones make it."""
        recording.number = self.recordings
        if len(self._previous) >= _MOST_PROGRAMS:
            oldest = next(iter(self._previous))
            if self.recordings - self._previous[oldest].number < _MOST_PROGRAMS + _RARELY:
                recording.tape.forget()
                return
            self._previous.pop(oldest).tape.forget()
        self._previous[key] = recording

    @property
    def memory(self) -> int:
        """The bytes of the memory that replays write into."""
        return sum(program.bytes for program in self._programs)

    @property
    def source(self) -> str:
        """The program that was used last, in Python; empty before there is one."""
        return self._programs[0].source if self._programs else ""

    def explain(self) -> str:
        """List the calls of the program that was used last, and the memory that they write to.

        Returns
        -------
        str
            A table, with a line for each call.
        """
        if not self._programs:
            return (
                f"nothing to replay yet: {self.recordings} calls were recorded, and it takes two "
                "that did the same"
            )
        return self._programs[0].table

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", "step")
        programs, recordings = len(self._programs), self.recordings
        return (
            f"CapturedStep({name}, {programs} {'program' if programs == 1 else 'programs'}, "
            f"{recordings} {'recording' if recordings == 1 else 'recordings'})"
        )


def _advice(is_full: bool) -> str:
    """Say why calls are not replayed."""
    if is_full:
        return (
            f"a captured step has been called with more than {_MOST_PROGRAMS} kinds of arguments "
            "(shapes, dtypes, values of numbers) or settings; the others are computed without "
            "replays, which is slower: pass arrays of fewer shapes, for example padded ones, and "
            "numbers as arrays"
        )
    return (
        f"{_PATIENCE} calls of a captured step were recorded in vain, because shapes, numbers or "
        "settings were different each time; most such calls are now computed as they are, which is "
        "slower than a replay: pass arrays of fewer shapes, and keep what changes in arrays"
    )
