"""Finds rows that a mask of -inf leaves nothing of, in front of a softmax in any spelling.

The softmax of such a row divides 0 by 0. Its logarithm, and the difference to its maximum, are not
finite either. Along which axis a row is follows from the reductions on the way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..drawing.operands import declared
from ..primitive import PRIMITIVES, Node
from ..tensor import Tensor
from .patterns import is_written
from .places import first_bad, operand_label

__all__ = ["masked_rows", "passes_mask_on"]

Array: TypeAlias = NDArray[Any]
Axes: TypeAlias = tuple[int, ...]

_MOST_CALLS = 12  # to go back from the operation that failed


def masked_rows(node: Node) -> tuple[str, str] | None:
    """Explain a result that is not finite by rows that are masked wholly; None if there are none.

    Parameters
    ----------
    node : Node
        The call whose result is not finite.
    """
    calls = list(_calls_before(node))
    reductions = [found for call in calls if (found := _reduction(call)) is not None]
    for call in calls:
        for position, value in enumerate(call.values):
            scores = np.asarray(value)
            if scores.dtype.kind != "f" or not scores.ndim or not np.isneginf(scores).any():
                continue
            for shape, axes in reductions:
                if shape != scores.shape:
                    continue
                masked = np.asarray(np.isneginf(scores).all(axis=axes))
                if scores.size and masked.any() and not _is_elsewhere(scores, axes):
                    return _words(operand_label(call, position), scores.shape, axes, masked)
    return None


def _is_elsewhere(scores: Array, axes: Axes) -> bool:
    """Whether other numbers are not finite either, and not by a mask."""
    return first_bad(np.where(np.isneginf(scores), 0, scores), False) is not None


def _calls_before(node: Node) -> Iterator[Node]:
    """Yield a call, and those that its operands were computed by, nearest first."""
    calls, seen = [node], {id(node)}
    for call in calls:  # grows while it is walked
        yield call
        if len(calls) > _MOST_CALLS:
            continue
        for value in call.inputs:
            before = value.node if isinstance(value, Tensor) else None
            if before is not None and id(before) not in seen:
                seen.add(id(before))
                calls.append(before)


def _reduction(node: Node) -> tuple[tuple[int, ...], Axes] | None:
    """Return the shape of an operand and the axes that a call combines it along."""
    made = node.primitive
    shape = np.shape(node.values[0])
    if not shape:
        return None
    if made.elementwise:  # with what a reduction outside of the graph returned
        if len(node.values) != 2 or np.ndim(node.values[1]) != len(shape):
            return None
        pairs = zip(shape, np.shape(node.values[1]), strict=True)
        axes = tuple(at for at, (size, other) in enumerate(pairs) if other == 1 < size)
        return (shape, axes) if 0 < len(axes) < len(shape) else None
    parameter = declared(made).get("axis")
    if parameter is None:
        # A loss of logits has its classes along the last axis.
        applied = made.applies and not PRIMITIVES[made.applies].elementwise
        return (shape, (len(shape) - 1,)) if applied else None
    axis = node.params.get("axis", parameter.default)
    several = tuple(range(len(shape))) if axis is None else axis
    several = several if isinstance(several, tuple) else (several,)
    return shape, tuple(one % len(shape) for one in several)


def _words(name: str, shape: tuple[int, ...], axes: Axes, masked: Array) -> tuple[str, str]:
    """Say which row is masked, and that others are."""
    places = [tuple(map(int, place)) for place in np.argwhere(masked)]
    count = math.prod(shape[axis] for axis in axes)
    what = name
    if masked.ndim:
        rest = iter(places[0])
        index = ", ".join(":" if at in axes else str(next(rest)) for at in range(len(shape)))
        what = f"{name}[{index}]"
        if len(shape) == 2:
            what = f"{'row' if axes == (1,) else 'column'} {places[0][0]} of {name}, {what},"
    others = f" (and so are {len(places) - 1} others)" if len(places) > 1 else ""
    return f"{what} is masked wholly{others}: all its {count} entries are -inf", (
        "their softmax is 0 / 0: leave an entry unmasked, leave such rows out, or mask with a "
        "large negative number such as -1e9"
    )


def passes_mask_on(node: Node) -> bool:
    """Whether a call subtracts finite numbers, such as a maximum, from what a mask made -inf."""
    return (
        len(node.values) == 2
        and bool(np.isfinite(node.values[1]).all())
        and is_written(node, "x - y")
    )
