"""A place in a file: bytes that are read when they are needed, a piece at a time."""

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
    """So many bytes of a file from a position on.

    Attributes
    ----------
    stream : binary file
        That can be searched.
    start, length : int
        Where the bytes are.
    head : bytes
        The first of them, at most `HEAD`.
    """

    stream: IO[bytes]
    start: int
    length: int
    head: bytes

    @classmethod
    def of(cls, content: bytes) -> Span:
        """Return a few bytes, at most `HEAD`, that are not in the file."""
        return cls(_NO_FILE, 0, len(content), content)

    def is_exactly(self, content: bytes) -> bool:
        """Return whether these are the bytes; only short ones are compared."""
        return self.length == len(content) and self.head == content

    def chunks(self) -> Iterator[bytes]:
        """Read the bytes, a piece at a time."""
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
    """Return whether all bytes from there to the end are zero, as a power cut may leave them."""
    stream.seek(start)
    while chunk := stream.read(_CHUNK):
        if chunk.strip(b"\0"):
            return False
    return True
