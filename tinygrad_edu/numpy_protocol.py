"""How ``np.f(tensor)`` calls an operation.

NumPy passes every function call on a Tensor to this file. If `ops` has an operation of the same
name, that is called, and recorded as usual. Functions without a derivative, such as comparisons,
return plain arrays. All others raise a TypeError, so the graph is never cut silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import fft, ops
from .numpy_spelling import answer
from .ops.plain import on_arrays
from .spacing import geomspace, linspace, logspace
from .ufunc_methods import call_method

__all__ = ["call_function", "call_ufunc"]

DIFFERENTIABLE: dict[Any, Callable[..., Any]] = {
    getattr(module, name): getattr(family, name)
    for module, family in ((np.linalg, ops.linalg), (np, ops))
    for name in family.__all__
    if name not in ops.plain.__all__ and callable(getattr(module, name, None))
}
DIFFERENTIABLE |= {getattr(np, f.__name__): f for f in (linspace, logspace, geomspace)}
DIFFERENTIABLE |= {getattr(np.fft, n): getattr(fft, n) for n in ("fft", "irfft", "rfft")}
"""The operation for each of NumPy's functions."""

PLAIN: dict[Any, Callable[..., Any]] = dict(ops.plain.FACTS)
PLAIN |= {getattr(ops, name).__wrapped__: getattr(ops, name) for name in ops.plain.__all__}
"""NumPy's functions with a zero or undefined derivative: they return plain arrays."""


LOGICAL = (np.logical_and, np.logical_or, np.logical_xor)


def call_ufunc(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Implement NumPy's ``__array_ufunc__``.

    Raises
    ------
    TypeError
        For functions without a rule, and for ``out=`` with a plain array.
    """
    if kwargs.get("out") is not None:
        raise TypeError(
            f"np.{ufunc.__name__} would write a Tensor into a plain array and lose its graph; "
            "write `a = a + t` for `a += t`, and omit out="
        )
    if ufunc in DIFFERENTIABLE:
        operation = DIFFERENTIABLE[ufunc]
        if method == "__call__":
            return answer(ufunc, operation, inputs, kwargs)
        return call_method(ufunc, operation, method, inputs, kwargs)
    if ufunc in PLAIN and method == "__call__":
        return PLAIN[ufunc](*inputs, **kwargs)
    if ufunc in PLAIN and (method == "outer" or ufunc in LOGICAL):
        return on_arrays(getattr(ufunc, method), "A fact")(*inputs, **kwargs)
    raise _no_rule(ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}")


def call_function(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Implement NumPy's ``__array_function__``.

    Raises
    ------
    TypeError
        For functions without a rule.
    """
    if function is np.where and len(args) == 1:  # the other meaning of np.where
        function = np.nonzero
    if function in DIFFERENTIABLE:
        return answer(function, DIFFERENTIABLE[function], args, kwargs)
    if function in PLAIN:
        return PLAIN[function](*args, **kwargs)
    raise _no_rule(f"{function.__module__.removeprefix('numpy').lstrip('.')}.{function.__name__}")


def _no_rule(call: str) -> TypeError:
    return TypeError(
        f"np.{call.lstrip('.')} has no derivative rule here; build it from operations of "
        "tinygrad_edu, or pass tensor.data to compute its plain value, without a gradient"
    )
