"""Facts about NumPy calls: what they read, and which of them copy, compute or can raise an error.

The planner asks these questions. Nothing is recorded or planned here.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from .recorder import Call, Tracer, mapped

__all__ = [
    "COPIES",
    "PRODUCTS",
    "entries_of",
    "generator_of",
    "has_known_shape",
    "inputs_of",
    "is_reduction",
    "is_ufunc_call",
    "may_reveal_values",
    "results_of",
    "works_without_out",
]

COPIES = {np.copy, np.ndarray.copy, np.ndarray.astype, np.ndarray.view}
COPIES |= {np.generic.copy, np.generic.astype, np.generic.view}
PRODUCTS = {np.dot, np.matmul, np.ndarray.dot}
# Functions and methods whose result shapes depend only on the shapes of their operands.
_METHODS = (
    "argmax argmin argsort astype clip copy cumprod cumsum diagonal dot flatten max mean min prod "
    "ravel reshape round squeeze std sum swapaxes take trace transpose var view"
)
_FUNCTIONS = (
    "amax amin argmax argmin argsort broadcast_to clip concatenate copy cumprod cumsum diagonal "
    "dot empty_like expand_dims flip full_like matrix_transpose max mean min moveaxis ones_like "
    "prod ravel ravel_multi_index reshape roll sort split squeeze stack std sum swapaxes take "
    "take_along_axis tensordot trace transpose tril triu var where zeros_like"
)
_PICKING = {np.ravel_multi_index, np.take, np.take_along_axis, np.ndarray.take, np.generic.take}
_KNOWN = {operator.getitem, operator.setitem}
_KNOWN |= {getattr(np.ndarray, name) for name in _METHODS.split()}
_KNOWN |= {getattr(np.generic, name) for name in _METHODS.split() if hasattr(np.generic, name)}
_KNOWN |= {getattr(np, name) for name in _FUNCTIONS.split()}


def entries_of(tree: Any) -> list[Any]:
    """List the entries of nested tuples, lists, dictionaries and slices."""
    found: list[Any] = []
    mapped(found.append, tree)
    return found


def inputs_of(call: Call) -> Iterator[Tracer]:
    """Yield the tracers that a call reads."""
    entries = entries_of((call.inputs, call.keywords))
    return (entry for entry in entries if isinstance(entry, Tracer))


def results_of(call: Call) -> tuple[Tracer, ...]:
    """Return what a call computed; nothing if it wrote into an existing array."""
    if call.written is not None or call.result is None:
        return ()
    return call.result if isinstance(call.result, tuple) else (call.result,)


def is_ufunc_call(call: Call) -> bool:
    """Whether a call computes all elements, each from its own operands."""
    function = call.function
    is_elementwise = isinstance(function, np.ufunc) and function.signature is None  # unlike matmul
    return is_elementwise and "where" not in call.keywords


def has_known_shape(call: Call) -> bool:
    """Whether shape and dtype of the result depend only on those of the operands."""
    function = call.function
    if function is np.where and len(call.inputs) == 1:
        return False
    owner = getattr(function, "__self__", function)
    return isinstance(owner, np.ufunc | operator.attrgetter) or function in _KNOWN


def generator_of(call: Call) -> np.random.Generator | None:
    """Return the generator that a call draws random numbers from; None for other calls."""
    owner = getattr(call.function, "__self__", None)
    return owner if isinstance(owner, np.random.Generator) else None


def may_reveal_values(call: Call) -> bool:
    """Whether a call can reveal values by the shape of its result or by an error."""
    if call.function is operator.getitem:
        return any(isinstance(entry, Tracer) for entry in entries_of(call.inputs[1:]))
    return not has_known_shape(call) or call.function in _PICKING


def works_without_out(call: Call, target: Tracer) -> bool:
    """Whether a call with ``out=`` would make the same array without it."""
    function = call.function
    operands = [getattr(value, "array", value) for value in call.inputs]
    if not isinstance(function, np.ufunc) or call.keywords.keys() != {"out"}:
        return False
    if not target.array.ndim or function.nout != 1 or function.signature is not None:
        return False
    arrays = [x for x in operands if isinstance(x, np.ndarray)]
    wanted = (target.array.shape, target.array.dtype, target.array.strides)
    dtypes = [x.dtype if isinstance(x, np.ndarray | np.generic) else type(x) for x in operands]
    return (
        any((x.shape, x.dtype, x.strides) == wanted for x in arrays)
        and all(x.shape != target.array.shape or x.strides == wanted[2] for x in arrays)
        and np.broadcast_shapes(*(x.shape for x in arrays)) == wanted[0]
        and function.resolve_dtypes((*dtypes, None))[-1] == target.array.dtype
    )


def is_reduction(call: Call) -> bool:
    """Whether a call reduces an array with a ufunc, all elements of it."""
    owner = getattr(call.function, "__self__", None)
    is_reduce = isinstance(owner, np.ufunc) and call.function.__name__ == "reduce"
    return is_reduce and "where" not in call.keywords
