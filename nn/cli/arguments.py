"""Reads the arguments that several commands share: numbers, widths, folders.

Arguments of a single command are declared next to it.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import re
from collections.abc import Iterator
from pathlib import Path

from tinygrad_edu.errors import printable


def whole(text: str) -> int:
    """Read an integer in digits; `int` would also accept 4_0."""
    if not re.fullmatch(r" *[-+]?[0-9]+ *", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, such as 10")
    return int(text)


def number(text: str) -> float:
    """Read a number in digits; `float` would also accept 4_0."""
    try:
        if "_" not in text and text.isascii():
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a number, such as 0.1")


def say(text: str) -> None:
    """Print a line on standard output, with control characters escaped."""
    print(printable(text))


def add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=whole, default=0, help="fixes all random numbers (0)")


def structure(text: str) -> list[int]:
    try:
        return [whole(width) for width in text.split(",")]
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a structure; write widths with commas between them: 784,128,64,10"
        ) from None


@contextlib.contextmanager
def folder_for(path: str, *, is_made: bool = True) -> Iterator[Path]:
    """Create the folder for the results; remove it if an error leaves it empty.

    Parameters
    ----------
    path : str
        The folder.
    is_made : bool
        False if another process does all that.
    """
    folder = Path(path)
    if not is_made:
        yield folder
        return
    is_new = not folder.exists()
    if not is_new and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is a file; --out takes a folder", path)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
