"""The stack machine of a pickle: a position in the file, a stack with marks, and a memo.

The opcodes are in `pickle_opcodes`. This file reads from the pickle and moves objects, with checks
that raise an error for a damaged or hostile file at once. The bytes of an array are skipped; only
their place is stored.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import IO, Any

from ..errors import ModelFileError
from .spans import HEAD, Span

_CHUNK = 65_536


@dataclass(frozen=True)
class Limits:
    """Limits on what a pickle may ask for; a network of a thousand layers needs less.

    Attributes
    ----------
    opcodes : int
        Instructions in the file. An array takes about 35.
    stack : int
        Objects and open marks on the stack: the depth of nesting.
    arrays : int
        Arrays in both lists together.
    """

    opcodes: int = 100_000
    stack: int = 10_000
    arrays: int = 10_000


def integer_of(line: Span) -> int:
    """Return the integer on a line of digits."""
    digits = line.head[:40]
    if not re.fullmatch(rb"-?[0-9]{1,20}L?", digits):
        raise ModelFileError(f"found {digits!r}, expected an integer of at most 20 digits")
    return int(digits.rstrip(b"L"))


class Machine:
    """The state of reading: the position, and the objects made so far.

    Parameters
    ----------
    stream : binary file
        The pickle.
    size : int
        Its size in bytes.
    limits : Limits
        What it may ask for.
    """

    def __init__(self, stream: IO[bytes], size: int, limits: Limits) -> None:
        self.stream = stream
        self.size = size
        self.limits = limits
        self.position = 0
        self.opcode_start = 0
        self.frame_end = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        # A dict, not a list: an index of two thousand million then needs only one entry.
        self.memo: dict[int, Any] = {}
        self.stopped = False
        stream.seek(0)

    def read(self, count: int) -> bytes:
        """Return the next few bytes of the file."""
        self._claim(count)
        return self.stream.read(count)

    def skip(self, count: int) -> Span:
        """Skip the next bytes, and return their place."""
        start = self.position
        self._claim(count)
        head = self.stream.read(min(count, HEAD))
        if count > HEAD:
            self.stream.seek(self.position)
        return Span(self.stream, start, count, head)

    def _claim(self, count: int) -> None:
        """Move the position, if the file has that many bytes and they are in one frame."""
        end = self.position + count
        if end > self.size:
            raise ModelFileError(
                f"claims {count} bytes, {self.size - self.position} are available; "
                "the file is truncated or damaged"
            )
        if self.opcode_start < self.frame_end < end:
            raise ModelFileError(f"crosses the end of its frame at offset {self.frame_end}")
        self.position = end

    def read_number(self, layout: str) -> Any:
        """Return the next number, in a layout of `struct`."""
        return struct.unpack(layout, self.read(struct.calcsize(layout)))[0]

    def skip_line(self) -> Span:
        """Skip a line with its line feed, and return its place."""
        start, length, head = self.position, 0, b""
        while True:
            piece = self.stream.readline(_CHUNK)
            if not piece:
                raise ModelFileError("its line has no end; the file is truncated or damaged")
            head = head or piece[:HEAD]
            length += len(piece)
            if piece.endswith(b"\n"):
                break
        self._claim(length)
        return Span(self.stream, start, length - 1, head[: length - 1])

    def push(self, value: object) -> None:
        """Put an object on the stack."""
        self.require_room()
        self.stack.append(value)

    def require_room(self) -> None:
        """Check the limit of the stack."""
        if len(self.stack) + len(self.marks) >= self.limits.stack:
            raise ModelFileError(f"stack limit of {self.limits.stack} reached: nesting too deep")

    def top(self) -> Any:
        """Return the last object above the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ModelFileError("needs an object and the stack is empty; the file is damaged")
        return self.stack[-1]

    def pop(self) -> Any:
        """Remove and return the last object."""
        self.top()
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """Remove the last mark, and remove and return all objects above it."""
        if not self.marks:
            raise ModelFileError("needs a mark and there is none; the file is damaged")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items
