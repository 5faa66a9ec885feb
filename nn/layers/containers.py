"""Containers of modules: chains, lists and dictionaries."""

from __future__ import annotations

from typing import Any

from ..module import Module

__all__ = ["Sequential"]


class Sequential(Module):
    """A chain of modules: each is called on the output of the one before.

    Parameters
    ----------
    *modules : Module
        In the order in which they are called.

    Examples
    --------
    >>> from nn import Linear, Sequential, Tanh
    >>> Sequential(Linear(2, 3), Tanh(), Linear(3, 1))
    Sequential(
      0: Linear(2 -> 3)
      1: Tanh()
      2: Linear(3 -> 1)
    )
    """

    def __init__(self, *modules: Module) -> None:
        for position, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(
                    f"Sequential takes modules, but entry {position} is a {type(module).__name__}; "
                    "write ReLU() with parentheses, Sequential(*modules) for a list, and wrap "
                    "functions in a Module"
                )
            setattr(self, str(position), module)
        self._length = len(modules)

    def forward(self, x: Any) -> Any:
        """Call the modules in order; one that is listed twice is called twice."""
        for position in range(self._length):
            x = getattr(self, str(position))(x)
        return x

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Module:
        module: Module = getattr(self, str(range(self._length)[index]))
        return module
