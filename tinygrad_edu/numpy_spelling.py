"""Translates the arguments of a NumPy call into the arguments of an operation.

NumPy names the arrays (``np.sum(a=x)``), orders parameters differently, and has parameters that an
operation does not have. Calls of ``np.f(tensor)`` are read here, and those calls of
``tinygrad_edu.f`` that do not fit its own signature: so both take the same spellings. A parameter
without effect on the result is dropped, ``dtype=`` converts the arrays first, ``where=`` of a
ufunc computes the selected elements only, and any other is an error that names the parameter.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .vocabulary import advice

__all__ = [
    "accumulate",
    "answer",
    "as_numpy",
    "function_of_numpy",
    "outer",
    "reduce",
    "reduceat",
]

# Signatures that Python cannot read in every version of NumPy, or that end in `**kwargs`.
_SIGNATURES: dict[Any, Callable[..., Any]] = {
    np.concatenate: lambda arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind": None,
    np.dot: lambda a, b, out=None: None,
    np.inner: lambda a, b, /: None,
    np.vdot: lambda a, b, /: None,
    np.where: lambda condition, x, y, /: None,
    np.clip: lambda a, a_min=None, a_max=None, out=None, *, min=np._NoValue, max=np._NoValue,
    where=True, casting="same_kind", order="K", dtype=None, subok=True: None,
    np.einsum: lambda *operands, out=None, dtype=None, order="K", casting="safe",
    optimize=False: None,
    np.pad: lambda array, pad_width, mode="constant", *, stat_length=None, constant_values=0,
    end_values=0, reflect_type="even": None,
}  # fmt: skip


def _ufunc(*inputs: Any, out: Any = None, where: Any = True, casting: str = "same_kind",
           order: str = "K", dtype: Any = None, subok: bool = True) -> None:  # fmt: skip
    """Have the signature of every ufunc."""


def _gufunc(*inputs: Any, out: Any = None, casting: str = "same_kind", order: str = "K",
            dtype: Any = None, subok: bool = True, axes: Any = None, axis: Any = None,
            keepdims: bool = False) -> None:  # fmt: skip
    """Have the signature of every ufunc on rows or matrices."""


def reduce(array: Any, /, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False,
           initial: Any = np._NoValue, where: Any = True) -> None:  # fmt: skip
    """Have the signature of ``ufunc.reduce``."""


def accumulate(array: Any, /, axis: Any = 0, dtype: Any = None, out: Any = None) -> None:
    """Have the signature of ``ufunc.accumulate``."""


def reduceat(
    array: Any, /, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None
) -> None:
    """Have the signature of ``ufunc.reduceat``."""


def outer(A: Any, B: Any, /, *, out: Any = None, where: Any = True, casting: str = "same_kind",
          order: str = "K", dtype: Any = None, subok: bool = True) -> None:  # fmt: skip
    """Have the signature of ``ufunc.outer``."""


class _Spelling(NamedTuple):
    """How the arguments of one of NumPy's functions correspond to those of an operation."""

    theirs: inspect.Signature
    ours: inspect.Signature
    # The operation's name for each of NumPy's parameters that it has.
    names: dict[str, str]
    # The number of leading positional arguments that mean the same in both.
    positions: int
    # Keywords that mean the same in both.
    keywords: frozenset[str]


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

# The result does not depend on these: they control how it is computed and stored.
_WITHOUT_EFFECT = {"casting", "copy", "kind", "overwrite_input", "stable", "subok"}

# Parameters of NumPy with another name here.
_OTHER_NAMES = {"correction": "ddof", "a_min": "min", "a_max": "max"}


@functools.cache
def function_of_numpy(name: str) -> Callable[..., Any] | None:
    """Return NumPy's function of a name, also of ``np.linalg`` and ``np.fft``, or None."""
    found = [getattr(module, name, None) for module in (np, np.linalg, np.fft)]
    return next((f for f in found if callable(f) and not isinstance(f, type)), None)


def _signature(function: Any, ours: inspect.Signature) -> inspect.Signature:
    """Return the signature of NumPy's function; without one, that of the operation, relaxed."""
    if isinstance(function, np.ufunc):
        return inspect.signature(_gufunc if function.signature else _ufunc)
    if function is not None:
        return inspect.signature(_SIGNATURES.get(function, function))
    either = inspect.Parameter.POSITIONAL_OR_KEYWORD  # arrays may be passed by name
    relaxed = [p.replace(kind=either) if p.kind < either else p for p in ours.parameters.values()]
    return ours.replace(parameters=relaxed)


