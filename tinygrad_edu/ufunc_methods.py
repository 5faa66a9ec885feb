"""The methods of ufuncs for tensors, such as ``np.add.reduce`` and ``np.multiply.outer``.

Sums, products, extremes and their running versions are operations of their own. Any other ufunc of
two operands that has a derivative is applied one element after the other, as NumPy defines it.
`numpy_protocol.py` calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from . import numpy_spelling, ops
from .metadata import composed
from .ops.options import selected
from .ops.plain import shape_of
from .ops.reduction import _as_rows, _stretched_shape
from .ops.scan import cumprod, cumsum
from .ops.summing import axes_of
from .primitive import as_operand

__all__ = ["call_method"]

Operation = Callable[..., Any]

# The operations that reduce, and those that accumulate.
_WHOLE: dict[str, dict[Any, Any]] = {
    "reduce": {
        np.add: ops.sum,
        np.multiply: ops.prod,
        np.maximum: ops.max,
        np.minimum: ops.min,
        np.logaddexp: ops.logsumexp,
    },
    "accumulate": {np.add: cumsum, np.multiply: cumprod},
}
_INSTEAD = {"at": "write index_add(x, index, value), which returns a new result"}


def call_method(
    ufunc: np.ufunc, operation: Operation, method: str, inputs: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:  # fmt: skip
    """Call a method of a ufunc that has a derivative.

    Parameters
    ----------
    ufunc : numpy.ufunc
    operation : callable
        The operation of the ufunc.
    method : str
        ``"reduce"``, ``"accumulate"``, ``"reduceat"``, ``"outer"`` or ``"at"``.
    inputs, kwargs
        The arguments of the call.

    Raises
    ------
    TypeError
        For ``at``, which writes into an array, and for ufuncs that do not have two operands.
    """
    if method in _INSTEAD:
        raise TypeError(f"np.{ufunc.__name__}.{method} writes into an array; {_INSTEAD[method]}")
    if ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature is not None:
        raise TypeError(f"np.{ufunc.__name__}.{method}: {ufunc.__name__} does not combine elements")
    spelling = getattr(numpy_spelling, method)
    whole = _WHOLE.get(method, {}).get(ufunc)
    if whole is None:
        whole = _METHODS[method](ufunc, operation)
    elif method != "outer":  # np.add.reduce takes the first axis, np.sum all of them
        kwargs = {"axis": 0, **kwargs} if len(inputs) < 2 else kwargs
    return numpy_spelling.answer(spelling, whole, inputs, kwargs)


def _folded(operation: Operation, rows: Any, mask: Any = None, start: Any = None) -> list[Any]:
    """Combine the elements of the last axis one after the other; return all results on the way."""
    results: list[Any] = [] if start is None else [start]
    for place in range(shape_of(rows)[-1]):
        element = rows[..., place]
        combined = operation(results[-1], element) if results else element
        results.append(
            combined if mask is None else ops.where(mask[..., place], combined, results[-1])
        )
    return results


def _reduction(ufunc: np.ufunc, operation: Operation) -> Operation:
    name = f"np.{ufunc.__name__}.reduce"

    @composed("x", "initial")
    def reduce(
        x: Any, axis: Any = 0, keepdims: bool = False, initial: Any = None, where: Any = True
    ) -> Any:
        x = as_operand(name, x)
        if len(axes_of(x.ndim, axis)) > 1:
            ufunc.reduce(np.ones((1, 1)), axis=(0, 1))  # raises an error if the order matters
        rows = _as_rows(x, axis)
        mask = None if where is True else _as_rows(selected(name, where, x), axis)
        start = ufunc.identity if initial is None else initial
        if start is None and (mask is not None or not rows.shape[-1]):
            raise ValueError(f"{name}: no elements may be left to combine; pass initial=")
        if start is not None and (mask is not None or initial is not None or not rows.shape[-1]):
            start = ops.broadcast_to(ops.multiply(start, np.ones((), x.dtype)), rows.shape[:-1])
        else:
            start = None
        result = _folded(operation, rows, mask, start)[-1]
        return ops.reshape(result, _stretched_shape(x.shape, axis)) if keepdims else result

    return reduce


def _accumulation(ufunc: np.ufunc, operation: Operation) -> Operation:
    @composed("x")
    def accumulate(x: Any, axis: int = 0) -> Any:
        axis = normalize_axis_index(axis, len(shape_of(x)))
        results = _folded(operation, ops.moveaxis(x, axis, -1))
        return ops.stack(results, axis=axis) if results else ops.copy(x)

    return accumulate


def _reduction_of_parts(ufunc: np.ufunc, operation: Operation) -> Operation:
    whole = _WHOLE["reduce"].get(ufunc) or _reduction(ufunc, operation)

    @composed("x")
    def reduceat(x: Any, indices: Any, axis: int = 0) -> Any:
        axis = normalize_axis_index(axis, len(shape_of(x)))
        starts = np.asarray(indices, dtype=int)
        size = shape_of(x)[axis]
        if starts.ndim != 1 or ((starts < 0) | (starts >= size)).any():
            raise IndexError(
                f"np.{ufunc.__name__}.reduceat: indices {starts.tolist()}; expected a row of "
                f"positions from 0 to {size - 1}"
            )
        along = (slice(None),) * axis
        # A part ends where the next begins; one that would end before its start is one element.
        ends = [*starts[1:].tolist(), size]
        parts = [
            whole(x[(*along, slice(start, end if end > start else start + 1))], axis=axis)
            for start, end in zip(starts.tolist(), ends, strict=True)
        ]
        return ops.stack(parts, axis=axis)

    return reduceat


def _outer(ufunc: np.ufunc, operation: Operation) -> Operation:
    @composed("x", "y")
    def outer(x: Any, y: Any, **options: Any) -> Any:
        ones = (1,) * len(shape_of(y))
        return ufunc(ops.reshape(x, (*shape_of(x), *ones)), y, **options)

    return outer


_METHODS = {
    "reduce": _reduction,
    "accumulate": _accumulation,
    "reduceat": _reduction_of_parts,
    "outer": _outer,
}
