"""Unpacks gzip data piece by piece with zlib.

The limit on the size of the text is in `source`.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

CHUNK_BYTES = 1 << 14
GZIP_FORMAT = 31  # zlib's number for a gzip header, checksum and length
# A file may consist of several parts, each with a header. Millions of empty parts only take time.
FREE_PARTS = 1000
BYTES_A_PART = 1 << 10


class DamagedGzipError(ValueError):
    """The gzip data is damaged, or cut off."""


class Gunzip:
    """The unpacked bytes of gzip data, from the current position of `file`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._packed = b""
        self._packed_size = 0
        self._parts = 0
        self._decoder = zlib.decompressobj(GZIP_FORMAT)
        self._is_over = False

    def read(self, size: int) -> bytes:
        """Return `size` bytes; fewer only at the end."""
        pieces: list[bytes] = []
        while size > 0 and not self._is_over:
            piece = self._next(size)
            size -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def _next(self, most: int) -> bytes:
        if self._decoder.eof:
            self._begin_part()
        elif not self._packed and not self._fetch():
            # The decoder may still have some data.
            if rest := self._decode(b"", most):
                return rest
            if not self._decoder.eof:
                raise DamagedGzipError("it ends too early")
        return b"" if self._is_over else self._decode(self._packed, most)

    def _decode(self, packed: bytes, most: int) -> bytes:
        try:
            piece = self._decoder.decompress(packed, most)
        except zlib.error as error:
            raise DamagedGzipError(str(error)) from None
        self._packed = self._decoder.unused_data or self._decoder.unconsumed_tail
        return piece

    def _begin_part(self) -> None:
        # Zeros may fill up a block of a disk or tape.
        while not (packed := self._packed.lstrip(b"\0")):
            if not self._fetch():
                self._is_over = True
                return
        self._packed = packed
        self._decoder = zlib.decompressobj(GZIP_FORMAT)
        self._parts += 1
        if self._parts > FREE_PARTS + self._packed_size // BYTES_A_PART:
            raise DamagedGzipError("it is made of thousands of tiny parts; pack it again")

    def _fetch(self) -> bool:
        self._packed = self._file.read(CHUNK_BYTES)
        self._packed_size += len(self._packed)
        return bool(self._packed)