@functools.cache
def _spelling(function: Callable[..., Any] | None, operation: Callable[..., Any]) -> _Spelling:
    signature = inspect.signature(operation)
    theirs, ours = _signature(function, signature), signature.parameters
    by_position = [name for name, p in ours.items() if p.kind in _POSITIONAL]
    names = {name: name for name in theirs.parameters if name in ours}
    names |= {key: our for key, our in _OTHER_NAMES.items() if our in ours and key not in ours}
    positions = 0
    for place, (name, p) in enumerate(theirs.parameters.items()):
        if p.kind is p.VAR_POSITIONAL:
            positions = 2**31
        elif place < len(by_position) and p.kind in _POSITIONAL:
            our = by_position[place]
            if our not in names.values():  # the arrays are first, but have other names
                names.setdefault(name, our)
            positions += positions == place and names.get(name) == our
    keywords = frozenset(
        name for name, our in names.items() if name == our and ours[our].kind in _BY_NAME
    )
    return _Spelling(theirs, signature, names, positions, keywords)


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
    spelling = _spelling(function, operation)
    if len(args) <= spelling.positions and kwargs.keys() <= spelling.keywords:
        return operation(*args, **kwargs)
    label = f"np.{getattr(function, '__name__', function)}"
    return _translated(label, function, operation, args, kwargs)


