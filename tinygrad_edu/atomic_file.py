"""Writes files atomically: afterwards a file is either the old one or the new one, never a part.

All models, pictures and reports are written by `write_atomically`. It keeps the permissions and the
owner of the file that it replaces, but not access lists or extended attributes. It imports nothing
of the project, so that a test can load it alone in a process that starts fast.
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
from types import ModuleType
from typing import IO

__all__ = ["check_writable_folder", "try_lock", "write_atomically"]

# A shared folder may hold files of other machines; their locks are not visible on this one.
_MACHINE = zlib.crc32(os.uname().nodename.encode()) if hasattr(os, "uname") else 0
_PREFIX = f".writing-{_MACHINE:08x}-"
_SUFFIX = ".tmp"
_TEMPORARY_NAME = re.compile(rf"{re.escape(_PREFIX)}[0-9a-f]{{16}}{re.escape(_SUFFIX)}")
_BEHIND_THE_CONTENT = 1 << 30  # Windows refuses to read what is locked
_ABANDONED_AFTER = 60.0  # seconds; its writer locks a file much earlier


def write_atomically(
    path: str | os.PathLike[str], data: bytes | str | Iterable[bytes | memoryview]
) -> Path:
    """Write a whole file durably, or leave the old file untouched.

    The data are written to a temporary file in the same folder and forced to disk. A rename, which
    is atomic, replaces the target; then the folder itself is forced to disk. Links are followed:
    the file that a link points to is replaced, not the link. If the target exists, only its owner
    can read the temporary file during the write; then the permissions of the target are copied, and
    its owner and group if the system allows it.

    Parameters
    ----------
    path : str or path-like
        The file to write. Its folder must exist.
    data : bytes or str, or iterable of bytes
        What to write: text as UTF-8, the pieces of an iterable one after the other.

    Returns
    -------
    pathlib.Path
        The given path.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    IsADirectoryError
        If the path is a folder.
    OSError
        If the path is a device or a pipe, or if the system cannot write. The error names the
        file; the old file is unchanged, and no temporary file remains.

    Warns
    -----
    UserWarning
        Before the write, if the file has other names (hard links): these keep the old content,
        because a write into the file itself would not be atomic.

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
        # The system removes the user's umask from the permissions of a new file.
        with _create(temporary, 0o666 if replaced is None else 0o600) as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            if replaced is not None:
                _take_over(stream.fileno(), temporary, replaced)
            os.fsync(stream.fileno())
            if os.name == "posix":  # closing it first would release the lock
                os.replace(temporary, target)
        if os.name != "posix":  # Windows cannot rename an open file
            os.replace(temporary, target)
    except BaseException as problem:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(problem, OSError) and problem.errno is not None:
            # The error names the target, not the temporary file.
            kept = "nothing was written" if replaced is None else "the old file is unchanged"
            message = f"{problem.strerror}; {kept}"
            raise OSError(problem.errno, message, str(given)) from None
        raise
    _sync_folder(target.parent)
    return given


def check_writable_folder(path: str | os.PathLike[str], needed: int = 0) -> None:
    """Check, before hours of work, that files can be written into a folder.

    Parameters
    ----------
    path : str or path-like
        The folder.
    needed : int, optional
        How many bytes must be free on its disk.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError
        If it does not exist, is not a folder, or no file can be created in it.
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
    if not hasattr(shutil, "disk_usage"):  # in WebAssembly, nobody knows
        return
    free = shutil.disk_usage(folder).free
    if free < needed:
        message = f"{free} bytes are free on its disk, {needed} are needed; make room first"
        raise OSError(errno.ENOSPC, message, str(path))


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed, unless another process has locked it.

    Parameters
    ----------
    descriptor : int
        That of the open file. Two descriptors of the same file exclude each other.

    Returns
    -------
    bool
        Whether the file is locked now.

    Raises
    ------
    OSError
        If the file system has no locks, like some network drives and WebAssembly.

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
            fcntl = _posix_locks()
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # Windows raises the second
        return False
    return True


def _posix_locks() -> ModuleType:
    try:
        import fcntl
    except ImportError:  # WebAssembly has one process, so it needs no locks
        raise OSError(errno.ENOLCK, "this system has no locks") from None
    return fcntl


def _temporary_in(folder: Path) -> Path:
    return folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"


def _create(temporary: Path, permissions: int) -> IO[bytes]:
    """Open a new file and lock it, so that it is not taken for an abandoned one."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, permissions)
    if os.name == "posix":
        with contextlib.suppress(OSError):  # without locks, nothing is cleaned up
            try_lock(descriptor)
    return os.fdopen(descriptor, "wb")


def _status_of(target: Path, given: Path) -> os.stat_result | None:
    """Return the status of the file to be replaced, or None; it must be a regular file."""
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
    if hasattr(os, "fchown"):  # neither Windows nor WebAssembly has owners
        status = os.fstat(descriptor)
        owner, group = replaced.st_uid, replaced.st_gid
        try:
            if status.st_uid != owner:
                with contextlib.suppress(PermissionError):  # only a superuser may
                    os.fchown(descriptor, owner, -1)
            if status.st_gid != group:
                os.fchown(descriptor, -1, group)
        except OSError:
            # The new group must not get the rights of the old one: it gets those of others.
            mode = mode & ~0o070 | (mode & 0o007) << 3
    os.chmod(temporary, mode)


def _remove_abandoned(folder: Path) -> None:
    """Remove temporary files of processes that were killed while writing.

    Such a file has the name of a temporary file of this machine, is at least a minute old, belongs
    to this user, and is not locked, which means that its writer is dead. Windows has other locks,
    and WebAssembly none; there, nothing is removed.
    """
    if not hasattr(os, "geteuid"):
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
    """Make the rename durable, if the system can; the file has been replaced already."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
