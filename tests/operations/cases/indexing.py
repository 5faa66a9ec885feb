"""Cases of taking elements by index, and of putting them back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from tinygrad_edu import Tensor

from .case import Case, distinct, named, normal


def _put(x: np.ndarray, index: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Add element by element, by way of the numbers of the places."""
    places = np.arange(np.prod(shape, dtype=int)).reshape(shape)[index]
    sums = np.bincount(np.ravel(places), np.ravel(x), minlength=int(np.prod(shape)))
    return sums.reshape(shape).astype(x.dtype)


def _indexing() -> Iterator[Case]:
    mask = np.array([[True, False, True], [False] * 3, [True] * 3, [False, True, False]])
    rows, columns = np.array([[0], [2]]), np.array([0, 2])
    basic = [1, -1, np.int64(2), (1, 2), slice(1, 3), slice(None, None, -2), (slice(None), 1)]
    basic += [(..., -1), None, (slice(None), None, slice(0, 2)), (), True]
    repeated = [[0, 0, 1], [], ([0, 1, 1], [2, 2, 2]), (slice(None), [0, 0]), (0, [1, 1])]
    arrays = [(rows, columns), (rows, slice(None)), (slice(1, None), None, [2, 0, 2])]
    arrays += [np.array([[0, 1], [1, 1]]), np.array(3), Tensor([3, 0, 3])]
    masks = [mask, mask[:, 0], (slice(None), mask[0]), [True, False, True, False]]
    indices: list[Any] = [*basic, *repeated, *arrays, *masks]
    for number, index in enumerate(indices):
        plain = index.data if isinstance(index, Tensor) else index
        text = " ".join(repr(index).split())
        call, own = named("getitem", index), itemgetter(plain)
        yield Case("getitem", text, call, [normal(4, 3)], own, text=number == 0)
        if not isinstance(index, Tensor):
            call = named("put_at", index=index, shape=(4, 3))
            x = normal(*np.zeros((4, 3))[index].shape)
            own = partial(_put, index=index, shape=(4, 3))
            yield Case("put_at", text, call, [x], own, text=number == 0)
    for index in ((), ..., None):
        call, own = named("getitem", index), itemgetter(index)
        yield Case("getitem", f"0-d {index}", call, [normal()], own)


def _taking() -> Iterator[Case]:
    for shape, arguments in [
        ((4, 3), ([0, 5, 5, -1],)),
        ((4, 3), ([0, 2, 2], 0)),
        ((4, 3), ([[0], [-1]], 1)),
        ((4, 3), (2, 1)),
        ((4, 3), ([], 0)),
    ]:
        yield Case("take", f"{shape} {arguments}", named("take", *arguments), [normal(*shape)])
    for mode in ("wrap", "clip"):
        yield Case("take", mode, named("take", [9, -7], axis=1, mode=mode), [normal(4, 3)])
    places = np.array([[0, 2, 2], [1, 0, 0], [2, 1, 1], [0, 0, 0]])
    for axis, indices in [(1, places), (-1, places[:, :1]), (0, places), (None, places[0])]:
        call = named("take_along_axis", indices, axis)
        yield Case("take_along_axis", f"{axis} {indices.shape}", call, [normal(4, 3)])
    for shape, axis in [((4, 3), 0), ((4, 3), -1), ((2, 3, 2), 1), ((5,), None), ((4, 3), None)]:
        yield Case("sort", f"{shape} {axis}", named("sort", axis=axis), [distinct(*shape)])
        yield Case(
            "partition",
            f"{shape} {axis}",  # the place itself, since the others come in any order
            lambda m, x, axis=axis: (
                m.take(m.partition(x, 1, axis=axis), 1, axis or 0)
                if axis != -1
                else m.partition(x, 1)[:, 1]
            ),
            [distinct(*shape)],
        )


def _updating() -> Iterator[Case]:
    def update(x: np.ndarray, value: np.ndarray, index: Any) -> np.ndarray:
        x = x.copy()
        x[index] = value
        return x

    def added(x: np.ndarray, value: np.ndarray, index: Any) -> np.ndarray:
        return x + _put(np.broadcast_to(value, x[index].shape), index, x.shape)

    mask = np.array([[True, False, True], [False] * 3, [True] * 3, [False, True, False]])
    for index, shape in [
        (1, (3,)),
        ((2, 1), ()),
        (slice(1, 3), (3,)),
        ((slice(None, None, -2), [0, 2]), (2, 1)),
        ([0, 2, 0], (3, 3)),
        (([0, 1, 0], [2, 2, 2]), (3,)),
        (mask, (6,)),
        (mask, ()),
        (..., (4, 1)),
        ([], (0, 3)),
    ]:
        text = " ".join(str(index).split())
        for operation, own in (("index_update", update), ("index_add", added)):
            yield Case(
                operation,
                f"{text} {shape}",
                lambda m, x, value, f=operation, index=index: getattr(m, f)(x, index, value),
                [normal(4, 3), normal(*shape)],
                lambda x, value, own=own, index=index: own(x, value, index),
            )
    yield Case(
        "index_update",
        "number",
        lambda m, x: m.index_update(x, (0, 0), 7.0),
        [normal(2, 2)],
        lambda x: update(x, np.array(7.0), (0, 0)),
    )


def _diagonals() -> Iterator[Case]:
    for shape, arguments in [
        ((3, 4), ()),
        ((3, 4), (1,)),
        ((3, 4), (-2,)),
        ((3, 4), (5,)),
        ((2, 3, 4), (1, 2, 0)),
        ((2, 3, 4), (-1, -2, -1)),
    ]:
        for operation in ("diagonal", "trace"):
            call = named(operation, *arguments)
            yield Case(operation, f"{shape} {arguments}", call, [normal(*shape)])
    for shape, k in [((3,), 0), ((3,), 2), ((2,), -1), ((3, 4), 0), ((3, 4), -1), ((0,), 1)]:
        yield Case("diag", f"{shape} {k}", named("diag", k), [normal(*shape)])
    for shape, k in [((3, 4), 0), ((3, 4), 1), ((2, 3, 3), -1), ((4, 2), -5), ((0, 2), 0)]:
        for operation in ("tril", "triu"):
            yield Case(operation, f"{shape} {k}", named(operation, k), [normal(*shape)])


FAMILIES = (_indexing, _taking, _updating, _diagonals)
