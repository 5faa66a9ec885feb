"""Makes one call of a step while it is recorded, and finds out what the call has changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..tensor import Tensor, _computed
from ..watching import Watching
from .environment import Environment, Slot, is_plain
from .recorder import Tape, Tracer, mapped
from .search import environment_of

__all__ = ["Leaf", "Recording", "detached", "is_recording", "plainly", "record"]

_is_recording: ContextVar[bool] = ContextVar("is_recording", default=False)
is_recording = _is_recording.get


def plainly(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call a function, and let captured steps inside of it be called as they are.

    It runs in a context of its own, so that no interruption can leave this mode behind.
    """
    context = copy_context()
    context.run(_is_recording.set, True)
    return context.run(function, *arguments, **keywords)


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where in the result of a step an array or a tensor stands."""

    position: int
    is_tensor: bool


@dataclass(slots=True)
class Recording:
    """One call of a step that was recorded.

    Attributes
    ----------
    tape : Tape
    environment : Environment
        As they were before the call.
    parameters : list of inspect.Parameter
        Of the step.
    arguments : dict of str to object
        A `Tracer` for each array; other arguments as they are.
    inputs : list of (Slot, Tracer)
        The arrays that were in slots before.
    outputs : list of (Slot, Tracer)
        The slots that hold another array after the call, or an array for the first time.
    emptied : list of (Slot, object)
        The slots that hold a number, a text or None after the call, instead of an array.
    result : object
        What the step returned, with a `Leaf` for each array.
    returned : list of Tracer
        The arrays that the leaves stand for.
    changes : dict of str to str
        The settings that the call has changed, and what to do if that happens at each call.
    result_of_call : object
        What the step returned, without stand-ins.
    number : int
        Of the call, among those that were not replayed.
    """

    tape: Tape
    environment: Environment
    parameters: list[inspect.Parameter]
    arguments: dict[str, Any] = field(default_factory=dict)
    inputs: list[tuple[Slot, Tracer]] = field(default_factory=list)
    outputs: list[tuple[Slot, Tracer]] = field(default_factory=list)
    emptied: list[tuple[Slot, Any]] = field(default_factory=list)
    result: Any = None
    returned: list[Tracer] = field(default_factory=list)
    changes: dict[str, str] = field(default_factory=dict)
    result_of_call: Any = None
    number: int = 0

    @property
    def form(self) -> tuple[Any, ...]:
        """What tells calls apart that need programs of their own: shapes, dtypes, strides."""
        found: list[Any] = []
        for value in self.arguments.values():
            array = getattr(value, "_data", value)
            if isinstance(array, Tracer):
                x = array.array
                found.append((type(x), x.shape, x.dtype, x.strides))
            elif isinstance(value, int | float | str):
                found.append((type(value), repr(value)))
            else:
                found.append(id(value))
        return tuple(found)

    def undo(self) -> None:
        """Put back what was there before the call."""
        self.tape.undo()
        self.environment.put_back()
        for slot, value in self.inputs:
            slot.put(value.array)


def detached(result: Any) -> Any:
    """Give the result of a step without its graph."""
    return mapped(
        lambda entry: entry.detach() if isinstance(entry, Tensor) and entry.node else entry, result
    )


def record(function: Callable[..., Any], bound: inspect.BoundArguments) -> Recording:
    """Call a step, and record it.

    If it raises an error, all arrays and settings are as they were.

    Parameters
    ----------
    function : callable
    bound : inspect.BoundArguments
        Its arguments, those with defaults included.

    Raises
    ------
    CaptureError
        If it does what cannot be recorded.
    """
    tape = Tape()
    given = dict(bound.arguments)
    for name, value in given.items():
        bound.arguments[name] = _argument(name, value, tape)
    others = {name: value for name, value in given.items() if bound.arguments[name] is value}
    tensors = {n: (t, t._data) for n, t in bound.arguments.items() if isinstance(t, Tensor)}
    before = environment_of(function, others)
    recording = Recording(tape, before, [*bound.signature.parameters.values()])
    recording.arguments = dict(bound.arguments)
    stand_ins: dict[int, Tracer] = {}
    for slot in before.arrays:
        array = slot.get()
        if isinstance(array, Tracer):
            raise CaptureError("the step is being recorded by another thread; wait for that")
        if id(array) not in stand_ins:
            stand_ins[id(array)] = tape.stand_in(array)
        recording.inputs.append((slot, stand_ins[id(array)]))
    try:
        for slot, stand_in in recording.inputs:
            slot.put(stand_in)
        with _Whole():
            result = plainly(function, *bound.args, **bound.kwargs)
        for name, (tensor, values) in tensors.items():
            if name not in others and tensor._data is not values:
                raise CaptureError(f"the step replaces the data of its argument {name}; return it")
        recording.result = mapped(lambda entry: _leaf(entry, recording), result)
        mapped(lambda entry: _check_result(entry, recording), recording.result)
        _find_changes(recording, environment_of(function, others))
    except BaseException:
        _leave_no_stand_ins(function, others)
        recording.undo()
        raise
    finally:
        tape.close()
    recording.result_of_call = mapped(lambda entry: _real(entry, recording), recording.result)
    return recording


class _Whole(Watching):
    """Records a forward pass or a rule as a whole where it cannot be followed inside."""

    def evaluate(self, function: Callable[..., Any], *arrays: Any, **params: Any) -> Any:
        """Evaluate it, and follow its calls of NumPy if that is possible."""
        try:
            return function(*arrays, **params)
        except CaptureError:
            for value in (*arrays, *params.values()):
                for entry in value if isinstance(value, tuple | list) else (value,):
                    if isinstance(entry, Tracer):
                        return entry.recorded_as_a_whole(function, arrays, params)
            raise


def _argument(name: str, value: Any, tape: Tape) -> Any:
    """Give what the step gets instead of an argument."""
    if isinstance(value, np.ndarray | np.generic):
        return tape.stand_in(value)
    if isinstance(value, Tensor):
        if value.node is not None:
            raise CaptureError(
                f"{name} is {value._label()}, and a captured step ends all graphs; "
                f"pass {name}.detach()"
            )
        if not value._requires_grad:
            tensor = _computed(tape.stand_in(value._data), None)
            tensor.name = value.name
            return tensor
    return value


def _find_changes(recording: Recording, after: Environment) -> None:
    """Put the new arrays into their slots, and note what else has changed."""
    old = {slot.identity: (slot, value) for slot, value in recording.inputs}
    changed, others = recording.environment.changed()
    others += recording.environment.drawn()
    settings = {slot.identity: (slot, value) for slot, value in changed}
    gone = dict(old)
    for slot in after.arrays:
        value = slot.get()
        if not isinstance(value, Tracer):
            continue
        gone.pop(slot.identity, None)
        slot.put(value.array)
        if slot.identity in old:
            if value is not old[slot.identity][1]:
                recording.outputs.append((old[slot.identity][0], value))
        elif slot.identity in settings and is_plain(settings[slot.identity][1]):
            recording.outputs.append((settings.pop(slot.identity)[0], value))
        else:
            others.append(slot.path)
    for slot, _ in gone.values():
        value = slot.get()
        if isinstance(value, Tracer):  # in a list that is not used any more, but by others
            slot.put(value.array)
        if is_plain(value):
            recording.emptied.append((slot, value))
        else:
            others.append(slot.path)
    for slot, before in settings.values():
        recording.changes[slot.path] = _advice(slot, before)
    replaced = tuple(recording.changes)
    recording.changes |= {path: _KEEP for path in others if not path.startswith(replaced)}


def _advice(slot: Slot, old: Any) -> str:
    """Say what a step can do instead of changing a setting at each call."""
    new = slot.get()
    if type(new) is type(old):
        for kind, advice in _ADVICE:
            if isinstance(new, kind):
                return advice.format(slot.path)
    return _KEEP


_KEEP = "keep it in an array or a tensor, or outside of the step"
_ADVICE: list[tuple[type, str]] = [
    (list, "do not make another list, write into the one that is there: {}[:] = ..."),
    (dict, "do not make another dictionary, write into the one that is there: {}[key] = ..."),
    (Tensor, "do not make another tensor, give the one that is there new values: {}.data = ..."),
]


def _leave_no_stand_ins(function: Callable[..., Any], others: dict[str, Any]) -> None:
    """Put arrays where a step that failed has left stand-ins."""
    try:
        after = environment_of(function, others)
    except CaptureError:  # it has made something that cannot be searched
        return
    for slot in after.arrays:
        value = slot.get()
        if isinstance(value, Tracer):
            slot.put(value.array)


def _leaf(entry: Any, recording: Recording) -> Any:
    if isinstance(entry, Tensor) and isinstance(entry._data, Tracer):
        recording.returned.append(entry._data)
        return Leaf(len(recording.returned) - 1, True)
    if isinstance(entry, Tracer):
        recording.returned.append(entry)
        return Leaf(len(recording.returned) - 1, False)
    return entry


def _check_result(entry: Any, recording: Recording) -> None:
    if isinstance(entry, Tensor):
        numbers = [n for n, v in recording.arguments.items() if isinstance(v, int | float)]
        what = f"; pass {numbers[0]} as an array, np.array({numbers[0]})" if numbers else ""
        raise CaptureError(
            "the step returns a tensor that does not depend on any array that it is given or can "
            f"reach, so that replays would return the same values for ever{what}"
        )
    kinds = (Leaf, np.ndarray, np.generic, int, float, complex, str, bytes, type(None))
    if not isinstance(entry, kinds):
        raise CaptureError(
            f"the step returns a {type(entry).__name__}; return arrays, tensors and numbers, or "
            "tuples, lists and dictionaries of them"
        )


def _real(entry: Any, recording: Recording) -> Any:
    if not isinstance(entry, Leaf):  # the caller's own, as everything else
        return entry.copy() if isinstance(entry, np.ndarray) else entry
    array = recording.returned[entry.position].array
    return _computed(array, None) if entry.is_tensor else array
