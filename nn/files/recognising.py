"""Opens a model file and recognises its layout by its content, never by its name.

Each problem becomes one line that starts with the name of the file. The content is read elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import IO, Literal

from tinygrad_edu.errors import printable

from ..errors import ModelFileError, UnsafeModelFileError
from .opening import opened

__all__ = ["CONTENT", "opened_model"]

CONTENT = "content"
"""The key of the text that a native file has if it is not a trained network."""

_PIECE = 256 * 1024
_FEWEST_ZEROS = 8

# Files that people pass by mistake.
_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive, as torch.save, numpy.savez and Keras write it",
    b"\x89HDF": "an HDF5 file, as Keras wrote it",
    b"\x93NUMPY": "a single array of numpy.save",
    b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46": "a file of torch.save before version 1.6",
    b"\x1f\x8b": "a gzip file",
    b"x\x9c": "a compressed file, as joblib writes it",
    b"\x89PNG": "a PNG picture",
}

_CONVERT = (
    ", not a model file; convert it in PyTorch: safetensors.torch.save_file(torch.load(path, "
    "weights_only=True), 'model.safetensors'), then nn.bridges.pytorch.load_safetensors loads it"
)

# Protocol 2 and later have a first byte of their own. Before, a dict starts with its opcodes; the
# pattern is exact, so that text is not taken for a pickle.
_PICKLE_START = re.compile(
    rb"\x80|\(dp[0-9]|\(d[V(]|[}\]][q(]|\(S'|\(?[ci][\w.]+\n[\w.]+\n([(q]|p[0-9])"
)


@contextlib.contextmanager
def opened_model(
    path: str | os.PathLike[str], max_bytes: int, names_options: bool = True
) -> Iterator[tuple[IO[bytes], int, Literal["native", "pickle"]]]:
    """Open a model file, and yield it with its size and its layout.

    Errors about the content, also those of the caller's block, become a `ModelFileError` that names
    the file and the zero bytes at its end.

    Parameters
    ----------
    path : str or path-like
        The file, with any name.
    max_bytes : int
        The limit on its size.
    names_options : bool
        Whether errors may recommend ``max_bytes=``.
    """
    try:
        with opened(path, max_bytes, names_options) as (stream, size):
            try:
                yield stream, size, _layout_of(stream, size)
            except UnsafeModelFileError:
                raise
            except ModelFileError as problem:
                zeros = "" if "zero bytes" in str(problem) else _zeros_at_the_end(stream, size)
                raise ModelFileError(f"{problem}{zeros}") from None
    except ModelFileError as problem:
        raise type(problem)(f"{printable(path)}: {problem}") from None
    except ValueError as problem:  # the arrays are intact, but do not form a network
        raise ModelFileError(f"{printable(path)}: {problem}") from None


def _layout_of(stream: IO[bytes], size: int) -> Literal["native", "pickle"]:
    """Return the layout of a file; everything else is an error that says what the file is."""
    start = stream.read(min(512, size))
    if not start:
        raise ModelFileError("the file is empty; expected a model file")
    if not start.strip(b"\0"):
        raise ModelFileError("the first bytes are zero: damaged, or not a model file")
    if start[8:9] == b"{":  # every native file has this byte there, and no pickle
        return "native"
    for magic, what in _OTHER_FORMATS.items():
        if start.startswith(magic):
            what = "a file of torch.save" if b"/data.pkl" in start else what
            if what.startswith("a file of torch.save"):
                raise ModelFileError(f"{what}, which is a pickle{_CONVERT}")
            raise ModelFileError(f"{what}, not a model file; load it there and save plain arrays")
    if _PICKLE_START.match(start):
        return "pickle"
    if size < 9:
        raise ModelFileError(
            f"{start!r} is all there is: truncated at offset {size}, or not a model file"
        )
    raise ModelFileError(
        f"the first bytes are {start[:12]!r}: not a model file, neither native nor a pickle"
    )


def _zeros_at_the_end(stream: IO[bytes], size: int) -> str:
    """Report zero bytes at the end, which a full disk or a power cut leaves."""
    count = 0
    while count < size:
        start = max(0, size - count - _PIECE)
        stream.seek(start)
        piece = stream.read(size - count - start)
        rest = piece.rstrip(b"\0")
        count += len(piece) - len(rest)
        if rest or not piece:
            break
    return f"; the file ends with {count} zero bytes" if count >= _FEWEST_ZEROS else ""
