"""Operations that arrange elements without computing with them.

`broadcast_to` and `sum_to` are each other's rule: what was repeated on the way forward is added
up on the way back. The engine undoes broadcasting everywhere with that pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..primitive import primitive

__all__ = [
    "broadcast_to",
    "concatenate",
    "expand_dims",
    "reshape",
    "squeeze",
    "stack",
    "sum_to",
    "swapaxes",
    "transpose",
]


@primitive(
    lambda g, out, x, shape: g.reshape(x.shape),
    formula="reshape(x, shape)",
    derivatives=("reshape(g, x.shape)",),
)
def reshape(x: Any, /, shape: int | Sequence[int]) -> Any:
    """Same elements in the same order, other shape; one size may be -1.

    Parameters
    ----------
    x : array_like
        The elements.
    shape : int or sequence of int
        The new shape.
    """
    return np.reshape(x, shape)


def _inverse(axes: Sequence[int] | None) -> list[int] | None:
    """Find the order of axes that undoes another one."""
    if axes is None:
        return None
    inverse: list[int] = np.argsort([axis % len(axes) for axis in axes]).tolist()
    return inverse


@primitive(
    lambda g, out, x, axes=None: np.transpose(g, _inverse(axes)),
    symbol="ᵀ",
    formula="transpose(x, axes)",
    derivatives=("transpose(g)",),
)
def transpose(x: Any, /, axes: Sequence[int] | None = None) -> Any:
    """Axes in another order; reversed by default."""
    return np.transpose(x, axes)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    axes = list(range(np.ndim(x)))
    first, second = (normalize_axis_index(axis, len(axes)) for axis in (axis1, axis2))
    axes[first], axes[second] = axes[second], axes[first]
    return transpose(x, axes)


def expand_dims(x: Any, axis: int | tuple[int, ...]) -> Any:
    """New axes of size 1 at the positions given."""
    return reshape(x, np.expand_dims(_shaped_like(x), axis).shape)


def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """Axes of size 1 dropped: all of them, or those given."""
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
)
def broadcast_to(x: Any, /, shape: int | tuple[int, ...]) -> Any:
    """Elements repeated to fill a larger shape, by NumPy's rules of broadcasting."""
    return np.broadcast_to(x, shape)


@primitive(
    lambda g, out, x, shape: np.broadcast_to(g, x.shape),
    symbol="Σ",
    formula="sum_to(x, shape)",
    derivatives=("broadcast_to(g, x.shape)",),
)
def sum_to(x: Any, /, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which an array of this shape would be repeated to get x's shape.

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
        return np.add.reduce(x, axis=0 if added == 1 else tuple(range(added)))
    if added < 0 or any(n not in (1, m) for n, m in zip(shape, kept, strict=True)):
        raise ValueError(f"sum_to: shape {shape} does not broadcast to {x.shape}")
    axes = [i + added for i, (n, m) in enumerate(zip(shape, kept, strict=True)) if n != m]
    return np.add.reduce(x, axis=(*range(added), *axes)).reshape(shape)


def _concatenate_rule(position: int, g: Any, out: Any, *arrays: Any, axis: int | None) -> Any:
    if axis is None:
        start = sum(array.size for array in arrays[:position])
        return g[start : start + arrays[position].size].reshape(arrays[position].shape)
    start = sum(array.shape[axis] for array in arrays[:position])
    before = (slice(None),) * (axis % g.ndim)
    return g[(*before, slice(start, start + arrays[position].shape[axis]))]


@primitive(
    each=_concatenate_rule,
    symbol="⧺",
    formula="concatenate((x, y), axis=axis)",
    derivatives=("g[:len(x)]", "g[len(x):]"),
)
def _concatenate(*arrays: Any, axis: int | None) -> Any:
    return np.concatenate(arrays, axis=axis)


def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Join arrays along an axis that they have.

    Parameters
    ----------
    arrays : sequence of array_like
        They agree in shape except along `axis`.
    axis : int or None
        Along which to join; None flattens them first.
    """
    return _concatenate(*arrays, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis."""
    shapes = {np.shape(array) for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"stack needs arrays of one shape, but got {sorted(shapes)}")
    return concatenate([expand_dims(array, axis) for array in arrays], axis=axis)
