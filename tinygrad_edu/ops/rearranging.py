"""Same elements elsewhere: flipped, shifted, repeated, or split.

Changes of shape alone are in `shape.py`, and borders in `padding.py`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..arrays import dtype_of
from ..metadata import composed
from ..primitive import as_operand
from .indexing import getitem, take
from .joining import concatenate
from .plain import as_arrays, shape_of
from .shape import broadcast_to, reshape, swapaxes, transpose
from .summing import axes_of

__all__ = [
    "array_split",
    "broadcast_arrays",
    "chunk",
    "flip",
    "fliplr",
    "flipud",
    "repeat",
    "roll",
    "rollaxis",
    "rot90",
    "split",
    "tile",
    "unstack",
]

Axis: TypeAlias = int | tuple[int, ...] | None


def _along(axis: int, part: Any) -> tuple[Any, ...]:
    """Return the index of a part of one axis."""
    return (*(slice(None),) * axis, part)


@composed("x")
def flip(x: Any, axis: Axis = None) -> Any:
    """Reverse the order of the elements along the given axes, or along all of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, flip
    >>> flip(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    Tensor([[2., 1.],
            [4., 3.]])
    """
    ndim = len(shape_of(x))
    axes = range(ndim) if axis is None else normalize_axis_tuple(axis, ndim)
    return getitem(x, tuple(slice(None, None, -1 if i in axes else 1) for i in range(ndim)))


@composed("x")
def flipud(x: Any) -> Any:
    """Reverse the order of the rows.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, flipud
    >>> flipud(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[3., 4.],
            [1., 2.]])
    """
    return flip(x, 0)


@composed("x")
def fliplr(x: Any) -> Any:
    """Reverse the order of the columns.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, fliplr
    >>> fliplr(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[2., 1.],
            [4., 3.]])
    """
    return flip(x, 1)


@composed("x")
def rollaxis(x: Any, axis: int, start: int = 0) -> Any:
    """Move an axis backwards until it is before the axis `start`; `moveaxis` is clearer.

    Parameters
    ----------
    x : array_like
        The elements.
    axis, start : int
        The axis to move, and the axis to put it before.

    Examples
    --------
    >>> from tinygrad_edu import rollaxis, zeros
    >>> rollaxis(zeros((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    # NumPy moves the axes of an array that takes no memory, each of a size of its own.
    ndim = np.ndim(x)
    numbered = np.broadcast_to(0, tuple(range(2, 2 + ndim)))
    return transpose(x, [size - 2 for size in np.rollaxis(numbered, axis, start).shape])


@composed("x")
def rot90(x: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Rotate by 90 degrees `k` times in the plane of two axes.

    Parameters
    ----------
    x : array_like
        At least two axes.
    k : int
        How many times; negative numbers rotate the other way.
    axes : pair of int
        The plane; the rotation goes from the first axis to the second.

    Raises
    ------
    ValueError
        If the two axes are the same.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, rot90
    >>> rot90(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[2., 4.],
            [1., 3.]])
    """
    first, second = (normalize_axis_index(axis, len(shape_of(x))) for axis in axes)
    if first == second:
        raise ValueError(f"rot90: axes {tuple(axes)} are the same; a plane needs two")
    if k % 4 == 2:
        return flip(x, (first, second))
    if k % 2:
        return flip(swapaxes(x, first, second), first if k % 4 == 1 else second)
    return getitem(x, ...)


@composed("x")
def roll(x: Any, shift: int | Sequence[int], axis: Axis = None) -> Any:
    """Shift elements along an axis; those that leave at one end come in at the other.

    Parameters
    ----------
    x : array_like
        The elements.
    shift : int or sequence of int
        By how many places; one number for each axis, or one for all.
    axis : int or tuple of int, optional
        The axes; None rolls the flattened array.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, roll
    >>> roll(Tensor([1.0, 2.0, 3.0, 4.0]), 1)
    Tensor([4., 1., 2., 3.])
    """
    if axis is None:
        return reshape(roll(reshape(x, (-1,)), shift, 0), shape_of(x))
    for by, along in zip(*map(np.ravel, np.broadcast_arrays(shift, axis)), strict=True):
        place = normalize_axis_index(int(along), len(shape_of(x)))
        cut = -int(by) % (shape_of(x)[place] or 1)
        parts = [getitem(x, _along(place, part)) for part in (slice(cut, None), slice(cut))]
        x = concatenate(parts, axis=place)
    return x


@composed("x")
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each element several times in a row.

    Parameters
    ----------
    x : array_like
        The elements.
    repeats : int or array_like of int
        How often: one number for all, or one for each position along the axis.
    axis : int, optional
        The axis; None flattens first.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, repeat
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> repeat(x, [1, 3]).sum().backward()
    >>> x.grad
    array([1., 3.])
    """
    if axis is None or axes_of(len(shape_of(x)), axis) == ():
        return repeat(reshape(x, (-1,)), repeats, 0)
    size = shape_of(x)[normalize_axis_index(axis, len(shape_of(x)))]
    return take(x, np.repeat(np.arange(size), repeats), axis)


@composed("x")
def tile(x: Any, reps: int | Sequence[int]) -> Any:
    """Repeat the whole array along each axis, like tiles.

    Parameters
    ----------
    x : array_like
        The tile.
    reps : int or sequence of int
        How often along each axis, the last axis last.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, tile
    >>> tile(Tensor([1.0, 2.0]), (2, 2))
    Tensor([[1., 2., 1., 2.],
            [1., 2., 1., 2.]])
    """
    counts = tuple(map(operator.index, np.ravel(reps).tolist()))
    ndim = max(len(counts), len(shape_of(x)))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - len(shape_of(x))) + shape_of(x)
    # Each axis of n places becomes a pair of axes (count, n), and then one again.
    pairs = list(zip(counts, shape, strict=True))
    spread = reshape(x, [size for _, n in pairs for size in (1, n)])
    repeated = broadcast_to(spread, tuple(size for pair in pairs for size in pair))
    return reshape(repeated, [count * n for count, n in pairs])


@composed("arrays")
def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """Tuple of arrays, each repeated to the shape that all of them broadcast to.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, broadcast_arrays
    >>> x, y = broadcast_arrays(Tensor([1.0, 2.0]), [[0.0], [0.0], [0.0]])
    >>> x.shape
    (3, 2)
    """
    operands = [as_operand("broadcast_arrays", array) for array in arrays]
    shape = np.broadcast_shapes(*(np.shape(x) for x in operands))
    return tuple(broadcast_to(x, shape) for x in operands)


@composed("x")
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """List of parts along an axis, as equal in size as possible, or cut before given positions.

    Parameters
    ----------
    x : array_like
        The array to cut.
    indices_or_sections : int or sequence of int
        The number of parts, or the positions before which to cut.
    axis : int
        The axis to cut along.

    Raises
    ------
    TypeError
        If these are not whole numbers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, array_split
    >>> array_split(Tensor([1.0, 2.0, 3.0]), 2)
    [Tensor([1., 2.]), Tensor([3.])]
    """
    axis = normalize_axis_index(axis, len(shape_of(x)))
    indices_or_sections = as_arrays(indices_or_sections)
    if np.size(indices_or_sections) and dtype_of(indices_or_sections).kind not in "iub":
        raise TypeError(
            f"split: got {indices_or_sections}; expected whole numbers: positions, or parts"
        )
    parts = np.array_split(np.arange(shape_of(x)[axis]), indices_or_sections)
    ends = [(int(part[0]), int(part[-1]) + 1) if part.size else (0, 0) for part in parts]
    return [getitem(x, _along(axis, slice(*pair))) for pair in ends]


@composed("x")
def chunk(x: Any, chunks: int, axis: int = 0) -> tuple[Any, ...]:
    """Tuple of parts along an axis: all of one size, except for a smaller last one.

    There may be fewer parts than were asked for: 5 elements make 3 chunks of 2, 2 and 1, and 6
    elements make 3 chunks if 4 are asked for. `array_split` makes as many as were asked for.

    Parameters
    ----------
    x : array_like
        The array to cut.
    chunks : int
        The largest number of parts.
    axis : int
        The axis to cut along.

    Raises
    ------
    ValueError
        If the number of parts is not a whole number of at least 1.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, chunk
    >>> chunk(Tensor([1.0, 2.0, 3.0]), 2)
    (Tensor([1., 2.]), Tensor([3.]))
    """
    is_count = isinstance(chunks, int | np.integer)
    if not is_count or chunks < 1:
        raise ValueError(f"chunk: chunks is {chunks}; expected a whole number >= 1")
    axis = normalize_axis_index(axis, len(shape_of(x)))
    n = shape_of(x)[axis]
    size = -(-n // chunks)
    if not n:
        return tuple(getitem(x, _along(axis, slice(0, 0))) for _ in range(chunks))
    return tuple(getitem(x, _along(axis, slice(i, i + size))) for i in range(0, n, size))


@composed("x")
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """List of parts along an axis, equal in size, or cut before given positions.

    Parameters
    ----------
    x, indices_or_sections, axis
        As for `array_split`.

    Raises
    ------
    ValueError
        If the number of parts does not divide the size of the axis.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, split
    >>> first, second = split(Tensor([1.0, 2.0, 3.0, 4.0]), 2)
    >>> second
    Tensor([3., 4.])
    """
    if len(shape_of(indices_or_sections)) == 0 and not isinstance(indices_or_sections, float):
        if int(indices_or_sections) < 1:
            raise ValueError(f"split: got {indices_or_sections} parts; expected at least one")
        size = shape_of(x)[normalize_axis_index(axis, len(shape_of(x)))]
        if size % int(indices_or_sections):
            raise ValueError(
                f"split: {size} elements do not make {indices_or_sections} equal parts; "
                "use array_split, whose parts differ by one"
            )
    return array_split(x, indices_or_sections, axis)


@composed("x")
def unstack(x: Any, *, axis: int = 0) -> tuple[Any, ...]:
    """Tuple of the slices along an axis: the opposite of `stack`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, unstack
    >>> rows = unstack(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    >>> rows[1].data
    array([3., 4.])
    """
    axis = normalize_axis_index(axis, len(shape_of(x)))
    return tuple(getitem(x, _along(axis, i)) for i in range(shape_of(x)[axis]))
