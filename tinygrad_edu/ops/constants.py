"""Constant arrays that operations share, such as ones, whose product with a matrix adds it up."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import locked_view

__all__ = ["counting", "ones", "ordered_zeros", "zeros_beside"]


@functools.lru_cache(maxsize=64)
def ones(count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a vector of ones: a product with it adds up rows, much faster than NumPy's sum."""
    return locked_view(np.ones(count, dtype))


def ordered_zeros(shape: tuple[int, ...], dtype: Any, strides: Sequence[int]) -> NDArray[Any]:
    """Return zeros whose axes follow each other in memory as those of an array with strides do.

    Calculations with two arrays are several times as fast if their axes have the same order.
    """
    order = sorted(range(len(shape)), key=lambda axis: -abs(strides[axis]))
    zeros = np.zeros([shape[axis] for axis in order], dtype)
    return zeros.transpose(np.argsort(order))


# As many as fit into the fast caches of a processor, where one zero after the other costs most.
_MOST_ZEROS = 1 << 20
_flat_zeros = functools.lru_cache(maxsize=8)(functools.partial(np.zeros, _MOST_ZEROS))


@functools.lru_cache(maxsize=64)
def zeros_beside(
    shape: tuple[int, ...], dtype: np.dtype[Any], strides: tuple[int, ...] = ()
) -> NDArray[Any]:
    """Return zeros for ``np.maximum(array, zeros)`` and comparisons with an array.

    A Python 0 would be converted at every call. NumPy's maximum is three times as fast with an
    array of the same size and layout as with a number; comparisons are not. All sizes share one
    piece of memory; for large arrays a single zero is returned.
    """
    size = math.prod(shape)
    if size > _MOST_ZEROS:
        return locked_view(np.zeros((), dtype))
    order = sorted(range(len(shape)), key=lambda axis: -abs(strides[axis] if strides else 0))
    zeros = _flat_zeros(dtype)[:size].reshape([shape[axis] for axis in order])
    return locked_view(zeros.transpose(np.argsort(order)) if order else zeros)


@functools.lru_cache(maxsize=64)
def counting(count: int, step: int = 1) -> NDArray[Any]:
    """Return `count` multiples of a step, from 0: for row lengths, where each row starts."""
    return locked_view(np.arange(0, count * step, step))
