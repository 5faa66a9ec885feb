"""Blocks of code with a setting, such as ``with no_grad():``; they nest and end in any order.

A `Blocks` keeps the open blocks of each thread and task. What a setting means is decided
elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextvars import ContextVar, Token
from typing import Any, ClassVar, Generic, TypeVar

__all__ = ["ENDED", "Block", "Blocks", "OpenBlock"]

Value = TypeVar("Value")

ENDED: Any = "this block has ended"
"""The value of a block that ended before the blocks inside it, or in another context."""


class OpenBlock(Generic[Value]):
    """An open block and its value."""

    __slots__ = ("token", "value")

    value: Value
    token: Token[tuple[OpenBlock[Value], ...]]


class Blocks(Generic[Value]):
    """The blocks of one kind that are open in this thread or task, the innermost last.

    Ending a block removes only its own entry, so generators may suspend in their blocks and end
    them in any order. A task that is started in a block stays in it, because tasks copy context
    variables. A block that is ended in another context, as when an event loop closes a generator,
    ends in all of them.

    Parameters
    ----------
    name : str
        The name of the context variable.
    outside : object
        The value outside of all blocks.
    """

    def __init__(self, name: str, outside: Value) -> None:
        base: OpenBlock[Value] = OpenBlock()
        base.value = outside
        self._open: ContextVar[tuple[OpenBlock[Value], ...]] = ContextVar(name, default=(base,))
        self.here = self._open.get
        """Return the blocks that are open here; the first has the value `outside`."""

    def open(self, value: Value) -> OpenBlock[Value]:
        """Open a block inside the others."""
        block: OpenBlock[Value] = OpenBlock()  # without a constructor, which would be slower
        block.value = value
        block.token = self._open.set((*self.here(), block))
        return block

    def end(self, block: OpenBlock[Value], *, everywhere: bool = False) -> None:
        """End a block, even if it is not the innermost; `everywhere` ends it in all tasks too."""
        here = self.here()
        if everywhere:
            block.value = ENDED
        try:
            self._open.reset(block.token)
            if here[-1] is block:  # the usual case
                return
        except ValueError:  # it was opened in another context, which cannot be changed from here
            pass
        block.value = ENDED  # blocks that were opened later still have it in their tuple
        self._open.set(tuple(other for other in here if other is not block))


class Block(ABC, Generic[Value]):
    """A context manager that opens a block: reusable, nestable, and safe to share among threads.

    Parameters
    ----------
    blocks : Blocks
        Where the block is opened.

    Attributes
    ----------
    ends_everywhere : bool
        Whether it also ends for tasks that were started in it.
    """

    ends_everywhere: ClassVar[bool] = False

    def __init__(self, blocks: Blocks[Value]) -> None:
        self._blocks = blocks
        self._opened: list[OpenBlock[Value]] = []

    @abstractmethod
    def value(self) -> Value:
        """Return the value of the block when it is opened."""
        ...

    def __enter__(self) -> None:
        self._opened.append(self._blocks.open(self.value()))

    def __exit__(self, *exception: object) -> None:
        # Several may be open, for example in other threads: this ends the innermost one here.
        here = [block for block in self._blocks.here() if block in self._opened]
        block = here[-1] if here else self._opened[-1]
        self._opened.remove(block)
        self._blocks.end(block, everywhere=self.ends_everywhere)
