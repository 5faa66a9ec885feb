"""Opens a CSV file, plain or gzip; anything but a regular file of text is refused.

It returns the bytes of the text, unpacked and without a byte order mark. Lines, columns and numbers
are the business of the readers.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, NamedTuple, NoReturn

import numpy as np

from .problems import Problem, advice, fail
from .unpacking import DamagedGzipError, Gunzip

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"
HEAD_BYTES = 4096
SKIP_BYTES = 1 << 18
# Ordinary CSV text packs to a tenth; only tables of almost nothing but zeros to a hundredth.
FREE_UNPACKED_BYTES = 16 * 2**20
MOST_UNPACKED_RATIO = 100
# Control bytes do not occur in text. Some magic numbers are letters, which may start a header.
CONTROL_BYTES = bytes(byte for byte in range(32) if byte not in b"\t\n\f\r")

FOREIGN_FORMATS = (
    (b"PK\x03\x04", "zip"),
    (GZIP, "gzip inside gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstandard"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xd0\xcf\x11\xe0", "xls"),
    (b"\x89HDF", "HDF5"),
    (b"\x93NUMPY", "npy"),
    (b"\x89PNG", "png"),
    (b"%PDF", "pdf"),
    (b"\x80", "pickle"),
)
HTML_STARTS = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<!--")


@dataclass(frozen=True)
class Rules:
    """The arguments of `read_csv`, checked."""

    path: str
    label: Literal["required", "optional"]
    dtype: np.dtype
    max_classes: int
    max_columns: int
    max_line_bytes: int
    max_bytes: int | None = None
    features: tuple[str, ...] | None = None
    by_position: bool = False
    offers: Mapping[str, str] = field(default_factory=dict)


class Table(NamedTuple):
    """The numbers of a file: features (rows, features), and labels (rows,) or None."""

    features: np.ndarray
    labels: np.ndarray | None
    has_line_per_row: bool = True


class ByteStream:
    """A stream of the text.

    Parameters
    ----------
    source : Source
        The file; it has the limit.
    file : binary file or Gunzip
        Returns the bytes.
    size : int, optional
        How many bytes to read at most.
    """

    def __init__(self, source: Source, file: BinaryIO | Gunzip, size: int | None = None) -> None:
        self._source = source
        self._file = file
        self._left = size
        self._limit = source.limit
        self._count = 0

    def skip(self, size: int) -> None:
        """Skip `size` bytes; only before anything was read."""
        if isinstance(self._file, Gunzip):
            while size > 0 and (block := self._file.read(min(SKIP_BYTES, size))):
                size -= len(block)
                self._count += len(block)
        else:
            self._file.seek(size)
            self._count += size

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end."""
        if self._left is not None:
            size = min(size, self._left)
        try:
            block = self._file.read(size)
        except DamagedGzipError as error:
            sentence = f"the gzip data is damaged or cut off ({error}); fetch the file again."
            fail(self._source.path, Problem("damaged gzip", sentence))
        if self._left is not None:
            self._left -= len(block)
        self._count += len(block)
        if self._limit is not None and self._count > self._limit:
            self._source.fail_on_size()
        return block


class Source:
    """An open CSV file, which can be read several times.

    Attributes
    ----------
    path : str
        Its path.
    limit : int or None
        How many bytes the text may have.
    """

    def __init__(self, file: BinaryIO, rules: Rules) -> None:
        self.path = rules.path
        self._file = file
        self._offers = rules.offers
        self._state_before = _state(file)
        self._is_gzip = file.read(len(GZIP)) == GZIP
        self.limit = rules.max_bytes
        if self.limit is None and self._is_gzip:
            self.limit = max(FREE_UNPACKED_BYTES, MOST_UNPACKED_RATIO * self._state_before[0])
        self._text_start = 0
        head = self.stream().read(HEAD_BYTES)
        _refuse_foreign(self.path, head)
        if head.startswith(BYTE_ORDER_MARK):
            self._text_start = len(BYTE_ORDER_MARK)

    def stream(self, start: int = 0, size: int | None = None) -> ByteStream:
        """Return a stream of `size` bytes from `start`; earlier streams become invalid."""
        self._file.seek(0)
        file = Gunzip(self._file) if self._is_gzip else self._file
        stream = ByteStream(self, file, size)
        stream.skip(self._text_start + start)
        return stream

    def fail_on_size(self) -> NoReturn:
        """Raise the `DataError` for a text longer than `limit`."""
        packed = self._state_before[0]
        text = f"the gzip data of {packed} bytes unpacks to" if self._is_gzip else "the text has"
        hint = advice(self._offers, "max_bytes", " Pass {} to allow more.")
        sentence = f"{text} more than the limit of {self.limit} bytes. Is it the right file?{hint}"
        fail(self.path, Problem("file too large", sentence))

    def check_unchanged(self) -> None:
        """Raise `DataError` if the file was changed since it was opened."""
        if _state(self._file) != self._state_before:
            sentence = "the file changed during reading; read it again when it is complete."
            fail(self.path, Problem("file changed", sentence))


@contextmanager
def open_source(rules: Rules) -> Iterator[Source]:
    """Open the file of the rules, which must be a regular file; close it at the end."""
    _check_regular(rules.path)
    with open(rules.path, "rb") as file:
        yield Source(file, rules)


def _check_regular(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        sentence = f"no such file (working directory {os.getcwd()!r})"
        raise FileNotFoundError(errno.ENOENT, sentence, path) from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory, expected a CSV file", path)
    # Opening a named pipe would wait for a writer, so check before opening.
    if not stat.S_ISREG(mode):
        fail(path, Problem("not a regular file", "not a regular file; save the data to a file."))


def _state(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _refuse_foreign(path: str, head: bytes) -> None:
    if not head:
        sentence = "file is empty; expected a header line 'label,...'"
        fail(path, Problem("empty file", sentence))
    if encoding := _wide_encoding(head):
        sentence = f"the text is {encoding}; save as UTF-8."
        fail(path, Problem("not UTF-8", sentence))
    if name := _foreign_format(head):
        sentence = f"found {name} data, expected CSV text; decompress first, or export it as CSV."
        fail(path, Problem("not CSV", sentence))
    if head.removeprefix(BYTE_ORDER_MARK).lstrip().lower().startswith(HTML_STARTS):
        sentence = "looks like HTML, perhaps a saved error page; download the CSV file itself."
        fail(path, Problem("not CSV", sentence))


def _wide_encoding(head: bytes) -> str | None:
    """Return the name of an encoding of 2 or 4 bytes a character: it has a mark, or many NULs."""
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    start = head[:64]
    if len(start) >= 4 and (not any(start[1::2]) or not any(start[0::2])) and any(start):
        return "UTF-16"
    return None


def _foreign_format(head: bytes) -> str | None:
    if not any(byte in CONTROL_BYTES for byte in head):
        return None
    for magic, name in FOREIGN_FORMATS:
        if head.startswith(magic):
            if name == "zip" and (b"[Content_Types].xml" in head or b"xl/" in head):
                return "xlsx (Excel)"
            return name
    return "tar" if head[257:262] == b"ustar" else None
