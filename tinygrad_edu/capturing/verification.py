"""Compares a replay with the step itself, at calls 4, 8, 16, 32 and so on.

This is a safety net for changes that the checks of a program cannot see. The step runs after the
calls of the replay and before their results take effect; it must return the same results and leave
the same arrays. Comparing two recordings is done in `comparison.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ReplayError
from ..tensor import Tensor
from .recording import Recording, plainly

__all__ = ["Verifier"]


class Verifier:
    """Compares the replays of one program with the step."""

    def __init__(self, function: Callable[..., Any], recording: Recording) -> None:
        self._function = function
        self._environment = recording.environment
        self._outputs = [slot for slot, _ in recording.outputs]
        self._emptied = recording.emptied
        self._calls = 4
        self._right = 2  # the last call known to be right: the second recording

    def __call__(
        self,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        result: Any,
        values: tuple[Any, ...],
        written: tuple[Any, ...],
        kept: tuple[Any, ...],
        drawn: tuple[tuple[Any, Any], ...],
    ) -> int:
        """Call the step, and compare.

        Parameters
        ----------
        arguments, keywords : tuple, dict
            The arguments of the step.
        result : object
            The result of the replay.
        values : tuple
            The values that the replay is about to put into the output slots.
        written, kept : tuple of numpy.ndarray
            The arrays that the replay has written into, and copies of their old values.
        drawn : tuple of (bit generator, dict)
            The sources of random numbers that the replay has drawn from, and their old states.

        Returns
        -------
        int
            The number of calls until the next comparison.

        Raises
        ------
        ReplayError
            If there is a difference. Settings and arrays are then restored, as they are after an
            error of the step itself.
        """
        expected = [array.copy() for array in written]
        for array, old in zip(written, kept, strict=True):
            array[...] = old
        before = [(slot, slot.get()) for slot in self._environment.arrays]
        states = [repr(bits.state) for bits, _ in drawn]
        try:
            for bits, state in drawn:
                bits.state = state
            self._environment.note_random_states()
            found = plainly(self._function, *arguments, **keywords)
            what = _difference(found, result, "its result")
            what = what or self._left_behind(before, values)
            for array, new in zip(written, expected, strict=True):
                what = what or _difference(array, new, "an array that it writes into")
            if states != [repr(bits.state) for bits, _ in drawn]:
                what = what or "the random numbers that it draws"
            if what is not None:
                raise ReplayError(
                    f"call {self._calls} of the step: the replay differs from the step itself in "
                    f"{what}, and replays may be wrong since call {self._right + 1}; the step uses "
                    "something that a replay cannot see: pass it as an argument, or keep it in an "
                    "array"
                )
        except BaseException:
            self._environment.restore()
            for slot, array in before:
                slot.put(array)
            raise
        self._right = self._calls
        self._calls *= 2
        return self._calls - self._right

    def _left_behind(self, before: list[tuple[Any, Any]], values: tuple[Any, ...]) -> str | None:
        """Name the first slot in which the step left another value than the replay would."""
        ends = {p.identity: v for p, v in zip(self._outputs, values, strict=True)}
        ends |= {slot.identity: value for slot, value in self._emptied}
        for slot in self._outputs + [slot for slot, _ in self._emptied]:
            what = _difference(slot.get(), ends[slot.identity], slot.path)
            if what is not None:
                return what
        settings, others = self._environment.changed()
        names = [slot.path for slot, _ in settings if slot.identity not in ends] + others
        names += [p.path for p, old in before if p.identity not in ends and p.get() is not old]
        return names[0] if names else None


def _difference(one: Any, other: Any, name: str) -> str | None:
    """Return the name of the first entry that differs, or None; NaN equals NaN."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        one, other = one._data, other._data
    if type(one) is not type(other):
        return name
    if isinstance(one, list | tuple):
        if len(one) != len(other):
            return name
        pairs = [(a, b, f"{name}[{i}]") for i, (a, b) in enumerate(zip(one, other, strict=True))]
        return next(filter(None, (_difference(*pair) for pair in pairs)), None)
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return name
        pairs = [(one[key], other[key], f"{name}[{key!r}]") for key in one]
        return next(filter(None, (_difference(*pair) for pair in pairs)), None)
    if isinstance(one, np.ndarray | np.generic):
        is_alike = one.dtype == other.dtype and one.shape == other.shape
        is_same = is_alike and (one.tobytes() == other.tobytes() or _equal(one, other))
        return None if is_same else name
    return None if one is other or one == other or one != one else name


def _equal(one: Any, other: Any) -> bool:
    is_number = one.dtype.kind in "fc"
    return bool(np.array_equal(one, other, equal_nan=is_number))
