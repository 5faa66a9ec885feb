"""Translates the arguments of a NumPy call into the arguments of an operation.

NumPy names the arrays (``np.sum(a=x)``), orders parameters differently, and has parameters that an
operation does not have, such as ``out=``. These are dropped if they do not change the result, and
are an error otherwise. `numpy_protocol.py` decides which operation is called.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .metadata import advice

__all__ = ["answer", "reduce"]

# C functions: not every version of NumPy lets Python read their signatures.
_SIGNATURES: dict[Any, Callable[..., Any]] = {
    np.concatenate: lambda arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind": None,
    np.dot: lambda a, b, out=None: None,
    np.inner: lambda a, b, /: None,
    np.vdot: lambda a, b, /: None,
    np.where: lambda condition, x, y, /: None,
}


def _ufunc(*inputs: Any, out: Any = None, where: Any = True, casting: str = "same_kind",
           order: str = "K", dtype: Any = None, subok: bool = True) -> None:  # fmt: skip
    """Have the signature of every ufunc."""


def reduce(array: Any, /, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False,
           initial: Any = np._NoValue, where: Any = True) -> None:  # fmt: skip
    """Have the signature of ``ufunc.reduce``."""


class _Spelling(NamedTuple):
    """How the arguments of one of NumPy's functions correspond to those of an operation."""

    theirs: inspect.Signature
    # The operation's name for each of NumPy's parameters that it has.
    ours: dict[str, str]
    # The number of leading positional arguments that mean the same in both.
    positions: int
    # Keywords that mean the same in both.
    keywords: frozenset[str]


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

# The result does not depend on these: they control how it is computed and stored.
_WITHOUT_EFFECT = {"casting", "copy", "kind", "overwrite_input", "stable", "subok"}


@functools.cache
def _spelling(function: Callable[..., Any], operation: Callable[..., Any]) -> _Spelling:
    theirs = inspect.signature(_SIGNATURES.get(function, function))
    ours = inspect.signature(operation).parameters
    by_position = [name for name, p in ours.items() if p.kind in _POSITIONAL]
    names = {name: name for name in theirs.parameters if name in ours}
    names |= {"correction": "ddof"} if "ddof" in ours else {}
    positions = 0
    for place, (name, p) in enumerate(theirs.parameters.items()):
        if p.kind is p.VAR_POSITIONAL:
            positions = 2**31
        elif place < len(by_position) and p.kind in _POSITIONAL:
            # The arrays are first, but have other names.
            names.setdefault(name, by_position[place])
            if positions == place and names[name] == by_position[place]:
                positions = place + 1
    keywords = frozenset(
        name for name, our in names.items() if name == our and ours[our].kind in _BY_NAME
    )
    return _Spelling(theirs, names, positions, keywords)


def answer(
    function: Callable[..., Any],
    operation: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """Call an operation with the arguments of a call of NumPy's function.

    Parameters
    ----------
    function : callable
        NumPy's function.
    operation : callable
        The corresponding operation.
    args, kwargs
        The arguments of the call.

    Raises
    ------
    TypeError
        If the operation does not have an argument, and the argument changes the result.
    """
    inputs, params = _translated(function, operation, args, kwargs)
    return operation(*inputs, **params)


def _translated(
    function: Callable[..., Any],
    operation: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    label = getattr(function, "__name__", str(function))
    if isinstance(function, np.ufunc):
        function = _ufunc
    spelling = _spelling(function, operation)
    if len(args) <= spelling.positions and kwargs.keys() <= spelling.keywords:
        return args, kwargs
    try:
        bound = spelling.theirs.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise TypeError(f"np.{label}: {error} for a Tensor") from None
    ours = inspect.signature(operation).parameters
    inputs: list[Any] = []
    params: dict[str, Any] = {}
    for key, value in bound.items():
        parameter = spelling.theirs.parameters[key]
        if parameter.kind is parameter.VAR_POSITIONAL:
            inputs.extend(value)
        elif parameter.kind is parameter.VAR_KEYWORD:
            params.update(value)
        elif key in spelling.ours or not _changes_nothing(function, key, value, parameter.default):
            if key not in spelling.ours:
                hint = advice(key, [], [])
                raise TypeError(f"np.{label}: {key}= is not available for a Tensor; {hint}")
            if value is not np._NoValue:
                params[spelling.ours[key]] = value
    for name, p in ours.items():
        if p.kind is not p.POSITIONAL_ONLY or name not in params:
            break
        inputs.append(params.pop(name))
    return tuple(inputs), params


def _changes_nothing(function: Any, key: str, value: Any, default: Any) -> bool:
    """Whether an argument that the operation does not have leaves the result unchanged."""
    if key in _WITHOUT_EFFECT or (function is np.copy and key == "order"):
        return True
    return value is default or (type(value) in (str, bool) and value == default)
