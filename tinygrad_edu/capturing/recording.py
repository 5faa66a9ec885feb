"""Makes one call of a step while it is recorded, and finds out what the call has changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..stand_in import StandIn
from ..tensor import Tensor, _computed
from .plan import Leaf, Recording
from .recorder import Tape, Traced, mapped
from .surroundings import Surroundings, random_states

__all__ = ["detached", "is_recording", "record"]

_is_recording: ContextVar[bool] = ContextVar("is_recording", default=False)
is_recording = _is_recording.get


def detached(result: Any) -> Any:
    """Give the result of a step without its graph."""
    return mapped(
        lambda entry: entry.detach() if isinstance(entry, Tensor) and entry.node else entry, result
    )


def record(function: Callable[..., Any], bound: inspect.BoundArguments) -> Recording:
    """Call a step, and record it.

    If it raises an error, all arrays and tensors are as they were.

    Parameters
    ----------
    function : callable
    bound : inspect.BoundArguments
        Its arguments.

    Raises
    ------
    CaptureError
        If it does what cannot be recorded.
    """
    tape = Tape()
    before = Surroundings(function, bound.arguments)
    recording = Recording(tape, before)
    for name, value in bound.arguments.items():
        recording.arguments[name] = bound.arguments[name] = _argument(name, value, tape)
    stand_ins: dict[int, Traced] = {}
    for place in before.arrays:
        array = place.get()
        stand_in = stand_ins.setdefault(id(array), tape.stand_in(array))
        recording.inputs.append((place, stand_in))
    states = random_states(before)
    token = _is_recording.set(True)
    try:
        for place, stand_in in recording.inputs:
            place.put(stand_in)
        result = function(*bound.args, **bound.kwargs)
        after = Surroundings(function, bound.arguments)
        _find_changes(recording, after)
    except BaseException:
        recording.undo()
        raise
    finally:
        tape.is_closed = True
        _is_recording.reset(token)
    new_states = random_states(before)
    recording.changes += [
        f"the random numbers of {name}"
        for (name, old), (_, new) in zip(states, new_states, strict=True)
        if old != new
    ]
    recording.result = mapped(lambda entry: _leaf(entry, recording), result)
    recording.result_of_call = mapped(lambda entry: _real(entry, recording), recording.result)
    return recording


def _argument(name: str, value: Any, tape: Tape) -> Any:
    """Give what the step gets in the place of an argument."""
    if isinstance(value, np.ndarray | np.generic):
        return tape.stand_in(value)
    if isinstance(value, Tensor):
        if value.node is not None:
            raise ValueError(
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
        if isinstance(value, Traced):
            place.put(value.array)
            if key in old and value is not old[key]:
                recording.outputs.append((places[key], value))
        if key in old and isinstance(value, Traced):
            del places[key]
        elif key not in old and isinstance(value, StandIn):
            recording.changes.append(place.path)
    recording.changes += [place.path for place in places.values()]


def _leaf(entry: Any, recording: Recording) -> Any:
    if isinstance(entry, Tensor) and isinstance(entry._data, StandIn):
        recording.returned.append(entry._data)  # type: ignore[arg-type]
        return Leaf(len(recording.returned) - 1, True)
    if isinstance(entry, Traced):
        recording.returned.append(entry)
        return Leaf(len(recording.returned) - 1, False)
    return entry


def _real(entry: Any, recording: Recording) -> Any:
    if not isinstance(entry, Leaf):
        return entry
    array = recording.returned[entry.position].array
    return _computed(array, None) if entry.is_tensor else array
