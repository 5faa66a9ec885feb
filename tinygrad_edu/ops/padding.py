"""Borders around an array: constants, elements of the array, or numbers computed from them.

As in NumPy, one axis is padded after the other, so that corners follow from the borders before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arrays import dtype_of, real_dtype_of
from ..leaving import values_of
from ..metadata import composed
from ..primitive import as_operand
from ..tensor import Tensor
from .arithmetic import add, multiply, subtract
from .indexing import getitem, put_at, take
from .joining import concatenate
from .linear_algebra.products import tensordot
from .plain import shape_of
from .reduction import max, mean, min
from .shape import moveaxis
from .statistics import median

__all__ = ["pad"]

_BY_INDEX = ("edge", "reflect", "symmetric", "wrap")
_STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": max, "mean": mean, "median": median, "minimum": min,
}  # fmt: skip
# The keywords that a mode takes, with their defaults.
_KEYWORDS: dict[str, dict[str, Any]] = {
    "constant": {"constant_values": 0},
    "linear_ramp": {"end_values": 0},
    "reflect": {"reflect_type": "even"},
    "symmetric": {"reflect_type": "even"},
    **{mode: {"stat_length": None} for mode in _STATISTICS},
}
_MODES = ("constant", "empty", "linear_ramp", *_BY_INDEX, *_STATISTICS)


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """Return the width of the border before and after, along each axis."""
    if isinstance(pad_width, dict):  # widths by axis
        pairs = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pairs[normalize_axis_index(axis, ndim)] = _widths(width, 1)[0]
        return pairs
    given = np.asarray(pad_width)
    if given.dtype.kind not in "iu":
        raise TypeError(f"pad: pad_width of dtype {given.dtype}; expected whole numbers")
    try:
        pairs = np.broadcast_to(given, (ndim, 2)).tolist()
    except ValueError:
        raise ValueError(
            f"pad: pad_width of shape {given.shape}; expected a number, a pair, or {ndim} pairs, "
            "one for each axis"
        ) from None
    return [(before, after) for before, after in pairs]


@composed("x")
def pad(
    x: Any,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = 0,
    end_values: Any = 0,
    reflect_type: str = "even",
    stat_length: Any = None,
) -> Any:
    """Put a border of elements around an array.

    Parameters
    ----------
    x : array_like
        The array.
    pad_width : int, pair, or a pair for each axis
        How many places before and after; or a dictionary of these by axis. Negative numbers cut
        places off.
    mode : str
        What to put in the border: "constant"; elements of `x` with "edge", "reflect", "symmetric"
        or "wrap"; a ramp to `end_values` with "linear_ramp"; a statistic along the axis with
        "mean", "median", "maximum" or "minimum"; zeros with "empty".
    constant_values, end_values : number, pair, or a pair for each axis
        The constants.
    reflect_type : {"even", "odd"}
        Whether "reflect" and "symmetric" put elements themselves, or twice the edge minus them.
    stat_length : int, pair, or a pair for each axis, optional
        How many elements at the edge a statistic is computed from; all of them by default.

    Raises
    ------
    ValueError
        If the mode is another one or does not have a keyword, or widths are of a wrong shape.
    TypeError
        If widths are not whole numbers, or constants are complex.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, pad
    >>> pad(Tensor([1.0, 2.0]), (1, 2))
    Tensor([0., 1., 2., 0., 0.])
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> pad(x, (1, 2), mode="edge").sum().backward()
    >>> x.grad
    array([2., 3.])
    """
    given = {"constant_values": constant_values, "end_values": end_values,
             "reflect_type": reflect_type, "stat_length": stat_length}  # fmt: skip
    _check(mode, given)
    shape = shape_of(x)
    if not shape:  # without an axis there is no border
        return getitem(x, ())
    widths = _widths(pad_width, len(shape))
    added = [(before * (before > 0), after * (after > 0)) for before, after in widths]
    if mode not in ("constant", *_BY_INDEX) and dtype_of(x).kind not in "fc":
        # Whole numbers have no gradient, and NumPy rounds statistics of them.
        options: Any = {key: given[key] for key in _KEYWORDS.get(mode, {})}
        padded: Any = np.pad(values_of(x), added, mode=mode, **options)  # type: ignore[call-overload]
        padded = Tensor(padded) if isinstance(x, Tensor) else padded
    elif mode in ("constant", "empty"):
        padded = _with_constants(x, added, constant_values)
    else:
        padded = as_operand("pad", x)
        for axis, width in enumerate(added):
            if width != (0, 0):
                padded = _padded(padded, axis, width, mode, given)
    if padded is x:  # no border at all
        return getitem(x, ...)
    if added == widths:
        return padded
    ends = [slice(-a if a < 0 else None, b if b < 0 else None) for a, b in widths]
    return getitem(padded, tuple(ends))


def _check(mode: object, given: dict[str, Any]) -> None:
    """Check the mode, and that it has the keywords."""
    if not isinstance(mode, str) or mode not in _MODES:
        raise ValueError(f"pad: mode {mode!r}; expected {', '.join(_MODES)}")
    defaults = {"constant_values": 0, "end_values": 0, "reflect_type": "even", "stat_length": None}
    for key, value in given.items():
        if key not in _KEYWORDS.get(mode, {}) and value is not defaults[key]:
            raise ValueError(f"pad: mode {mode!r} does not use {key}; leave it out")
        if np.iscomplexobj(value):
            raise TypeError(f"pad: {key} are complex; expected real numbers")


def _with_constants(x: Any, widths: list[tuple[int, int]], constants: Any) -> Any:
    shape = shape_of(x)
    inside = tuple(slice(a, a + n) for n, (a, _) in zip(shape, widths, strict=True))
    framed = put_at(x, inside, tuple(a + n + b for n, (a, b) in zip(shape, widths, strict=True)))
    if not np.any(constants):
        return framed
    # NumPy decides which constant is in the corners.
    zeros = np.zeros(shape, real_dtype_of(x))
    return add(framed, np.pad(zeros, widths, constant_values=constants))


def _pair(value: Any, x: Any, axis: int, key: str) -> tuple[Any, Any]:
    """Return the entries of a keyword for both ends of an axis."""
    try:
        before, after = np.broadcast_to(np.asarray(value), (x.ndim, 2))[axis]
    except ValueError:
        raise ValueError(
            f"pad: {key} of shape {np.shape(value)}; expected a number, a pair, or {x.ndim} pairs"
        ) from None
    return before, after


def _padded(x: Any, axis: int, width: tuple[int, int], mode: str, given: dict[str, Any]) -> Any:
    """Put a border at both ends of one axis."""
    size, (before, after) = x.shape[axis], width
    if mode in _BY_INDEX:
        if given["reflect_type"] == "even" or mode in ("edge", "wrap"):
            places = np.pad(np.arange(size), width, mode=mode)  # type: ignore[call-overload]
            return take(x, places, axis)
        # Twice the edge minus an element: linear, so NumPy's own result for each unit vector.
        unit: Any = np.eye(size, dtype=real_dtype_of(x))
        options: Any = {"mode": mode, "reflect_type": "odd"}
        unit = np.pad(unit, (width, (0, 0)), **options)
        return moveaxis(tensordot(unit, x, ([1], [axis])), 0, axis)
    if size == 0:
        raise ValueError(f"pad: axis {axis} has no element; mode {mode!r} needs at least one")
    along = (slice(None),) * axis
    column = (-1,) + (1,) * (x.ndim - 1 - axis)
    if mode == "linear_ramp":
        edges = x[(*along, slice(1))], x[(*along, slice(-1, None))]
        given_ends = _pair(given["end_values"], x, axis, "end_values")
        ends = [end.astype(real_dtype_of(x)) for end in given_ends]
        shares = [np.arange(n, dtype=real_dtype_of(x)) / (n or 1) for n in width]
        shares[1] = shares[1][::-1]
        ramps = [
            add(multiply(subtract(edge, end), share.reshape(column)), end)
            for edge, end, share in zip(edges, ends, shares, strict=True)
        ]
        return concatenate([ramps[0], x, ramps[1]], axis=axis)
    lengths = _pair(given["stat_length"], x, axis, "stat_length")
    taken = [size if n is None else int(np.minimum(n, size)) for n in lengths]
    if np.less(taken, 1).any():
        raise ValueError(f"pad: stat_length {given['stat_length']}; expected numbers of at least 1")
    parts = [x[(*along, slice(taken[0]))], x[(*along, slice(size - taken[1], None))]]
    borders = [
        take(_STATISTICS[mode](part, axis=axis, keepdims=True), np.zeros(n, dtype=int), axis)
        for part, n in zip(parts, (before, after), strict=True)
    ]
    return concatenate([borders[0], x, borders[1]], axis=axis)
