"""Errors for attributes and arguments that do not exist; each names what to write instead.

The names that other libraries use are in `vocabulary.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from . import ops
from .vocabulary import ATTRIBUTES, IN_PLACE, IN_PLACE_METHODS, suggestion

__all__ = ["Missing", "Size", "attach", "attach_hints", "refuse_arguments"]


class Size(int):
    """The number of elements; calling it raises an error that translates PyTorch's ``x.size()``."""

    def __call__(self, *axes: Any) -> NoReturn:
        """Raise a TypeError that names what to write instead."""
        here = f"x.shape[{axes[0]}]" if axes else "x.shape"
        raise TypeError(f"x.size is a number, as in NumPy; write {here} for x.size(...)")

    def __reduce__(self) -> Any:
        return int, (int(self),)


class Missing:
    """An attribute that a class does not have; the error names what to write instead.

    A ``__getattr__`` would do the same, but would slow down every attribute.
    """

    __slots__ = ("hint", "name")

    def __init__(self, name: str, hint: str) -> None:
        self.name, self.hint = name, hint

    def __get__(self, instance: Any, kind: type) -> NoReturn:
        text = f"{kind.__name__!r} object has no attribute {self.name!r}; {self.hint}"
        raise AttributeError(text, name=self.name, obj=instance)


def attach(tensor: type) -> None:
    """Define the attributes that a Tensor does not have, each with its hint."""
    found = {name: f"for that of the array write x.data.{name}" for name in dir(np.ndarray)}
    found |= {name: f"write tinygrad_edu.linalg.{name}(x)" for name in ops.linalg.__all__}
    found |= {name: f"write tinygrad_edu.{name}(x)" for name in ops.__all__}
    attach_hints(tensor, found | dict.fromkeys(IN_PLACE_METHODS.split(), IN_PLACE) | ATTRIBUTES)


def attach_hints(kind: type, found: Mapping[str, str]) -> None:
    """Define attributes that a class does not have; `dir` does not list them."""
    missing = [name for name in found if not (name.startswith("_") or hasattr(kind, name))]
    for name in missing:
        setattr(kind, name, Missing(name, found[name]))
    hidden = frozenset(missing)

    def listed(self: Any) -> list[str]:
        return [name for name in object.__dir__(self) if name not in hidden]

    kind.__dir__ = listed  # type: ignore[method-assign, assignment]


def refuse_arguments(function: str, unknown: Iterable[str], known: Iterable[str]) -> None:
    """Raise an error for keywords that a function does not take; name what to write instead.

    Parameters
    ----------
    function : str
        The name of the function.
    unknown : iterable of str
        The keywords that it does not take.
    known : iterable of str
        The keywords that it takes.

    Raises
    ------
    TypeError
        If there are unknown keywords.
    """
    for name in unknown:
        text, is_guess = suggestion(name, known)
        hint = f"did you mean {text!r}?" if is_guess else text or f"it takes {', '.join(known)}"
        raise TypeError(f"{function}() got an unexpected keyword argument {name!r}; {hint}")
