"""Reads the arguments of `check_manual`: names, and gradients in any of their forms."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from ..leaving import values_of
from ..tensor import Tensor
from ..texts import clean

__all__ = ["Hints", "array_of", "by_name", "called", "check_options", "names_of"]

Array = NDArray[Any]

Hints: TypeAlias = Literal["none", "where", "what"]


def check_options(f: Any, samples: Any, seed: Any, hints: Any, call: str) -> None:
    """Raise an error for wrong options of a check."""
    if not callable(f) or isinstance(f, Tensor):
        raise TypeError(f"{call}; got a {type(f).__name__}")
    for what, value in (("samples", samples), ("seed", seed)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"{what} must be a whole number, 0 or more, got {value!r}")
    if hints not in get_args(Hints):
        raise ValueError(f"hints must be 'none', 'where' or 'what', got {hints!r}")


def names_of(f: Callable[..., Any], names: Sequence[str] | None, count: int) -> list[str]:
    if names is not None:
        shown = [clean(name) for name in names]
        if len(shown) != count or len(set(shown)) != count:
            raise ValueError(f"names must be {count} different names, got {list(names)!r}")
        return shown
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = [parameter.name for parameter in parameters if parameter.kind in kinds][:count]
    return found if len(found) == count else [f"input{n}" for n in range(count)]


def array_of(name: str, gradient: Any) -> Array:
    try:
        array = np.array(
            values_of(gradient)
        )  # a copy, which later changes by the caller do not reach
    except ValueError:
        raise TypeError(f"the gradient of {name} has rows of different lengths") from None
    if array.dtype.kind not in "fiub":
        kind = "text" if array.dtype.kind in "US" else array.dtype.name
        raise TypeError(f"the gradient of {name} must be numeric, got {kind}")
    return array


def called(
    mine: Callable[..., Any],
    arguments: Sequence[Any],
    names: Sequence[str],
    what: str = "my_gradients",
) -> Any:
    """Call a function with copies of the arguments; raise a clear error if they do not fit."""
    try:
        inspect.signature(mine).bind(*arguments)
    except TypeError as error:
        hint = "; g is the upstream gradient, passed if f returns more than one number"
        hint = hint if what == "my_gradients" else ""
        raise TypeError(f"{what} is called with ({', '.join(names)}), but {error}{hint}") from None
    except ValueError:  # it has no signature
        pass
    return mine(*map(copy.deepcopy, arguments))


def by_name(
    gradients: Any, names: list[str], what: str, f: Callable[..., Any] | None = None
) -> dict[str, Any]:
    """Read gradients given in order or by name."""
    if isinstance(gradients, Mapping):
        given = {clean(name): g for name, g in gradients.items() if g is not None}
        unknown = [name for name in given if name not in names]
        if unknown:
            hint = ""
            if hasattr(f, "named_parameters"):
                hint = "; for the parameters of a network: nn.compare_gradients(..., manual=...)"
            found = f"{what}: found {unknown[0]!r}, expected some of {', '.join(names)}{hint}"
            raise ValueError(found)
        return given
    if gradients is None:
        raise TypeError(
            f"{what} returned None; return one gradient for each of {', '.join(names)} (is a "
            "return missing?)"
        )
    if isinstance(gradients, np.ndarray | Tensor) or np.isscalar(gradients):
        gradients = [gradients]
    gradients = list(gradients)
    if len(gradients) != len(names):
        raise ValueError(
            f"{what}: {len(gradients)} gradients, expected {len(names)}, one for each of "
            f"{', '.join(names)}; None leaves one out"
        )
    return {name: g for name, g in zip(names, gradients, strict=True) if g is not None}
