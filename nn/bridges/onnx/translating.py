"""Translates three recorded calls of a network, with three batch sizes, into one ONNX graph.

It goes back from the outputs. Each value is translated by the outermost call that computed it and
has a row in the table. The calls with the other batch sizes must be the same; where a number
differs, it becomes a computation of the batch size. A missing row is an error, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu import Tensor
from tinygrad_edu.capturing.recorder import Tracer

from . import rows_arithmetic, rows_layers, rows_numpy, rows_recurrence, rows_shape
from .errors import ExportError
from .graph import Graph, Value
from .sizes import Size, is_whole, merged_number, merged_shape
from .table import ROWS, Call, Params, Row
from .tracing import Event, Trace, raw

__all__ = ["Translator"]

_TABLES = (rows_arithmetic, rows_layers, rows_numpy, rows_recurrence, rows_shape)
_WITHOUT_EFFECT = {"shape", "dtype", "casting", "subok", "optimize", "end_values", "reflect_type"}
"""Arguments that rows need not read: the shape and the dtype of the result show their effect, and
the last two belong to modes of `pad` that have no row."""

_ARRAY = (Tracer, np.ndarray, np.generic)


class Translator:
    """Translates the values of three traces.

    Parameters
    ----------
    graph : Graph
    traces : sequence of Trace
    batches : sequence of int
        Their batch sizes.
    inputs : sequence of Value
        The inputs of the network.
    """

    def __init__(
        self,
        graph: Graph,
        traces: Sequence[Trace],
        batches: Sequence[int],
        inputs: Sequence[Value],
    ) -> None:
        self.graph, self.traces, self.batches = graph, traces, batches
        self._values = {
            tracer.number: value for tracer, value in zip(traces[0].inputs, inputs, strict=True)
        }
        self._calls: dict[Value, Call] = {}
        self._known: dict[tuple[int, ...], Value] = {}
        self._kept: list[Any] = []

    def translated(self, outputs: Sequence[Any]) -> Value:
        """Return an output of the network, given as its three results."""
        waiting = [tuple(raw(output) for output in outputs)]
        while waiting:
            group = waiting[-1]
            if not self._is_new(group):
                waiting.pop()
                continue
            events, row = self._events(group)
            missing = [other for other in _aligned(events) if self._is_new(other)]
            if missing:
                waiting += missing
                continue
            self._values[group[0].number] = self._translate(group, events, row)
        return self._as_value(self._merged([raw(output) for output in outputs]))

    def _is_new(self, group: Sequence[Any]) -> bool:
        first = group[0]
        return isinstance(first, Tracer) and first.number not in self._values

    def _events(self, group: Sequence[Any]) -> tuple[list[Event], Row]:
        """Choose the calls that computed a value, one in each trace, and their row."""
        found = [t.events.get(v.number, []) for t, v in zip(self.traces, group, strict=True)]
        if not all(found):
            raise ExportError(
                "a value depends on the inputs, but no operation that is recorded computed it"
            )
        is_double = group[0].array.dtype == np.float64
        for event in reversed(found[0]):
            row = ROWS.get((event.kind, event.name))
            if row is None or (row.only_float32 and is_double) or not row.applies(event.params):
                continue
            key = (event.kind, event.name)
            same = [[e for e in events if (e.kind, e.name) == key][-1:] for events in found]
            if not all(same):
                continue
            return [one for (one,) in same], row
        name, path = found[0][-1].name, found[0][0].path
        inner = found[0][0].name
        part = f", which calls {inner}," if inner != name else ""
        if len({events[-1].name for events in found}) > 1:
            raise ExportError(f"{_place(path)}: it computes something else for another batch size")
        raise ExportError(f"{_place(path)}: {name}{part} has no translation into ONNX")

    def _translate(self, group: Sequence[Any], events: list[Event], row: Row) -> Value:
        event = events[0]
        try:
            for trace, value, one in zip(self.traces, group, events, strict=True):
                if trace.writes.get(value.storage, -1) > one.when:
                    raise ExportError("its result is written into later; make a new array")
            operands = self._merged([list(one.operands) for one in events])
            params = Params(self._merged([one.params for one in events]))
            arrays = [value.array for value in group]
            call = Call(
                self.graph,
                [self._as_value(operand) for operand in operands],
                params,
                merged_shape([array.shape for array in arrays], self.batches),
                arrays[0].dtype,
                self._calls.get,
                event.name,
            )
            made = row.translate(call)
            row.applies(params)  # reads arguments, too
            self._refuse_unread(params)
        except ExportError as error:
            if "module " in str(error).split(":")[0]:
                raise
            raise ExportError(f"{_place(event.path)}: {event.name}: {error}") from error
        except Exception as error:  # such as arguments that the row does not expect
            raise ExportError(
                f"{_place(event.path)}: {event.name} with these arguments has no translation into "
                f"ONNX ({type(error).__name__}: {error})"
            ) from error
        value = made if isinstance(made, Value) else Value(self.graph, call.shape, call.dtype, made)
        self._calls[value] = call
        return value

    @staticmethod
    def _refuse_unread(params: Params) -> None:
        """Refuse an argument that the row has not read: it may change the result."""
        for key in params.keys() - params.read - _WITHOUT_EFFECT:
            value = params.data[key]
            if not (value is None or value is False or value is np._NoValue):
                raise ExportError(f"its argument {key} has no translation into ONNX")

    def _as_value(self, operand: Any) -> Value:
        if isinstance(operand, Value):
            return operand
        if isinstance(operand, Size):
            name = self.graph.reshape(self.graph.sizes([operand]), ())
            return Value(self.graph, (), np.dtype(np.int64), name)
        array = np.asarray(operand)
        return Value(self.graph, (), array.dtype, constant=array, is_number=True)

    # The same argument in the three calls --------------------------------------------------

    def _merged(self, values: Sequence[Any]) -> Any:
        """Return an argument of the three calls as one."""
        first = values[0]
        if isinstance(first, Tracer):
            return self._values[first.number]
        if isinstance(first, Tensor):
            return self._merged([raw(value) for value in values])
        if isinstance(first, tuple | list):
            if len({len(value) for value in values}) > 1:
                raise ExportError("the length of a list depends on the batch size")
            return type(first)(map(self._merged, zip(*values, strict=True)))
        if isinstance(first, dict):
            return {key: self._merged([value[key] for value in values]) for key in first}
        if isinstance(first, slice):
            ends = [[value.start, value.stop, value.step] for value in values]
            return slice(*self._merged(ends))
        if isinstance(first, np.ndarray | np.generic):
            return self._constant(values)
        if is_whole(first) and all(map(is_whole, values)):
            return merged_number(values, self.batches)
        if any(value is not first and value != first for value in values):
            raise ExportError(f"a number depends on the batch size: {', '.join(map(str, values))}")
        return first

    def _constant(self, arrays: Sequence[Any]) -> Value:
        first = np.asarray(arrays[0])
        key = tuple(map(id, arrays))
        known = self._known.get(key)
        if known is not None:
            return known
        shape = merged_shape([np.shape(array) for array in arrays], self.batches)
        if not any(isinstance(size, Size) for size in shape):
            if not all(
                np.array_equal(first, other, equal_nan=first.dtype.kind == "f")
                for other in arrays[1:]
            ):
                raise ExportError("an array of numbers depends on the batch size")
            value = Value(self.graph, shape, first.dtype, constant=first)
        else:
            value = Value(self.graph, shape, first.dtype, self._growing(arrays, shape))
        self._known[key] = value
        self._kept += arrays  # so that their ids stay unique
        return value

    def _growing(self, arrays: Sequence[Any], shape: Sequence[Any]) -> str:
        """Make a constant whose shape depends on the batch, if its rows are equal there."""
        axes = tuple(i for i, size in enumerate(shape) if isinstance(size, Size))
        cores = [
            array[tuple(slice(1) if i in axes else slice(None) for i in range(array.ndim))]
            for array in arrays
        ]
        same = all(
            np.array_equal(np.broadcast_to(cores[0], array.shape), array) for array in arrays
        )
        if not same:
            raise ExportError("an array of numbers depends on the batch size")
        return self.graph.expand(self.graph.constant(cores[0]), shape)


def _aligned(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    """List the values that depend on the inputs and that a call reads, one in each trace."""
    found = [event.tracers() for event in events]
    if len({len(values) for values in found}) > 1:
        raise ExportError(
            f"{_place(events[0].path)}: it computes something else for another batch size"
        )
    return list(zip(*found, strict=True))


def _place(path: str) -> str:
    return f"module {path}" if path else "module (the network itself)"


def flat(outputs: Any, prefix: str = "") -> dict[str, Any]:
    """List nested outputs by names.

    Examples
    --------
    >>> flat(("a", {"h": "b"}))
    {'0': 'a', '1_h': 'b'}
    """
    if isinstance(outputs, Mapping):
        entries = [(str(key), value) for key, value in outputs.items()]
    elif isinstance(outputs, tuple | list):
        entries = [(str(i), value) for i, value in enumerate(outputs)]
    else:
        return {} if outputs is None else {prefix: outputs}
    found: dict[str, Any] = {}
    for key, value in entries:
        inner = flat(value, f"{prefix}_{key}" if prefix else key)
        if found.keys() & inner.keys():
            raise ExportError(
                f"two outputs are named {min(found.keys() & inner.keys())}; rename one"
            )
        found |= inner
    return found
