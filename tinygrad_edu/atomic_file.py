"""The one writer of files: a file is either the old one or the new one, never half of one.

Models, pictures and reports all go through `write_atomically`. It lives on the ground floor
because the drawings of the engine and the model files of `nn` both need it. It keeps permissions
and owner of the file it replaces, and no access lists or extended attributes. It imports nothing of
the project, so that a test can load it alone, in a process that starts in no time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
import time
import warnings
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

__all__ = ["check_writable_folder", "try_lock", "write_atomically"]

# A shared folder may hold files of other machines, whose locks cannot be seen from here.
_MACHINE = zlib.crc32(os.uname().nodename.encode()) if hasattr(os, "uname") else 0
_PREFIX = f".writing-{_MACHINE:08x}-"
_SUFFIX = ".tmp"
_TEMPORARY_NAME = re.compile(rf"{re.escape(_PREFIX)}[0-9a-f]{{16}}{re.escape(_SUFFIX)}")
_BEHIND_THE_CONTENT = 1 << 30  # Windows refuses to read what is locked
_ABANDONED_AFTER = 60.0  # seconds; a file is locked long before


def write_atomically(
    path: str | os.PathLike[str], data: bytes | str | Iterable[bytes | memoryview]
) -> Path:
    """Write a whole file, durably, or leave what was there untouched.

    The data go into a temporary file in the same folder, are forced to disk, and take the place
    of the target by a rename, which is atomic; then the folder itself is forced to disk. A link
    is followed, so that the file it points to is replaced and not the link. While it is written,
    the temporary file of an existing target is readable for its owner alone; then it gets the
    permissions of the target, and its owner and group where the system allows that.

    Parameters
    ----------
    path : str or path-like
        The file to write. Its folder must exist.
    data : bytes or str, or iterable of bytes
        What to write; text is written as UTF-8, pieces one after the other.

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

    Warns
    -----
    UserWarning
        Before the write, if the file has other names (hard links): these keep the old content,
        because a write into the file itself could not be atomic.

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
    replaced = _status_of(target, given)
    if replaced is not None and replaced.st_nlink > 1:
        warnings.warn(
            f"{str(given)!r} has {replaced.st_nlink - 1} other name(s), hard links, which keep the "
            "old content",
            UserWarning,
            stacklevel=2,
        )
    content = data.encode("utf-8") if isinstance(data, str) else data
    pieces = [content] if isinstance(content, bytes | bytearray | memoryview) else content
    _remove_abandoned(target.parent)
    temporary = _temporary_in(target.parent)
    try:
        # The system takes the user's umask off the permissions of a new file.
        with _create(temporary, 0o666 if replaced is None else 0o600) as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            if replaced is not None:
                _take_over(stream.fileno(), temporary, replaced)
            os.fsync(stream.fileno())
            if os.name == "posix":  # closing it first would release the lock
                os.replace(temporary, target)
        if os.name != "posix":  # Windows renames no open file
            os.replace(temporary, target)
    except BaseException as problem:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(problem, OSError) and problem.errno is not None:
            # The file that was asked for is named, not the temporary one.
            kept = "nothing was written" if replaced is None else "the old file is unchanged"
            message = f"{problem.strerror}; {kept}"
            raise OSError(problem.errno, message, str(given)) from None
        raise
    _sync_folder(target.parent)
    return given


def check_writable_folder(path: str | os.PathLike[str], needed: int = 0) -> None:
    """Make sure, before hours of work, that files can be written into a folder.

    Parameters
    ----------
    path : str or path-like
        The folder.
    needed : int, optional
        How many bytes must be free on its disk.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError
        If it does not exist, is not a folder, or does not take new files.
    OSError
        If the disk has too little space.
    """
    import shutil  # slow to import, and only needed here

    folder = Path(path)
    if not folder.exists():
        message = "this folder does not exist; create it first, for example with os.makedirs"
        raise FileNotFoundError(errno.ENOENT, message, str(path))
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is a file, expected a folder", str(path))
    probe = _temporary_in(folder)
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        os.unlink(probe)
    except OSError as problem:
        raise OSError(
            problem.errno, f"{problem.strerror}; it takes no new files", str(path)
        ) from None
    free = shutil.disk_usage(folder).free
    if free < needed:
        message = f"{free} bytes are free on its disk, {needed} are needed; make room first"
        raise OSError(errno.ENOSPC, message, str(path))


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed, unless another process has locked it.

    Parameters
    ----------
    descriptor : int
        Of the open file. Opening the same file twice makes two that exclude each other.

    Returns
    -------
    bool
        Whether the file is locked now.

    Raises
    ------
    OSError
        If the file system has no locks, as some network drives.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as first, open(first.name, "rb") as second:
    ...     try_lock(first.fileno()), try_lock(second.fileno())
    (True, False)
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _BEHIND_THE_CONTENT, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the second is how Windows says it
        return False
    return True


def _temporary_in(folder: Path) -> Path:
    return folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"


def _create(temporary: Path, permissions: int) -> IO[bytes]:
    """Open a new file and lock it, so that it is not taken for an abandoned one."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, permissions)
    if os.name == "posix":
        with contextlib.suppress(OSError):  # where there are no locks, nothing is cleaned up
            try_lock(descriptor)
    return os.fdopen(descriptor, "wb")


def _status_of(target: Path, given: Path) -> os.stat_result | None:
    """Look at the file that will be replaced, if there is one; it must be a regular file."""
    try:
        status = target.stat()
    except FileNotFoundError:
        if not target.parent.is_dir():
            message = f"there is no folder {str(target.parent)!r}; create it first"
            raise FileNotFoundError(errno.ENOENT, message, str(given)) from None
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder; name a file in it", str(given))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is a device or a pipe, not a regular file", str(given))
    return status


def _take_over(descriptor: int, temporary: Path, replaced: os.stat_result) -> None:
    """Set the owner, group and permissions of the new file to those of the file it replaces."""
    mode = stat.S_IMODE(replaced.st_mode)
    if os.name == "posix":
        status = os.fstat(descriptor)
        owner, group = replaced.st_uid, replaced.st_gid
        try:
            if status.st_uid != owner:
                with contextlib.suppress(PermissionError):  # only a superuser gives files away
                    os.fchown(descriptor, owner, -1)
            if status.st_gid != group:
                os.fchown(descriptor, -1, group)
        except OSError:
            # What the old group may do is not for ours: it gets what everybody may.
            mode = mode & ~0o070 | (mode & 0o007) << 3
    os.chmod(temporary, mode)


def _remove_abandoned(folder: Path) -> None:
    """Remove what a process that was killed while writing has left behind.

    Only a file with the name of a temporary file of this machine is looked at; it must be a
    minute old and belong to this user, and its lock must be free, which means that its writer is
    dead. Windows has other locks; nothing is removed there.
    """
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if _TEMPORARY_NAME.fullmatch(name):
                _remove_if_abandoned(folder / name)


def _remove_if_abandoned(file: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
            is_old = time.time() - status.st_mtime > _ABANDONED_AFTER
            if is_ours and is_old and try_lock(descriptor):
                file.unlink()
        finally:
            os.close(descriptor)


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
