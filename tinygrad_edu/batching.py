"""`vmap`: a function of one example becomes a function of a batch.

The function is called once for each example, and the results are stacked: this is right for every
function, but as slow as a loop. Operations that take whole batches, such as ``X @ W``, are faster.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import as_array
from .ops.joining import stack
from .points import Function, check_function
from .structures import described, entries, is_structure, labelled, parts, rebuilt
from .tensor import Tensor

__all__ = ["vmap"]


def vmap(f: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """Return the function that applies a function to each example of a batch, and stacks results.

    `f` is called once for each example. Derivatives are exact, and ``vmap(grad(f))`` computes the
    gradient of each example. It takes the time of a Python loop: for speed, write functions of a
    whole batch. A random function draws anew for each example, because each is a call.

    Parameters
    ----------
    f : callable
        A function of one example. It returns a Tensor, an array, a number, or a structure of them.
    in_axes : int, None, or a structure of them
        Along which axis the examples of the arguments are; None passes an argument whole to each
        call. A tuple has one entry for each argument. An entry may be a structure, such as a
        dictionary like the argument; a single axis holds for all arrays in it. Keyword arguments
        are passed whole.
    out_axes : int, or a structure of them
        Along which axis results are stacked.

    Returns
    -------
    callable
        Called with batches, it returns Tensors where `f` does, and otherwise arrays.

    Raises
    ------
    ValueError
        When it is called, if batches have different sizes or are empty, if no argument is a
        batch, or if calls return different structures.
    TypeError
        If `f` is not a function, or an axis is not a whole number.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import grad, vmap
    >>> X, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([1.0, 3.0])
    >>> def loss(w, x, y):
    ...     return (x @ w - y) ** 2
    >>> vmap(grad(loss), in_axes=(None, 0, 0))(np.zeros(2), X, y)
    array([[ -2.,  -0.],
           [ -0., -12.]])
    """
    check_function(f)

    @functools.wraps(f, updated=())
    def batched(*args: Any, **keywords: Any) -> Any:
        axes = _axes_of_arguments(in_axes, args)
        size = _size(args, axes)
        rows = [f(*_row(args, axes, index), **keywords) for index in range(size)]
        return _stacked(rows, out_axes)

    return batched


def _axes_of_arguments(in_axes: Any, args: tuple[Any, ...]) -> list[Any]:
    """Return the axis of each array among the arguments, in order."""
    if not isinstance(in_axes, tuple | list):
        in_axes = (in_axes,) * len(args)
    if len(in_axes) != len(args):
        raise ValueError(
            f"in_axes has {len(in_axes)} entries for {len(args)} positional argument(s); write one "
            "for each"
        )
    pairs = zip(in_axes, args, range(len(args)), strict=True)
    return [a for axes, part, n in pairs for a in _spread(axes, part, f"in_axes[{n}]", False)]


def _spread(axes: Any, structure: Any, path: str, lists: bool) -> list[Any]:
    """Return one axis for each value in a structure; a single axis holds for all."""
    if axes is not None and not is_structure(axes):
        if isinstance(axes, bool) or not isinstance(axes, int | np.integer):
            raise TypeError(f"{path} must be an axis such as 0, or None, got {axes!r}")
        return [int(axes)] * len(entries(structure, lists))
    if axes is None:
        return [None] * len(entries(structure, lists))
    inside = dict(parts(structure)) if is_structure(structure, lists) else {}
    if {name for name, _ in parts(axes)} != inside.keys() or isinstance(axes, dict) != isinstance(
        structure, dict
    ):
        raise ValueError(f"{path} is {described(axes)}, but its array is {described(structure)}")
    chosen = dict(parts(axes))
    pairs = [(chosen[name], part, path + name) for name, part in inside.items()]
    return [a for axis, part, where in pairs for a in _spread(axis, part, where, lists)]


def _size(args: tuple[Any, ...], axes: Sequence[Any]) -> int:
    """Return the size of the batch; raise an error if sizes differ."""
    named = [
        (path, np.shape(value), axis)
        for (path, value), axis in zip(_named(args), axes, strict=True)
        if axis is not None
    ]
    sizes = {}
    for path, shape, axis in named:
        if not -len(shape) <= axis < len(shape):
            raise ValueError(
                f"vmap: {path} has shape {shape}, which has no axis {axis}; write None in in_axes "
                "to pass it whole to each call"
            )
        sizes[path] = shape[axis]
    if len(set(sizes.values())) != 1:
        found = ", ".join(f"{path} has {size}" for path, size in sizes.items())
        raise ValueError(f"vmap needs batches of one size, but {found or 'no argument is a batch'}")
    size = next(iter(sizes.values()))
    if size == 0:
        raise ValueError("vmap of an empty batch: f is never called, so results have no shape")
    return int(size)


def _named(args: tuple[Any, ...]) -> list[tuple[str, Any]]:
    """List the arrays among the arguments, each with the words for it."""
    return [
        entry
        for position, part in enumerate(args)
        for entry in labelled(part, False, f"argument {position}")
    ]


def _row(args: tuple[Any, ...], axes: Sequence[Any], index: int) -> Any:
    """Return the arguments of one example."""
    values = [
        value if axis is None else _example(value, axis, index)
        for (_, value), axis in zip(_named(args), axes, strict=True)
    ]
    return rebuilt(args, iter(values), lists=False)


def _example(value: Any, axis: int, index: int) -> Any:
    array = value if isinstance(value, Tensor) else as_array(value)
    axis = axis % array.ndim
    return array[(slice(None),) * axis + (index,)]


def _stacked(rows: list[Any], out_axes: Any) -> Any:
    """Stack the results of all calls, in their structure."""
    first = rows[0]
    axes = _spread(out_axes, first, "out_axes", True)
    if None in axes:
        raise TypeError("out_axes must be axes such as 0; results are stacked along them, not None")
    columns = []
    for row in rows:
        paths = [path for path, _ in labelled(row)]
        if paths != [path for path, _ in labelled(first)]:
            raise ValueError(
                f"vmap: f returned {described(first)} for the first example and {described(row)} "
                "for another; return one structure for all"
            )
        columns.append(entries(row))
    joined = map(_joined, zip(*columns, strict=True), axes)
    return rebuilt(first, joined)


def _joined(column: Sequence[Any], axis: int) -> Any:
    if any(isinstance(value, Tensor) for value in column):
        return stack(list(column), axis=axis)
    return np.stack([as_array(value) for value in column], axis=axis)
