"""Taking elements by index, and the adjoint: putting cotangents back where the elements came from.

Tensors are never written into: `index_add` and `index_update` return new results.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arrays import as_array, checked_array, is_disguised, real_dtype_of
from ..leaving import values_of
from ..metadata import composed
from ..primitive import primitive
from ..tensor import Tensor
from .arithmetic import add
from .elementwise import astype
from .joining import concatenate
from .plain import shape_of
from .shape import broadcast_to, reshape
from .summing import axes_of, wider
from .value_checks import addressable

__all__ = [
    "getitem",
    "index_add",
    "index_update",
    "put_at",
    "take",
    "take_along_axis",
]


_BASIC = (slice, int, np.integer, type(None), type(Ellipsis))


def _is_basic(index: Any) -> bool:
    """Whether an index can only take each element once: slices and whole numbers."""
    for part in index if isinstance(index, tuple) else (index,):
        if not isinstance(part, _BASIC):
            return False
    return True


def _array(part: Any) -> Any:
    """Convert lists of positions to arrays; an empty list needs a dtype."""
    is_list = isinstance(part, list)
    return addressable(np.array(part, dtype=None if part else np.intp) if is_list else part)


def getitem_rule(g: Any, out: Any, x: Any, index: Any) -> Any:
    return put_at(g, index=index, shape=x.shape)


@primitive(
    getitem_rule,
    symbol="[ ]",
    formula="x[index]",
    derivatives=("put_at(g, index, x.shape)",),
    carries=True,
    piece=lambda index: index if _is_basic(index) else None,
)
def _getitem(x: Any, /, index: Any) -> Any:
    if isinstance(index, tuple) and len(index) > 1 and isinstance(index[-1], np.ndarray):
        axis = only_axis(index)
        if axis is not None and x.flags.c_contiguous and x.shape[axis]:
            # The same elements, but in the order of the axes; an index puts that axis first.
            return x.take(index[-1], axis=axis)
    return x[index]


@composed("x")
def getitem(x: Any, index: Any) -> Any:
    """Elements by index, in every form that NumPy accepts.

    An element that is taken several times receives the gradients of all its copies.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x[[0, 0, 1]].sum().backward()
    >>> x.grad
    array([2., 1., 0.])
    """
    return _getitem(x, index=_places(index))


def _places(index: Any) -> Any:
    return tuple(map(_array, index)) if isinstance(index, tuple) else _array(index)


@primitive(
    lambda g, out, x, index, shape: g[index],
    formula="put_at(x, index, shape)",
    derivatives=("g[index]",),
    carries=True,
    domain=(),
)
def put_at(x: Any, /, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape with `x` added at an index: the adjoint of `getitem`.

    Parameters
    ----------
    x : array_like
        The elements to add.
    index
        Where, in any form that NumPy accepts; elements for the same place add up.
    shape : tuple of int
        The shape of the result.

    Raises
    ------
    ValueError
        If `x` does not have the shape of the places.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, put_at
    >>> put_at(Tensor([1.0, 2.0, 4.0]), [0, 0, 3], (5,))
    Tensor([3., 0., 0., 4., 0.])
    """
    # Many elements may meet in one place: they are added with more digits, and rounded once.
    is_basic = _is_basic(index)
    wide = None if is_basic else wider(x)
    out = np.zeros_like(x, shape=shape, dtype=wide, order="C")
    if shape_of(x) != (places := shape_of(out[index])):
        raise ValueError(f"x of shape {shape_of(x)} does not fit the places of shape {places}")
    if is_basic:
        out[index] = x
        return out
    axis = only_axis(index) if x.size else None
    if axis is not None:
        numbers = index[axis] if isinstance(index, tuple) else index
        _add_slices(
            out, numbers.reshape(-1), x.reshape(*shape[:axis], -1, *shape[axis + 1 :]), axis
        )
    else:
        np.add.at(out, index, x if wide is None else x.astype(wide))
    return out if wide is None else out.astype(x.dtype)


def only_axis(index: Any) -> int | None:
    """Return the axis of the only array of numbers in an index; None for any other index."""
    *ahead, last = index if isinstance(index, tuple) else (index,)
    is_numbers = isinstance(last, np.ndarray) and last.dtype.kind in "iu"
    is_alone = all(isinstance(part, slice) and part == slice(None) for part in ahead)
    return len(ahead) if is_numbers and is_alone else None


def _add_slices(out: Any, numbers: Any, slices: Any, axis: int) -> None:
    """Add slices along an axis to those with the numbers, in order; much quicker than `add.at`."""
    count = out.shape[axis]
    numbers = np.where(numbers < 0, numbers + count, numbers) if numbers.min() < 0 else numbers
    along = (slice(None),) * axis
    if (numbers[1:] < numbers[:-1]).any():
        order = np.argsort(numbers, kind="stable")
        numbers, slices = numbers[order], slices.take(order, axis=axis)
    starts = np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]]))
    if len(starts) < len(numbers):
        slices = np.add.reduceat(slices, starts, axis=axis, dtype=out.dtype)
    out[(*along, numbers[starts])] = slices


