"""Putting arrays together and taking parts out, under NumPy's names: `block`, `insert`, `delete`.

Whatever only moves elements is left to NumPy: it moves their numbers, and the result is one
indexing of all elements. Joining along one axis is in `joining.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arrays import real_dtype_of
from ..metadata import composed
from ..primitive import as_operand
from .elementwise import astype
from .indexing import getitem, take
from .joining import concatenate
from .plain import shape_of
from .rearranging import array_split, split
from .shape import atleast_3d, broadcast_to, reshape

__all__ = [
    "append",
    "block",
    "compress",
    "delete",
    "dsplit",
    "dstack",
    "extract",
    "hsplit",
    "insert",
    "meshgrid",
    "vsplit",
]


def moved(move: Callable[..., Any], *arrays: Any) -> Any:
    """Move elements as a function of NumPy moves their numbers."""
    numbers, start = [], 0
    for array in arrays:
        shape = shape_of(array)
        size = int(np.prod(shape, dtype=int))
        numbers.append(np.arange(start, start + size).reshape(shape))
        start += size
    return getitem(concatenate([reshape(array, (-1,)) for array in arrays]), move(*numbers))


@composed("x", "values")
def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """Array with values joined to its end along an axis; None flattens both first.

    Parameters
    ----------
    x, values : array_like
        What to join; gradients flow to both.
    axis : int, optional
        The axis.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, append
    >>> append(Tensor([1.0, 2.0]), [3.0])
    Tensor([1., 2., 3.])
    """
    return concatenate([as_operand("append", x), as_operand("append", values)], axis=axis)


@composed("x")
def delete(x: Any, obj: Any, axis: int | None = None) -> Any:
    """Array without the elements, rows or columns of some positions; None flattens first.

    Parameters
    ----------
    x : array_like
        The array.
    obj : int, slice, or array_like of int or bool
        The positions to leave out.
    axis : int, optional
        The axis.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, delete
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> delete(x, 1).sum().backward()
    >>> x.grad
    array([1., 0., 1.])
    """
    if axis is None:
        return delete(reshape(x, (-1,)), obj, 0)
    axis = normalize_axis_index(axis, len(shape_of(x)))
    return take(x, np.delete(np.arange(shape_of(x)[axis]), obj), axis)


@composed("x", "values")
def insert(x: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Array with values put in before some positions; None flattens first.

    Parameters
    ----------
    x : array_like
        The array.
    obj : int, slice, or array_like of int or bool
        The positions in `x`.
    values : array_like
        Broadcasts to the shape of what is put in.
    axis : int, optional
        The axis.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, insert
    >>> insert(Tensor([1.0, 2.0]), 1, 9.0)
    Tensor([1., 9., 2.])
    """
    x, values = as_operand("insert", x), as_operand("insert", values)
    dtype = real_dtype_of(x)
    if dtype.kind == "f" and real_dtype_of(values) != dtype:
        values = astype(values, dtype)
    return moved(lambda a, b: np.insert(a, obj, b, axis), x, values)


@composed("arrays")
def dstack(arrays: Sequence[Any]) -> Any:
    """Join arrays along the third axis; vectors and matrices get one.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, dstack
    >>> dstack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])]).data
    array([[[1., 3.],
            [2., 4.]]])
    """
    return concatenate([atleast_3d(as_operand("dstack", array)) for array in arrays], axis=2)


@composed("arrays")
def block(arrays: Any) -> Any:
    """Array of blocks in nested lists: an inner list joins along the last axis, and so on outwards.

    Parameters
    ----------
    arrays : nested list of array_like
        All lists of one level are nested equally deep.

    Raises
    ------
    ValueError
        If a list is empty or shapes do not fit.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, block
    >>> x = Tensor([[1.0]])
    >>> block([[x, 2 * x], [3 * x, 4 * x]]).data
    array([[1., 2.],
           [3., 4.]])
    """
    depth, ndim = _depths(arrays)
    ndim = max(depth, ndim)

    def joined(part: Any, level: int) -> Any:
        if isinstance(part, list):
            return concatenate([joined(p, level - 1) for p in part], axis=-level)
        part = as_operand("block", part)
        return reshape(part, (1,) * (ndim - len(shape_of(part))) + shape_of(part))

    return joined(arrays, depth)


