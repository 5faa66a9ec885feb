"""Capturing: a training step is recorded, and from then on replayed.

A step of a small network is some forty calls of NumPy, and finding out which they are takes longer
than making them. `capture` finds out once, as the compilers of large frameworks do: it records
(`recorder.py`), watches what the record depends on (`surroundings.py`), drops what is not needed
and plans the memory (`plan.py`), and writes the program (`program.py`), which can be read.
"""

from __future__ import annotations

import inspect
import threading
import types
from collections.abc import Callable
from typing import Any

from ..errors import CaptureError
from .comparison import difference
from .program import MISS, Program
from .recording import Recording, detached, is_recording, record

__all__ = ["CapturedStep", "capture"]

_MOST_PROGRAMS = 16
# After so many recordings in a row most calls are made without: recording takes its time too.
_PATIENCE = 12


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
        self._programs: list[Program] = []
        self._replay: Callable[..., Any] = lambda *arguments, **keywords: MISS
        self._previous: dict[Any, Recording] = {}
        self._in_a_row = 0
        self._lock = threading.RLock()

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Do the step."""
        with self._lock:
            result = self._replay(*arguments, **keywords)
            return self._others(arguments, keywords) if result is MISS else result

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Be a method, where it is the attribute of a class."""
        return self if instance is None else types.MethodType(self, instance)

    def _others(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Look for another program that fits, and record if there is none."""
        if is_recording():  # a step inside of a step
            return detached(self.function(*arguments, **keywords))
        for program in self._programs:
            result = program.replay(*arguments, **keywords)
            if result is not MISS:
                self._replay = program.replay
                self._in_a_row = 0
                return result
        self.recordings += 1
        self._in_a_row += 1
        if self._in_a_row > _PATIENCE and self._in_a_row % _PATIENCE:
            return detached(self.function(*arguments, **keywords))
        bound = self._signature.bind(*arguments, **keywords)
        bound.apply_defaults()
        recording = record(self.function, bound)
        previous = self._previous.get(recording.form)
        try:
            is_known = self._is_known(previous, recording)
        except CaptureError:
            recording.undo()
            raise
        if previous is not None:
            self._previous.pop(recording.form).tape.forget()
        if not is_known:
            self._previous[recording.form] = recording
            if len(self._previous) > _MOST_PROGRAMS:
                self._previous.pop(next(iter(self._previous))).tape.forget()
        else:
            program = Program(recording)
            recording.tape.forget()
            self._programs = [program, *self._programs[: _MOST_PROGRAMS - 1]]
            self._replay = program.replay
            self._in_a_row = 0
        return recording.result_of_call

    def _is_known(self, previous: Recording | None, recording: Recording) -> bool:
        """Whether a recording has shown the same as the one before."""
        if previous is None:
            return False
        if recording.changes:
            if again := [name for name in recording.changes if name in previous.changes]:
                raise CaptureError(
                    f"the step changes {', '.join(again[:3])} at each call, which a replay would "
                    "not do; keep it in an array or a tensor, or outside of the step"
                )
            return False
        found = difference(previous, recording)
        if found is None:
            return True
        if not previous.changes and previous.surroundings.is_like(recording.surroundings):
            raise CaptureError(
                f"two calls of the step did not do the same: {found}; pass what changes as an "
                "argument"
            )
        return False

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
        current = next((p for p in self._programs if p.replay is self._replay), self._programs[0])
        return current.table

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", "step")
        programs, recordings = len(self._programs), self.recordings
        return (
            f"CapturedStep({name}, {programs} {'program' if programs == 1 else 'programs'}, "
            f"{recordings} {'recording' if recordings == 1 else 'recordings'})"
        )
