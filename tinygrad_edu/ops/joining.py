"""Joining arrays: along an existing axis, or along a new one.

Cutting them apart is in `rearranging.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .. import shape_errors
from ..metadata import composed
from ..primitive import as_operand, primitive
from .plain import shape_of
from .shape import atleast_1d, atleast_2d, expand_dims, transpose

__all__ = ["column_stack", "concatenate", "hstack", "stack", "vstack"]


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
    carries=True,
)
def _concatenate(*arrays: Any, axis: int | None) -> Any:
    try:
        return np.concatenate(arrays, axis=axis)
    except ValueError as error:
        raise ValueError(_not_joined([shape_of(array) for array in arrays], axis, error)) from None


def _not_joined(shapes: list[tuple[int, ...]], axis: int | None, error: ValueError) -> str:
    """Explain which array does not fit the first one, and along which axis."""
    first = shapes[0]
    for position, shape in enumerate(shapes):
        if axis is None or len(shape) != len(first):
            continue
        ndim = len(first)
        wrong = [i - ndim for i in range(ndim) if shape[i] != first[i] and i != axis % ndim]
        if wrong:
            rows = [("array 0", first, []), (f"array {position}", shape, wrong)]
            return (
                f"shapes {first} of array 0 and {shape} of array {position} cannot be joined along "
                f"axis {axis}: all other sizes must be equal\n{shape_errors.aligned(rows)}"
            )
    return f"shapes {' and '.join(map(str, shapes))}: {error}"


@composed("arrays")
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Join arrays along an existing axis.

    Parameters
    ----------
    arrays : sequence of array_like
        Their shapes are equal except along `axis`.
    axis : int or None
        The axis to join along; None flattens the arrays first.

    Raises
    ------
    ValueError
        If there is no array, or the shapes do not fit.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, concatenate
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = concatenate([x, [3.0], x])
    >>> y.data
    array([1., 2., 3., 1., 2.])
    >>> y.sum().backward()
    >>> x.grad
    array([2., 2.])
    """
    arrays = _several("concatenate", arrays)
    if axis is not None:
        normalize_axis_index(axis, len(shape_of(arrays[0])))
    return _concatenate(*arrays, axis=axis)


def _several(name: str, arrays: Any) -> list[Any]:
    several = [as_operand(name, array) for array in arrays]
    if not several:
        raise ValueError(f"{name} needs at least one array")
    return several


@composed("arrays")
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, stack
    >>> stack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])])
    Tensor([[1., 2.],
            [3., 4.]])
    >>> stack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])], axis=1)
    Tensor([[1., 3.],
            [2., 4.]])
    """
    arrays = _several("stack", arrays)
    shapes = {shape_of(array) for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"stack needs arrays of one shape, but got {sorted(shapes)}")
    axis = normalize_axis_index(axis, len(shapes.pop()) + 1)
    return concatenate([expand_dims(array, axis) for array in arrays], axis=axis)


@composed("arrays")
def vstack(arrays: Sequence[Any]) -> Any:
    """Join arrays vertically, one below the other; vectors are rows.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, vstack
    >>> vstack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])]).data
    array([[1., 2.],
           [3., 4.]])
    """
    return concatenate([atleast_2d(array) for array in _several("vstack", arrays)], axis=0)


@composed("arrays")
def hstack(arrays: Sequence[Any]) -> Any:
    """Join arrays horizontally, side by side; vectors are joined end to end.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, hstack
    >>> hstack([Tensor([1.0, 2.0]), Tensor([3.0])]).data
    array([1., 2., 3.])
    """
    arrays = [atleast_1d(array) for array in _several("hstack", arrays)]
    return concatenate(arrays, axis=0 if len(shape_of(arrays[0])) == 1 else 1)


@composed("arrays")
def column_stack(arrays: Sequence[Any]) -> Any:
    """Join arrays side by side; vectors are columns.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, column_stack
    >>> column_stack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])]).data
    array([[1., 3.],
           [2., 4.]])
    """
    arrays = _several("column_stack", arrays)
    columns = [a if len(shape_of(a)) > 1 else transpose(atleast_2d(a)) for a in arrays]
    return concatenate(columns, axis=1)
