"""How ``np.f(tensor)`` finds its operation.

NumPy asks a Tensor before it computes with one. Functions that `ops` has under NumPy's name are
recorded like any other call; functions without a derivative, such as comparisons, give plain
arrays; all others are refused by name. Nothing ever falls out of the graph without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import ops
from .numpy_spelling import answer, reduce
from .ops.plain import on_arrays

__all__ = ["call_function", "call_ufunc"]

DIFFERENTIABLE: dict[Any, Callable[..., Any]] = {
    getattr(module, name): getattr(family, name)
    for module, family in ((np.linalg, ops.linalg), (np, ops))
    for name in family.__all__
    if name not in ops.plain.__all__ and callable(getattr(module, name, None))
}
"""NumPy's functions, and the operations that replace them."""

REDUCTIONS = {np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min"}
"""The operation for ``ufunc.reduce``."""

# These say something about an array, or copy it to somewhere else.
_ABOUT_ARRAYS = (
    "around array2string array_repr array_str can_cast empty_like iscomplexobj isrealobj "
    "isscalar may_share_memory min_scalar_type ndim ones_like result_type save savetxt shape "
    "shares_memory size spacing zeros_like"
)

PLAIN: dict[Any, Callable[..., Any]] = {
    getattr(np, name): on_arrays(getattr(np, name), "A fact") for name in _ABOUT_ARRAYS.split()
}
PLAIN |= {getattr(ops, name).__wrapped__: getattr(ops, name) for name in ops.plain.__all__}
"""NumPy's functions whose derivative is zero or does not exist: they give plain arrays."""


def call_ufunc(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Answer NumPy's ``__array_ufunc__``.

    Raises
    ------
    TypeError
        For functions without a rule, and where the result should go into a plain array.
    """
    if kwargs.get("out") is not None:
        raise TypeError(
            f"np.{ufunc.__name__} would write a Tensor into a plain array and lose its graph; "
            "write `a = a + t` for `a += t`, and omit out="
        )
    if method == "__call__":
        if ufunc in DIFFERENTIABLE:
            return answer(ufunc, DIFFERENTIABLE[ufunc], inputs, kwargs)
        if ufunc in PLAIN:
            return PLAIN[ufunc](*inputs, **kwargs)
    if method == "reduce" and ufunc in REDUCTIONS:
        # NumPy's default differs here: reduce takes the first axis, sum takes all.
        return answer(reduce, getattr(ops, REDUCTIONS[ufunc]), inputs, {"axis": 0, **kwargs})
    call = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    raise _no_rule(call)


def call_function(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Answer NumPy's ``__array_function__``.

    Raises
    ------
    TypeError
        For functions without a rule.
    """
    if function is np.where and len(args) == 1:  # which is another function then
        function = np.nonzero
    if function in DIFFERENTIABLE:
        return answer(function, DIFFERENTIABLE[function], args, kwargs)
    if function in PLAIN:
        return PLAIN[function](*args, **kwargs)
    raise _no_rule(f"{function.__module__.removeprefix('numpy').lstrip('.')}.{function.__name__}")


def _no_rule(call: str) -> TypeError:
    return TypeError(
        f"np.{call.lstrip('.')} has no derivative rule here; build it from operations that "
        "tinygrad_edu lists, or pass tensor.data for its plain value, without a gradient"
    )
