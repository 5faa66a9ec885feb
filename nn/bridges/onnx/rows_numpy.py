"""Rows of the table for functions of NumPy without a derivative: comparisons and places."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .errors import ExportError
from .table import Call, numpy_row

__all__: list[str] = []

_COMPARISONS = {
    "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less",
    "less_equal": "LessOrEqual", "equal": "Equal", "not_equal": "Equal",
}  # fmt: skip
_LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor", "logical_not": "Not",
            "bitwise_and": "And", "bitwise_or": "Or", "invert": "Not"}  # fmt: skip
_ROUNDED = {"floor": "Floor", "ceil": "Ceil", "rint": "Round"}


def _compared(call: Call, kind: str) -> str:
    if call.operands[0].dtype.kind == "U":
        return _equal_texts(call)
    kinds: list[Any] = [
        one.constant[()] if one.is_number and one.constant is not None else one.dtype
        for one in call.operands
    ]
    weak = [one.item() if isinstance(one, np.generic) else one for one in kinds]
    dtype = np.result_type(*weak)
    found = str(call.graph.add(kind, *call.names(dtype)))
    return str(call.graph.add("Not", found)) if call.name == "not_equal" else found


def _equal_texts(call: Call) -> str:
    """Compare a column of texts with constants, by their numbers: opset 17 compares no texts."""
    texts, known = call.operands
    if call.name != "equal" or known.constant is None or known.ndim != 1:
        raise ExportError("texts can only be compared with a row of constants, by np.equal")
    codes = call.graph.add(
        "LabelEncoder",
        texts.name,
        domain="ai.onnx.ml",
        keys_strings=known.constant.tolist(),
        values_int64s=list(range(len(known.constant))),
        default_int64=-1,
    )
    return str(call.graph.add("Equal", codes, call.graph.whole(*range(len(known.constant)))))


def _logical(call: Call, kind: str) -> str:
    return str(call.graph.add(kind, *call.names(np.bool)))


def _rounded(call: Call, kind: str) -> str:
    return str(call.graph.add(kind, *call.names()))


for _name, _kind in _COMPARISONS.items():
    numpy_row(_name)(functools.partial(_compared, kind=_kind))
for _name, _kind in _LOGICAL.items():
    numpy_row(_name)(functools.partial(_logical, kind=_kind))
for _name, _kind in _ROUNDED.items():
    numpy_row(_name)(functools.partial(_rounded, kind=_kind))


@numpy_row("isnan")
def _isnan(call: Call) -> str:
    return str(call.graph.add("IsNaN", call.operands[0].name))


@numpy_row("any", "all")
def _any(call: Call) -> str:
    """Whether one of the elements, or each, is true: their maximum or minimum as numbers."""
    graph = call.graph
    numbers = graph.cast(call.operands[0].of(np.bool), np.float32)
    kind = "ReduceMax" if call.name == "any" else "ReduceMin"
    axes = call.axes(call.params.get("axis"))
    found = graph.reduce(kind, numbers, axes, bool(call.params.get("keepdims", False)))
    return graph.cast(found, np.bool)


@numpy_row("argmax", "argmin")
def _argmax(call: Call) -> str:
    graph, (x,) = call.graph, call.operands
    axis, name = call.params.get("axis"), x.name
    kind = "ArgMax" if call.name == "argmax" else "ArgMin"
    if axis is None:
        name, axis = graph.add("Flatten", name, axis=0), 1
        return graph.reshape(graph.add(kind, name, axis=axis, keepdims=0), ())
    keeps = int(bool(call.params.get("keepdims", False)))
    return str(graph.add(kind, name, axis=int(axis) % x.ndim, keepdims=keeps))


@numpy_row("take_along_axis")
def _take_along_axis(call: Call) -> str:
    """Look up names by their numbers."""
    (names,), codes = call.operands, call.params["indices"]
    if names.ndim != 1 or codes.ndim != 1 or call.params.get("axis", -1) not in (0, -1):
        raise ExportError("only elements of a vector can be looked up")
    return str(call.graph.add("Gather", names.name, codes.of(np.int64), axis=0))


@numpy_row("view", "array", "asarray")
def _view(call: Call) -> str:
    if len(call.operands) > 1 or call.operands[0].dtype != call.dtype:
        raise ExportError("the bits of numbers are read as another dtype")
    return call.operands[0].name