def _depths(part: Any) -> tuple[int, int]:
    """Return how deep lists are nested, and the largest number of axes in them."""
    if not isinstance(part, list):
        return 0, len(shape_of(part))
    if not part:
        raise ValueError("block: a list is empty; expected at least one array in each")
    depths, axes = zip(*map(_depths, part), strict=True)
    if len(set(depths)) > 1:
        raise ValueError(f"block: lists are nested {sorted(set(depths))} deep; expected equally")
    return depths[0] + 1, max(axes)


@composed("x")
def compress(condition: Any, x: Any, axis: int | None = None) -> Any:
    """Parts of an array along an axis for which a condition holds; None flattens first.

    Parameters
    ----------
    condition : array_like of bool
        One axis, not longer than that of `x`.
    x : array_like
        The array.
    axis : int, optional
        The axis.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, compress
    >>> compress([True, False, True], Tensor([1.0, 2.0, 3.0]))
    Tensor([1., 3.])
    """
    chosen = np.asarray(condition, dtype=bool)
    if chosen.ndim != 1:
        raise ValueError(f"compress: condition has shape {chosen.shape}; expected one axis")
    return take(x, np.flatnonzero(chosen), axis)


@composed("x")
def extract(condition: Any, x: Any) -> Any:
    """Elements for which a condition holds, in one row.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, extract
    >>> extract([[True, False]], Tensor([[1.0, 2.0]]))
    Tensor([1.])
    """
    return take(reshape(x, (-1,)), np.flatnonzero(condition), 0)


def _split_along(name: str, x: Any, parts: Any, axis: int, least: int) -> list[Any]:
    if len(shape_of(x)) < least:
        raise ValueError(f"{name}: x of shape {shape_of(x)}; expected at least {least} axes")
    return split(x, parts, axis) if np.ndim(parts) == 0 else array_split(x, parts, axis)


@composed("x")
def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """List of parts from left to right, as `split` makes them: along the second axis, if any.

    Raises
    ------
    ValueError
        If `x` is a number, or the parts are not equal.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hsplit
    >>> hsplit(Tensor([1.0, 2.0]), 2)
    [Tensor([1.]), Tensor([2.])]
    """
    axis = 1 if len(shape_of(x)) > 1 else 0
    return _split_along("hsplit", x, indices_or_sections, axis, 1)


@composed("x")
def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """List of parts from top to bottom, as `split` makes them.

    Raises
    ------
    ValueError
        If `x` has less than two axes, or the parts are not equal.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, vsplit
    >>> vsplit(Tensor([[1.0], [2.0]]), 2)
    [Tensor([[1.]]), Tensor([[2.]])]
    """
    return _split_along("vsplit", x, indices_or_sections, 0, 2)


@composed("x")
def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """List of parts along the third axis, as `split` makes them.

    Raises
    ------
    ValueError
        If `x` has less than three axes, or the parts are not equal.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, dsplit
    >>> dsplit(Tensor([[[1.0, 2.0]]]), 2)
    [Tensor([[[1.]]]), Tensor([[[2.]]])]
    """
    return _split_along("dsplit", x, indices_or_sections, 2, 3)


@composed("arrays")
def meshgrid(
    *arrays: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Any, ...]:
    """Coordinates of a grid: each vector spread over an axis, one array for each.

    Parameters
    ----------
    *arrays : array_like
        Vectors; other arrays are flattened.
    copy : bool
        Results are new in any case; NumPy's parameter is accepted.
    sparse : bool
        Whether to leave the other axes at size 1, which broadcasts to the same.
    indexing : {"xy", "ij"}
        Which axis the first vector runs along: "ij" for the first axis, as PyTorch's default, and
        "xy" for the second, and the second vector for the first, as in an image.

    Raises
    ------
    ValueError
        If `indexing` is another word.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, meshgrid
    >>> x, y = meshgrid(Tensor([1.0, 2.0]), [10.0, 20.0, 30.0], indexing="ij")
    >>> y
    array([[10., 20., 30.],
           [10., 20., 30.]])
    >>> x.shape
    (2, 3)
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is {indexing!r}; expected 'xy' or 'ij'")
    vectors = [as_operand("meshgrid", array) for array in arrays]
    order = list(range(len(vectors)))
    if indexing == "xy":
        order[:2] = order[:2][::-1]
    sizes = [math.prod(shape_of(vectors[i])) for i in order]
    grid = []
    for vector, axis in zip(vectors, order, strict=True):
        alone = reshape(vector, [n if i == axis else 1 for i, n in enumerate(sizes)])
        grid.append(alone if sparse else broadcast_to(alone, tuple(sizes)))
    return tuple(grid)
