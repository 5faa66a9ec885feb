"""The functions that can be recognised, as operations and composed functions declare them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from ..facts import Recognition
from ..metadata import COMPOSED
from ..primitive import PRIMITIVES
from ..tensor import Tensor

__all__ = ["Found", "Function", "function_of", "is_activation", "known", "values_of_call"]

Found: TypeAlias = tuple[str, Tensor, Tensor, Mapping[str, Any]]
"""The name of a function, its source, its result, and its parameters."""


class Function(NamedTuple):
    """A function that can be recognised."""

    name: str
    forward: Callable[..., Any]
    declared: Recognition


def known() -> list[Function]:
    """List the functions that can be recognised."""
    found = []
    for made in PRIMITIVES.values():
        recognition = made.recognition
        if recognition is None and made.activation:
            recognition = Recognition("elementwise")
        if recognition is not None:
            found.append(Function(made.name, made.forward, recognition))
    composed = COMPOSED.values()
    found += [Function(c.name, c.forward, c.recognition) for c in composed if c.recognition]
    return found


def values_of_call(out: Any) -> Any:
    """Return the result of a forward pass without its residual."""
    return out[0] if isinstance(out, tuple) else out


def is_activation(name: str) -> bool:
    """Whether a name is that of an elementwise function."""
    return any(one.name == name and one.declared.kind == "elementwise" for one in known())


def function_of(name: str) -> Callable[..., Any]:
    """Return a function by its name, for arrays."""
    forward = next(one.forward for one in known() if one.name == name)
    return lambda x: values_of_call(forward(x))
