"""Runs the calls of a program on a device, and compares each of them with NumPy.

A comparison runs every call twice, with the same operands: by NumPy, and on the device. Afterwards
the device continues with NumPy's values, so rounding does not add up, and the first call that is
wrong is the one that is named. Slots are read and set by the program, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CaptureError, ReplayError
from .agreement import disagreement, size_of_terms
from .calls import entries_of, generator_of, inputs_of, results_of
from .recorder import Call, Tracer, mapped
from .translation import Translator

__all__ = ["DeviceCalls"]


@dataclass(frozen=True, slots=True)
class _Place:
    """Replaces a value in the arguments of a call: the number of its place."""

    number: int


@dataclass(slots=True)
class _Step:
    """One call, by NumPy and on the device, with places instead of values."""

    sentence: str
    by_numpy: Callable[..., Any]
    numpy_arguments: tuple[Any, Any]
    on_device: Callable[..., Any]
    arguments: tuple[Any, Any]
    results: list[int]
    written: int | None
    is_view: bool
    is_drawn: bool
    errors: dict[str, Any]
    ended: list[int]  # places that no later call reads


class DeviceCalls:
    """The calls of a program, translated for a device.

    Parameters
    ----------
    module : module
        Such as `cupy`.
    calls : list of Call
    given : list of Tracer
        The values from outside, in the order in which they are passed.
    wanted : list of Tracer
        The values to return.
    sentence : callable
        Writes a call for people.

    Raises
    ------
    CaptureError
        If a call cannot be translated.
    """

    def __init__(
        self,
        module: Any,
        calls: list[Call],
        given: list[Tracer],
        wanted: list[Tracer],
        sentence: Callable[[Call], str],
    ) -> None:
        self._module = module
        self._translator = Translator(module)
        self._numbers: dict[Tracer, int] = {}
        self._given = [self._number(value) for value in given]
        self._wanted = [self._number(value) for value in wanted]
        self._models = [_model(value.array) for value in wanted]
        self._steps = [self._step(call, sentence(call)) for call in calls]
        storages = {c.written.storage for c in calls if c.written is not None}
        self._overwritten = {self._number(v) for v in given if v.storage in storages}
        self._note_ends()
        self._kept: dict[int, tuple[Any, Any]] = {}
        self._last: list[Any] = []
        self._runs = 0

    def _number(self, value: Tracer) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def _placed(self, value: Any) -> Any:
        return _Place(self._number(value)) if isinstance(value, Tracer) else value

    def _step(self, call: Call, sentence: str) -> _Step:
        where = f" at {call.place}" if call.place else ""
        function, inputs, keywords = self._translator.translate(call, f"{sentence}{where}")
        results = results_of(call)
        return _Step(
            sentence + where,
            call.function,
            mapped(self._placed, (call.inputs, call.keywords)),
            function,
            mapped(self._placed, (inputs, keywords)),
            [self._number(result) for result in results],
            None if call.written is None else self._number(call.written),
            any(value.storage == result.storage for value in inputs_of(call) for result in results),
            generator_of(call) is not None,
            call.errors or {},
            [],
        )

    def _note_ends(self) -> None:
        last: dict[int, _Step] = {}
        for step in self._steps:
            places = _places_in((step.arguments, step.numpy_arguments))
            for number in (*places, *step.results):
                last[number] = step
        for number, step in last.items():
            if number not in self._wanted:
                step.ended.append(number)

    # Running -------------------------------------------------------------------------------

    def __call__(self, arrays: tuple[Any, ...], is_compared: bool) -> list[Any] | None:
        """Run the calls.

        Parameters
        ----------
        arrays : tuple of numpy.ndarray
            The values from outside.
        is_compared : bool
            Whether to compare each call with NumPy; the first run always does.

        Returns
        -------
        list of numpy.ndarray or None
            The wanted values; None if an index is out of range, which NumPy reports.

        Raises
        ------
        CaptureError
            If a call differs from NumPy's, or the device refuses it.
        MemoryError
            If the memory of the device is too small.
        """
        if not {"raise", "call"}.isdisjoint(np.geterr().values()):
            raise CaptureError(
                "NumPy is set to report floating-point errors, which a device does not; set "
                "np.seterr(all='warn'), or capture the step without device="
            )
        self._translator.ranges.start()
        values: list[Any] = [None] * len(self._numbers)
        try:
            for number, array in zip(self._given, arrays, strict=True):
                values[number] = self._uploaded(number, array)
            if not self._runs or is_compared:
                if not self._compare(values, arrays):
                    return None
            else:
                for step in self._steps:
                    self._assign(step, values, self._result(step, values))
            if not self._translator.ranges.are_kept():
                return None
            if lost := self._translator.ranges.lost():
                raise CaptureError(
                    f"{lost}: an index has one place twice, with other values: the last one stays "
                    "in NumPy, and any on a device; capture the step without device="
                )
            found = self._fetched(values)
        except MemoryError as error:
            raise MemoryError(
                "the memory of the device is too small for this step; use smaller batches, or "
                "capture the step without device="
            ) from error
        except CaptureError:
            raise
        except Exception as error:
            raise CaptureError(f"the device failed: {_first_line(error)}") from error
        self._runs += 1
        return found

    def _uploaded(self, number: int, array: Any) -> Any:
        """Return the array on the device; one that an earlier run left there is still right.

        It is the same array, and read-only since it was made, so nobody has changed it.
        """
        known, on_device = self._kept.get(number, (None, None))
        if known is array and not array.flags.writeable and number not in self._overwritten:
            return on_device
        return self._module.asarray(array)

    def _result(self, step: _Step, values: list[Any]) -> Any:
        inputs, keywords = _filled(step.arguments, values)
        try:
            return step.on_device(*inputs, **keywords)
        except MemoryError:
            raise
        except Exception as error:
            raise CaptureError(
                f"{step.sentence}: the device refuses it ({_first_line(error)}); compute it "
                "outside of the step, or capture the step without device="
            ) from error

    @staticmethod
    def _assign(step: _Step, values: list[Any], result: Any) -> None:
        if step.written is None:
            for number, value in zip(step.results, _tuple(result), strict=True):
                values[number] = value
        for number in step.ended:
            values[number] = None

    def _fetched(self, values: list[Any]) -> list[Any]:
        """Copy the wanted values back, in the layout that NumPy gives them."""
        found = []
        for number, model in zip(self._wanted, self._models, strict=True):
            array = self._module.asnumpy(values[number])
            if array.strides != model.strides:
                array, source = np.empty_like(model), array
                array[...] = source
            found.append(array if isinstance(model, np.ndarray) else array[()])
        self._last = [values[number] for number in self._wanted]
        return found

    def keep(self, arrays: Iterable[tuple[int, int, Any]]) -> None:
        """Keep values on the device for the next run, instead of copying them there again.

        Parameters
        ----------
        arrays : iterable of (int, int, numpy.ndarray)
            The position among the given values, that among the wanted values, and the array that
            will be given. The array is made read-only.
        """
        self._kept = {}
        for given, wanted, array in arrays:
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
                self._kept[self._given[given]] = array, self._last[wanted]
        self._last = []

    # Comparing -----------------------------------------------------------------------------

    def _compare(self, values: list[Any], arrays: tuple[Any, ...]) -> bool:
        """Run each call by NumPy and on the device, and continue with NumPy's values on both.

        Return False if NumPy raises an error, which the step itself then raises.
        """
        expected: list[Any] = [None] * len(values)
        for number, array in zip(self._given, arrays, strict=True):
            expected[number] = array.copy(order="K") if number in self._overwritten else array
        for step in self._steps:
            inputs, keywords = _filled(step.numpy_arguments, expected)
            try:
                with np.errstate(**step.errors):
                    terms = size_of_terms(step.by_numpy, inputs, keywords)
                    by_numpy = step.by_numpy(*inputs, **keywords)
            except (ValueError, LookupError, ArithmeticError):
                return False
            if step.is_drawn:  # only once
                by_device = self._module.asarray(by_numpy)
            else:
                by_device = self._result(step, values)
            if step.written is None:
                pairs = [*zip(_tuple(by_device), _tuple(by_numpy), strict=True)]
            else:
                pairs = [(values[step.written], expected[step.written])]
            for one, other in pairs:
                self._check(step, one, other, terms)
                is_fixed = isinstance(other, np.ndarray) and not other.flags.writeable
                if not (step.is_view or is_fixed):  # of values that are equal already
                    one[...] = self._module.asarray(other)
            self._assign(step, expected, by_numpy)
            self._assign(step, values, by_device)
        return True

    def _check(self, step: _Step, on_device: Any, expected: Any, terms: Any) -> None:
        if step.by_numpy is np.empty_like:
            return
        what = disagreement(self._module.asnumpy(on_device), expected, terms)
        if what is None:
            return
        text = f"{step.sentence}: the device computes {what} with NumPy, from equal operands"
        if not self._runs:
            raise CaptureError(f"{text}; capture the step without device=")
        raise ReplayError(f"{text}; replays since the last comparison may be wrong")


def _model(array: Any) -> Any:
    """Return an array or a number with the layout of another one, in little memory."""
    if not isinstance(array, np.ndarray):
        return array
    one = np.empty(1, array.dtype)
    return np.lib.stride_tricks.as_strided(one, array.shape, array.strides)


def _places_in(tree: Any) -> list[int]:
    return [entry.number for entry in entries_of(tree) if isinstance(entry, _Place)]


def _filled(tree: Any, values: list[Any]) -> Any:
    return mapped(lambda entry: values[entry.number] if type(entry) is _Place else entry, tree)


def _tuple(result: Any) -> Any:
    return tuple(result) if isinstance(result, tuple | list) else (result,)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
