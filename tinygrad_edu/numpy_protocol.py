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
from .tensor import Tensor

__all__ = ["call_function", "call_ufunc"]

DIFFERENTIABLE: dict[Any, Callable[..., Any]] = {
    getattr(np, name): getattr(ops, name) for name in ops.__all__ if hasattr(np, name)
}
"""NumPy's functions, and the operations that stand in for them."""

REDUCTIONS = {np.add: "sum", np.maximum: "max", np.minimum: "min"}
"""What ``ufunc.reduce`` stands for."""

_PLAIN_NAMES = (
    "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_not "
    "logical_xor isnan isinf isfinite signbit sign floor ceil trunc rint spacing "
    "argmax argmin argsort argwhere nonzero count_nonzero searchsorted any all "
    "array_equal array_equiv allclose isclose shape ndim size around round fix "
    "zeros_like ones_like empty_like result_type can_cast min_scalar_type "
    "may_share_memory shares_memory iscomplexobj isrealobj isscalar array_repr array_str "
    "array2string savetxt save digitize flatnonzero"
)

PLAIN = {getattr(np, name) for name in _PLAIN_NAMES.split() if hasattr(np, name)}
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
            "write `a = a + t` for `a += t`, and leave out= away"
        )
    if method == "__call__":
        if ufunc in DIFFERENTIABLE:
            return DIFFERENTIABLE[ufunc](*inputs, **kwargs)
        if ufunc in PLAIN:
            return ufunc(*_plain(inputs), **kwargs)
    if method == "reduce" and ufunc in REDUCTIONS:
        # NumPy's default differs here: reduce takes the first axis, sum takes all.
        return getattr(ops, REDUCTIONS[ufunc])(*inputs, **{"axis": 0, **kwargs})
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
    if function in DIFFERENTIABLE:
        return DIFFERENTIABLE[function](*args, **kwargs)
    if function in PLAIN:
        return function(*_plain(args), **{name: _plain(value) for name, value in kwargs.items()})
    raise _no_rule(f"{function.__module__.removeprefix('numpy').lstrip('.')}.{function.__name__}")


def _plain(value: Any) -> Any:
    """Put arrays in the place of tensors, also inside lists and tuples."""
    if isinstance(value, Tensor):
        return np.asarray(value)
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value


def _no_rule(call: str) -> TypeError:
    return TypeError(
        f"np.{call.lstrip('.')} has no derivative rule here; for its plain value use "
        "np.asarray(tensor), or build it from operations that tinygrad_edu lists"
    )
