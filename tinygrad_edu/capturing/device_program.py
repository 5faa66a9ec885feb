"""Writes a program whose calls run on a device, such as a GPU.

The program is that of `program.py` with other contents: the same checks, the same exchange of all
slots in one C call, the same comparisons with the step. Only the NumPy calls are replaced, by one
call that runs all of them on the device and returns NumPy arrays. They are in `on_device.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import CaptureError
from .calls import inputs_of, results_of
from .on_device import DeviceCalls
from .plan import Plan
from .program import Program, Writer
from .recorder import Call, Tracer
from .recording import Recording
from .verification import Verifier

__all__ = ["DeviceProgram"]


class DeviceProgram(Program):
    """A step, ready to be replayed on a device.

    Parameters
    ----------
    function : callable
        The step.
    recording : Recording
    module : module
        Such as `cupy`.

    Raises
    ------
    CaptureError
        If a call has no translation.
    """

    def __init__(self, function: Callable[..., Any], recording: Recording, module: Any) -> None:
        self.bytes = 0  # the device manages its memory
        plan = _DevicePlan(recording)
        self._compile(_DeviceWriter(recording, plan, Verifier(function, recording), module))


class _DevicePlan(Plan):
    """The calls that are needed; CuPy has a pool of memory of its own."""

    def _plan_memory(self) -> None:
        pass


class _DeviceWriter(Writer):
    """Writes one program for a device."""

    def __init__(self, recording: Recording, plan: Plan, verify: Verifier, module: Any) -> None:
        super().__init__(recording, plan, verify)
        self._module = module
        self._made = {v: call for call in plan.calls[:-1] for v in results_of(call)}
        self._fetched: dict[Tracer, str] = {}
        self._views: list[str] = []

    def _make_buffers(self) -> None:
        """Allocate nothing."""

    def _computation(self) -> list[str]:
        """Write the call that runs all others, and the views that the step leaves behind."""
        plan, source = self._plan, self.source
        calls = plan.calls[:-1]
        self._check_sharing(calls)
        read = dict.fromkeys(v for call in calls for v in inputs_of(call) if v not in self._made)
        given = [value for value in (*read, *self._overwritten.values()) if value in source.texts]
        given = [*dict.fromkeys(given)]
        arguments = [source.texts[value] for value in given]
        shown = {value: f"t{value.number}" for value in self._made}
        source.shown |= shown
        source.texts |= {value: text for value, text in shown.items() if value not in source.texts}
        for call in calls:
            for result in results_of(call) if call.written is None else (call.written,):
                self._note(call, result, self._module.__name__)
        for value in shown:
            del source.texts[value]
        for value in inputs_of(plan.calls[-1]):
            self._name_of(value)
        wanted = [*self._fetched, *self._overwritten.values()]
        run = DeviceCalls(self._module, calls, given, wanted, source.sentence)
        name = source.name(run, "on_device")
        news = [*self._fetched.values()]
        news += [source.name(None, f"new_{text}") for text in self._overwritten]
        found = source.name(None, "found")
        lines = [f"{found} = {name}({_tuple(arguments)}, {self._left} <= 1)"]
        lines += [f"if {found} is None:", f"    {self._busy} = False", "    return _MISS"]
        if news:
            lines.append(f"{_tuple(news)} = {found}")
        overwriting = zip(self._overwritten, news[len(self._fetched) :], strict=True)
        lines += [f"{text}[...] = {new}" for text, new in overwriting]
        return [*lines, *self._views, *self._kept_lines(name, given)]

    def _check_sharing(self, calls: list[Call]) -> None:
        """Refuse two arrays from outside that share memory which the step writes into."""
        written = {call.written.storage: call for call in calls if call.written is not None}
        outside: dict[int, set[Tracer]] = {}
        for call in calls:
            for value in inputs_of(call):
                if value not in self._made and value.storage in written:
                    outside.setdefault(value.storage, set()).add(value)
        for storage, values in outside.items():
            if len(values) > 1:
                call = written[storage]
                raise CaptureError(
                    f"{call.place or 'the step'} writes into an array that shares memory with "
                    "another one, and on a device they would be two; pass a copy"
                )

    def _name_of(self, value: Tracer) -> str:
        """Return the name of a visible value, after writing how it is made.

        A view of an array is made by NumPy, so that it shares the memory that it shares without
        a device.
        """
        texts = self.source.texts
        if value in texts:
            return texts[value]
        call = self._made[value]
        bases = [v for v in inputs_of(call) if v.storage == value.storage]
        if not bases or len(results_of(call)) > 1:
            text = texts[value] = self._fetched[value] = self.source.name(None, f"t{value.number}")
            return text
        for operand in inputs_of(call):
            self._name_of(operand)
        expression = self.source.expression(call, None)
        text = texts[value] = self.source.name(None, f"t{value.number}")
        self._views.append(f"{text} = {expression}")
        return text

    def _kept_lines(self, name: str, given: list[Tracer]) -> list[str]:
        """Write which values stay on the device: those of slots that the next replay reads."""
        places = {value: i for i, value in enumerate(given)}  # tracers are compared by identity
        numbers = {value: i for i, value in enumerate(self._fetched)}
        read = {slot.identity: places[v] for slot, v in self._recording.inputs if v in places}
        entries = []
        for slot, value in self._plan.outputs:
            if slot.identity in read and value in self._fetched:
                place = read[slot.identity]
                entries.append(f"({place}, {numbers[value]}, {self._fetched[value]})")
        return [f"{name}.keep({_tuple(entries)})"]


def _tuple(texts: list[str]) -> str:
    return f"({', '.join(texts)}{',' * (len(texts) == 1)})"
