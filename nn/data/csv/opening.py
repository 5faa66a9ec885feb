"""Opens a file, or standard input.

Anything but regular files is refused. What is in them is the business of `source`.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from .problems import Problem, advice, fail
from .rules import Rules
from .source import Source

__all__ = ["STANDARD_INPUT", "open_source", "path_text"]

STANDARD_INPUT = "-"
BLOCK_BYTES = 1 << 20
# Standard input is written to a temporary file; one without end must not fill the disk.
MOST_PIPED_BYTES = 1 << 32


def path_text(path: object, argument: str) -> str:
    """Return a path as text, with ``~`` expanded.

    Raises
    ------
    TypeError
        It is not a path.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        message = f"{argument} must be a path (str or os.PathLike), got {type(path).__name__}"
        raise TypeError(message)
    return os.path.expanduser(text)


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
