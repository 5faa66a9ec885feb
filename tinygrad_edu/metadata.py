"""Checks metadata: the arguments of an operation that are not arrays, such as axes and shapes.

A tensor that requires gradients is an error there, because no gradient flows to metadata. Arguments
that an operation does not have are left to `numpy_spelling.py`, and `arrays.py` decides what counts
as an array; this file computes nothing.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import numpy as np

from .calls import leave_name
from .facts import Composed, Recognition
from .numpy_spelling import as_numpy
from .scope import BLOCKS, USUAL
from .tensor import Tensor
from .watching import watcher_of_calls

__all__ = ["COMPOSED", "Signature", "checked", "composed"]

Function = TypeVar("Function", bound=Callable[..., Any])

blocks_here = BLOCKS.here

COMPOSED: dict[str, Composed] = {}
"""The functions that are composed of operations, by name."""

# By far the most common types; they contain no tensor and are immutable.
_HARMLESS = {int, float, bool, str, type(None), type(Ellipsis)}

_CONSTANT = "pass numbers, or detach() the tensor where a constant is meant"


def checked(value: Any, name: str, key: str, instead: str = _CONSTANT) -> Any:
    """Check metadata: replace tensors without gradients by their arrays, refuse other tensors.

    It searches tuples, lists, dictionaries and slices; named tuples become plain tuples.

    Parameters
    ----------
    value : object
        The argument.
    name, key : str
        The names of the operation and its parameter, for the message.
    instead : str
        What to write instead of a tensor.

    Raises
    ------
    TypeError
        If a tensor that requires gradients is found; the message names the parameter.
    """
    kind = type(value)
    if kind in _HARMLESS or _is_plain(value):
        return value
    if isinstance(value, Tensor):
        if value._requires_grad:
            raise TypeError(f"{name}: no gradient flows to {key}; {instead}")
        return value.data
    if isinstance(value, tuple | list):
        entries = [checked(entry, name, key, instead) for entry in value]
        return entries if isinstance(value, list) else tuple(entries)
    if kind is dict:
        return {label: checked(entry, name, key, instead) for label, entry in value.items()}
    if kind is slice:
        return slice(
            *(checked(x, name, key, instead) for x in (value.start, value.stop, value.step))
        )
    if kind is np.ndarray and value.dtype.kind == "O":
        checked(value.ravel().tolist(), name, key, instead)
    return value


def _is_plain(value: Any) -> bool:
    """Whether a value is an axis, a shape or an index that contains nothing to check or to copy."""
    kind = type(value)
    if kind is tuple:
        return _HARMLESS.issuperset(map(type, value)) or all(map(_is_plain, value))
    if kind is slice:
        parts = (type(value.start), type(value.stop), type(value.step))
        return _HARMLESS.issuperset(parts)
    return kind in _HARMLESS


def owned(value: Any, name: str, key: str) -> Any:
    """Check metadata as `checked` does, and copy its arrays, so that a node can keep it."""
    is_plain = type(value) in _HARMLESS or _is_plain(value)
    return value if is_plain else _copied(checked(value, name, key))


def _copied(value: Any) -> Any:
    """Copy arrays, so that a later write cannot change the graph."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (tuple, list):
        return type(value)(map(_copied, value))
    return value


_ARRAYS = {Tensor, np.ndarray, float, int}
_CONTAINERS = {list, tuple, dict, slice}

# Parameters that take a list of arrays.
_SEVERAL = {"args", "arrays", "choicelist", "funclist", "operands"}


def _refuse_containers(value: Any, name: str, key: str) -> None:
    try:
        checked(value, name, key)
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{name}: {key} is a {kind} of tensors; stack([...]) them") from None