def as_numpy(
    name: str, operation: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Call an operation with arguments that do not fit its signature: read them as NumPy would.

    Parameters
    ----------
    name : str
        The name of the operation.
    operation, args, kwargs
        As for `answer`.

    Raises
    ------
    TypeError
        If NumPy has no function of that name, or none with such arguments.
    """
    return _translated(name, function_of_numpy(name), operation, args, kwargs)


def _translated(
    label: str,
    function: Callable[..., Any] | None,
    operation: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    spelling = _spelling(function, operation)
    known, params = _sorted(label, spelling, kwargs)
    bound = _bound(label, spelling.theirs, args, known).arguments
    inputs: list[Any] = []
    others: dict[str, Any] = {}
    for key, value in bound.items():
        if spelling.theirs.parameters[key].kind is inspect.Parameter.VAR_POSITIONAL:
            inputs.extend(value)
        elif key not in spelling.names:
            others[key] = value
        elif value is not np._NoValue:
            params.setdefault(spelling.names[key], value)
    dtype = others.pop("dtype", None)
    is_elementwise = getattr(function, "nout", 0) == 1 or function is np.clip
    where = others.pop("where", True) if is_elementwise else True
    _refuse(label, function, spelling, others)
    given = _in_our_order(label, spelling, inputs, params)
    if dtype is not None and dtype is not np._NoValue:
        dtype = _dtype(label, dtype)
        arrays = [p.name for p in spelling.ours.parameters.values() if p.kind < _BY_NAME[0]]
        for name in getattr(operation, "arrays", arrays) or spelling.ours.parameters:
            if name in given.arguments:
                given.arguments[name] = _converted(label, given.arguments[name], dtype)
    if where is True:
        return operation(*given.args, **given.kwargs)
    return _selected(operation, given.args, given.kwargs, where)


def _bound(
    label: str, signature: inspect.Signature, args: Iterable[Any], kwargs: Mapping[str, Any]
) -> inspect.BoundArguments:
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{label}: {error} for a Tensor") from None


def _in_our_order(
    label: str, spelling: _Spelling, inputs: list[Any], params: dict[str, Any]
) -> inspect.BoundArguments:
    """Bind arguments by the operation's names to its signature."""
    arrays = [p.name for p in spelling.ours.parameters.values() if p.kind is p.POSITIONAL_ONLY]
    for name in arrays[len(inputs) :]:
        if name not in params:
            break
        inputs.append(params.pop(name))
    return _bound(label, spelling.ours, inputs, params)


def _refuse(label: str, function: Any, spelling: _Spelling, others: Mapping[str, Any]) -> None:
    """Raise an error for an argument that changes the result and that the operation lacks."""
    # There, the order is that of the result in memory.
    in_memory = isinstance(function, np.ufunc) or function in (np.copy, np.einsum, np.clip, outer)
    for key, value in others.items():
        if not _changes_nothing(key, value, spelling.theirs.parameters[key].default, in_memory):
            hint = advice(key, [], [])
            raise TypeError(f"{label}: {key}= is not available for a Tensor; {hint}")


def _sorted(
    label: str, spelling: _Spelling, kwargs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Separate the keywords of NumPy's function from those that only the operation has."""
    known: dict[str, Any] = {}
    own: dict[str, Any] = {}
    ours = spelling.ours.parameters
    for key, value in kwargs.items():
        if key in spelling.theirs.parameters:
            known[key] = value
        elif key in ours and ours[key].kind is not inspect.Parameter.VAR_POSITIONAL:
            theirs = [their for their, our in spelling.names.items() if our == key]
            by_name = [t for t in theirs if spelling.theirs.parameters[t].kind in _BY_NAME]
            (known if by_name else own)[by_name[0] if by_name else key] = value
        else:
            raise unexpected(label, ours.values(), [key])
    return known, own


def unexpected(
    label: str, parameters: Iterable[inspect.Parameter], given: Iterable[str]
) -> TypeError:
    """Make the error for an unknown keyword of an operation; it names what to write instead.

    Parameters
    ----------
    label : str
        The operation.
    parameters : iterable of inspect.Parameter
        Its parameters.
    given : iterable of str
        The given keywords.
    """
    parameters = list(parameters)
    keywords = [p.name for p in parameters if p.kind in _BY_NAME]
    key = next(key for key in given if key not in keywords)
    hint = advice(key, keywords, [p.name for p in parameters])
    return TypeError(f"{label}: unexpected argument {key!r}; {hint}")


def _changes_nothing(key: str, value: Any, default: Any, in_memory: bool) -> bool:
    """Whether an argument that the operation does not have leaves the result unchanged."""
    if key in _WITHOUT_EFFECT or (key == "order" and value in ("C", "F", "A", "K") and in_memory):
        return True
    if key == "device" and value == "cpu":
        return True
    return value is default or (type(value) in (str, bool, np.bool) and bool(value == default))


def _dtype(label: str, given: Any) -> Any:
    """Read a dtype; a flag may have been passed in its place."""
    try:
        return np.dtype(given)
    except TypeError:
        raise TypeError(
            f"{label}: dtype={given!r} is not a dtype, which NumPy has in this place; pass other "
            "arguments by name"
        ) from None


def _converted(label: str, value: Any, dtype: Any) -> Any:
    """Convert an array, or each of several, before an operation."""
    if isinstance(value, list | tuple):
        return type(value)(_converted(label, entry, dtype) for entry in value)
    if value is None or isinstance(value, str):  # the subscripts of einsum
        return value
    if getattr(value, "requires_grad", False) and dtype.kind != "f":
        raise TypeError(
            f"{label}: dtype={dtype} has no derivative; expected a floating dtype, or "
            "detach() the tensor where a constant is meant"
        )
    return value.astype(dtype) if hasattr(value, "astype") else np.asarray(value, dtype)


def _selected(
    operation: Callable[..., Any], inputs: tuple[Any, ...], params: Mapping[str, Any], where: Any
) -> Any:
    """Compute the selected elements of an elementwise operation; the others are 0.

    NumPy leaves the others undefined. No gradient flows from them, not even nan.
    """
    mask = np.asarray(where, dtype=bool)
    arrays = [x if hasattr(x, "ndim") else np.asarray(x) for x in inputs]
    shape = np.broadcast_shapes(mask.shape, *(x.shape for x in arrays))
    mask = np.broadcast_to(mask, shape)
    chosen = [np.broadcast_to(x, shape)[mask] if x.ndim else x for x in arrays]
    if not any(x.ndim for x in arrays):
        chosen = [np.broadcast_to(x, shape)[mask] for x in arrays]
    return _put(operation(*chosen, **params), mask)


def _put(values: Any, mask: Any) -> Any:
    """Put values at the selected places of an array of zeros."""
    places = np.cumsum(mask).reshape(mask.shape) * mask
    return np.concatenate([np.zeros(1, values.dtype), values])[places]
