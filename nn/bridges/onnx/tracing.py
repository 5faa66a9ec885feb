"""Calls a network once and records which operation computed each value that depends on the inputs.

The inputs are tracers of `tinygrad_edu.capturing`, and the weights are plain arrays. So a value
that is no tracer is a constant of the file, and reading values outside of NumPy, by
``float(x)`` or ``np.asarray(x.data)``, is an error. Nothing is translated here.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu import CaptureError, Tensor, no_grad
from tinygrad_edu.capturing.recorder import Tape, Tracer, mapped
from tinygrad_edu.metadata import COMPOSED
from tinygrad_edu.scope import get_call
from tinygrad_edu.tensor import _computed
from tinygrad_edu.watching import Watching

from .errors import ExportError

__all__ = ["Event", "Trace", "raw", "trace"]


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One call that computed a value.

    Attributes
    ----------
    kind : {"composed", "primitive", "numpy"}
    name : str
        The name of the operation.
    operands : tuple
        Its arrays and numbers.
    params : dict
        Its other arguments.
    path : str
        The path of the module that made the call; empty for the network itself.
    when : int
        The number of calls on the tape when it returned.
    """

    kind: str
    name: str
    operands: tuple[Any, ...]
    params: dict[str, Any]
    path: str
    when: int

    def tracers(self) -> list[Tracer]:
        """List the values that it reads and that depend on the inputs."""
        found: list[Tracer] = []

        def keep(value: Any) -> None:
            value = raw(value)
            if isinstance(value, Tracer):
                found.append(value)

        mapped(keep, (self.operands, self.params))
        return found


@dataclass
class Trace:
    """One recorded call of a network.

    Attributes
    ----------
    inputs : list of Tracer
    outputs : object
        What the network returned, in its structure.
    events : dict of int to list of Event
        The calls that computed a value, by its number; inner ones first.
    writes : dict of int to int
        For a memory that was written into, when that happened last.
    largest : int
        The number of elements of the largest value.
    """

    inputs: list[Tracer]
    outputs: Any = None
    events: dict[int, list[Event]] = field(default_factory=dict)
    writes: dict[int, int] = field(default_factory=dict)
    largest: int = 0


def raw(value: Any) -> Any:
    """Return the array of a tensor, or the value."""
    return value._data if isinstance(value, Tensor) else value


class _Tape(Tape):
    """Adds the calls of NumPy that happen outside of operations."""

    def __init__(self, paths: Mapping[int, str]) -> None:
        super().__init__()
        self.paths, self.found = paths, dict[int, list[Event]]()
        self.writes: dict[int, int] = {}

    def path(self) -> str:
        call = get_call()
        return "" if call is None else self.paths.get(id(call.module), "")

    def add(self, result: Any, kind: str, name: str, operands: Any, params: dict[str, Any]) -> None:
        """Keep what computed a value, unless it is one of the operands."""
        event = Event(kind, name, tuple(operands), params, self.path(), len(self.calls))
        if all(result.number > value.number for value in event.tracers()):
            self.found.setdefault(result.number, []).append(event)

    def call(self, function: Callable[..., Any], *inputs: Any, **keywords: Any) -> Any:
        """Run a call of NumPy, and keep what it computes and writes."""
        before = len(self.calls)
        result = super().call(function, *inputs, **keywords)
        if len(self.calls) > before:
            written = self.calls[-1].written
            if written is not None:
                self.writes[written.storage] = len(self.calls)
            elif isinstance(result, Tracer):
                self.add(result, "numpy", *_spelled(function, inputs, keywords))
        return result


