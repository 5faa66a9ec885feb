"""Writes a module with a `forward` of its own as a class, if the method has the same meaning there.

Allowed are calls of submodules, arithmetic, indices, tuples, and a few functions that PyTorch has
too. Anything else is refused by name: a text that computes something else would be worse than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..module import Module
from .errors import ShowError

if TYPE_CHECKING:
    from .network_text import Made, NetworkText

__all__ = ["own_module"]


def own_module(module: Module, path: str, network: NetworkText) -> Made:
    """Return the call that makes a module of the user's class, and add the class to the text.

    Raises
    ------
    ShowError
        If its `forward` does something that has no text.
    """
    what = path or "the network"
    raise ShowError(
        f"{what} is a {type(module).__name__} with a forward method of its own, which has no text "
        f"in {network.language}; use Sequential, or write the step in numpy"
    )
