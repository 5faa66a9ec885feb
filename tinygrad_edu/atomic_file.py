"""The one writer of files: a file is either the old one or the new one, never half of one.

Models, pictures and reports all go through `write_atomically`. It lives on the ground floor
because the drawings of the engine and the model files of `nn` both need it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from pathlib import Path

__all__ = ["check_writable_folder", "write_atomically"]

_PREFIX, _SUFFIX = ".writing-", ".tmp"
_ABANDONED_AFTER = 60.0  # seconds; a file is written in far less


def write_atomically(path: str | os.PathLike[str], data: bytes | str) -> Path:
    """Write a whole file, durably, or leave what was there untouched.

    The data go into a temporary file in the same folder, are forced to disk, and take the place
    of the target by a rename, which is atomic; then the folder itself is forced to disk. A link
    is followed, so that the file it points to is replaced and not the link.

    Parameters
    ----------
    path : str or path-like
        The file to write. Its folder must exist.
    data : bytes or str
        What to write; text is written as UTF-8.

    Returns
    -------
    pathlib.Path
        The path as it was given.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    IsADirectoryError
        If the path is a folder.
    OSError
        If the path is a device or a pipe, or whatever the disk says, with the name of the file;
        the old file is intact then and nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> write_atomically(folder.name + "/a.txt", "hello").read_text()
    'hello'
    >>> folder.cleanup()
    """
    given = Path(path)
    target = Path(os.path.realpath(given))
    mode = _mode_of(target, given)
    _remove_abandoned(target.parent)
    content = data.encode("utf-8") if isinstance(data, str) else data
    temporary = target.with_name(f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}")
    try:
        # The system takes the user's umask off these permissions, as for any new file.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as stream:
            stream.write(content)
            stream.flush()
            if mode is not None:
                os.chmod(temporary, mode)
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except BaseException as problem:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(problem, OSError):  # the file that was asked for, not the temporary one
            problem.filename, problem.filename2 = str(given), None
        raise
    _sync_folder(target.parent)
    return given


def check_writable_folder(path: str | os.PathLike[str]) -> None:
    """Make sure, before hours of work, that files can be written into a folder.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError
        If it does not exist, is no folder, or does not take new files.
    """
    folder = Path(path)
    if not folder.exists():
        message = "this folder does not exist; create it first, for example with os.makedirs"
        raise FileNotFoundError(errno.ENOENT, message, str(path))
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is a file, expected a folder", str(path))
    probe = folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        os.unlink(probe)
    except OSError as problem:
        problem.filename = str(path)
        raise


def _mode_of(target: Path, given: Path) -> int | None:
    """Find the permissions of the file that will be replaced; refuse what is no plain file."""
    try:
        status = target.stat()
    except FileNotFoundError:
        if not target.parent.is_dir():
            message = f"there is no folder {target.parent}; create it first"
            raise FileNotFoundError(errno.ENOENT, message, str(given)) from None
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder; name a file in it", str(given))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is a device or a pipe, not a regular file", str(given))
    return stat.S_IMODE(status.st_mode)


def _remove_abandoned(folder: Path) -> None:
    """Remove what a process that was killed while writing has left behind."""
    with contextlib.suppress(OSError):
        for entry in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
            if time.time() - entry.stat().st_mtime > _ABANDONED_AFTER:
                entry.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can: the file is in place already."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
