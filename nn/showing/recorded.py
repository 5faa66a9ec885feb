"""Records a training step for reading: the NumPy calls in their order, and what each value is.

`capturing` records the calls, and drops copies, repeats and calls that nothing needs. How they are
written as text is in `numpy_text.py`.
"""

from __future__ import annotations

import inspect
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu import CaptureError, Tensor
from tinygrad_edu.capturing.calls import results_of
from tinygrad_edu.capturing.plan import NeededCalls
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
    """Find out what each value is."""
    if recording.drawings.drawn:
        raise ShowError(
            "the step draws random numbers, as dropout does in training, and every library draws "
            "others; call network.eval(), or leave the layer out"
        )
    plan = NeededCalls(recording)
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
    new_parameters, new_states = _outputs(plan, paths, owners)
    arguments = {
        name: value for name, value in recording.arguments.items() if isinstance(value, Tracer)
    }
    positions = _positions(plan, calls)
    ends = [end for end, _ in notes.owners]
    paths_of = [*(path for _, path in notes.owners), None]
    return Recorded(
        calls,
        [bisect_right(notes.ends, position) for position in positions],
        [paths_of[bisect_right(ends, position)] for position in positions],
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


def _outputs(
    plan: NeededCalls, paths: dict[int, str], owners: dict[int, str]
) -> tuple[list[tuple[str, Tracer]], list[tuple[tuple[str, str], Tracer]]]:
    """Return the new values of parameters, and of what the optimizer remembers."""
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
    return new_parameters, new_states


def _positions(plan: NeededCalls, calls: list[Call]) -> list[int]:
    """Return the number in the recording of each call; one that computes nothing has the last."""
    found = [0]
    for call in calls:
        found.append(max((plan.position[value] for value in results_of(call)), default=found[-1]))
    return found[1:]


def same_bits(one: Any, other: Any) -> bool:
    """Whether two arrays are equal in dtype, shape, and all bits but the sign of zeros."""
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))
