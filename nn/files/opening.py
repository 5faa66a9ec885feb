"""Opens a model file for reading: only regular files up to a limit, no pipes and devices.

The content is not read here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import IO

from ..errors import ModelFileError

MOST_BYTES = 2 * 1024**3


@contextlib.contextmanager
def opened(
    path: str | os.PathLike[str], max_bytes: int = MOST_BYTES, names_options: bool = True
) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file and return it with its size; pipes and devices are refused.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_bytes : int
        The limit on its size.
    names_options : bool
        Whether the error may recommend ``max_bytes=``.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If the file does not exist, or cannot be opened.
    ModelFileError
        If it is not a regular file, or larger than `max_bytes`.
    """
    # Without O_NONBLOCK, opening a named pipe would wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise FileNotFoundError(
            errno.ENOENT,
            f"no model file of this name; the working directory is {os.getcwd()!r}",
            os.fspath(path),
        ) from None
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, descriptor)
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(
                errno.EISDIR, "a folder; give the name of the model file in it", os.fspath(path)
            )
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError("a pipe, socket or device; expected a regular file")
        if status.st_size > max_bytes:
            raise ModelFileError(
                f"the file has {status.st_size} bytes, the limit is {max_bytes}"
                + (" (max_bytes=)" if names_options else "")
            )
        yield stack.enter_context(os.fdopen(descriptor, "rb", closefd=False)), status.st_size
