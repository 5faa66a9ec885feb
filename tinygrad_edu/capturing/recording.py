"""Records one call of a step, and finds out what the call has changed.

The NumPy calls are recorded in `recorder.py`. Whether two recordings agree is not decided here.
"""

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
from .generators import Drawings
from .recorder import Tape, Tracer, mapped
from .search import environment_of

__all__ = ["Leaf", "Recording", "detached", "is_recording", "plainly", "record"]

_is_recording: ContextVar[bool] = ContextVar("is_recording", default=False)
is_recording = _is_recording.get


def plainly(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call a function in which captured steps run as plain functions.

    It runs in a new context, so an interruption cannot leave this mode on.
    """
    context = copy_context()
    context.run(_is_recording.set, True)
    return context.run(function, *arguments, **keywords)


@dataclass(frozen=True, slots=True)
class Leaf:
    """Replaces an array or a tensor in the result of a step."""

    position: int
    is_tensor: bool


@dataclass(slots=True)
class Recording:
    """One recorded call of a step.

    Attributes
    ----------
    tape : Tape
    environment : Environment
        The environment before the call.
    parameters : list of inspect.Parameter
        Of the step.
    arguments : dict of str to object
        A `Tracer` for each array; other arguments unchanged.
    inputs : list of (Slot, Tracer)
        The slots that held arrays before the call.
    outputs : list of (Slot, Tracer)
        The slots that hold another array after the call, or an array for the first time.
    emptied : list of (Slot, object)
        The slots that hold a number, a string or None after the call, instead of an array.
    result : object
        The result of the step, with a `Leaf` for each array.
    returned : list of Tracer
        The arrays of the leaves.
    changes : dict of str to str
        The settings that the call has changed, and the advice if every call changes them.
    result_of_call : object
        The result of the step, without tracers.
    number : int
        The number of the call, counting only calls that were not replayed.
    drawings : Drawings
        The random generators.
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
    drawings: Drawings = field(init=False)

    @property
    def form(self) -> tuple[Any, ...]:
        """A key that differs for calls that need separate programs: shapes, dtypes, strides."""
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
        """Restore the values from before the call."""
        self.tape.undo()
        self.environment.restore()
        for slot, value in self.inputs:
            slot.put(value.array)
        self.drawings.undo()


def detached(result: Any) -> Any:
    """Return the result of a step without its graph."""
    return mapped(
        lambda entry: entry.detach() if isinstance(entry, Tensor) and entry.node else entry, result
    )


def record(
    function: Callable[..., Any], bound: inspect.BoundArguments, notes_places: bool = False
) -> Recording:
    """Call a step, and record it.

    If it raises an error, all arrays and settings are restored.

    Parameters
    ----------
    function : callable
    bound : inspect.BoundArguments
        The arguments, including defaults.
    notes_places : bool
        Whether to store the line of the user's code for each call.

    Returns
    -------
    Recording

    Raises
    ------
    CaptureError
        If the step does something that cannot be recorded.
    """
    tape = Tape(notes_places)
    given = dict(bound.arguments)
    for name, value in given.items():
        bound.arguments[name] = _argument(name, value, tape)
    others = {name: value for name, value in given.items() if bound.arguments[name] is value}
    tensors = {n: (t, t._data) for n, t in bound.arguments.items() if isinstance(t, Tensor)}
    before = environment_of(function, others)
    recording = Recording(tape, before, [*bound.signature.parameters.values()])
    recording.arguments = dict(bound.arguments)
    recording.drawings = Drawings(before, tape)
    tracers: dict[int, Tracer] = {}
    for slot in before.arrays:
        array = slot.get()
        if isinstance(array, Tracer):
            raise CaptureError(
                f"{slot.path} is being recorded by another thread; call the step after it has "
                "finished"
            )
        if id(array) not in tracers:
            tracers[id(array)] = tape.tracer(array)
        recording.inputs.append((slot, tracers[id(array)]))
    try:
        for slot, tracer in recording.inputs:
            slot.put(tracer)
        with _Whole(), recording.drawings:
            result = plainly(function, *bound.args, **bound.kwargs)
        for name, (tensor, values) in tensors.items():
            if name not in others and tensor._data is not values:
                raise CaptureError(
                    f"the step replaces the data of its argument {name}; return the new values"
                )
        recording.result = mapped(lambda entry: _leaf(entry, recording), result)
        mapped(lambda entry: _check_result(entry, recording), recording.result)
        _find_changes(recording, environment_of(function, others))
    except BaseException:
        _remove_tracers(function, others)
        recording.undo()
        raise
    finally:
        tape.close()
    recording.result_of_call = mapped(lambda entry: _real(entry, recording), recording.result)
    return recording


class _Whole(Watching):
    """Records a forward pass or a rule as a single call if its NumPy calls cannot be recorded."""

    def evaluate(self, function: Callable[..., Any], *arrays: Any, **params: Any) -> Any:
        """Evaluate the function, and record its NumPy calls if possible."""
        try:
            return function(*arrays, **params)
        except CaptureError:
            for value in (*arrays, *params.values()):
                for entry in value if isinstance(value, tuple | list) else (value,):
                    if isinstance(entry, Tracer):
                        return entry.recorded_as_a_whole(function, arrays, params)
            raise


def _argument(name: str, value: Any, tape: Tape) -> Any:
    """Return the replacement of an argument: a tracer, a tensor of a tracer, or the argument."""
    if isinstance(value, np.ndarray | np.generic):
        return tape.tracer(value)
    if isinstance(value, Tensor):
        if value.node is not None:
            raise CaptureError(
                f"the argument {name} is {value._label()}, which has a graph, and a captured step "
                f"does not continue graphs; pass {name}.detach()"
            )
        if not value._requires_grad:
            tensor = _computed(tape.tracer(value._data), None)
            tensor.name = value.name
            return tensor
    return value


def _find_changes(recording: Recording, after: Environment) -> None:
    """Replace the tracers in slots by their arrays, and store all other changes."""
    old = {slot.identity: (slot, value) for slot, value in recording.inputs}
    changed, others = recording.environment.changed()
    others += recording.environment.drawn(recording.drawings.drawn)
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
        if isinstance(value, Tracer):  # in a list that only other code still uses
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
    """Return what a step can do instead of changing a setting at each call."""
    new = slot.get()
    if type(new) is type(old):
        if type(new) in (int, float):
            where = f"{slot.path} = np.zeros(()) outside of the step, and {slot.path} += 1 in it"
            return f"keep it in an array: {where}"
        for kind, advice in _ADVICE:
            if isinstance(new, kind):
                return advice.format(slot.path)
    return _KEEP


_KEEP = "keep it in an array or a tensor, or outside of the step"
_ADVICE: list[tuple[type, str]] = [
    (list, "write into the existing list instead of making a new one: {}[:] = ..."),
    (dict, "write into the existing dictionary instead of making a new one: {}[key] = ..."),
    (Tensor, "set the data of the existing tensor instead of making a new one: {}.data = ..."),
]


def _remove_tracers(function: Callable[..., Any], others: dict[str, Any]) -> None:
    """Replace the tracers that a failed step has left by their arrays."""
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
            "the step returns a tensor that depends on no array among its arguments or in its "
            f"environment, so all replays would return the same values{what}"
        )
    kinds = (Leaf, np.ndarray, np.generic, int, float, complex, str, bytes, type(None))
    if not isinstance(entry, kinds):
        raise CaptureError(
            f"the step returns a {type(entry).__name__}; return arrays, tensors and numbers, or "
            "tuples, lists and dictionaries of them"
        )


def _real(entry: Any, recording: Recording) -> Any:
    if not isinstance(entry, Leaf):  # copied, because results belong to the caller
        return entry.copy() if isinstance(entry, np.ndarray) else entry
    array = recording.returned[entry.position].array
    return _computed(array, None) if entry.is_tensor else array
