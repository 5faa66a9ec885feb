"""Capturing: records a training step, and replays it from then on.

A step of a small network makes about forty NumPy calls, and choosing them takes longer than
running them. `capture` chooses once, as the compilers of large frameworks do: it records the calls
(`recorder.py`), plans them (`plan.py`) and writes a readable program (`program.py`). It does not
change what a step computes: a step that cannot be replayed exactly is refused with a reason.
"""

from __future__ import annotations

import inspect
import threading
import types
import warnings
from collections.abc import Callable
from typing import Any

from ..errors import CaptureError, ReplayError
from ..scope import is_nested
from ..structures import entries
from ..tensor import Tensor
from .comparison import difference
from .device_program import DeviceProgram
from .devices import open_device
from .program import MISS, Program
from .recording import Recording, detached, is_recording, record

__all__ = ["CapturedStep", "capture"]

_MOST_PROGRAMS = 16
# After this many calls without a replay, most calls skip recording, which is slow. Two recordings
# make a program, so all programs can be made before that.
_PATIENCE = 2 * _MOST_PROGRAMS
_RETRY_PERIOD = 12


def capture(function: Callable[..., Any], *, device: str | None = None) -> CapturedStep:
    """Make a step fast: record its NumPy calls, and replay them without tensors and graph.

    The first calls run as usual and are recorded. When two of them did the same, later calls are
    replays: the same NumPy calls, into memory that is reused, with results that are equal to the
    last bit. A new shape or dtype is recorded again, and so is a change of anything that the step
    can reach (a momentum, a frozen parameter).

    Parameters
    ----------
    function : callable
        A step: for example forward, backward, update. It takes arrays, tensors and numbers, and
        returns arrays and tensors, or tuples, lists and dictionaries of them. Values that change
        at each call must be arrays: arguments, or kept in a tensor, an attribute or a list.
    device : str, optional
        Where replays run: ``"cupy"`` for an NVIDIA GPU. Its results differ from NumPy's in the last
        digits. By default they run in NumPy.

    Returns
    -------
    CapturedStep
        Call it like the function. Its results have no graph.

    Raises
    ------
    CaptureError
        If a call cannot be replayed exactly: it looks at values (``if``, ``float``, ``item``),
        draws random numbers, or changes anything but arrays. Such a call leaves all arrays
        unchanged.
    ReplayError
        If a replay differs from the step itself. Calls 4, 8, 16, ... compare the two. The error
        is a `CaptureError`, and names the call since which replays may be wrong.
    ImportError, RuntimeError
        If the package of the device is not installed, or if there is no such device.
    MemoryError
        If a replay does not fit into the memory of the device. It has changed nothing then.

    Notes
    -----
    A replay is all or nothing: after an error or an interruption either all updates have been made
    or none. Other threads see the old values or the new ones. Arrays that the caller holds keep
    their values.

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
    return CapturedStep(function, device)


class CapturedStep:
    """A step whose first calls are recorded, and whose later calls are replays.

    Attributes
    ----------
    function : callable
        The step itself.
    device : str or None
        Where replays run; None for NumPy.
    recordings : int
        How many calls were not replays: recorded calls, and calls that skipped recording.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import capture
    >>> step = capture(lambda x: x * 2)
    >>> [step(np.full(1, n)).tolist() for n in range(5)], step.recordings
    ([[0], [2], [4], [6], [8]], 2)
    """

    def __init__(self, function: Callable[..., Any], device: str | None = None) -> None:
        self.function = function
        self.device = device
        self._module = None if device is None else open_device(device)
        self.recordings = 0
        self._signature = inspect.signature(function)
        for parameter in self._signature.parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(
                    f"a captured step has the parameter {parameter}, expected named parameters "
                    "only; write each parameter by name"
                )
        self._lock = threading.RLock()
        self._reset()
        self._without_replay = 0  # calls since the last replay or new program
        self._has_warned = False

    def _reset(self) -> None:
        self._programs: list[Program] = []
        self._replay: Callable[..., Any] = lambda *arguments, **keywords: MISS
        self._previous: dict[Any, Recording] = {}
        self._changes: dict[Any, dict[str, str]] = {}  # by form of arguments, what a call changed

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Replay the step, or run it if no program fits."""
        if is_nested():
            _refuse_to_cut(arguments, keywords)
        with self._lock:
            try:
                result = self._replay(*arguments, **keywords)
                return self._replay_or_record(arguments, keywords) if result is MISS else result
            except ReplayError:
                self._reset()
                raise

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as a method when accessed on an instance."""
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the function; the copy makes its own recordings."""
        return type(self), (self.function, self.device)

    def _replay_or_record(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Replay another program that fits; otherwise record the call."""
        if is_recording():  # a step inside a step
            return detached(self.function(*arguments, **keywords))
        for program in self._programs:
            result = program.replay(*arguments, **keywords)
            if result is not MISS:
                self._programs.remove(program)
                self._programs.insert(0, program)  # the least recently used is dropped first
                self._replay = program.replay
                self._without_replay = 0
                return result
        if self._skips_recording():
            return detached(self.function(*arguments, **keywords))
        bound = self._signature.bind(*arguments, **keywords)
        bound.apply_defaults()
        recording = record(self.function, bound, notes_places=self.device is not None)
        try:
            is_known = self._matches_earlier(recording)
        except CaptureError:
            recording.undo()
            raise
        if is_known:
            program = self._program(recording)
            self._programs = [program, *self._programs[: _MOST_PROGRAMS - 1]]
            self._without_replay = 0
            self._replay = self._programs[0].replay
            recording.tape.forget()
        else:
            recording.tape.release()
        result, recording.result_of_call = recording.result_of_call, None
        return result

    def _program(self, recording: Recording) -> Program:
        """Make a program; a refused call leaves all arrays unchanged."""
        try:
            if self._module is None:
                return Program(self.function, recording)
            return DeviceProgram(self.function, recording, self._module)
        except CaptureError:
            recording.undo()
            raise

    def _skips_recording(self) -> bool:
        """Count a call that has no program; return whether to skip recording it.

        Most calls skip recording if recordings have not led to replays for a while, or if the
        number of programs is at its limit: new programs would only replace each other.
        """
        self.recordings += 1
        self._without_replay += 1
        is_full = len(self._programs) == _MOST_PROGRAMS
        is_in_vain = self._without_replay > _PATIENCE
        if (is_full or is_in_vain) and not self._has_warned:
            self._has_warned = True
            warnings.warn(_advice(is_full), stacklevel=4)
        number = self.recordings if is_full else self._without_replay
        return (is_full or is_in_vain) and number % _RETRY_PERIOD > 1  # record two in a row

    def _matches_earlier(self, recording: Recording) -> bool:
        """Whether a recording equals an earlier one; otherwise keep it for later comparisons."""
        form = recording.form
        before = self._changes.pop(form, {})
        if recording.changes:
            if len(self._changes) >= _MOST_PROGRAMS:
                self._changes.clear()
            self._changes[form] = recording.changes
            if again := [name for name in recording.changes if name in before]:
                kinds: dict[str, str] = {}  # advice of one kind is given once
                for name in again[:3]:
                    kinds.setdefault(recording.changes[name].partition(":")[0], name)
                advice = "; ".join(recording.changes[name] for name in kinds.values())
                raise CaptureError(
                    f"the step changes {', '.join(again[:3])} at each call, and a replay would "
                    f"not; {advice}"
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
                f"two calls of the step did not do the same: {found}; pass the changing value as "
                "an argument"
            )
        self._keep(key, recording)
        return False

    def _keep(self, key: Any, recording: Recording) -> None:
        """Keep a recording for a later comparison; if there is no room, an old one is dropped."""
        recording.number = self.recordings
        if len(self._previous) >= _MOST_PROGRAMS:
            oldest = next(iter(self._previous))
            if self.recordings - self._previous[oldest].number < _MOST_PROGRAMS + _RETRY_PERIOD:
                recording.tape.forget()
                return
            self._previous.pop(oldest).tape.forget()
        self._previous[key] = recording

    @property
    def memory(self) -> int:
        """The size of the memory that replays write into, in bytes."""
        return sum(program.bytes for program in self._programs)

    @property
    def source(self) -> str:
        """The Python source of the last used program; empty if there is none yet."""
        return self._programs[0].source if self._programs else ""

    def explain(self) -> str:
        """List the calls of the last used program, and the memory that they write to.

        Returns
        -------
        str
            A table with a row for each call.
        """
        if not self._programs:
            return (
                f"nothing to replay yet: {self.recordings} calls were recorded, and a replay needs "
                "two that did the same"
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
    """Return the warning about calls that are not replayed."""
    if is_full:
        return (
            f"a captured step was called with more than {_MOST_PROGRAMS} kinds of arguments "
            "(shapes, dtypes, values of numbers) or settings, and most calls of further kinds run "
            "without replay, which is slower; pass arrays of fewer shapes, for example padded "
            "ones, and numbers as arrays"
        )
    return (
        f"{_PATIENCE} calls of a captured step were recorded in vain, because shapes, numbers or "
        "settings were different each time, and most such calls now run without replay, which is "
        "slower; pass arrays of fewer shapes, and keep changing values in arrays"
    )


def _refuse_to_cut(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Raise an error for tensors that an outer function differentiates by: results have no graph.

    A derivative would otherwise be zero.
    """
    if any(isinstance(x, Tensor) and x.requires_grad for x in entries((arguments, keywords))):
        raise CaptureError(
            "a captured step returns tensors without a graph, so it cannot be differentiated; "
            "capture the derivative instead, as in capture(grad(f))"
        )
