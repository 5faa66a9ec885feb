"""Taking elements by number and putting elements at numbered places, under PyTorch's names.

Tensors are never written into: all of these return new results. NumPy's way to write an index is in
`indexing.py`. Numbers are 0 or more, as in PyTorch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arrays import as_array, real_dtype_of
from ..leaving import values_of
from ..metadata import composed
from ..primitive import as_operand, as_operands, primitive
from ..tensor import holds_tensor
from .arithmetic import add, divide, multiply
from .choosing import where
from .elementwise import astype, copy
from .indexing import getitem, put_at
from .joining import concatenate
from .plain import shape_of
from .reduction import prod
from .segments import segment_max, segment_min
from .shape import broadcast_to, reshape
from .summing import single
from .value_checks import as_places

__all__ = [
    "gather",
    "index_select",
    "masked_fill",
    "masked_select",
    "scatter",
    "scatter_add",
    "scatter_reduce",
]


def _grid(name: str, x: Any, axis: int, index: Any) -> tuple[Any, ...]:
    """Return the index that takes, or puts, one element of `x` for each number."""
    shape = shape_of(x)
    axis = normalize_axis_index(axis, len(shape))
    numbers = as_places(name, "index", index, shape[axis])
    fits = [m <= n or i == axis for i, (m, n) in enumerate(zip(numbers.shape, shape, strict=False))]
    if numbers.ndim != len(shape) or not all(fits):
        raise ValueError(
            f"{name}: x of shape {shape} and index of shape {numbers.shape}; expected as many "
            f"axes, and at most the sizes of x except along axis {axis}"
        )
    grid = list(np.indices(numbers.shape, sparse=True))
    grid[axis] = numbers
    return tuple(grid)


@composed("x")
def gather(x: Any, axis: int, index: Any) -> Any:
    """Elements by number along an axis, with separate numbers for each row.

    As `take_along_axis`, except that along the other axes `index` may be smaller than `x`.

    Parameters
    ----------
    x : array_like
        The array to take from.
    axis : int
        The axis.
    index : array_like of int
        The numbers, in an array of as many axes as `x`.

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is out of range; the message names the first of them.
    TypeError
        If numbers are not integers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, gather
    >>> x = Tensor([[3.0, 1.0], [2.0, 4.0]], requires_grad=True)
    >>> y = gather(x, 1, [[1], [0]])
    >>> y.data
    array([[1.],
           [2.]])
    >>> y.sum().backward()
    >>> x.grad
    array([[0., 1.],
           [1., 0.]])
    """
    x = as_operand("gather", x)
    if not x.ndim:  # as in PyTorch, a number is treated as one axis
        numbers = as_array(values_of(index))
        return reshape(gather(reshape(x, (1,)), axis, numbers.reshape(-1)), numbers.shape)
    return getitem(x, _grid("gather", x, axis, index))


@composed("x")
def index_select(x: Any, axis: int, index: Any) -> Any:
    """Rows or columns by number along an axis, as `take` with a list of numbers.

    Parameters
    ----------
    x : array_like
        The array to take from.
    axis : int
        The axis.
    index : array_like of int, shape (n,)
        The numbers.

    Raises
    ------
    ValueError
        If `index` has several axes, or a number is out of range.
    TypeError
        If numbers are not integers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, index_select
    >>> index_select(Tensor([[1.0, 2.0], [3.0, 4.0]]), 1, [1, 1])
    Tensor([[2., 2.],
            [4., 4.]])
    """
    shape = shape_of(x)
    count = shape[normalize_axis_index(axis, len(shape))]
    numbers = as_places("index_select", "index", index, count)
    if numbers.ndim != 1:
        raise ValueError(
            f"index_select: index of shape {numbers.shape}; expected one axis, use take for more"
        )
    return getitem(x, (*(slice(None),) * normalize_axis_index(axis, len(shape)), numbers))


# Masks ----------------------------------------------------------------------------------------


def _mask(name: str, mask: Any) -> Any:
    array = as_array(values_of(mask))
    if array.dtype.kind != "b":
        raise TypeError(f"{name}: mask of dtype {array.dtype}; expected booleans, such as x > 0")
    return array


@composed("x", "value")
def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """Elements of `x`, and a value instead of those where a mask holds.

    Parameters
    ----------
    x : array_like
        The elements.
    mask : array_like of bool
        Where to put the value; it broadcasts to the shape of `x`.
    value : number or tensor
        One number; it gets the dtype of `x`. Gradients flow to a tensor.

    Raises
    ------
    ValueError
        If the mask does not broadcast to `x`, or the value is not one number.
    TypeError
        If the mask is not one of booleans.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, masked_fill
    >>> scores = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = masked_fill(scores, [False, True], -np.inf)
    >>> y.data
    array([  1., -inf])
    >>> y.backward([1.0, 1.0])
    >>> scores.grad
    array([1., 0.])
    """
    x, mask = as_operand("masked_fill", x), _mask("masked_fill", mask)
    try:
        np.broadcast_to(mask, x.shape)
    except ValueError:
        raise ValueError(
            f"masked_fill: mask of shape {mask.shape} does not broadcast to x of shape {x.shape}"
        ) from None
    if shape_of(value):
        raise ValueError(f"masked_fill: value of shape {shape_of(value)}; expected one number")
    value = as_operand("masked_fill", value)
    if real_dtype_of(value) != real_dtype_of(x):
        value = astype(value, real_dtype_of(x))
    return where(mask, value, x)


@composed("x")
def masked_select(x: Any, mask: Any) -> Any:
    """Elements where a mask holds, in one axis, row by row.

    Parameters
    ----------
    x : array_like
        The elements.
    mask : array_like of bool
        Which of them to take; `x` and the mask broadcast.

    Raises
    ------
    TypeError
        If the mask is not one of booleans.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, masked_select
    >>> x = Tensor([1.0, -2.0, 3.0])
    >>> masked_select(x, x > 0)
    Tensor([1., 3.])
    """
    x, mask = as_operand("masked_select", x), _mask("masked_select", mask)
    shape = np.broadcast_shapes(x.shape, mask.shape)
    return getitem(broadcast_to(x, shape), np.broadcast_to(mask, shape))


# Putting --------------------------------------------------------------------------------------


def _sources(
    name: str, x: Any, axis: int, index: Any, src: Any
) -> tuple[Any, Any, tuple[Any, ...]]:
    """Return x, the elements in the shape of the index, and the index to put them at."""
    both = x, src
    x, src = as_operands(name, both, holds_tensor(both))[0]
    x = as_operand(name, x)
    grid = _grid(name, x, axis, index)
    shape, given = np.broadcast_shapes(*(places.shape for places in grid)), shape_of(src)
    if not given:
        return x, broadcast_to(src, shape), grid
    if len(given) != len(shape) or any(m < n for m, n in zip(given, shape, strict=True)):
        raise ValueError(
            f"{name}: src of shape {given} and index of shape {shape}; expected as many axes, and "
            "at least the sizes of the index, or one number"
        )
    return x, src if given == shape else getitem(src, tuple(map(slice, shape))), grid


def _scatter_rule_x(g: Any, out: Any, x: Any, src: Any, axis: int, index: Any) -> Any:
    free = np.ones(x.shape, bool)
    free[_grid("scatter", x, axis, index)] = False
    return g * free


def _scatter_rule_src(g: Any, out: Any, x: Any, src: Any, axis: int, index: Any) -> Any:
    grid = _grid("scatter", x, axis, index)
    numbers, last = np.arange(index.size).reshape(index.shape), np.zeros(x.shape, int)
    last[grid] = numbers
    return g[grid] * (last[grid] == numbers)


@primitive(
    _scatter_rule_x,
    _scatter_rule_src,
    symbol="[ ]=",
    formula="scatter(x, axis, index, src)",
    derivatives=(
        "g * (scatter(zeros_like(x), axis, index, 1.0) == 0)",
        "gather(g, axis, index)",
    ),
    carries=True,
)
def _scatter(x: Any, src: Any, /, axis: int, index: Any) -> Any:
    out = np.array(x, np.result_type(x, src))
    out[_grid("scatter", x, axis, index)] = src
    return out


@composed("x", "src")
def scatter(x: Any, axis: int, index: Any, src: Any, *, reduce: str | None = None) -> Any:
    """Return `x` with elements put at numbered places along an axis: the opposite of `gather`.

    If several elements are for one place, the last one stays and receives the gradient.

    Parameters
    ----------
    x : array_like
        The array to start from; it is not changed.
    axis : int
        The axis.
    index : array_like of int
        The number along `axis` of the place of each element, in an array of as many axes as `x`.
    src : array_like
        The elements: at least as many along each axis as numbers, or one number for all places.
    reduce : {None, "add", "multiply"}
        Add the elements to those of `x`, or multiply with them, instead of replacing them.

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is out of range; the message names the first of them.
    TypeError
        If numbers are not integers.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, scatter
    >>> src = Tensor([[1.0, 2.0]], requires_grad=True)
    >>> y = scatter(np.zeros((1, 3)), 1, [[2, 0]], src)
    >>> y.data
    array([[2., 0., 1.]])
    >>> y.backward([[1.0, 10.0, 100.0]])
    >>> src.grad
    array([[100.,   1.]])
    """
    if reduce is not None:
        known = {"add": "sum", "multiply": "prod"}
        if reduce not in known:
            raise ValueError(f"scatter: reduce is {reduce!r}; expected None, 'add' or 'multiply'")
        return scatter_reduce(x, axis, index, src, known[reduce])
    x, src, grid = _sources("scatter", x, axis, index, src)
    if real_dtype_of(src) != real_dtype_of(x):
        src = astype(src, real_dtype_of(x))
    return _scatter(x, src, axis=axis, index=grid[axis])


@composed("x", "src")
def scatter_add(x: Any, axis: int, index: Any, src: Any) -> Any:
    """Return `x` with elements added at numbered places along an axis.

    Parameters
    ----------
    x, axis, index, src
        As for `scatter`. All elements for one place are added.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import scatter_add
    >>> scatter_add(np.zeros(3), 0, [2, 0, 2], [1.0, 2.0, 4.0])
    array([2., 0., 5.])
    """
    return scatter_reduce(x, axis, index, src, "sum")


_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


@composed("x", "src")
@single
def scatter_reduce(
    x: Any, axis: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Any:
    """Return `x` with elements combined at numbered places along an axis.

    Parameters
    ----------
    x, axis, index, src
        As for `scatter`.
    reduce : {"sum", "prod", "mean", "amax", "amin"}
        How to combine all elements for one place. At "amax" and "amin" several equal ones share
        the gradient. A "mean" of integers is floating.
    include_self : bool
        Whether the element of `x` is one of them; if not, it only stays where no other element is
        put.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is out of range, or `reduce` is another word.
    TypeError
        If numbers are not integers.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import scatter_reduce
    >>> scatter_reduce(np.full(3, 9.0), 0, [2, 0, 2], [1.0, 2.0, 4.0], "mean", include_self=False)
    array([2. , 9. , 2.5])
    """
    if reduce not in _REDUCTIONS:
        raise ValueError(
            f"scatter_reduce: reduce is {reduce!r}; expected one of {', '.join(_REDUCTIONS)}"
        )
    x, src, grid = _sources("scatter_reduce", x, axis, index, src)
    shape, size, dtype = x.shape, math.prod(x.shape), real_dtype_of(x)
    if dtype.kind != "f" and reduce not in ("sum", "prod"):
        floating = scatter_reduce(
            multiply(x, 1.0), axis, index, src, reduce, include_self=include_self
        )
        return floating if reduce == "mean" else astype(floating, dtype)
    if not size:
        return copy(x)
    targets = np.ravel_multi_index(grid, shape).reshape(-1)
    src = astype(src, dtype) if real_dtype_of(src) != dtype else src
    src, x = reshape(src, (-1,)), reshape(x, (-1,))
    count = np.bincount(targets, minlength=size)
    if reduce in ("sum", "mean"):
        if not include_self:
            x = where(count > 0, np.zeros((), dtype), x)
        total = add(x, put_at(src, targets, (size,)))
        if reduce == "mean":
            total = divide(total, (count + (include_self | (count == 0))).astype(dtype))
        return reshape(total, shape)
    if reduce == "prod":
        kept = np.arange(size) if include_self else np.flatnonzero(count == 0)
        values, places = concatenate([getitem(x, kept), src]), np.concatenate([kept, targets])
        return reshape(_products(values, places, size), shape)
    # What is replaced goes to a place behind the others: then no shape depends on the numbers.
    own = np.arange(size) if include_self else np.where(count == 0, np.arange(size), size)
    behind = int(not include_self and src.size > 0)
    extreme = segment_max if reduce == "amax" else segment_min
    found = extreme(concatenate([x, src]), np.concatenate([own, targets]), size + behind)
    return reshape(found[:size] if behind else found, shape)


def _products(values: Any, places: Any, size: int) -> Any:
    """Multiply the values for each place; `prod` does not divide by those that may be 0."""
    order = np.argsort(places, stable=True)
    counts = np.bincount(places, minlength=size)
    columns = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
    # A row for each place, filled up with ones.
    table = np.full((size, counts.max(initial=0)), len(places))
    table[places[order], columns] = order
    one = np.ones(1, real_dtype_of(values))
    return prod(getitem(concatenate([values, one]), table), axis=1)
