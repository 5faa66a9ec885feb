"""Checks declarations of operations, and protects the calls of those that users declare.

To the forward pass and the rules of a user's operation, arrays are read-only, and their results
must be numbers; those of the package have tests instead. Nothing is recorded here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .arrays import locked_view
from .metadata import COMPOSED, Signature
from .tensor import Tensor

__all__ = ["examined", "is_ours", "name_of"]

_PACKAGE = __name__.rpartition(".")[0]


def name_of(forward: Callable[..., Any]) -> str:
    """Return the name of an operation; raise an error if it does not decorate a function."""
    if not hasattr(forward, "__name__"):
        raise TypeError(
            "primitive takes the rules, and then decorates the forward pass: write "
            f"@primitive(rule) above def f(x, /), got a {type(forward).__name__} for f"
        )
    return forward.__name__.lstrip("_")


def examined(
    signature: Signature,
    rules: tuple[Any, ...],
    each: Any,
    residual: bool,
    declared: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> tuple[Any, tuple[Any, ...], Any]:
    """Check a declaration; return its forward pass, its rules and its general rule.

    Those of users are wrapped, so that mistakes in them are errors.

    Parameters
    ----------
    signature : Signature
        That of the forward pass.
    rules : tuple of (callable or None)
    each : callable or None
        The rule for any number of inputs.
    residual : bool
        Whether the forward pass returns a residual.
    declared : mapping of str to Primitive
        The operations that exist.
    facts : mapping of str to object
        What else is declared; ``together`` replaces the rules.

    Raises
    ------
    TypeError, ValueError
        If rules are missing, if a rule does not take the arguments of a rule, or the name is taken.
    """
    name, forward = signature.name, signature.forward
    if each is None and "together" not in facts and len(rules) != signature.arity:
        raise TypeError(
            f"{name}: {signature.arity} arrays before '/', but {len(rules)} rules; write one rule "
            f"for each array, and the arrays before '/', as in def {name}(x, /)"
        )
    if is_ours(forward):
        return forward, rules, each
    _check_declaration(signature, rules, declared, residual)
    arrays = [p.name for p in signature.parameters[: signature.arity]]
    applied = tuple(
        _protected_rule(f"{name}: the rule for {array}", rule)
        for array, rule in zip(arrays, rules, strict=False)
    )
    return (
        _protected_forward(name, forward, residual),
        applied,
        _protected_rule(f"{name}: the rule", each),
    )


def is_ours(function: Any) -> bool:
    """Whether a forward pass belongs to this package."""
    return str(getattr(function, "__module__", "")).startswith(f"{_PACKAGE}.")


def _check_declaration(
    signature: Signature, rules: tuple[Any, ...], declared: Mapping[str, Any], residual: bool
) -> None:
    """Raise an error for a name that is taken, or for a rule that cannot be called.

    Parameters
    ----------
    signature : Signature
        That of the forward pass.
    rules : tuple of (callable or None)
    declared : mapping of str to Primitive
        The operations that exist.
    residual : bool
        Whether the forward pass returns a residual, which rules take as a keyword.

    Raises
    ------
    ValueError
        If an operation of the package has this name.
    TypeError
        If a rule does not take the arguments of a rule.
    """
    name = signature.name
    known = [of[name].forward for of in (COMPOSED, declared) if name in of]
    if any(map(is_ours, known)):
        raise ValueError(
            f"{name} is an operation of {_PACKAGE}, which its tools know by this name; choose "
            f"another name, such as my_{name}"
        )
    arrays = [p.name for p in signature.parameters[: signature.arity]]
    keywords = [*signature.keywords, *["residual"] * residual]
    for array, rule in zip(arrays, rules, strict=False):
        if rule is None:
            continue
        if not callable(rule):
            raise TypeError(
                f"{name}: the rule for {array} is {rule!r}; a rule is a function of "
                f"({', '.join(['g', 'out', *arrays])}), or None for an array without a gradient"
            )
        try:
            takes = inspect.signature(rule)
        except ValueError:  # a function in C, whose parameters are unknown
            continue
        try:
            takes.bind(*range(2 + len(arrays)), **dict.fromkeys(keywords))
        except TypeError:
            expected = ", ".join(["g", "out", *arrays, *(f"{key}=..." for key in keywords)])
            raise TypeError(
                f"{name}: the rule for {array} takes {takes}, but is called with ({expected}); "
                "give it these parameters"
            ) from None


def _protected_forward(
    name: str, forward: Callable[..., Any], residual: bool
) -> Callable[..., Any]:
    """Wrap a forward pass: it cannot write into its arrays, and must return numbers."""

    @functools.wraps(forward)
    def protected(*arrays: Any, **params: Any) -> Any:
        found = _called(f"{name}: the forward pass", forward, arrays, params)
        if not residual:
            return _numbers(f"{name}: the forward pass", found, arrays)
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(
                f"{name}: the forward pass returned {_kind(found)}; with residual=True it must "
                "return (out, residual)"
            )
        return _numbers(f"{name}: the forward pass", found[0], arrays), found[1]

    return protected


def _protected_rule(what: str, rule: Callable[..., Any] | None) -> Any:
    """Wrap a rule like a forward pass; None stays None."""
    if rule is None:
        return None

    @functools.wraps(rule)
    def protected(*arguments: Any, **params: Any) -> Any:
        found = _called(what, rule, arguments, params)
        if isinstance(found, Tensor):
            if any(isinstance(value, Tensor) for value in arguments):
                return found
            raise TypeError(
                f"{what} returned a Tensor for arrays; use only the arguments of the rule, and "
                ".data of any other tensor"
            )
        return found if isinstance(found, list) else _numbers(what, found, arguments)

    return protected


def _called(what: str, function: Callable[..., Any], arguments: Any, params: Any) -> Any:
    """Call a function of the user with read-only arrays."""
    locked = [locked_view(x) if type(x) is np.ndarray else x for x in arguments]
    try:
        return function(*locked, **params)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise TypeError(
            f"{what} writes into an array that it was given ({error}); compute a new one, such as "
            "x = x + 1 for x += 1, or copy it first with np.array(x)"
        ) from error


def _numbers(what: str, found: Any, arguments: tuple[Any, ...]) -> Any:
    """Check that a result is an array of real numbers; convert Python's numbers."""
    if isinstance(found, bool | int | float):
        found = np.asarray(found)
    if not isinstance(found, np.ndarray | np.generic):
        raise TypeError(f"{what} returned {_kind(found)}; return one array of numbers")
    # `check_gradients` evaluates operations on complex numbers.
    if found.dtype.kind not in "fiub" and not any(map(np.iscomplexobj, arguments)):
        raise TypeError(f"{what} returned an array of dtype {found.dtype}; return real numbers")
    return found


def _kind(value: Any) -> str:
    """Return the words for the type of a result."""
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        return "a Tensor (it receives arrays, and NumPy's functions of them return arrays)"
    return f"a {type(value).__name__}"
