"""The stack machine a pickle runs on: a position in the file, a stack with marks, and a memo.

What the single opcodes do is in `pickle_opcodes`. Here is what they share: reading from the file
and moving objects, with the checks that make a damaged or hostile file an error at once.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

from nn.errors import ModelFileError

__all__ = ["Limits", "Machine"]


@dataclass(frozen=True)
class Limits:
    """How much a pickle may ask for; a network of a thousand layers needs less.

    Attributes
    ----------
    opcodes : int
        Instructions in the file. An array takes about 35.
    stack : int
        Objects and open marks waiting on the stack: the depth of nesting.
    arrays : int
        Arrays in both lists together.
    """

    opcodes: int = 100_000
    stack: int = 10_000
    arrays: int = 10_000


class Machine:
    """Where the reading has got to, and the objects made so far."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.view = memoryview(data)
        self.limits = limits
        self.position = 0
        self.opcode_start = 0
        self.frame_end = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        # A dict and not a list: an index of two thousand million then costs one entry.
        self.memo: dict[int, Any] = {}
        self.stopped = False

    def read(self, count: int) -> memoryview:
        """Give the next bytes of the file; nothing is copied, whatever number is claimed."""
        end = self.position + count
        if end > len(self.data):
            raise ModelFileError(
                f"claims {count} bytes, {len(self.data) - self.position} are available; "
                "the file is truncated or damaged"
            )
        if self.opcode_start < self.frame_end < end:
            raise ModelFileError(f"crosses the end of its frame at offset {self.frame_end}")
        chunk = self.view[self.position : end]
        self.position = end
        return chunk

    def read_number(self, layout: struct.Struct) -> Any:
        """Give the next number of fixed size."""
        return layout.unpack(self.read(layout.size))[0]

    def read_line(self) -> memoryview:
        """Give the bytes up to the next line feed, which is passed over."""
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise ModelFileError("its line has no end; the file is truncated or damaged")
        return self.read(end + 1 - self.position)[:-1]

    def read_integer_line(self) -> int:
        """Give the integer that is written out in digits on the next line."""
        line = bytes(self.read_line()[:40])
        if not re.fullmatch(rb"-?[0-9]{1,20}L?", line):
            raise ModelFileError(f"found {line!r}, expected an integer of at most 20 digits")
        return int(line.rstrip(b"L"))

    def push(self, value: object) -> None:
        """Put an object on the stack."""
        self.require_room()
        self.stack.append(value)

    def require_room(self) -> None:
        """Refuse to let the stack grow without end."""
        if len(self.stack) + len(self.marks) >= self.limits.stack:
            raise ModelFileError(f"stack limit of {self.limits.stack} reached: nesting too deep")

    def top(self) -> Any:
        """Give the last object, if there is one above the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ModelFileError("needs an object and the stack is empty; the file is damaged")
        return self.stack[-1]

    def pop(self) -> Any:
        """Take the last object."""
        self.top()
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """Take the last mark and all objects above it."""
        if not self.marks:
            raise ModelFileError("needs a mark and there is none; the file is damaged")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items
