"""An open CSV file, plain or gzip; anything but text is refused.

It returns the bytes of the text, unpacked and without a byte order mark. Lines, columns and numbers
are the business of the readers.
"""

from __future__ import annotations

import os
from typing import BinaryIO, NamedTuple, NoReturn

import numpy as np

from .layout import SPACES, Layout
from .problems import Problem, advice, fail
from .rules import Rules
from .sniffing import EXCEL_LINE, find_layout
from .unpacking import DamagedGzipError, Gunzip

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"
HEAD_BYTES = 4096
MOST_SNIFFED = 1 << 18
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


class Table(NamedTuple):
    """The rows of a file: features (rows, features), labels (rows,) or None, cells of the ids."""

    features: np.ndarray
    labels: np.ndarray | None
    has_line_per_row: bool = True
    ids: list[str] | None = None


class ByteStream:
    """A stream of the text, with commas and decimal points as in `Layout.canonical`.

    Parameters
    ----------
    source : Source
        The file; it has the limit and the layout.
    file : binary file or Gunzip
        Returns the bytes.
    """

    def __init__(self, source: Source, file: BinaryIO | Gunzip) -> None:
        self._source = source
        self._file = file
        self._left: int | None = None
        self._limit = source.limit
        self._count = 0
        # Blanks at the ends of lines are removed line by line, so some text has to wait.
        self._by_line = source.layout.separator == SPACES
        self._ready = self._line = b""

    def skip(self, size: int, raw: int) -> None:
        """Skip `raw` bytes of the file and `size` of the text; only before anything was read."""
        if isinstance(self._file, Gunzip):
            while raw > 0 and (block := self._file.read(min(SKIP_BYTES, raw))):
                raw -= len(block)
                self._count += len(block)
        else:
            self._file.seek(raw)
            self._count += raw
        while size > 0 and (block := self.read(min(SKIP_BYTES, size))):
            size -= len(block)

    def limit_to(self, size: int | None) -> None:
        """Read at most so many bytes more; None: all."""
        self._left = size

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end."""
        if self._left is not None:
            size = min(size, self._left)
        block = self._of_lines(size) if self._by_line else self._translated(size)
        if self._left is not None:
            self._left -= len(block)
        return block

    def _translated(self, size: int) -> bytes:
        return self._source.layout.canonical(self._raw(size))

    def _of_lines(self, size: int) -> bytes:
        """Return text without the blanks around cells, which can be shorter than in the file."""
        while size > 0 and not self._ready:
            block = self._raw(max(size, len(self._line)))
            text = self._line + block
            # A line that exceeds the limit is passed on; the reader refuses it.
            long = len(text) > self._source.max_line_bytes
            end = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1 if block and not long else len(text)
            self._line = text[end:]
            self._ready = self._source.layout.canonical(text[:end])
            if not block:
                break
        block, self._ready = self._ready[:size], self._ready[size:]
        return block

    def _raw(self, size: int) -> bytes:
        try:
            block = self._file.read(size)
        except DamagedGzipError as error:
            sentence = f"the gzip data is damaged or cut off ({error}); fetch the file again."
            fail(self._source.path, Problem("damaged gzip", sentence))
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
    max_line_bytes : int
        How many bytes a line may have.
    layout : Layout
        Its separator and decimal mark.
    lines_before : int
        Lines before the table: 1 if the first line is Excel's ``sep=;``.
    """

    def __init__(self, file: BinaryIO, rules: Rules) -> None:
        self.path = rules.path
        self.max_line_bytes = rules.max_line_bytes
        self._file = file
        self._offers = rules.offers
        self._state_before = _state(file)
        self._is_gzip = file.read(len(GZIP)) == GZIP
        self.limit = rules.max_bytes
        if self.limit is None and self._is_gzip:
            self.limit = max(FREE_UNPACKED_BYTES, MOST_UNPACKED_RATIO * self._state_before[0])
        self.layout = Layout()
        self.lines_before = self._text_start = 0
        head = self.stream().read(HEAD_BYTES)
        _refuse_foreign(self.path, head)
        if head.startswith(BYTE_ORDER_MARK):
            self._text_start = len(BYTE_ORDER_MARK)
        self._find_layout(head, rules)

    def _find_layout(self, head: bytes, rules: Rules) -> None:
        excel = EXCEL_LINE.match(head, self._text_start)
        if excel is not None:
            self.lines_before = 1
            self._text_start = excel.end()
        if rules.sep is not None and rules.decimal is not None:
            self.layout = Layout(rules.sep, rules.decimal)
            return
        head = self.stream().read(MOST_SNIFFED)
        mark = excel[1].decode("latin-1") if excel is not None else None
        self.layout = find_layout(head, rules, mark, whole=len(head) < MOST_SNIFFED)

    def stream(self, start: int = 0, size: int | None = None) -> ByteStream:
        """Return a stream of `size` bytes from `start`; earlier streams become invalid."""
        self._file.seek(0)
        file = Gunzip(self._file) if self._is_gzip else self._file
        stream = ByteStream(self, file)
        by_line = self.layout.separator == SPACES
        stream.skip(start if by_line else 0, self._text_start + (0 if by_line else start))
        stream.limit_to(size)
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
