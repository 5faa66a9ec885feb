"""Cases of taking elements by index, and of putting them back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from tinygrad_edu import Tensor

from .case import Case, named, normal


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


FAMILIES = (_indexing,)
