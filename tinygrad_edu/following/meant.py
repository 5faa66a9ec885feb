"""What a statement may be meant to compute: the true values that replace its own."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..tensor import Tensor
from .findings import true_value
from .instrumenting import Statement
from .quantities import Match, Quantity
from .running import Replacement
from .scope import is_reference
from .suspecting import Suspicion

__all__ = ["candidates", "ratios_of", "returned_instead"]

Array: TypeAlias = NDArray[Any]

_CLOSE = 1e-9
_MOST_RUNS = 60
_LONGEST_STEP = 24  # gradients of one shape in a step of a recurrent network
_MOST_STEPS = 8


def ratios_of(seen: Suspicion) -> list[float]:
    """List the factors by which wrong gradients are too large."""
    ratios = []
    values = [part for value in seen.values.values()
              for part in (value if isinstance(value, tuple | list) else (value,))]  # fmt: skip
    for value in values:
        for match in seen.quantities.matches(value):
            is_gradient = match.quantity.is_of_input and match.quantity.kind == "gradient"
            if is_gradient and abs(match.factor - 1) > _CLOSE:
                ratios.append(float(f"{match.factor:.10g}"))
    return list(dict.fromkeys(ratios))[:3]


def candidates(
    seen: Suspicion, statement: Statement, ratios: Sequence[float]
) -> Iterator[tuple[Match | None, Replacement]]:
    """Yield what a statement may be meant to compute."""
    number = statement.number
    if statement.kind not in ("assign", "return", "augment"):
        return
    runs = seen.runs.get(number, [])
    if statement.kind == "augment":  # the array that it wrote into
        runs = [seen.values.get(number)] * len(runs)
    yield from _of_one(seen, statement, runs)
    runs = [np.asarray(one) if isinstance(one, int | float | np.generic) else one for one in runs]
    if not all(isinstance(one, np.ndarray) and one.dtype.kind in "fiub" for one in runs):
        return
    if len(runs) > 1:
        is_few = len(runs) <= _MOST_RUNS
        if statement.kind != "augment" and is_few and seen.of[number] > 0:
            yield from _each_time(seen, number, runs)
        return
    for value in runs:
        for ratio in ratios:
            yield None, true_value(statement, value / ratio)
        if seen.of[number] > 0:
            yield from _all_meant(seen, statement, value)


def returned_instead(
    seen: Suspicion, statement: Statement
) -> Iterator[tuple[Match | None, Replacement]]:
    """Yield the gradients that may be meant where a value of the function is returned."""
    value = seen.values.get(statement.number)
    is_true = statement.kind == "return" and seen.of[statement.number] <= 0
    if is_true and seen.is_once(statement.number) and isinstance(value, np.ndarray):
        yield from _all_meant(seen, statement, value)


def _all_meant(
    seen: Suspicion, statement: Statement, value: Array
) -> Iterator[tuple[Match, Replacement]]:
    for match in _meant(seen, value):
        true = match.factor * match.quantity.array
        turned = match.arrangement == "transposed"
        yield match, true_value(statement, true.T if turned else true)


def _of_one(
    seen: Suspicion, statement: Statement, runs: Sequence[Any]
) -> Iterator[tuple[Match, Replacement]]:
    """Yield what a returned list of one formula may be meant to be, such as ``[g * s]``."""
    match statement.value:
        case ast.Tuple(elts=[part]) | ast.List(elts=[part]) if not is_reference(part):
            is_one = statement.kind == "return" and len(runs) == 1
        case _:
            return
    value = runs[0] if is_one else None
    if not isinstance(value, tuple | list) or not isinstance(value[0], np.ndarray):
        return
    for quantity in seen.quantities.all:
        is_alike = quantity.array.shape == value[0].shape
        if quantity.kind == "gradient" and quantity.is_of_input and is_alike:
            yield Match(quantity, 1.0, ""), Replacement(value=type(value)([quantity.array]))


def _meant(seen: Suspicion, value: Array) -> Iterator[Match]:
    """Yield the quantities that a value may be meant to be."""
    for quantity in seen.quantities.all:
        shape = quantity.array.shape
        if quantity.is_of_input and quantity.kind == "gradient":
            if (value.ndim <= 2 and quantity.array.ndim <= 2) or shape == value.shape:
                yield Match(quantity, 1.0, "")
        elif shape == value.shape or (value.ndim == 2 and shape == value.shape[::-1]):
            turned = "" if shape == value.shape else "transposed"
            scales = seen.scales if quantity.kind == "gradient" else (1.0,)
            for factor in sorted(scales):
                yield Match(quantity, factor, turned)


def _each_time(
    seen: Suspicion, number: int, runs: Sequence[Array]
) -> Iterator[tuple[None, Replacement]]:
    """Yield the true values of a statement that runs several times."""
    near = seen.near[number]
    for scale in sorted(seen.scales):
        of_layers = (_alike(seen, runs, scale, near), _alike(seen, runs, scale))
        for true in (*of_layers, *_in_steps(seen, runs, scale, near[0])):
            if any(one is not value for one, value in zip(true, runs, strict=False)):
                yield None, Replacement(values=true)


def _alike(
    seen: Suspicion, runs: Sequence[Array], scale: float, near: Sequence[set[Tensor]] = ()
) -> list[Array]:
    """List what is most alike each time, and never the same twice; as for layers of a network.

    Parameters
    ----------
    seen : Suspicion
    runs : sequence of array
    scale : float
    near : sequence of set of Tensor
        Where the gradients of these alone are looked at, each time.
    """
    true: list[Array] = []
    taken: dict[Quantity, None] = {}
    for value, some in itertools.zip_longest(runs, near):
        found = _most_alike(seen, value, scale, taken, some)
        if found is None:
            return []
        true.append(found)
    return true


def _in_steps(
    seen: Suspicion, runs: Sequence[Array], scale: float, near: set[Tensor]
) -> Iterator[list[Array]]:
    """Yield what lies equally far apart in the graph; as for the steps of a recurrent network."""
    shape, count = runs[0].shape, len(runs)
    if any(one.shape != shape for one in runs):
        return
    inner = [one for one in seen.quantities.like(shape)
             if one.array.shape == shape and not one.is_of_input]  # fmt: skip
    if len(inner) < count - 1:
        return
    alike = np.abs(_units(runs) @ _units([one.array for one in inner]).T)
    starts, places = np.arange(len(inner)), np.arange(count)
    found: list[tuple[float, int, int]] = []
    for step in (one for one in range(-_LONGEST_STEP, _LONGEST_STEP + 1) if one):
        at = starts[:, None] + step * places
        inside = (at >= 0) & (at < len(inner))
        much = np.where(inside, alike[places, at.clip(0, len(inner) - 1)], 0.0).sum(axis=1)
        often = inside.sum(axis=1)
        enough = np.flatnonzero(often >= max(2, count - 1)).tolist()
        found += [(float(much[start] / often[start]), start, step) for start in enough]
    # What is a gradient already the first time is right, or is one that is passed on unchanged.
    found.sort(key=lambda one: (inner[one[1]].tensor not in near, -one[0]))
    same = [one for one in found if alike[0, one[1]] > 1 - _CLOSE][: _MOST_STEPS // 4]
    others = [one for one in found if alike[0, one[1]] <= 1 - _CLOSE]
    for _, first, step in [*same, *others][:_MOST_STEPS]:
        chosen = first + step * places
        yield [scale * inner[at].array if 0 <= at < len(inner) else value
               for at, value in zip(chosen, runs, strict=True)]  # fmt: skip


def _most_alike(
    seen: Suspicion,
    value: Array,
    scale: float,
    taken: dict[Quantity, None],
    near: set[Tensor] | None,
) -> Array | None:
    """Return a value itself if it is true, or the gradient that is most like it."""
    for match in seen.quantities.matches(value) if near is None else ():
        is_gradient = match.quantity.kind == "gradient"
        if match.arrangement == "" and abs(match.factor - (scale if is_gradient else 1)) < _CLOSE:
            taken[match.quantity] = None
            return value
    alike = _possible(seen, value.shape, taken, near)
    if not alike:
        return None if near is None else value
    units = _units([value, *(one.array for one in alike)])
    best = alike[int(np.abs(units[1:] @ units[0]).argmax())]
    taken[best] = None
    return best.array * (1.0 if best.is_of_input else scale)


def _possible(
    seen: Suspicion,
    shape: tuple[int, ...],
    taken: dict[Quantity, None],
    near: set[Tensor] | None,
) -> list[Quantity]:
    """List the gradients of a shape; of some tensors, and of the same operation as before."""
    alike = [one for one in seen.quantities.like(shape)
             if one.array.shape == shape and one not in taken]  # fmt: skip
    if near is None:
        return alike
    alike = [one for one in alike if not near or one.tensor in near]
    names = [_operation(one) for one in taken][-1:]
    return [one for one in alike if _operation(one) in names] or alike


def _operation(quantity: Quantity) -> str:
    node = quantity.tensor.node if quantity.tensor is not None else None
    return node.primitive.name if node is not None else ""


def _units(arrays: Sequence[Array]) -> Array:
    """Return arrays of one shape as rows of length 1."""
    rows = np.array([one.reshape(-1) for one in arrays], np.float64)
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.nan_to_num(rows / np.where(lengths > 0, lengths, 1.0))