def composed(
    *arrays: str, instead: str = _CONSTANT, recognition: Recognition | None = None
) -> Callable[[Function], Function]:
    """Declare a function that is composed of operations: decorate it with the names of its arrays.

    Gradients flow only to these parameters. All others are metadata, which `checked` checks.

    Parameters
    ----------
    *arrays : str
        The parameters that gradients flow to.
    instead : str
        What to write instead of a tensor, for the message.
    recognition : Recognition, optional
        How tools recognise the function if it is written out.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, multiply
    >>> from tinygrad_edu.metadata import composed
    >>> @composed("x")
    ... def scaled(x, factor=2.0):
    ...     return multiply(x, factor)
    >>> scaled(Tensor(1.0), factor=Tensor(3.0, requires_grad=True))
    Traceback (most recent call last):
    ...
    TypeError: scaled: no gradient flows to factor; pass numbers, or detach() the tensor where a \
constant is meant
    """

    def declare(function: Function) -> Function:
        name, parameters = function.__name__, inspect.signature(function).parameters
        by_position = [
            p.name for p in parameters.values() if p.kind < inspect.Parameter.KEYWORD_ONLY
        ]
        keywords = keyword_names(parameters.values())
        several = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
        most = sys.maxsize if several else len(by_position)
        first = next((i for i, p in enumerate(by_position) if p not in arrays), len(by_position))

        def read(value: Any, key: str) -> Any:
            if key not in arrays:
                return checked(value, name, key, instead)
            if type(value) in _CONTAINERS and key not in _SEVERAL:
                _refuse_containers(value, name, key)
            return value

        @functools.wraps(function)
        def operation(*inputs: Any, **params: Any) -> Any:
            if len(inputs) > most or not params.keys() <= keywords.keys():
                return as_numpy(name, operation, inputs, params)
            if len(inputs) > first or not _ARRAYS.issuperset(map(type, inputs)):
                labels = itertools.chain(by_position, itertools.repeat(by_position[-1]))
                inputs = tuple(map(read, inputs, labels))
            if params:
                params = {key: read(value, key) for key, value in params.items()}
            out = function(*inputs, **params)
            leave_name(name, out, (*inputs, *params.values()) if params else inputs)
            if blocks_here()[-1].value is not USUAL and (watcher := watcher_of_calls()):
                watcher.composed(name, inputs, params, out)
            return out

        COMPOSED[name] = Composed(name, operation, recognition)
        operation.arrays = arrays  # type: ignore[attr-defined]
        return cast("Function", operation)

    return declare


# Signatures -----------------------------------------------------------------------------


def keyword_names(parameters: Iterable[inspect.Parameter]) -> dict[str, None]:
    """Return the keywords that a signature accepts, in order."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return dict.fromkeys(p.name for p in parameters if p.kind in kinds)


class Signature:
    """The signature of a forward pass, with arrays before the ``/`` and metadata after it.

    Parameters
    ----------
    name : str
        The name of the operation, for messages.
    forward : callable

    Attributes
    ----------
    arity : int
        The number of arrays.
    """

    def __init__(self, name: str, forward: Callable[..., Any]) -> None:
        self.name, self.forward = name, forward
        self.parameters = [*inspect.signature(forward).parameters.values()]
        kinds = [parameter.kind for parameter in self.parameters]
        self.arity = kinds.count(inspect.Parameter.POSITIONAL_ONLY)
        self.keywords = keyword_names(self.parameters)
        self.by_position = [p.name for p in self.parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.takes_all = inspect.Parameter.VAR_KEYWORD in kinds

    def fits(self, count: int, params: dict[str, Any], most: int) -> bool:
        """Whether a call with `count` positional arguments has only arguments of this signature.

        Parameters
        ----------
        count, params : int, dict
            The number of positional arguments, and the others by name.
        most : int
            The largest number of arrays.
        """
        if not self.takes_all and not params.keys() <= self.keywords.keys():
            return False
        return count <= most + len(self.by_position)

    def bound(
        self, inputs: tuple[Any, ...], params: dict[str, Any], most: int
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arrays of a call, and its metadata by name, in copies that a node can keep.

        Parameters
        ----------
        inputs, params : tuple, dict
            The arguments of the call; metadata may be passed by position, as in NumPy.
        most : int
            The largest number of arrays.

        Raises
        ------
        TypeError
            For metadata that are tensors and require gradients, or that are passed twice.
        """
        if len(inputs) > most:
            others = inputs[most:]
            named = dict(zip(self.by_position, others, strict=False))
            if named.keys() & params:
                self.forward(*inputs, **params)  # raises Python's own TypeError
            inputs, params = inputs[:most], params | named
        return inputs, {key: owned(value, self.name, key) for key, value in params.items()}
