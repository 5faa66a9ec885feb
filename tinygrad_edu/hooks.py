"""Hooks: functions that are called with the gradient of a tensor, and may replace it.

Users call `Tensor.register_hook`. A watcher calls the hooks as soon as a gradient is complete;
nothing is differentiated here.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import as_array
from .leaving import read_only
from .primitive import tick
from .tensor import Tensor
from .watching import EVERYWHERE, Watcher

__all__ = ["HookHandle", "hooked", "register_hook", "run_hooks"]

hooked: set[int] = set()
"""The ids of the tensors that have hooks.

The tensors keep the hooks themselves; otherwise, a hook that refers to its tensor would keep it
alive forever.
"""


class HookHandle:
    """Returned when a hook is registered, of a tensor or a network module; removes it again.

    In a ``with`` statement, it removes the hook at the end of the block. It keeps neither the
    owner nor the hook alive.
    """

    def __init__(self, owner: Any, number: int) -> None:
        self._owner, self._number = weakref.ref(owner), number

    def remove(self) -> None:
        """Remove the hook; a second call does nothing."""
        owner = self._owner()
        if owner is not None:
            owner._hooks.pop(self._number, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def register_hook(tensor: Tensor, hook: Callable[[Any], Any]) -> HookHandle:
    """Register a hook of a tensor; see `Tensor.register_hook`."""
    if not callable(hook):
        raise TypeError(f"a hook must be a function of the gradient, got a {type(hook).__name__}")
    if not tensor.requires_grad:
        raise TypeError(
            f"{tensor._label()} has requires_grad=False: no gradient would ever reach its hook; "
            "make it with requires_grad=True"
        )
    if not hasattr(tensor, "_hooks"):
        tensor._hooks = {}
        hooked.add(id(tensor))
        weakref.finalize(tensor, hooked.discard, id(tensor)).atexit = False
    number = tick()
    tensor._hooks[number] = hook
    return HookHandle(tensor, number)


def run_hooks(tensor: Tensor, g: Any) -> Any:
    """Call the hooks of a tensor with its complete gradient; what one returns replaces it."""
    for hook in list(tensor._hooks.values()):
        # A copy, because the gradient itself may become a .grad that the user writes into.
        new = hook(g if isinstance(g, Tensor) else read_only(np.copy(g)))
        if new is None:
            continue
        if np.shape(new) != tensor.shape:
            raise ValueError(
                f"a hook returned a gradient of shape {np.shape(new)} for {tensor._label()} of "
                f"shape {tensor.shape}; a gradient has the shape of its tensor"
            )
        if isinstance(g, Tensor):
            g = (new if isinstance(new, Tensor) else Tensor(new)).astype(tensor.dtype)
        else:
            g = as_array(new).astype(tensor.dtype, casting="same_kind")
    return g


class _Hooks(Watcher):
    """Runs the hooks of all tensors."""

    def arrived(self, tensor: Tensor, g: Any) -> Any:
        return run_hooks(tensor, g) if id(tensor) in hooked else g


EVERYWHERE[_Hooks()] = hooked
