"""Rows of the table for recurrent networks over sequences.

ONNX Runtime 1.32 ends the process if an LSTM or a GRU gets an empty batch. So an empty batch gets a
row of zeros, which is cut off again.

ONNX orders the gates differently, and computes the products of the inputs itself: with weights of
shape (gates, inputs), one row for each unit. Its LSTM returns only the last cell; if another one is
asked for, and for float64, which runtimes have no kernel for, the steps are written out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .graph import Value
from .sizes import Size
from .table import Call, fixed, primitive_row

__all__: list[str] = []

_ORDERS = {"lstm_sequence": "ifno", "gru_sequence": "rzn", "rnn_sequence": "h"}
_ORDERS_OF_ONNX = {"lstm_sequence": "iofn", "gru_sequence": "zrn", "rnn_sequence": "h"}


def _reordered(call: Call, columns: Any, size: int) -> Any:
    """Return the columns of all gates in the order of ONNX."""
    order = [_ORDERS[call.name].index(gate) for gate in _ORDERS_OF_ONNX[call.name]]
    parts = np.reshape(columns, (*columns.shape[:-1], len(order), size))
    return np.reshape(parts[..., order, :], columns.shape)


def _operands(call: Call, bias: Any) -> list[str] | None:
    """Return X, W, R and B of ONNX; None if the weights are not constant."""
    gates, weight = call.operands[:2]
    if weight.constant is None or call.dtype != np.float32:
        return None
    size = weight.constant.shape[0]
    x, w_ih, b_ih = _inputs_of(call, gates)
    graph = call.graph
    both = np.concatenate([_reordered(call, b, size) for b in (b_ih, bias)])
    return [
        _not_empty(call, x.of(call.dtype)),
        *(
            graph.constant(_reordered(call, w, size).T[None].astype(call.dtype))
            for w in (w_ih, weight.constant)
        ),
        graph.constant(both[None].astype(call.dtype)),
    ]


def _inputs_of(call: Call, gates: Value) -> tuple[Value, Any, Any]:
    """Return the inputs, their weight and a bias: of the layer, or the identity."""
    count = fixed(gates.shape[-1], "the number of gates")
    source, zeros = call.source(gates), np.zeros(count)
    if source is not None and source.name in ("linear", "matmul"):
        constants = [operand.constant for operand in source.operands[1:]]
        if all(c is not None for c in constants) and source.operands[0].ndim == 3:
            weight: Any = constants[0]
            bias = constants[1] if source.name == "linear" else zeros
            if weight.ndim == 2 and weight.shape[1] == count:
                return source.operands[0], weight, bias
    return gates, np.eye(count), zeros


def _first(call: Call, state: Value) -> str:
    """Return a first state with an axis for the directions."""
    name = call.graph.add("Unsqueeze", state.of(call.dtype), call.graph.whole(0))
    return _not_empty(call, name)


def _not_empty(call: Call, name: str) -> str:
    """Add a row along the second of three axes, which is the batch, if there is none."""
    batch = call.shape[-2]
    if not isinstance(batch, Size):
        return name
    return call.graph.not_empty(name, (1, batch, 1), 1, call.dtype)


def _without_direction(call: Call, name: str, axis: int) -> str:
    """Remove the axis of the directions, and the row that was added to an empty batch."""
    graph, batch = call.graph, call.shape[-2]
    name = graph.add("Squeeze", name, graph.whole(axis))
    if not isinstance(batch, Size):
        return name
    return graph.slice(name, [0], [batch], [axis])


@primitive_row("rnn_sequence")
def _rnn(call: Call) -> str:
    weight, h0 = call.operands[1:]
    kind = {"tanh": "Tanh", "relu": "Relu"}[call.params.get("nonlinearity", "tanh")]
    size = fixed(weight.shape[0], "a size")
    given = _operands(call, np.zeros(size))
    if given is not None:
        out = call.graph.add(
            "RNN", *given, "", _first(call, h0), outputs=2, hidden_size=size, activations=[kind]
        )
        return _without_direction(call, out[0], 1)
    add = call.graph.add

    def step(z: str, states: Sequence[str]) -> list[str]:
        return [add(kind, add("Add", z, add("MatMul", states[0], weight.of(call.dtype))))]

    return _stacked(call, [one for (one,) in _steps(call, [h0], step)])


@primitive_row("lstm_sequence")
def _lstm(call: Call) -> Value:
    weight, h0, c0 = call.operands[1:]
    size = fixed(weight.shape[0], "a size")
    value = Value(call.graph, call.shape, call.dtype, lambda: _lstm_in_steps(call, size))
    given = _operands(call, np.zeros(4 * size))
    if given is None:
        return value
    first = [_first(call, h0), _first(call, c0)]
    out, _, cell = call.graph.add("LSTM", *given, "", *first, outputs=3, hidden_size=size)
    last = fixed(call.shape[1], "the number of steps") - 1
    value.parts = {
        (0,): _without_direction(call, out, 1),
        (1, last): _without_direction(call, cell, 0),
    }
    return value


def _lstm_in_steps(call: Call, size: int) -> str:
    weight, h0, c0 = call.operands[1:]
    add, w = call.graph.add, weight.of(call.dtype)

    def step(z: str, states: Sequence[str]) -> list[str]:
        z = add("Add", z, add("MatMul", states[0], w))
        i, f, n, o = add("Split", z, call.graph.whole(*[size] * 4), outputs=4, axis=1)
        written = add("Mul", add("Sigmoid", i), add("Tanh", n))
        c = add("Add", add("Mul", add("Sigmoid", f), states[1]), written)
        return [add("Mul", add("Sigmoid", o), add("Tanh", c)), c]

    found = _steps(call, [h0, c0], step)
    both = [_stacked(call, [states[k] for states in found]) for k in range(2)]
    axis = call.graph.whole(0)
    return str(add("Concat", *(add("Unsqueeze", one, axis) for one in both), axis=0))


@primitive_row("gru_sequence")
def _gru(call: Call) -> str:
    weight, bias, h0 = call.operands[1:]
    size = fixed(weight.shape[0], "a size")
    add = call.graph.add
    given = None if bias.constant is None else _operands(call, bias.constant)
    if given is not None:
        out = add(
            "GRU", *given, "", _first(call, h0),
            outputs=2, hidden_size=size, linear_before_reset=1,
        )  # fmt: skip
        return _without_direction(call, out[0], 1)
    w, b, parts = weight.of(call.dtype), bias.of(call.dtype), call.graph.whole(*[size] * 3)

    def step(x: str, states: Sequence[str]) -> list[str]:
        y = add("Add", add("MatMul", states[0], w), b)
        x_r, x_z, x_n = add("Split", x, parts, outputs=3, axis=1)
        y_r, y_z, y_n = add("Split", y, parts, outputs=3, axis=1)
        r, z = (add("Sigmoid", add("Add", *pair)) for pair in ((x_r, y_r), (x_z, y_z)))
        n = add("Tanh", add("Add", x_n, add("Mul", r, y_n)))
        return [add("Add", n, add("Mul", z, add("Sub", states[0], n)))]

    return _stacked(call, [one for (one,) in _steps(call, [h0], step)])


def _steps(
    call: Call, states: Sequence[Value], step: Callable[[str, Sequence[str]], list[str]]
) -> list[list[str]]:
    """Write out all steps; return the states after each."""
    graph, gates = call.graph, call.operands[0].of(call.dtype)
    now, found = [state.of(call.dtype) for state in states], []
    for t in range(fixed(call.operands[0].shape[0], "the number of steps")):
        now = step(graph.add("Gather", gates, graph.constant(np.asarray(t)), axis=0), now)
        found.append(now)
    return found


def _stacked(call: Call, names: Sequence[str]) -> str:
    axis = call.graph.whole(0)
    rows = [call.graph.add("Unsqueeze", name, axis) for name in names]
    return str(call.graph.add("Concat", *rows, axis=0))
