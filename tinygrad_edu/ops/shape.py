"""Operations that rearrange elements without computing with them.

`broadcast_to` and `sum_to` are each other's rule: elements that were repeated on the way forward
are added up on the way back. The engine undoes every broadcast with this pair.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from .. import shape_errors
from ..leaving import values_of
from ..metadata import checked, composed
from ..primitive import as_operand, primitive
from .options import with_options
from .summing import added_rows, added_up

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_to",
    "expand_dims",
    "flatten",
    "matrix_transpose",
    "moveaxis",
    "permute_dims",
    "ravel",
    "reshape",
    "squeeze",
    "sum_to",
    "swapaxes",
    "transpose",
]


def _tuple(shape: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(np.ravel(shape).tolist())


def _by_memory(name: str, x: Any, order: str) -> list[int]:
    """Return the axes in an order in which ``order="C"`` reads the elements as `order` does."""
    ndim = len(np.shape(x))
    if order == "C":
        return list(range(ndim))
    if order == "F":
        return list(range(ndim))[::-1]
    array = values_of(x)
    if order == "A":
        return _by_memory(name, x, "F" if array.flags.fnc else "C")
    if order == "K" and name == "ravel":
        return sorted(range(ndim), key=lambda axis: -abs(array.strides[axis]))
    orders = "'C', 'F', 'A' or 'K'" if name == "ravel" else "'C', 'F' or 'A'"
    raise ValueError(f"{name}: order {order!r}; expected {orders}")


def _reshape_in_order(operation: Any, x: Any, shape: Any, *, order: str = "C") -> Any:
    """Compose ``order=`` of `reshape`."""
    if (order := checked(order, "reshape", "order")) == "C":
        return operation(x, shape)
    x = as_operand("reshape", x)
    axes = _by_memory("reshape", x, order)
    if axes == list(range(x.ndim)):
        return operation(x, shape)
    new = _tuple(checked(shape, "reshape", "shape"))
    return transpose(operation(transpose(x, axes), new[::-1]))


@with_options(_reshape_in_order)
@primitive(
    lambda g, out, x, shape: g.reshape(x.shape),
    formula="reshape(x, shape)",
    derivatives=("reshape(g, x.shape)",),
    carries=True,
)
def reshape(x: Any, /, shape: int | Sequence[int]) -> Any:
    """Same elements in the same order, in another shape.

    Parameters
    ----------
    x : array_like
        The elements.
    shape : int or sequence of int
        The new shape; one size may be -1, and is then computed.
    order : {"C", "F", "A"}
        Whether the last axis changes fastest, as by default, or the first one; "A" takes the first
        one if the array is in memory like that.

    Raises
    ------
    ValueError
        If the elements do not fill the shape.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, reshape
    >>> reshape(Tensor([1.0, 2.0, 3.0, 4.0]), (2, -1))
    Tensor([[1., 2.],
            [3., 4.]])
    """
    try:
        return np.reshape(x, shape)
    except ValueError:
        raise ValueError(
            f"the {np.size(x)} elements of shape {np.shape(x)} do not fill shape "
            f"{_tuple(shape)}; the product of its sizes must be that number, and one may be -1"
        ) from None


def _inverse(axes: Sequence[int] | None) -> list[int] | None:
    """Find the order of axes that undoes another one."""
    if axes is None:
        return None
    order = np.ravel(axes).astype(int)  # a single number, too
    inverse: list[int] = np.argsort(order % (order.size or 1)).tolist()
    return inverse


@primitive(
    lambda g, out, x, axes=None: np.transpose(g, _inverse(axes)),
    symbol="ᵀ",
    formula="transpose(x, axes)",
    derivatives=("transpose(g)",),
    carries=True,
)
def transpose(x: Any, /, axes: Sequence[int] | None = None) -> Any:
    """Axes in another order; reversed by default.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, transpose
    >>> transpose(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 3.],
            [2., 4.]])
    >>> transpose(Tensor([[[1.0, 2.0]]]), (2, 0, 1)).shape
    (2, 1, 1)
    """
    return np.transpose(x, axes)


permute_dims = transpose


@composed("x")
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes.

    Parameters
    ----------
    x : array_like
        The elements.
    axis1, axis2 : int
        The two axes.

    Examples
    --------
    >>> from tinygrad_edu import swapaxes, zeros
    >>> swapaxes(zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    axes = list(range(np.ndim(x)))
    first, second = (normalize_axis_index(axis, len(axes)) for axis in (axis1, axis2))
    axes[first], axes[second] = axes[second], axes[first]
    return transpose(x, axes)


@composed("x")
def matrix_transpose(x: Any) -> Any:
    """Exchange the last two axes.

    Examples
    --------
    >>> from tinygrad_edu import matrix_transpose, zeros
    >>> matrix_transpose(zeros((2, 3, 4))).shape
    (2, 4, 3)
    """
    return swapaxes(x, -1, -2)


@composed("x")
def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Move axes to other positions; the others keep their order.

    Parameters
    ----------
    x : array_like
        The elements.
    source, destination : int or sequence of int
        Which axes to move, and the new position of each; equally many.

    Raises
    ------
    ValueError
        If their numbers differ.

    Examples
    --------
    >>> from tinygrad_edu import moveaxis, zeros
    >>> moveaxis(zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    ndim = np.ndim(x)
    sources = normalize_axis_tuple(source, ndim, "source")
    destinations = normalize_axis_tuple(destination, ndim, "destination")
    if len(sources) != len(destinations):
        raise ValueError(
            f"moveaxis: {len(sources)} axes cannot go to {len(destinations)} places; "
            "source and destination must have equally many"
        )
    order = [axis for axis in range(ndim) if axis not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return transpose(x, order)


@composed("x")
def ravel(x: Any, order: str = "C") -> Any:
    """Elements in one row; with ``order="F"`` the first axis changes fastest.

    Parameters
    ----------
    x : array_like
        The elements.
    order : {"C", "F", "A", "K"}
        "A" and "K" depend on the array that a tensor holds: with "A" the first axis changes fastest
        if the array is in memory like that, "K" keeps the order in memory.

    Raises
    ------
    ValueError
        If the order is another one.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, ravel
    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> ravel(x)
    Tensor([1., 2., 3., 4.])
    >>> ravel(x, order="F")
    Tensor([1., 3., 2., 4.])
    """
    if order == "C":
        return reshape(x, (-1,))
    return reshape(transpose(x, _by_memory("ravel", x, order)), (-1,))


flatten = ravel


@composed("x")
def expand_dims(x: Any, axis: int | tuple[int, ...]) -> Any:
    """Insert new axes of size 1 at the given positions.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, expand_dims
    >>> expand_dims(Tensor([1.0, 2.0]), axis=1)
    Tensor([[1.],
            [2.]])
    """
    return reshape(x, np.expand_dims(_shaped_like(x), axis).shape)


@composed("x")
def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """Drop axes of size 1: all of them, or the given ones.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, squeeze
    >>> squeeze(Tensor([[[1.0, 2.0]]]))
    Tensor([1., 2.])
    """
    return reshape(x, np.squeeze(_shaped_like(x), axis).shape)


def _shaped_like(x: Any) -> Any:
    """Make an array of the same shape that takes no memory, to ask NumPy for a new shape."""
    return np.broadcast_to(0, np.shape(x))


def _broadcast_to_rule(g: Any, out: Any, x: Any, shape: Any) -> Any:
    return sum_to(g, x.shape)


@primitive(
    _broadcast_to_rule,
    formula="broadcast_to(x, shape)",
    derivatives=("sum_to(g, x.shape)",),
    carries=True,
)
def broadcast_to(x: Any, /, shape: int | tuple[int, ...]) -> Any:
    """Repeat elements to fill a larger shape, by NumPy's rules of broadcasting.

    Raises
    ------
    ValueError
        If `x` does not broadcast to the shape.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, broadcast_to
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> broadcast_to(x, (3, 2)).sum().backward()
    >>> x.grad
    array([3., 3.])
    """
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        wanted = _tuple(shape)
        reason = shape_errors.broadcasting(["x", "shape"], [np.shape(x), wanted])
        raise ValueError(
            reason or f"an array of shape {np.shape(x)} cannot be repeated to shape {wanted}"
        ) from None


@primitive(
    lambda g, out, x, shape: np.broadcast_to(g, x.shape),
    symbol="Σ",
    formula="sum_to(x, shape)",
    derivatives=("broadcast_to(g, x.shape)",),
    domain=(),
)
def sum_to(x: Any, /, shape: tuple[int, ...]) -> Any:
    """Sum `x` to a smaller shape: the adjoint of `broadcast_to`.

    It sums along the axes that broadcasting would stretch to get the shape of `x`.

    Parameters
    ----------
    x : array_like
        The elements.
    shape : tuple of int
        A shape that broadcasts to the shape of `x`.

    Raises
    ------
    ValueError
        If `shape` does not broadcast to the shape of `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import sum_to
    >>> sum_to(np.ones((4, 3)), (3,))
    array([4., 4., 4.])
    >>> sum_to(np.ones((4, 3)), (4, 1))
    array([[3.],
           [3.],
           [3.],
           [3.]])
    """
    added = x.ndim - len(shape)
    kept = x.shape[added:] if added >= 0 else ()
    if kept == shape:
        are_rows = added and shape and x.dtype.char in "fd" and x.flags.c_contiguous
        if not are_rows:
            return added_up(x, tuple(range(added)))
        if x.ndim == 2:
            return added_rows(x)
        return added_rows(x.reshape(math.prod(x.shape[:added]), math.prod(shape))).reshape(shape)
    if added < 0 or any(n not in (1, m) for n, m in zip(shape, kept, strict=True)):
        raise ValueError(f"sum_to: shape {shape} does not broadcast to {x.shape}")
    axes = [i + added for i, (n, m) in enumerate(zip(shape, kept, strict=True)) if n != m]
    return added_up(x, (*range(added), *axes)).reshape(shape)


def _at_least(shape: Callable[[tuple[int, ...]], tuple[int, ...]], arrays: Sequence[Any]) -> Any:
    """Reshape one array, or each of several."""
    results = tuple(reshape(x, shape(np.shape(x))) for x in arrays)
    return results[0] if len(results) == 1 else results


@composed("arrays")
def atleast_1d(*arrays: Any) -> Any:
    """Arrays with at least one axis; several are returned as a tuple.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, atleast_1d
    >>> atleast_1d(Tensor(3.0))
    Tensor([3.])
    """
    return _at_least(lambda shape: shape or (1,), arrays)


@composed("arrays")
def atleast_2d(*arrays: Any) -> Any:
    """Arrays with at least two axes, new ones in front; several are returned as a tuple.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, atleast_2d
    >>> atleast_2d(Tensor([1.0, 2.0]))
    Tensor([[1., 2.]])
    """
    return _at_least(lambda shape: (1,) * (2 - len(shape)) + shape, arrays)


@composed("arrays")
def atleast_3d(*arrays: Any) -> Any:
    """Arrays with at least three axes: ``(n,)`` becomes ``(1, n, 1)``.

    Several arrays are returned as a tuple.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, atleast_3d
    >>> atleast_3d(Tensor([1.0, 2.0])).shape
    (1, 2, 1)
    """
    return _at_least(
        lambda shape: (1, *shape, 1) if len(shape) == 1 else shape + (1,) * (3 - len(shape)), arrays
    )
