"""Functions that a text in NumPy contains where the engine runs a loop, such as adding up windows.

Each adds in the order of the engine, so that the bits are the same. Which calls use them is decided
here; how other calls are written is in `expressions.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu import embedding, overlap_add, put_at, sliding_windows
from tinygrad_edu.capturing.recorder import Call, Tracer
from tinygrad_edu.ops.indexing import getitem_rule, only_axis
from tinygrad_edu.ops.networks.windows import for_each_axis
from tinygrad_edu.ops.summing import MANY

from .errors import ShowError

__all__ = ["HELPERS", "ShapeOf", "helper_of"]

_PUT_AT = f'''
def put_at(g, index, shape):
    """Zeros, with g added at an index that may name a place several times."""
    out = np.zeros(shape, np.float64 if g.size > {MANY} else g.dtype)  # many: more digits
    np.add.at(out, index, g)
    return out.astype(g.dtype)
'''

_ADD_ROWS = f'''
def add_rows(g, numbers, shape):
    """Zeros, with the rows of g added to the rows with these numbers."""
    numbers, g = numbers.reshape(-1) % shape[0], g.reshape(-1, *shape[1:])
    order = np.argsort(numbers, kind="stable")
    numbers, g = numbers[order], g[order]
    starts = np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]]))
    out = np.zeros(shape, np.float64 if g.size > {MANY} else g.dtype)  # many: more digits
    out[numbers[starts]] = np.add.reduceat(g, starts, axis=0, dtype=out.dtype)
    return out.astype(g.dtype)
'''

_OVERLAP_ADD = '''
def overlap_add(windows, shape, stride, dilation):
    """Zeros, with windows added where they were taken from."""
    axes, strides = len(stride), windows.strides
    before = len(shape) - axes
    kernel, places = windows.shape[before:][:axes], windows.shape[before + axes :]
    strides = (*strides[:before], *strides[before + axes :])
    order = sorted(range(len(shape)), key=lambda axis: -abs(strides[axis]))
    out = np.zeros([shape[axis] for axis in order], windows.dtype).transpose(np.argsort(order))
    if np.prod(places) < np.prod(kernel):  # the loop runs over the fewer of the two
        windows = np.moveaxis(windows, range(-axes, 0), range(before, before + axes))
        kernel, places, stride, dilation = places, kernel, dilation, stride
    for index in np.ndindex(*kernel):
        seen = [
            slice(i * d, i * d + (m - 1) * s + 1, s)
            for i, d, m, s in zip(index, dilation, places, stride)
        ]
        out[(..., *seen)] += windows[(slice(None),) * before + index]
    return out
'''

HELPERS = {
    "add_rows": _ADD_ROWS.strip().splitlines(),
    "overlap_add": _OVERLAP_ADD.strip().splitlines(),
    "put_at": _PUT_AT.strip().splitlines(),
}
"""The lines of each function."""

_EMBEDDING_RULE = embedding.primitive.rules[1]
_WINDOWS_RULE = sliding_windows.primitive.rules[0]


def helper_of(call: Call) -> tuple[str, list[Any]] | None:
    """Return the name of a function of `HELPERS` and its arguments; None for calls of NumPy.

    A shape is given as the array that has it.
    """
    function, inputs, named = call.function, call.inputs, call.keywords
    if function is _EMBEDDING_RULE:
        return "add_rows", [inputs[0], inputs[2], ShapeOf(inputs[3])]
    if function is getitem_rule:
        return _put(inputs[0], named["index"], ShapeOf(inputs[2]))
    if function is _forward(put_at):
        return _put(inputs[0], named["index"], named["shape"])
    if function is _WINDOWS_RULE:
        kernel = named["kernel"]
        axes = len(kernel) if isinstance(kernel, tuple | list) else 1
        return "overlap_add", [inputs[0], ShapeOf(inputs[2]), *_steps(named, axes)]
    if function is _forward(overlap_add):
        axes = inputs[0].array.ndim - len(named["shape"])
        return "overlap_add", [inputs[0], named["shape"], *_steps(named, axes)]
    return None


class ShapeOf:
    """The shape of an array."""

    def __init__(self, of: Any) -> None:
        self.of = of


def _forward(operation: Any) -> Callable[..., Any]:
    found: Callable[..., Any] = operation.primitive.forward
    return found


def _steps(named: dict[str, Any], axes: int) -> list[Any]:
    return [for_each_axis(key, named.get(key, 1), axes, 1) for key in ("stride", "dilation")]


def _put(g: Any, index: Any, shape: Any) -> tuple[str, list[Any]]:
    plain = _plain(index)
    axis = only_axis(plain) if g.array.size else None
    if axis:
        raise ShowError(
            f"an index along axis {axis} that may repeat elements has no text in NumPy; move that "
            "axis to the front, or write the step in tinygrad_edu"
        )
    if axis == 0:
        return "add_rows", [g, index[0] if isinstance(index, tuple) else index, shape]
    return "put_at", [g, index, shape]


def _plain(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(map(_plain, index))
    array = index.array if isinstance(index, Tracer) else index
    return np.asarray(array) if isinstance(array, np.ndarray | np.generic) else array
