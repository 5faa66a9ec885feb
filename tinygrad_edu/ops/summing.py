"""Sums of many numbers with small errors, and float16 computed in float32.

Plain NumPy adds the rows of a matrix one after the other: the sum of a million equal float32 rows
is wrong by 1 %, and a float16 sum stops growing at 2048. The functions here add in blocks, in
float32 or wider, and round once. They record nothing; the operations that do are in the files of
their families.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .constants import ones

__all__ = [
    "BLOCK",
    "MANY",
    "Axis",
    "added_rows",
    "added_up",
    "axes_of",
    "divided",
    "folded",
    "is_half",
    "single",
    "wider",
]

Axis: TypeAlias = int | tuple[int, ...] | None

Function = TypeVar("Function", bound=Callable[..., Any])

# How many float32 numbers are added one after the other, with an error of about 1e-5 at most.
BLOCK = 1024

_reduce: Any = np.add.reduce

# How many of them may meet in one place when they are added up by index.
MANY = 1 << 15


def is_half(x: Any) -> bool:
    """Whether an array or tensor is of float16, whose sums are computed in float32."""
    dtype = getattr(x, "dtype", None)
    return dtype is not None and dtype.char == "e"


def axes_of(ndim: int, axis: Axis) -> tuple[int, ...]:
    """Return the axes as numbers of 0 or more; all of them for None.

    NumPy's reductions accept the axis 0 or -1 of a number, which has none.
    """
    if axis is None:
        return tuple(range(ndim))
    if not ndim and not isinstance(axis, tuple | list) and axis in (0, -1):
        return ()
    return normalize_axis_tuple(axis, ndim)


def added_rows(x: Any) -> Any:
    """Add up the rows of a matrix, as a product with ones: much quicker than NumPy's sum."""
    count = len(x)
    if count <= BLOCK:
        return x.T.dot(ones(count, x.dtype))
    # First add rows that are far apart: fewer rows remain, each the sum of many.
    times = math.isqrt(count) if count < BLOCK**2 else BLOCK
    whole = count // times
    folded = x[: whole * times].reshape(times, -1)
    total = added_rows(folded.T.dot(ones(times, x.dtype)).reshape(whole, -1))
    return total if whole * times == count else total + added_rows(x[whole * times :])


def added_up(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Add up along axes, as ``np.sum`` does, with errors that do not grow with the count.

    Parameters
    ----------
    x : numpy.ndarray
        The numbers.
    axis : int or tuple of int, optional
        The axes to sum along; None sums over all of them.
    keepdims : bool
        Whether to keep the summed axes, with size 1.
    """
    kind = x.dtype.char
    if kind == "e":
        return added_up(x.astype(np.float32), axis, keepdims).astype(np.float16)
    if kind != "f" or x.size <= BLOCK:
        return _reduce(x, axis=axis, keepdims=keepdims)
    axes = axes_of(x.ndim, axis)
    # NumPy adds elements that follow each other in memory in pairs, which is precise.
    is_flat = len(axes) == x.ndim and x.flags.forc
    if is_flat or math.prod(x.shape[i] for i in axes) <= BLOCK:
        return _reduce(x, axis=axis, keepdims=keepdims)
    if axes == tuple(range(len(axes))) and len(axes) < x.ndim and x.flags.c_contiguous:
        rest = x.shape[len(axes) :]
        total = added_rows(x.reshape(-1, math.prod(rest)))
        return total.reshape((1,) * len(axes) * keepdims + rest)
    for place in axes:
        x = _added_in_blocks(x, place)
    return x if keepdims else np.squeeze(x, axes)


def _added_in_blocks(x: Any, axis: int) -> Any:
    """Add up along an axis, and keep it with size 1."""
    blocks, rest = divmod(x.shape[axis], BLOCK)
    if not blocks:
        return np.add.reduce(x, axis=axis, keepdims=True)
    before = (slice(None),) * axis
    shape = (*x.shape[:axis], blocks, BLOCK, *x.shape[axis + 1 :])
    sums = np.add.reduce(x[(*before, slice(x.shape[axis] - rest))].reshape(shape), axis=axis + 1)
    total = _added_in_blocks(sums, axis)
    if not rest:
        return total
    return total + np.add.reduce(x[(*before, slice(-rest, None))], axis=axis, keepdims=True)


# So many places are combined one by one, if each is a large part of an array.
_FEW, _LARGE = 16, 1 << 12


def folded(ufunc: Any, x: Any, axis: Axis, keepdims: bool = False) -> Any:
    """Reduce along axes, as ``ufunc.reduce`` does.

    NumPy reduces the places of a small window, on axes outside of the innermost one, several times
    as slowly as it combines them one by one.
    """
    axes = axes_of(x.ndim, axis)
    sizes = [x.shape[i] for i in axes]
    count = math.prod(sizes)
    is_window = 1 < count <= _FEW and x.size >= _LARGE * count
    if not is_window or int(np.argmin(np.abs(x.strides))) in axes:
        return ufunc.reduce(x, axis=axes, keepdims=keepdims)
    index: list[Any] = [slice(None)] * x.ndim
    parts = []
    for places in np.ndindex(*sizes):
        for i, place in zip(axes, places, strict=True):
            index[i] = slice(place, place + 1)
        parts.append(x[tuple(index)])
    total = ufunc(parts[0], parts[1])
    for part in parts[2:]:
        total = ufunc(total, part, out=total)
    return total if keepdims else np.squeeze(total, axes)


def wider(x: Any) -> Any:
    """Return the dtype in which to add many numbers one after the other; None for that of `x`."""
    kind = x.dtype.char
    return np.float32 if kind == "e" else np.float64 if kind == "f" and x.size > MANY else None


def divided(g: Any, count: Any) -> Any:
    """Divide a cotangent by a count, which may be larger than float16 can hold.

    The engine rounds what is returned to the dtype of the input.
    """
    return (g.astype(np.float32) if g.dtype.char == "e" else g) / count


_HALF, _SINGLE = np.dtype(np.float16), np.dtype(np.float32)


def single(function: Function, constants: tuple[str, ...] = ()) -> Function:
    """Decorate a function so that it computes float16 in float32 and rounds its result once.

    It serves forward passes, rules and composed functions; on tensors the conversions are recorded.
    With a float32 or float64 operand the result is not rounded, by NumPy's promotion; keywords that
    are constants do not count.
    """

    @functools.wraps(function)
    def computed(*inputs: Any, **params: Any) -> Any:
        given = list(inputs)
        if params:
            given += [value for key, value in params.items() if key not in constants]
        if _HALF not in [getattr(value, "dtype", _SINGLE) for value in given]:
            return function(*inputs, **params)
        inputs = tuple(map(_widened, inputs))
        out = function(*inputs, **{key: _widened(value) for key, value in params.items()})
        kinds = {getattr(value, "dtype", _HALF).char for value in given}
        return _rounded(out) if kinds.isdisjoint("fdFD") else out

    return cast("Function", computed)


def _widened(value: Any) -> Any:
    return value.astype(np.float32) if is_half(value) else value


def _rounded(out: Any) -> Any:
    if type(out) is tuple:  # a result and its residual, which no one else sees
        return _rounded(out[0]), out[1]
    if isinstance(out, tuple):  # a named one, of several results
        return type(out)(*map(_rounded, out))
    return out.astype(np.float16)
