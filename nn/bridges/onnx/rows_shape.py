"""Rows of the table for operations that move elements: shapes, axes, parts and windows."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from .errors import ExportError
from .graph import Value
from .sizes import Dim, Size, difference, is_whole
from .table import Call, composed_row, fixed, fixed_sizes, primitive_row

__all__: list[str] = []

_END = np.iinfo(np.int64).max


@primitive_row("reshape", "squeeze", "expand_dims", "ravel", "flatten")
def _reshape(call: Call) -> str:
    return call.graph.reshape(call.operands[0].name, call.shape)


@primitive_row("transpose")
def _transpose(call: Call) -> str:
    (x,) = call.operands
    axes = call.params.get("axes")
    order = range(x.ndim)[::-1] if axes is None else [int(axis) % x.ndim for axis in axes]
    return call.graph.transpose(x.name, list(order))


@primitive_row("broadcast_to")
def _broadcast_to(call: Call) -> str:
    return call.graph.expand(call.operands[0].name, call.shape)


@primitive_row("sum_to")
def _sum_to(call: Call) -> str:
    (x,) = call.operands
    ahead = x.ndim - len(call.shape)
    axes = [*range(ahead), *(i + ahead for i, n in enumerate(call.shape) if n == 1)]
    return call.graph.reshape(call.graph.reduce("ReduceSum", x.name, axes, True), call.shape)


@primitive_row("concatenate")
def _concatenate(call: Call) -> str:
    axis = call.params.get("axis", 0)
    names = call.names()
    if axis is None:
        raise ExportError("axis=None cannot be written; reshape the arrays first")
    return str(call.graph.add("Concat", *names, axis=int(axis) % len(call.shape)))


# Parts ----------------------------------------------------------------------------------------


@primitive_row("getitem")
def _getitem(call: Call) -> str | Value:
    (x,) = call.operands
    index = call.params["index"]
    entries = list(index) if isinstance(index, tuple) else [index]
    found = _part(call, x, entries)
    if found is not None:
        return found
    return _indexed(call, x, _full(entries, x.ndim))


def _part(call: Call, x: Value, entries: list[Any]) -> str | Value | None:
    """Return a part that was computed without the whole, if the index names one."""
    if not x.parts or not is_whole(entries[0]):
        return None
    first = fixed(entries[0], "an index") % fixed(x.shape[0], "a size")
    inner = {key[1:]: part for key, part in x.parts.items() if key[0] == first}
    if not inner:
        return None
    whole = inner.pop((), None) or (lambda: _indexed(call, x, _full(entries[:1], x.ndim)))
    value = Value(call.graph, x.shape[1:], x.dtype, whole, parts=inner)
    if len(entries) == 1:
        return value
    deeper = _part(call, value, entries[1:])
    return _indexed(call, value, _full(entries[1:], value.ndim)) if deeper is None else deeper


def _full(entries: list[Any], ndim: int) -> list[Any]:
    """Return an index with one entry for each axis, and None for new axes."""
    taken = sum(entry is not None and entry is not Ellipsis for entry in entries)
    rest = [slice(None)] * (ndim - taken)
    for place, entry in enumerate(entries):
        if entry is Ellipsis:
            return [*entries[:place], *rest, *entries[place + 1 :]]
    return [*entries, *rest]


def _indexed(call: Call, x: Value, entries: list[Any]) -> str:
    graph, name = call.graph, x.name
    axes = [entry for entry in entries if entry is not None]
    name = _sliced(call, name, axes, x.shape)
    if any(isinstance(entry, Value) for entry in axes):
        return _gathered(call, x, name, entries)
    dropped = [axis for axis, entry in enumerate(axes) if is_whole(entry)]
    if dropped:
        name = str(graph.add("Squeeze", name, graph.whole(*dropped)))
    if None in entries:
        kept = [entry for entry in entries if not is_whole(entry)]
        new = [place for place, entry in enumerate(kept) if entry is None]
        name = str(graph.add("Unsqueeze", name, graph.whole(*new)))
    return name


def _gathered(call: Call, x: Value, name: str, entries: list[Any]) -> str:
    """Take elements along the one axis that has an array as its index."""
    axes = [entry for entry in entries if entry is not None]
    arrays = [(axis, entry) for axis, entry in enumerate(axes) if isinstance(entry, Value)]
    if len(arrays) > 1 or (None in entries and len(call.shape) != x.ndim):
        raise ExportError("an index of several arrays has no translation; take along one axis")
    ((axis, entry),) = arrays
    if entry.dtype.kind == "b":
        raise ExportError("an index is a mask, so the shape depends on values; use where")
    if any(map(is_whole, axes)):
        raise ExportError("an index mixes an array and numbers; take along one axis")
    name = str(call.graph.add("Gather", name, entry.of(np.int64), axis=axis))
    return call.graph.reshape(name, call.shape) if None in entries else name


def _sliced(call: Call, name: str, entries: list[Any], shape: Any) -> str:
    """Apply slices, and whole numbers as slices of length 1."""
    starts: list[Dim] = []
    ends: list[Dim] = []
    axes, steps = [], []
    for axis, entry in enumerate(entries):
        if is_whole(entry):
            number = int(entry)
            entry = slice(number, number + 1 if number != -1 else None)
        elif isinstance(entry, Size):
            raise ExportError(f"an index is {entry}, it depends on the batch size N")
        if not isinstance(entry, slice) or entry == slice(None):
            continue
        step = 1 if entry.step is None else fixed(entry.step, "a step")
        first, last = (0, _END) if step > 0 else (_END, -_END)
        starts.append(first if entry.start is None else entry.start)
        ends.append(last if entry.stop is None else entry.stop)
        axes.append(axis)
        steps.append(step)
    return call.graph.slice(name, starts, ends, axes, steps) if axes else name


@primitive_row("put_at")
def _put_at(call: Call) -> str:
    """Put an array into zeros, which is a border around it."""
    (x,) = call.operands
    index = call.params["index"]
    entries = _full(list(index) if isinstance(index, tuple) else [index], len(call.shape))
    before: list[Dim] = []
    after: list[Dim] = []
    for entry, own, size in zip(entries, x.shape, call.shape, strict=True):
        if not isinstance(entry, slice) or entry.step not in (None, 1):
            raise ExportError("only slices without a step can be put into zeros")
        start = 0 if entry.start is None else entry.start
        before.append(start)
        after.append(difference(difference(size, own), start))
    return _bordered(call, x, before, after, 0)


def _bordered(call: Call, x: Value, before: Any, after: Any, value: Any) -> str:
    graph = call.graph
    widths = graph.sizes([*before, *after])
    return str(graph.add("Pad", x.of(call.dtype), widths, call.number(value), mode="constant"))


def _is_constant(params: Any) -> bool:
    value = params.get("constant_values", 0)
    return params.get("mode") == "constant" and isinstance(value, int | float)


@composed_row("pad", applies=_is_constant)
def _pad(call: Call) -> str:
    x = call.params["x"]
    widths = call.params["pad_width"]
    if isinstance(widths, Value):
        widths = widths.constant.tolist() if widths.constant is not None else widths
    pairs = np.broadcast_to(np.asarray(widths), (x.ndim, 2)).tolist()
    before, after = zip(*pairs, strict=True)
    return _bordered(call, x, before, after, call.params["constant_values"])


# Windows --------------------------------------------------------------------------------------


def _for_each(sizes: Any, axes: int, what: str) -> list[int]:
    given = list(sizes) if isinstance(sizes, tuple | list) else [sizes] * axes
    return fixed_sizes(given, what)


@primitive_row("sliding_windows")
def _sliding_windows(call: Call) -> str:
    """Take the windows along one axis after the other, by the places of their elements."""
    (x,) = call.operands
    kernel = call.params["kernel"]
    axes = len(kernel) if isinstance(kernel, tuple | list) else 1
    kernel = _for_each(kernel, axes, "a kernel")
    stride = _for_each(call.params.get("stride", 1), axes, "a stride")
    dilation = _for_each(call.params.get("dilation", 1), axes, "a dilation")
    before, name = x.ndim - axes, x.name
    for i in range(axes)[::-1]:
        count = fixed(call.shape[before + axes + i], "the number of windows")
        places = np.arange(kernel[i])[:, None] * dilation[i] + np.arange(count) * stride[i]
        name = call.graph.add("Gather", name, call.graph.constant(places), axis=before + i)
    inside, places_of = range(before, x.ndim + axes, 2), range(before + 1, x.ndim + axes, 2)
    return call.graph.transpose(name, [*range(before), *inside, *places_of])


@primitive_row("overlap_add")
def _overlap_add(call: Call) -> str:
    """Add windows up along one axis after the other: each time a product with zeros and ones."""
    (x,), graph = call.operands, call.graph
    axes = x.ndim - len(call.shape)
    before = len(call.shape) - axes
    stride = _for_each(call.params.get("stride", 1), axes, "a stride")
    dilation = _for_each(call.params.get("dilation", 1), axes, "a dilation")
    kernel = fixed_sizes(x.shape[before : before + axes], "a kernel")
    places = fixed_sizes(x.shape[before + axes :], "the number of windows")
    sizes = fixed_sizes(call.shape[before:], "a size")
    pairs = itertools.chain(*((before + i, before + axes + i) for i in range(axes)))
    name = graph.transpose(x.name, [*range(before), *pairs])
    ahead = list(x.shape[:before])
    for i in range(axes):  # the pair of axes before the others becomes one axis at the end
        rest = [n for j in range(i + 1, axes) for n in (kernel[j], places[j])]
        name = graph.reshape(name, [*ahead, kernel[i] * places[i], *rest, *sizes[:i]])
        count = len(ahead) + 1 + len(rest) + i
        order = [axis for axis in range(count) if axis != before] + [before]
        target = np.arange(kernel[i])[:, None] * dilation[i] + np.arange(places[i]) * stride[i]
        ones = np.equal(target.reshape(-1, 1), np.arange(sizes[i])).astype(call.dtype)
        name = graph.add("MatMul", graph.transpose(name, order), graph.constant(ones))
    assert math.prod(sizes)
    return graph.reshape(name, call.shape)


@primitive_row("embedding")
def _embedding(call: Call) -> str:
    indices, weight = call.operands
    return str(call.graph.add("Gather", weight.name, indices.of(np.int64), axis=0))
