"""A file without position that several threads can read and write, and that closes itself.

It is opened without a name, so that nothing is left of it if the process is killed; `save_as` gives
it a name.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CacheError", "OpenFile"]


class CacheError(Exception):
    """The cache cannot be written; the message has the path and the reason."""


@contextlib.contextmanager
def _as_cache_error(folder: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CacheError(f"{error.filename or folder}: {error.strerror or error}") from None


class OpenFile:
    """A file that is closed with the last reference to it.

    Parameters
    ----------
    descriptor : int
        The open file.
    unnamed_in : Path, optional
        The folder of a file that has no name yet.
    temporary : Path, optional
        Its temporary name, on systems without unnamed files.
    """

    def __init__(
        self, descriptor: int, unnamed_in: Path | None = None, temporary: Path | None = None
    ) -> None:
        self.descriptor = descriptor
        self._folder, self._temporary = unnamed_in, temporary
        self._close = weakref.finalize(self, _close, descriptor, temporary)

    @classmethod
    def new(cls, folder: Path) -> OpenFile:
        """Create an empty file without a name in a folder, which is made if necessary.

        Raises
        ------
        CacheError
            If that is impossible.
        """
        if not hasattr(os, "preadv"):
            raise CacheError("this system cannot read at positions of a file")
        flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        with _as_cache_error(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if hasattr(os, "O_TMPFILE"):
                with contextlib.suppress(OSError):  # not every file system has such files
                    return cls(os.open(folder, flags | os.O_TMPFILE, 0o600), folder)
            temporary = folder / f".{secrets.token_hex(8)}.tmp"
            descriptor = os.open(temporary, flags | os.O_CREAT | os.O_EXCL, 0o600)
        return cls(descriptor, folder, temporary)

    @classmethod
    def existing(cls, path: Path) -> OpenFile:
        """Open a file for reading."""
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        return cls(os.open(path, flags))

    @property
    def size(self) -> int:
        """The number of bytes."""
        return os.fstat(self.descriptor).st_size

    def close(self) -> None:
        """Close the file; without a name it is gone."""
        self._close()

    def read(self, size: int, start: int) -> bytes:
        """Return bytes from a position; fewer at the end of the file."""
        pieces = []
        while size > 0 and (piece := os.pread(self.descriptor, size, start)):
            pieces.append(piece)
            size, start = size - len(piece), start + len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_into(self, array: NDArray[Any], start: int) -> None:
        """Fill a contiguous array with the bytes from a position.

        Raises
        ------
        OSError
            If the file is shorter.
        """
        rest = array.data.cast("B") if array.size else memoryview(b"")
        while len(rest):
            count = os.preadv(self.descriptor, [rest], start)
            if not count:
                raise OSError("the cache of the table was cut off while it was read")
            rest, start = rest[count:], start + count

    def read_rows(
        self, array: NDArray[Any], places: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> None:
        """Fill some rows of a contiguous array with rows of the file, which begins with them.

        Parameters
        ----------
        array : ndarray
            Receives the rows.
        places : ndarray of int
            Which of its rows to fill.
        rows : ndarray of int
            Which rows of the file to take.
        """
        size = array.strides[0]
        view = array.data.cast("B")
        descriptor, read = self.descriptor, os.preadv  # as few look-ups as possible in the loop
        short = 0
        for place, row in zip((places * size).tolist(), rows.tolist(), strict=True):
            short += read(descriptor, (view[place : place + size],), row * size) != size
        if short:
            raise OSError("the cache of the table was cut off while it was read")

    def write(self, data: bytes | memoryview, start: int) -> None:
        """Write all bytes at a position.

        Raises
        ------
        CacheError
            If the disk is full, for example.
        """
        rest = memoryview(data).cast("B") if len(data) else memoryview(b"")
        with _as_cache_error(self._folder):
            while len(rest):
                count = os.pwrite(self.descriptor, rest, start)
                rest, start = rest[count:], start + count

    def cut(self, size: int) -> None:
        """Remove the bytes after a position."""
        with _as_cache_error(self._folder):
            os.ftruncate(self.descriptor, size)

    def save_as(self, path: Path) -> None:
        """Give the file its name, durably; it replaces an existing one.

        Raises
        ------
        CacheError
            If that is impossible.
        """
        temporary = self._temporary
        with _as_cache_error(self._folder):
            os.fsync(self.descriptor)
            if temporary is None:
                temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
                # With a folder, which an absolute path does not need, Python follows the link.
                unnamed = f"/proc/self/fd/{self.descriptor}"
                os.link(unnamed, temporary, src_dir_fd=self.descriptor, follow_symlinks=True)
            try:
                os.replace(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise


def _close(descriptor: int, temporary: Path | None) -> None:
    os.close(descriptor)
    if temporary is not None:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)  # gone, if the file has its name
