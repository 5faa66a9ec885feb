"""Makes one call of a step while it is recorded, and finds out what the call has changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..stand_in import StandIn
from ..tensor import Tensor, _computed
from .recorder import Tape, Traced, mapped
from .surroundings import Place, Surroundings

__all__ = ["Leaf", "Recording", "detached", "is_recording", "record"]

_is_recording: ContextVar[bool] = ContextVar("is_recording", default=False)
is_recording = _is_recording.get


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
    surroundings : Surroundings
        As they were before the call.
    parameters : list of inspect.Parameter
        Of the step.
    arguments : dict of str to object
        A `Traced` for each array; other arguments as they are.
    inputs : list of (Place, Traced)
        The arrays that were in places before.
    outputs : list of (Place, Traced)
        The places that hold another array after the call.
    result : object
        What the step returned, with a `Leaf` for each array.
    returned : list of Traced
        The arrays that the leaves stand for.
    changes : list of str
        The settings that the call has changed, and the arrays that it has made or removed.
    result_of_call : object
        What the step returned, without stand-ins.
    """

    tape: Tape
    surroundings: Surroundings
    parameters: list[inspect.Parameter]
    arguments: dict[str, Any] = field(default_factory=dict)
    inputs: list[tuple[Place, Traced]] = field(default_factory=list)
    outputs: list[tuple[Place, Traced]] = field(default_factory=list)
    result: Any = None
    returned: list[Traced] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    result_of_call: Any = None

    @property
    def form(self) -> tuple[Any, ...]:
        """What tells calls apart that need programs of their own: shapes, dtypes, strides."""
        found: list[Any] = []
        for value in self.arguments.values():
            array = getattr(value, "_data", value)
            if isinstance(array, Traced):
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
        self.surroundings.put_back()
        for place, value in self.inputs:
            place.put(value.array)


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
    before = Surroundings(function, others)
    recording = Recording(tape, before, [*bound.signature.parameters.values()])
    recording.arguments = dict(bound.arguments)
    stand_ins: dict[int, Traced] = {}
    for place in before.arrays:
        array = place.get()
        if isinstance(array, StandIn):
            raise CaptureError("the step is being recorded by another thread; wait for that")
        if id(array) not in stand_ins:
            stand_ins[id(array)] = tape.stand_in(array)
        recording.inputs.append((place, stand_ins[id(array)]))
    token = _is_recording.set(True)
    try:
        for place, stand_in in recording.inputs:
            place.put(stand_in)
        result = function(*bound.args, **bound.kwargs)
        for name, (tensor, values) in tensors.items():
            if name not in others and tensor._data is not values:
                raise CaptureError(f"the step replaces the data of its argument {name}; return it")
        recording.result = mapped(lambda entry: _leaf(entry, recording), result)
        mapped(_check_result, recording.result)
        _find_changes(recording, Surroundings(function, others))
    except BaseException:
        _leave_no_stand_ins(function, others)
        recording.undo()
        raise
    finally:
        tape.close()
        _is_recording.reset(token)
    recording.result_of_call = mapped(lambda entry: _real(entry, recording), recording.result)
    return recording


def _argument(name: str, value: Any, tape: Tape) -> Any:
    """Give what the step gets in the place of an argument."""
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


def _find_changes(recording: Recording, after: Surroundings) -> None:
    """Put the new arrays into their places, and note what else has changed."""
    old = {(id(place.holder), place.key): value for place, value in recording.inputs}
    places = {(id(place.holder), place.key): place for place, _ in recording.inputs}
    recording.changes = recording.surroundings.changed()
    for place in after.arrays:
        value, key = place.get(), (id(place.holder), place.key)
        if not isinstance(value, Traced):
            continue
        place.put(value.array)
        if key not in old:
            recording.changes.append(place.path)
        elif value is not old[key]:
            recording.outputs.append((places[key], value))
        places.pop(key, None)
    recording.changes += [place.path for place in places.values()]


def _leave_no_stand_ins(function: Callable[..., Any], others: dict[str, Any]) -> None:
    """Put arrays where a step that failed has left stand-ins."""
    try:
        after = Surroundings(function, others)
    except CaptureError:  # it has made something that cannot be searched
        return
    for place in after.arrays:
        value = place.get()
        if isinstance(value, Traced):
            place.put(value.array)


def _leaf(entry: Any, recording: Recording) -> Any:
    if isinstance(entry, Tensor) and isinstance(entry._data, StandIn):
        recording.returned.append(entry._data)  # type: ignore[arg-type]
        return Leaf(len(recording.returned) - 1, True)
    if isinstance(entry, Traced):
        recording.returned.append(entry)
        return Leaf(len(recording.returned) - 1, False)
    return entry


def _check_result(entry: Any) -> None:
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
