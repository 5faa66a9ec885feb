"""Records a training step for reading: the NumPy calls in their order, and what each value is.

`capturing` records the calls, and its plan drops copies, repeats and calls that nothing needs. Here
no memory is planned and no call is moved. How the calls are written as text is in `numpy_text.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu import CaptureError, Tensor
from tinygrad_edu.capturing.calls import results_of
from tinygrad_edu.capturing.plan import Plan
from tinygrad_edu.capturing.recorder import Call, Tracer
from tinygrad_edu.capturing.recording import Recording, record
from tinygrad_edu.scope import get_call
from tinygrad_edu.watching import Watching

from .errors import ShowError

__all__ = ["BACKWARD", "FORWARD", "LOSS", "UPDATE", "Recorded", "recorded_step"]

FORWARD, LOSS, BACKWARD, UPDATE = range(4)
"""The phases of a step."""


class _Notes(Watching):
    """Notes which module computed a value, the gradients of values, and where phases end."""

    def __init__(self, modules: dict[int, str]) -> None:
        super().__init__()
        self._modules = modules
        self.outputs: dict[str, list[tuple[Tracer, int]]] = {}
        self.gradients: list[tuple[Tracer, Tracer, int]] = []
        self.ends = [0, 0, 0]
        self.owners: list[tuple[int, str]] = []  # until which call a module computes

    def called(self, node: Any, result: Tensor) -> None:
        """Note what a module computed; its last operation is its result."""
        value = result._data
        if not isinstance(value, Tracer):
            return
        now, call = len(value.tape.calls), get_call()
        path = None if call is None else self._modules.get(id(call.module))
        if path is not None:
            self.outputs.setdefault(path, []).append((value, now))
            self.owners.append((now, path))
            self.ends[FORWARD] = now
        self.ends[LOSS] = now

    def arrived(self, tensor: Tensor, g: Any) -> Any:
        """Note the gradient of a tensor."""
        if isinstance(g, Tracer) and isinstance(tensor._data, Tracer):
            now = len(g.tape.calls)
            self.gradients.append((tensor._data, g, now))
            self.ends[BACKWARD] = now
        return g


class _ReadablePlan(Plan):
    """The needed calls, in the order of the recording."""

    def __init__(self, recording: Recording) -> None:
        self._versions: dict[Tracer, list[tuple[int, Tracer]]] = {}
        self._joined: dict[Tracer, Tracer] = {}
        self.index: dict[Tracer, int] = {}
        super().__init__(recording)

    def _give_versions(self) -> None:
        before = list(self.calls)
        super()._give_versions()
        for i, (old, new) in enumerate(zip(before, self.calls, strict=True)):
            if old.written is not None and isinstance(new.result, Tracer) and new.written is None:
                self._versions.setdefault(old.written, []).append((i, new.result))
            for value in results_of(new):
                self.index[value] = i

    def _join(self, new: dict[Tracer, Tracer], one: Tracer, other: Tracer) -> None:
        self._joined[one] = other
        super()._join(new, one, other)

    def _move_updates_up(self) -> None:
        """Keep the order, which is that of the textbook."""

    def _plan_memory(self) -> None:
        """Plan none: every value is a new array."""

    def value_at(self, value: Tracer, calls: int) -> Tracer:
        """Return what a value was after so many calls, by the names of the plan."""
        for i, version in self._versions.get(value, ()):
            if i < calls:
                value = version
        while value in self._joined:
            value = self._joined[value]
        return value


@dataclass
class Recorded:
    """One recorded training step.

    Attributes
    ----------
    calls : list of Call
    phases : list of int
        Of each call.
    owners : list of str or None
        The path of the module that makes each call of the forward pass.
    arguments : dict of str to Tracer
    parameters : dict of Tracer to str
        The values of parameters and buffers before the step, and their paths.
    states : dict of Tracer to (str, str)
        What the optimizer remembers: the path of the parameter and the key.
    constants : dict of Tracer to str
        Other arrays that the step reads, and their paths.
    new_parameters, new_states : list of (path or (path, key), Tracer)
        The values after the step.
    outputs : dict of str to list of Tracer
        What the modules computed, by path.
    gradients : dict of Tracer to Tracer
        The gradients of values.
    loss : Tracer
    """

    calls: list[Call]
    phases: list[int]
    owners: list[str | None]
    arguments: dict[str, Tracer]
    parameters: dict[Tracer, str]
    states: dict[Tracer, tuple[str, str]]
    constants: dict[Tracer, str]
    new_parameters: list[tuple[str, Tracer]]
    new_states: list[tuple[tuple[str, str], Tracer]]
    outputs: dict[str, list[Tracer]]
    gradients: dict[Tracer, Tracer]
    loss: Tracer


def recorded_step(
    step: Callable[..., Any], network: Any, optimizer: Any, x: Any, labels: Any
) -> Recorded:
    """Record a step that has run before, and undo it.

    Parameters
    ----------
    step : callable
        ``step(x, labels)`` returns the loss; it uses `network` and `optimizer`.
    network : Module
    optimizer : Optimizer
    x, labels : ndarray

    Raises
    ------
    ShowError
        If the step cannot be recorded.
    """
    notes = _Notes({id(module): path for path, module in network.named_modules()})
    try:
        with notes:
            recording = record(step, inspect.signature(step).bind(x, labels))
    except CaptureError as error:
        raise ShowError(f"the step cannot be recorded: {error}") from error
    try:
        return _sorted(recording, notes, network, optimizer)
    finally:
        recording.undo()


def _sorted(recording: Recording, notes: _Notes, network: Any, optimizer: Any) -> Recorded:
    """Say of each value what it is."""
    if recording.drawings.drawn:
        raise ShowError(
            "the step draws random numbers, as dropout does in training, and every library draws "
            "others; call network.eval(), or leave the layer out"
        )
    plan = _ReadablePlan(recording)
    calls = plan.calls[:-1]
    paths = {id(t): path for path, t in (*network.named_parameters(), *network.named_buffers())}
    owners = {
        id(state): paths[id(parameter)]
        for group in optimizer.param_groups
        for parameter, state, _ in group.members
    }
    parameters: dict[Tracer, str] = {}
    states: dict[Tracer, tuple[str, str]] = {}
    constants: dict[Tracer, str] = {}
    for slot, value in recording.inputs:
        if id(slot.holder) in paths and slot.key == "_data":
            parameters[value] = paths[id(slot.holder)]
        elif id(slot.holder) in owners:
            states[value] = (owners[id(slot.holder)], slot.key)
        else:
            constants[value] = slot.path
    new_parameters: list[tuple[str, Tracer]] = []
    new_states: list[tuple[tuple[str, str], Tracer]] = []
    for slot, value in plan.outputs:
        if id(slot.holder) in owners:
            new_states.append(((owners[id(slot.holder)], slot.key), value))
        elif isinstance(slot.holder, Tensor) and slot.key == "_grad":
            continue
        elif id(slot.holder) in paths and slot.key == "_data":
            new_parameters.append((paths[id(slot.holder)], value))
        else:
            raise ShowError(f"the step changes {slot.path}, which is not a part of the network")
    arguments = {
        name: value for name, value in recording.arguments.items() if isinstance(value, Tracer)
    }
    ends = [*notes.ends, len(recording.tape.calls)]
    return Recorded(
        calls,
        _phases(plan, calls, ends),
        _owners(plan, calls, notes.owners),
        arguments,
        parameters,
        states,
        constants,
        new_parameters,
        new_states,
        {
            path: [plan.value_at(value, now) for value, now in found]
            for path, found in notes.outputs.items()
        },
        {
            plan.value_at(value, notes.ends[LOSS]): plan.value_at(g, now)
            for value, g, now in notes.gradients
        },
        plan.returned[0],
    )


def _phases(plan: _ReadablePlan, calls: list[Call], ends: list[int]) -> list[int]:
    found, phase = [], FORWARD
    for call in calls:
        for value in results_of(call):
            while phase < UPDATE and plan.index[value] >= ends[phase]:
                phase += 1
        found.append(phase)
    return found


def _owners(
    plan: _ReadablePlan, calls: list[Call], owners: list[tuple[int, str]]
) -> list[str | None]:
    found: list[str | None] = []
    waiting, path = list(owners), None
    for call in calls:
        for value in results_of(call):
            while waiting and plan.index[value] >= waiting[0][0]:
                del waiting[0]
            path = waiting[0][1] if waiting else None
        found.append(path)
    return found


def same_bits(one: Any, other: Any) -> bool:
    """Whether two arrays are equal in dtype, shape, and all bits but the sign of zeros."""
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))