class _Observer(Watching):
    """Keeps calls of operations and of composed functions; each operation is one call."""

    def __init__(self, tape: _Tape) -> None:
        super().__init__()
        self._tape = tape

    def evaluate(self, function: Callable[..., Any], *arrays: Any, **params: Any) -> Any:
        """Evaluate a forward pass on the arrays themselves; its result depends on the inputs."""
        seen: list[Any] = []

        def plain(value: Any) -> Any:
            value = raw(value)
            if not isinstance(value, Tracer):
                return value
            seen.append(value)
            return value.array

        values, named = mapped(plain, (arrays, params))
        found = function(*values, **named)
        if not seen:
            return found
        if isinstance(found, tuple):  # with what the rules need
            return Tracer(found[0], self._tape), *found[1:]
        return Tracer(found, self._tape)

    def called(self, node: Any, result: Tensor) -> None:
        """Keep a call of an operation."""
        value = raw(result)
        if isinstance(value, Tracer):
            self._tape.add(value, "primitive", node.primitive.name, node.values, node.params)

    def composed(
        self, name: str, inputs: tuple[Any, ...], params: dict[str, Any], result: Any
    ) -> None:
        """Keep a call of a composed function, with its arguments by name."""
        value = raw(result)
        if isinstance(value, Tracer):
            try:
                bound = inspect.signature(COMPOSED[name].forward).bind(*inputs, **params)
            except TypeError:  # spelled as NumPy does; its parts are translated
                return
            bound.apply_defaults()
            self._tape.add(value, "composed", name, (), dict(bound.arguments))


def _spelled(
    function: Callable[..., Any], inputs: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Return name, operands and other arguments of a call of NumPy, as operations have them."""
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", str(function))
    if isinstance(owner, np.ufunc):
        name = f"{owner.__name__}.{name}"
    if isinstance(function, operator.attrgetter):
        return "transpose" if "T" in repr(function) else repr(function), inputs, {}
    if isinstance(function, np.ufunc):
        return name, inputs, keywords
    try:  # functions and methods that have a signature of their own
        labels = _SIGNATURES[name]
    except KeyError:
        return name, inputs, keywords
    if name == "concatenate":
        return name, tuple(inputs[0]), {"axis": 0} | keywords
    if name in ("reshape", "transpose") and len(inputs) > 2:
        inputs = (inputs[0], inputs[1:])
    if len(inputs) > len(labels) + 1:
        raise ExportError(f"{name} has more arguments than are translated; name them")
    named = dict(zip(labels, inputs[1:], strict=False)) | keywords
    named = {_SPELLINGS.get(key, key): value for key, value in named.items()}
    return name, inputs[:1], {key: value for key, value in named.items() if key != "copy"}


_SPELLINGS = {"a_min": "min", "a_max": "max"}

_SIGNATURES: dict[str, tuple[str, ...]] = {
    "concatenate": (),
    "getitem": ("index",),
    "take_along_axis": ("indices", "axis"),
    "astype": ("dtype",),
    "reshape": ("shape",),
    "transpose": ("axes",),
    "broadcast_to": ("shape",),
    "argmax": ("axis",),
    "argmin": ("axis",),
    "expand_dims": ("axis",),
    "squeeze": ("axis",),
    "any": ("axis", "out", "keepdims"),
    "all": ("axis", "out", "keepdims"),
    "max": ("axis", "out", "keepdims"),
    "min": ("axis", "out", "keepdims"),
    "sum": ("axis", "dtype", "out", "keepdims"),
    "mean": ("axis", "dtype", "out", "keepdims"),
    "prod": ("axis", "dtype", "out", "keepdims"),
    "cumsum": ("axis", "dtype"),
    "clip": ("min", "max"),
}


def _as_input(value: Tracer) -> Any:
    """Return an input as a tensor; texts stay an array."""
    return value if value.dtype.kind == "U" else _computed(value, None)


def trace(network: Callable[..., Any], arrays: Sequence[Any], paths: Mapping[int, str]) -> Trace:
    """Call a network on arrays, and record it.

    Parameters
    ----------
    network : callable
        It takes as many tensors as there are arrays.
    arrays : sequence of ndarray
    paths : mapping of int to str
        The paths of its modules, by their ids.

    Raises
    ------
    ExportError
        If values are read in a way that a file cannot repeat.
    """
    tape = _Tape(paths)
    inputs = [tape.tracer(array) for array in arrays]
    try:
        with no_grad(), _Observer(tape):
            outputs = network(*map(_as_input, inputs))
    except CaptureError as error:
        raise ExportError(f"the network cannot be recorded: {error}") from error
    finally:
        tape.close()
    largest = max((int(value.array.size) for value in tape.values), default=0)
    return Trace(inputs, outputs, tape.found, tape.writes, largest)
