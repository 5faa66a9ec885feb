"""Blocks of code in which something holds, such as `no_grad()`: nested, and ended in any order.

A `Blocks` keeps, for each thread and task, the blocks that are open. It does not know what they
are for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextvars import ContextVar, Token
from typing import Any, ClassVar, Generic, TypeVar

__all__ = ["ENDED", "Block", "Blocks", "OpenBlock"]

Value = TypeVar("Value")

ENDED: Any = "this block has ended"
"""The value of a block that was ended before those inside it, or from another context."""


class OpenBlock(Generic[Value]):
    """A block that was opened, and what holds inside it."""

    __slots__ = ("token", "value")

    value: Value
    token: Token[tuple[OpenBlock[Value], ...]]


class Blocks(Generic[Value]):
    """The blocks of one kind that are open in this thread or task, the innermost last.

    A block is ended by removing its own entry, so generators may suspend in their blocks and end
    them in any order. A task that was started in a block stays in it, as context variables have
    it. A block that is ended from another context, as when an event loop closes a generator,
    ends wherever it is open.

    Parameters
    ----------
    name : str
        Of the context variable.
    outside : object
        What holds outside of all blocks.
    """

    def __init__(self, name: str, outside: Value) -> None:
        base: OpenBlock[Value] = OpenBlock()
        base.value = outside
        self._open: ContextVar[tuple[OpenBlock[Value], ...]] = ContextVar(name, default=(base,))
        self.here = self._open.get
        """Return the blocks that are open here; the first stands for outside."""

    def open(self, value: Value) -> OpenBlock[Value]:
        """Open a block inside those that are open."""
        block: OpenBlock[Value] = OpenBlock()  # many are opened, and a constructor takes time
        block.value = value
        block.token = self._open.set((*self.here(), block))
        return block

    def end(self, block: OpenBlock[Value], *, everywhere: bool = False) -> None:
        """End a block, whichever is the innermost one; if asked, also in tasks started in it."""
        here = self.here()
        if everywhere:
            block.value = ENDED
        try:
            self._open.reset(block.token)
            if here[-1] is block:  # as nearly always
                return
        except ValueError:  # it was opened in another context, which cannot be reached from here
            pass
        block.value = ENDED  # those that were opened later remember it as one around them
        self._open.set(tuple(other for other in here if other is not block))


class Block(ABC, Generic[Value]):
    """A context manager that opens a block: reusable, nestable, and safe to share by threads.

    Parameters
    ----------
    blocks : Blocks
        Where it is opened.

    Attributes
    ----------
    ends_everywhere : bool
        Whether it ends for the tasks, too, that were started in it.
    """

    ends_everywhere: ClassVar[bool] = False

    def __init__(self, blocks: Blocks[Value]) -> None:
        self._blocks = blocks
        self._opened: list[OpenBlock[Value]] = []

    @abstractmethod
    def value(self) -> Value:
        """Return what holds inside, when the block is opened."""
        ...

    def __enter__(self) -> None:
        self._opened.append(self._blocks.open(self.value()))

    def __exit__(self, *exception: object) -> None:
        # Several may be open, by other threads for example: the innermost one here is meant.
        here = [block for block in self._blocks.here() if block in self._opened]
        block = here[-1] if here else self._opened[-1]
        self._opened.remove(block)
        self._blocks.end(block, everywhere=self.ends_everywhere)
