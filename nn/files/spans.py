"""Ranges of bytes in a file, which are read piece by piece when they are needed.

What the bytes mean is decided in `stand_ins`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from ..errors import ModelFileError

HEAD = 257  # one more than the longest name
_CHUNK = 256 * 1024
_NO_FILE = io.BytesIO()


@dataclass(frozen=True, slots=True)
class Span:
    """A range of bytes in a file.

    Attributes
    ----------
    stream : binary file
        Seekable.
    start, length : int
        Position and number of the bytes.
    head : bytes
        The first bytes, at most `HEAD`.
    """

    stream: IO[bytes]
    start: int
    length: int
    head: bytes

    @classmethod
    def of(cls, content: bytes) -> Span:
        """Return a span of bytes in memory, at most `HEAD`."""
        return cls(_NO_FILE, 0, len(content), content)

    def is_exactly(self, content: bytes) -> bool:
        """Return whether the bytes are equal to `content`, at most `HEAD`."""
        return self.length == len(content) and self.head == content

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes, piece by piece."""
        if self.length == len(self.head):
            yield self.head
            return
        done = 0
        while done < self.length:
            self.stream.seek(self.start + done)
            chunk = self.stream.read(min(_CHUNK, self.length - done))
            if not chunk:
                raise ModelFileError("the file was cut off while it was read")
            yield chunk
            done += len(chunk)


def has_only_zeros(stream: IO[bytes], start: int) -> bool:
    """Return whether all bytes from `start` on are zero, which is the sign of a power cut."""
    stream.seek(start)
    while chunk := stream.read(_CHUNK):
        if chunk.strip(b"\0"):
            return False
    return True