@composed("x")
def take(
    x: Any,
    indices: Any,
    axis: int | None = None,
    *,
    mode: Literal["raise", "wrap", "clip"] = "raise",
) -> Any:
    """Elements, rows or columns by number along an axis.

    Parameters
    ----------
    x : array_like
        The array to take from.
    indices : array_like of int
        The positions; repeated ones are taken repeatedly.
    axis : int, optional
        The axis; None flattens `x` first.
    mode : {"raise", "wrap", "clip"}
        How to treat numbers out of range.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, take
    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> y = take(x, [1, 1, 0], axis=0)
    >>> y.data
    array([[3., 4.],
           [3., 4.],
           [1., 2.]])
    >>> y.sum().backward()
    >>> x.grad
    array([[1., 1.],
           [2., 2.]])
    """
    if axis is None or axes_of(len(shape_of(x)), axis) == ():
        return take(reshape(x, (-1,)), indices, 0, mode=mode)
    axis = normalize_axis_index(axis, len(shape_of(x)))
    places, count = _array(indices), shape_of(x)[axis]
    if not is_disguised(places):
        every = np.arange(count).reshape((1,) * axis + (count,))  # so that errors name the axis
        places = np.take(every, places, axis, mode=mode)[(0,) * axis]
    elif mode != "raise":  # recorded by a call that a replay can repeat; getitem raises by itself
        places = np.ravel_multi_index((places,), (count,), mode=mode)
    return getitem(x, (slice(None),) * axis + (places,))


@composed("x")
def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """Elements by number along an axis, with separate numbers for each row; as in NumPy.

    Parameters
    ----------
    x : array_like
        The array to take from.
    indices : array_like of int
        The positions along `axis`. As many axes as `x`, and the same shape except along `axis`;
        with ``axis=None`` one axis.
    axis : int, optional
        The axis; None flattens `x` first.

    Raises
    ------
    ValueError
        If `indices` has another number of axes than `x`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, take_along_axis
    >>> x = Tensor([[3.0, 1.0], [2.0, 4.0]], requires_grad=True)
    >>> y = take_along_axis(x, [[1], [0]], axis=1)
    >>> y.data
    array([[1.],
           [2.]])
    >>> y.sum().backward()
    >>> x.grad
    array([[0., 1.],
           [1., 0.]])
    """
    if axis is None:
        return take_along_axis(reshape(x, (-1,)), indices, 0)
    places = as_array(_array(indices))
    ndim = len(shape_of(x))
    if places.ndim != ndim:
        raise ValueError(
            f"take_along_axis: x has {ndim} axes and indices of shape {places.shape} have "
            f"{places.ndim}; they must have equally many"
        )
    axis = normalize_axis_index(axis, places.ndim)
    grid = [
        places if i == axis else np.arange(n).reshape((-1,) + (1,) * (places.ndim - 1 - i))
        for i, n in enumerate(shape_of(x))
    ]
    return getitem(x, tuple(grid))


def _fitting(name: str, value: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """Broadcast a value that is put into x, and convert it to the dtype of x."""
    if not isinstance(value, Tensor):
        value = checked_array(value, None, True)
    dtype = real_dtype_of(x)
    if dtype.kind == "f" and real_dtype_of(value) != dtype:
        value = astype(value, dtype)
    try:
        return broadcast_to(value, shape)
    except ValueError:
        raise ValueError(
            f"{name}: value of shape {shape_of(value)} does not fit x[index] of shape {shape}"
        ) from None


@composed("x", "value")
def index_add(x: Any, index: Any, value: Any) -> Any:
    """Return `x` with `value` added at an index: ``x[index] += value``, as a new result.

    If the index names an element several times, all values for it are added.

    Parameters
    ----------
    x : array_like
        The array to start from; it is not changed.
    index
        Where, in any form that NumPy accepts.
    value : array_like
        Broadcasts to the shape of ``x[index]``.

    Raises
    ------
    ValueError
        If `value` does not broadcast.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, index_add
    >>> value = Tensor([10.0, 20.0], requires_grad=True)
    >>> y = index_add([1.0, 2.0, 3.0], [0, 0], value)
    >>> y.data
    array([31.,  2.,  3.])
    >>> (y * y).sum().backward()
    >>> value.grad
    array([62., 62.])
    """
    places = _places(index)
    value = _fitting("index_add", value, x, shape_of(values_of(x)[places]))
    return add(x, put_at(value, places, shape_of(x)))


@composed("x", "value")
def index_update(x: Any, index: Any, value: Any) -> Any:
    """Return `x` with `value` put at an index: ``x[index] = value``, as a new result.

    If the index names an element several times, the last value stays and receives the gradient.

    Parameters
    ----------
    x : array_like
        The array to start from; it is not changed.
    index
        Where, in any form that NumPy accepts.
    value : array_like
        Broadcasts to the shape of ``x[index]``.

    Raises
    ------
    ValueError
        If `value` does not broadcast.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, index_update
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = index_update(x, 1, 10.0)
    >>> y
    Tensor([ 1., 10.,  3.], from=reshape)
    >>> y.sum().backward()
    >>> x.grad
    array([1., 0., 1.])
    """
    shape = shape_of(x)
    size = int(np.prod(shape, dtype=int))
    # Number the elements of x, then those of value: the result says which one goes where.
    source = np.arange(size).reshape(shape)
    new = shape_of(source[_places(index)])
    source[_places(index)] = size + np.arange(int(np.prod(new, dtype=int))).reshape(new)
    value = _fitting("index_update", value, x, new)
    everything = concatenate([reshape(x, (-1,)), reshape(value, (-1,))])
    return reshape(getitem(everything, source.reshape(-1)), shape)
