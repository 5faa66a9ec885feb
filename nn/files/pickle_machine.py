"""The stack machine a pickle runs on: a position in the file, a stack with marks, and a memo.

What the single opcodes do is in `pickle_opcodes`. Here is what they share: reading from the file
and moving objects, with the checks that make a damaged or hostile file an error at once. The bytes
of an array are skipped, and only their place is remembered.
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


def integer_of(line: Span) -> int:
    """Return the integer that is written out in digits on a line."""
    digits = line.head[:40]
    if not re.fullmatch(rb"-?[0-9]{1,20}L?", digits):
        raise ModelFileError(f"found {digits!r}, expected an integer of at most 20 digits")
    return int(digits.rstrip(b"L"))


class Machine:
    """Where the reading has got to, and the objects made so far."""

    def __init__(self, stream: IO[bytes], size: int, limits: Limits) -> None:
        self.stream = stream
        self.size = size
        self.limits = limits
        self.position = 0
        self.opcode_start = 0
        self.frame_end = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        # A dict and not a list: an index of two thousand million then costs one entry.
        self.memo: dict[int, Any] = {}
        self.stopped = False
        stream.seek(0)

    def read(self, count: int) -> bytes:
        """Return the next few bytes of the file."""
        self._claim(count)
        return self.stream.read(count)

    def skip(self, count: int) -> Span:
        """Return the place of the next bytes, however many are claimed, and pass over them."""
        start = self.position
        self._claim(count)
        head = self.stream.read(min(count, HEAD))
        if count > HEAD:
            self.stream.seek(self.position)
        return Span(self.stream, start, count, head)

    def _claim(self, count: int) -> None:
        """Move on, if the file has so many bytes and they are all in one frame."""
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
        """Return the place of the bytes up to the next line feed, which is passed over too."""
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
        """Refuse to let the stack grow without end."""
        if len(self.stack) + len(self.marks) >= self.limits.stack:
            raise ModelFileError(f"stack limit of {self.limits.stack} reached: nesting too deep")

    def top(self) -> Any:
        """Return the last object, if there is one above the last mark."""
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
