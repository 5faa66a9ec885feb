"""Finds and opens files: a path, several, a folder, or standard input.

Anything but regular files is refused. What is in them is the business of `source`.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from .problems import Problem, advice, fail
from .rules import Rules
from .source import Source

__all__ = ["STANDARD_INPUT", "find_files", "open_source"]

STANDARD_INPUT = "-"
ENDINGS = (".csv", ".csv.gz")
BLOCK_BYTES = 1 << 20
# Standard input is written to a temporary file; one without end must not fill the disk.
MOST_PIPED_BYTES = 1 << 32


def find_files(path: object, argument: str) -> list[str]:
    """Return the files that a path names: itself, those of a folder, or those of a list.

    Parameters
    ----------
    path : object
        What the caller passed.
    argument : str
        Its name in messages.

    Raises
    ------
    TypeError
        It is not a path, or a list of paths.
    IsADirectoryError
        It is a folder without CSV files.
    """
    if isinstance(path, Sequence) and not isinstance(path, str | bytes) and path:
        return [file for one in path for file in find_files(one, argument)]
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        message = f"{argument} must be a path (str or os.PathLike), got {type(path).__name__}"
        raise TypeError(message)
    text = os.path.expanduser(text)
    return _files_in(text) if text != STANDARD_INPUT and os.path.isdir(text) else [text]


def _files_in(folder: str) -> list[str]:
    names = sorted(name for name in os.listdir(folder) if name.lower().endswith(ENDINGS))
    if not names:
        sentence = "is a directory without CSV files (*.csv, *.csv.gz), expected a CSV file"
        raise IsADirectoryError(errno.EISDIR, sentence, folder)
    return [os.path.join(folder, name) for name in names]


@contextmanager
def open_source(rules: Rules) -> Iterator[Source]:
    """Open the file of the rules, which must be a regular file; close it at the end."""
    if rules.from_standard_input:
        with tempfile.TemporaryFile() as file:
            _copy_standard_input(file, rules)
            file.seek(0)
            yield Source(file, rules)
        return
    _check_regular(rules.path)
    with open(rules.path, "rb") as opened:
        source = Source(opened, rules)
        try:
            yield source
        finally:
            # Also after an error: an incomplete file explains most other problems.
            source.check_unchanged()


def _copy_standard_input(file: BinaryIO, rules: Rules) -> None:
    stream = getattr(sys.stdin, "buffer", sys.stdin)
    if stream is None:
        fail(rules.path, Problem("no standard input", "there is no standard input to read."))
    limit = MOST_PIPED_BYTES if rules.max_bytes is None else rules.max_bytes
    size = 0
    while block := stream.read(BLOCK_BYTES):
        data = block.encode() if isinstance(block, str) else block
        size += len(data)
        if size > limit:
            hint = advice(rules.offers, "max_bytes", " Pass {} to allow more.")
            sentence = f"the text has more than the limit of {limit} bytes.{hint}"
            fail(rules.path, Problem("file too large", sentence))
        file.write(data)


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
