"""Recognises masks, as of dropout: a constant of zeros and one other number, multiplied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..tensor import Tensor
from ..tracing import node_of
from .ancestry import Ancestry, close, is_floating, tolerance_of
from .functions import Found, Function

__all__ = ["masks"]

Array: TypeAlias = NDArray[Any]


def masks(graph: Ancestry, functions: Sequence[Function]) -> Iterator[Found]:
    """Find what was multiplied by a constant of zeros and one other number."""
    names = [name for name, _, declared in functions if declared.kind == "mask"]
    masked: dict[Tensor, list[Tensor]] = {}
    for result in reversed(graph.order):
        if not is_floating(result):
            continue
        inputs = node_of(result).inputs
        if any(map(_is_constant_mask, inputs)):
            masked[result] = [s for s in graph.sources(result, 2) if s.shape == result.shape]
        else:  # the mask may be scaled afterwards
            back = next(graph.sources(result, 1), None)
            if back is None or back not in masked or back.shape != result.shape:
                continue
            if node_of(back).primitive.carries or any(map(_is_constant_mask, node_of(back).inputs)):
                masked[result] = masked[back]
        for source in masked.get(result, ()):
            params = _mask_between(source, result)
            if params is not None:
                yield from ((name, source, result, params) for name in names)


def _mask_between(source: Tensor, result: Tensor) -> dict[str, Any] | None:
    """Return the mask that a source was multiplied by, and the number that the rest was."""
    data, seen = source._data, result._data
    kept = seen != 0
    if kept.all() or not kept.any() or _is_of_one_class(kept):
        return None
    if any(np.array_equal(kept, sign) for sign in (data > 0, data < 0)):
        return None  # an activation
    where = np.unravel_index(int(kept.argmax()), kept.shape)
    scale = float(seen[where] / data[where])
    if not close(seen, np.where(kept, scale * data, 0), tolerance_of(source, result)):
        return None
    return {"mask": kept, "scale": float(f"{scale:.9g}")}


def _is_constant_mask(value: Any) -> bool:
    if not isinstance(value, Tensor) or value._requires_grad or value.size < 2:
        return False
    data = value._data
    largest = data.max()
    return bool(largest > 0 and (data == 0).any() and np.all((data == largest) | (data == 0)))


def _is_of_one_class(kept: Array) -> bool:
    """Whether one element of each row or column is kept, as by labels."""
    return kept.ndim == 2 and any(np.all(kept.sum(axis=axis) == 1) for axis in (0, 1))
