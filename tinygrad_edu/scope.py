"""Switches recording on and off; knows the module that is being called, and what is differentiated.

Users write `no_grad` and `enable_grad`; `primitive` checks the switch before it records a call.
Nothing is recorded here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast, overload

from .blocks import Block, Blocks

__all__ = [
    "BLOCKS",
    "OFF",
    "ON",
    "USUAL",
    "ModuleCall",
    "Recording",
    "differentiating",
    "enable_grad",
    "enter_call",
    "get_call",
    "get_scope",
    "is_nested",
    "is_recording",
    "leave_call",
    "no_grad",
    "switched_on",
]

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(slots=True, eq=False)
class ModuleCall:
    """One call of a network module; the nodes that it records refer to it."""

    module: Any
    parent: ModuleCall | None
    inputs: tuple[Any, ...] = ()


Scope: TypeAlias = "ModuleCall | None"

OFF: Any = "recording is off"
"""The scope in which nothing is recorded."""

ON: Any = "recording is on, inside of another block"

USUAL: Any = "recording is on, and there is no watcher"

BLOCKS: Blocks[Any] = Blocks("tinygrad_edu", USUAL)
"""The blocks that change how operations are called here: switches of recording, and watchers.

``BLOCKS.here()[-1].value is USUAL`` is the one check of each call.
"""

_call: ContextVar[ModuleCall | None] = ContextVar("module_call", default=None)
# Calls of modules end in order, and there are many: a context variable is enough.
get_call, enter_call, leave_call = _call.get, _call.set, _call.reset


_is_differentiated: ContextVar[bool] = ContextVar("is_differentiated", default=False)


@contextmanager
def differentiating() -> Iterator[None]:
    """Mark that a function of the user runs here because it is being differentiated."""
    token = _is_differentiated.set(True)
    try:
        yield
    finally:
        _is_differentiated.reset(token)


def is_nested() -> bool:
    """Whether an outer derivative may need the graph of what is computed here."""
    return _is_differentiated.get() and is_recording()


def is_recording() -> bool:
    """Whether calls of operations are recorded here."""
    for block in reversed(BLOCKS.here()):
        if block.value is OFF:
            return False
        if block.value is USUAL or block.value is ON:
            break
    return True


def switched_on() -> Any:
    """Return the value of a block that switches recording on."""
    return USUAL if BLOCKS.here()[-1].value is USUAL else ON


def get_scope() -> Scope:
    """Return the current call of a module, None outside of all modules, or `OFF`."""
    return get_call() if is_recording() else OFF


class Recording(Block[Any]):
    """A context in which recording is on or off; made by `no_grad` and `enable_grad`."""

    def __init__(self, switch: bool) -> None:
        super().__init__(BLOCKS)
        self.switch = switch

    def value(self) -> Any:
        """Return `ON` or `OFF`, or `USUAL` if recording is on already."""
        return switched_on() if self.switch else OFF

    def __call__(self, function: Function) -> Function:
        """Decorate a function, so that its calls run in this context."""
        name = "enable_grad" if self.switch else "no_grad"
        given: object = function
        if not callable(given) or inspect.isclass(given):
            raise TypeError(
                f"{name} decorates a function, got {_described(function)}; write "
                "`with no_grad():` or `with enable_grad():` to switch recording off or on"
            )
        kinds = (
            inspect.iscoroutinefunction,
            inspect.isgeneratorfunction,
            inspect.isasyncgenfunction,
        )
        if any(is_kind(function) for is_kind in kinds):
            raise TypeError(
                f"{function.__name__} runs after its call, when this decorator has ended; decorate "
                f"what it calls, or write `with {name}():` around parts without yield or await"
            )

        @functools.wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with Recording(self.switch):
                return function(*args, **kwargs)

        return cast("Function", decorated)


@overload
def no_grad() -> Recording: ...
@overload
def no_grad(function: Function) -> Function: ...
def no_grad(function: Any = None) -> Any:
    """Switch recording off: inside, results have no graph and require no gradient.

    It affects only this thread or asynchronous task, and ends with the block, also after an
    exception. It can also be a decorator, ``@no_grad`` or ``@no_grad()``.

    Raises
    ------
    TypeError
        If the argument is not a function to decorate.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor(2.0, requires_grad=True)
    >>> with tg.no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """
    return Recording(False) if function is None else Recording(False)(function)


@overload
def enable_grad() -> Recording: ...
@overload
def enable_grad(function: Function) -> Function: ...
def enable_grad(function: Any = None) -> Any:
    """Switch recording on again inside a block of `no_grad`; it can also be a decorator.

    Raises
    ------
    TypeError
        If the argument is not a function to decorate.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor(2.0, requires_grad=True)
    >>> with tg.no_grad():
    ...     with tg.enable_grad():
    ...         y = x * x
    >>> y.requires_grad
    True
    """
    return Recording(True) if function is None else Recording(True)(function)


def _described(value: Any) -> str:
    return f"the class {value.__name__}" if inspect.isclass(value) else repr(value)[:40]
