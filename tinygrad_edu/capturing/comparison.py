"""Compares two recordings, and describes the first difference if they show different programs.

Whether a replay and its step agree is checked in `verification.py`, not here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .recorder import Call, Tracer
from .recording import Recording

__all__ = ["difference"]


def difference(one: Recording, other: Recording) -> str | None:
    """Describe the first difference between two recordings; None if there is none."""
    for number, (first, second) in enumerate(
        zip(one.tape.calls, other.tape.calls, strict=False), start=1
    ):
        name = getattr(second.function, "__name__", str(second.function)).lstrip("_")
        if first.function != second.function:
            before = getattr(first.function, "__name__", str(first.function)).lstrip("_")
            return f"call {number} was {before} first and then {name}"
        found = _differs(first, second)
        if found is not None:
            return f"in call {number}, {name}, {found}"
    if len(one.tape.calls) != len(other.tape.calls):
        return f"one made {len(one.tape.calls)} calls of NumPy, the next {len(other.tape.calls)}"
    ends = [(_left_behind(r), r.returned, r.result) for r in (one, other)]
    return None if _equal(*ends) else "the results, or the slots that hold them, changed"


def _left_behind(recording: Recording) -> list[Any]:
    slots = [*recording.outputs, *recording.emptied]
    return [(*slot.identity, value) for slot, value in slots]


def _differs(first: Call, second: Call) -> str | None:
    if not _equal((first.inputs, first.keywords), (second.inputs, second.keywords)):
        for before, after in zip(first.inputs, second.inputs, strict=False):
            if not _equal(before, after):
                return f"{_described(before)} became {_described(after)}"
        return "the arguments changed"
    shapes = [getattr(getattr(c.result, "array", None), "shape", None) for c in (first, second)]
    if shapes[0] != shapes[1]:
        return f"the shape of the result was {shapes[0]} and then {shapes[1]}"
    return None


def _equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, Tracer):
        return bool(one.number == other.number)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, slice):
        return _equal((one.start, one.stop, one.step), (other.start, other.stop, other.step))
    if isinstance(one, np.ndarray | np.generic):
        is_alike = (one.shape, one.dtype, one.strides) == (other.shape, other.dtype, other.strides)
        return is_alike and one.tobytes() == other.tobytes()
    return bool(one == other) or (one != one and other != other)  # nan is nan here


def _described(value: Any) -> str:
    if isinstance(value, Tracer):
        return f"a value of shape {value.array.shape}"
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape} that was made in the step"
    return repr(value)
