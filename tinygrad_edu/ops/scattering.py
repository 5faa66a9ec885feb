"""Taking elements by number and by mask, and putting them back, under PyTorch's names.

An index array has the number of axes of the array; along one axis its entries are positions, and
along the others each entry keeps its place. Results are new; nothing is written into. NumPy's
forms of indexing are in `indexing.py`.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arrays import dtype_of
from ..leaving import values_of
from ..metadata import composed
from ..primitive import as_operand
from ..tensor import Tensor
from .arithmetic import add
from .choosing import where
from .elementwise import astype
from .examining import examination, numbers_within
from .indexing import getitem, put_at, take
from .joining import concatenate
from .plain import shape_of
from .segments import segment_max, segment_mean, segment_min, segment_prod, segment_sum
from .shape import broadcast_to, reshape

__all__ = [
    "gather",
    "index_select",
    "masked_fill",
    "masked_select",
    "scatter",
    "scatter_add",
    "scatter_reduce",
]


def _flat_places(name: str, x: Any, axis: int, index: Any) -> Any:
    """Return where the entries of an index are in the flattened array; check them."""
    shape = shape_of(x)
    axis = normalize_axis_index(axis, len(shape))
    index = values_of(index)
    fits = index.ndim == len(shape) and all(
        i == axis or n <= m for i, (n, m) in enumerate(zip(index.shape, shape, strict=True))
    )
    if not fits:
        raise ValueError(
            f"{name}: index of shape {index.shape} and x of shape {shape}; expected as many axes, "
            f"none longer than in x except axis {axis}"
        )
    places = numbers_within(name, "index", index, shape[axis]) * math.prod(shape[axis + 1 :])
    for i, n in enumerate(index.shape):
        if i != axis:
            step = math.prod(shape[i + 1 :])
            places = places + step * np.arange(n).reshape(-1, *(1,) * (len(shape) - 1 - i))
    return places


@composed("x")
def gather(x: Any, axis: int, index: Any) -> Any:
    """Elements by number along an axis, with separate numbers for each row; as in PyTorch.

    `take_along_axis` is NumPy's: there the index broadcasts. Here it may be shorter than the array.

    Parameters
    ----------
    x : array_like
        The array to take from.
    axis : int
        The axis that the numbers count along.
    index : array_like of int
        The numbers, 0 or more; its shape is that of the result. It has the axes of `x`, and along
        the others than `axis` it is not longer.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a number is out of range.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, gather
    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> y = gather(x, 1, [[0, 0, 1], [1, 0, 0]])
    >>> y.data
    array([[1., 1., 2.],
           [4., 3., 3.]])
    >>> y.sum().backward()
    >>> x.grad
    array([[2., 1.],
           [2., 1.]])
    """
    x = as_operand("gather", x)
    if not x.ndim:
        return reshape(gather(reshape(x, (1,)), axis, np.reshape(index, (-1,))), shape_of(index))
    return getitem(reshape(x, (-1,)), _flat_places("gather", x, axis, index))


@composed("x")
def index_select(x: Any, axis: int, index: Any) -> Any:
    """Rows, columns or other slices by number along an axis: `take` in PyTorch's order.

    Parameters
    ----------
    x : array_like
        The array to take from.
    axis : int
        The axis that the numbers count along.
    index : array_like of int
        The numbers, 0 or more, along one axis.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, index_select
    >>> index_select(Tensor([[1.0, 2.0], [3.0, 4.0]]), 1, [1, 1])
    Tensor([[2., 2.],
            [4., 4.]])
    """
    x = as_operand("index_select", x)
    index = values_of(index)
    if index.ndim > 1:
        raise ValueError(f"index_select: index of shape {index.shape}; expected one axis")
    count = shape_of(x)[normalize_axis_index(axis, x.ndim)]
    return take(x, numbers_within("index_select", "index", index.reshape(-1), count), axis)


# Masks ----------------------------------------------------------------------------------------


def _checked_mask(name: str, mask: Any) -> Any:
    mask = values_of(mask)
    if mask.dtype.kind != "b":
        raise TypeError(
            f"{name}: mask of dtype {mask.dtype}; expected booleans, use mask.astype(bool)"
        )
    return mask


@composed("x", "value")
def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """Elements of `x`, with a number in the places where a mask is true.

    Parameters
    ----------
    x : array_like
        The elements.
    mask : array_like of bool
        Where to put the number; it broadcasts against `x`.
    value : number or tensor of one
        The number; gradients flow to a tensor. The result has the dtype of a floating `x`.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If `value` is not a single number.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, masked_fill
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = masked_fill(x, [False, True, False], -1.0)
    >>> y.sum().backward()
    >>> y.data, x.grad
    (array([ 1., -1.,  3.]), array([1., 0., 1.]))
    """
    mask = _checked_mask("masked_fill", mask)
    if math.prod(shape_of(value)) != 1 or len(shape_of(value)) > 0:
        raise ValueError(f"masked_fill: value of shape {shape_of(value)}; expected one number")
    x = as_operand("masked_fill", x)
    if x.dtype.kind == "f" and isinstance(value, Tensor | np.ndarray | np.generic):
        value = astype(value, x.dtype)
    return where(mask, value, x)


@composed("x")
def masked_select(x: Any, mask: Any) -> Any:
    """Elements where a mask is true, in a row.

    Parameters
    ----------
    x : array_like
        The elements.
    mask : array_like of bool
        It and `x` broadcast against each other.

    Raises
    ------
    TypeError
        If the mask is not boolean.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, masked_select
    >>> masked_select(Tensor([[1.0, 2.0], [3.0, 4.0]]), [True, False])
    Tensor([1., 3.])
    """
    mask = _checked_mask("masked_select", mask)
    shape = np.broadcast_shapes(shape_of(x), mask.shape)
    return getitem(broadcast_to(x, shape), np.broadcast_to(mask, shape))


# Scattering -----------------------------------------------------------------------------------


def _as_source(name: str, src: Any, x: Any, index: Any) -> Any:
    """Return the elements to scatter, one for each entry of the index, in the dtype of `x`."""
    shape = shape_of(index)
    src = as_operand(name, src)
    if x.dtype.kind == "f" and dtype_of(src) != x.dtype:
        src = astype(src, x.dtype)
    if not shape_of(src):
        return broadcast_to(src, shape)
    sizes = shape_of(src)
    if len(sizes) != len(shape) or any(n > m for n, m in zip(shape, sizes, strict=True)):
        raise ValueError(
            f"{name}: src of shape {sizes} and index of shape {shape}; expected an element for "
            "each entry of the index"
        )
    return src if sizes == shape else getitem(src, tuple(map(slice, shape)))


def _read(name: str, x: Any, axis: int, index: Any, src: Any) -> tuple[Any, Any, Any]:
    """Return the array, the places of the index in its flattened form, and the flat source."""
    x = as_operand(name, x)
    index = values_of(index)
    places = _flat_places(name, x, axis, index).reshape(-1)
    return x, places, reshape(_as_source(name, src, x, index), (-1,))


@examination
def _winners(places: Any, *, size: int) -> Any:
    """Number the elements of an array, then the scattered ones; return which goes where."""
    source = np.arange(size)
    source[places] = size + np.arange(places.size)  # the last one stays
    return source


@composed("x", "src")
def scatter(
    x: Any,
    axis: int,
    index: Any,
    src: Any,
    *,
    reduce: Literal["add", "multiply"] | None = None,
) -> Any:
    """Return `x` with elements put by number along an axis: the counterpart of `gather`.

    For an array of two axes and ``axis=1`` it is ``x[i, index[i, j]] = src[i, j]``. If several
    elements go to one place, the last one stays and receives the gradient.

    Parameters
    ----------
    x : array_like
        The array to start from; it is not changed.
    axis : int
        The axis that the numbers count along.
    index : array_like of int
        The numbers, 0 or more. It has the axes of `x`, and along the others than `axis` it is not
        longer.
    src : array_like
        The elements, at least one for each entry of the index; or one number for all.
    reduce : {"add", "multiply"}, optional
        Add to the elements that are there, or multiply them, instead of replacing them.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a number is out of range.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, scatter, zeros
    >>> src = Tensor([[1.0, 2.0]], requires_grad=True)
    >>> y = scatter(zeros((2, 3)), 1, [[2, 0]], src)
    >>> y.data
    array([[2., 0., 1.],
           [0., 0., 0.]])
    >>> (y * y).sum().backward()
    >>> src.grad
    array([[2., 4.]])
    """
    if reduce is not None:
        names: dict[str, Any] = {"add": "sum", "multiply": "prod"}
        if reduce not in names:
            raise ValueError(f"scatter: reduce is {reduce!r}; expected one of {(*names,)}, or None")
        return scatter_reduce(x, axis, index, src, names[reduce])
    x, places, src = _read("scatter", x, axis, index, src)
    everything = concatenate([reshape(x, (-1,)), src])
    return reshape(getitem(everything, _winners(places, size=x.size)), x.shape)


@composed("x", "src")
def scatter_add(x: Any, axis: int, index: Any, src: Any) -> Any:
    """Return `x` with elements added by number along an axis; several for one place all count.

    Parameters
    ----------
    x, axis, index, src
        As for `scatter`.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a number is out of range.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, scatter_add
    >>> scatter_add(Tensor([1.0, 1.0, 1.0]), 0, [0, 0, 2], Tensor([1.0, 2.0, 3.0]))
    Tensor([4., 1., 4.])
    """
    x, places, src = _read("scatter_add", x, axis, index, src)
    return add(x, reshape(put_at(src, places, (x.size,)), x.shape))


_REDUCTIONS = {
    "sum": segment_sum,
    "prod": segment_prod,
    "mean": segment_mean,
    "amax": segment_max,
    "amin": segment_min,
}


@composed("x", "src")
def scatter_reduce(
    x: Any,
    axis: int,
    index: Any,
    src: Any,
    reduce: Literal["sum", "prod", "mean", "amax", "amin"],
    *,
    include_self: bool = True,
) -> Any:
    """Return `x` with elements combined by number along an axis.

    Parameters
    ----------
    x, axis, index, src
        As for `scatter`.
    reduce : {"sum", "prod", "mean", "amax", "amin"}
        How to combine the elements that go to one place. Equal extremes share the gradient.
    include_self : bool
        Whether the element of `x` in that place is one of them. Where no element goes, it stays.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a number is out of range.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, scatter_reduce
    >>> x, src = Tensor([5.0, 5.0, 5.0]), Tensor([1.0, 3.0, 7.0])
    >>> scatter_reduce(x, 0, [0, 0, 2], src, "mean")
    Tensor([3., 5., 6.])
    >>> scatter_reduce(x, 0, [0, 0, 2], src, "mean", include_self=False)
    Tensor([2., 5., 7.])
    """
    if reduce not in _REDUCTIONS:
        raise ValueError(f"scatter_reduce: reduce is {reduce!r}; expected one of {(*_REDUCTIONS,)}")
    x, places, src = _read("scatter_reduce", x, axis, index, src)
    flat, operation = reshape(x, (-1,)), _REDUCTIONS[reduce]
    if include_self:
        own = np.arange(x.size)
        flat = operation(concatenate([flat, src]), np.concatenate([own, places]), x.size)
    else:
        is_met = np.isin(np.arange(x.size), places)
        flat = where(is_met, operation(src, places, x.size), flat)
    return reshape(flat, x.shape)
