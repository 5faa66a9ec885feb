"""Prevents two programs from training into the same folder at the same time.

The lock is a file in the folder, which contains the process number. The system releases it when the
process ends in any way; a lock file that remains after that does not lock anything.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterator

from tinygrad_edu.atomic_file import try_lock

LOCK_FILE = ".model.lock"

# The folders that this process has locked, by device and inode, with the numbers of process and
# thread: after a fork, the child has locked none of them.
_held: dict[tuple[int, int], tuple[int, int]] = {}
_guard = threading.Lock()


@contextlib.contextmanager
def folder_lock(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Lock a folder while the block runs; if it is locked already, raise an error at once.

    A thread with the lock may enter again. On a file system without locks the block runs without.

    Parameters
    ----------
    folder : str or path-like
        An existing folder.

    Raises
    ------
    BlockingIOError
        If another process, or another thread of this one, has locked it; the error names it.
    OSError
        If the lock file cannot be created.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, folder_lock(folder):
    ...     holds_folder_lock(folder)
    True
    """
    key = _key(folder)
    me = (os.getpid(), threading.get_ident())
    with _guard:
        holder = _held.get(key)
        if holder is not None and holder[0] != me[0]:
            holder = None
        if holder is None:
            _held[key] = me
    if holder == me:
        yield
        return
    if holder is not None:
        raise _busy("another thread of this program", folder)
    try:
        with _lock_file(folder):
            yield
    finally:
        with _guard:
            _held.pop(key, None)


def holds_folder_lock(folder: str | os.PathLike[str]) -> bool:
    """Return whether any thread of this process has locked the folder."""
    return _held.get(_key(folder), (0, 0))[0] == os.getpid()


def _key(folder: str | os.PathLike[str]) -> tuple[int, int]:
    status = os.stat(folder)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "is a file, expected a folder", os.fspath(folder))
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def _lock_file(folder: str | os.PathLike[str]) -> Iterator[None]:
    path = os.path.join(folder, LOCK_FILE)
    descriptor = _locked(path, folder)
    try:
        yield
    finally:
        # Removed while it is locked; on Windows, an open file cannot be removed and remains.
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _locked(path: str, folder: str | os.PathLike[str]) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    while True:
        descriptor = os.open(path, flags, 0o666)
        try:
            if not _lock_or_go_without(descriptor):
                raise _busy(_holder(descriptor), folder)
            # The previous holder may have removed the file after it was opened here.
            if _is_at(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock_or_go_without(descriptor: int) -> bool:
    try:
        return try_lock(descriptor)
    except OSError:
        return True


def _is_at(path: str, descriptor: int) -> bool:
    opened = os.fstat(descriptor)
    if not stat.S_ISREG(opened.st_mode):
        raise OSError(errno.EINVAL, "is in the place of a lock file; remove it", path)
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (opened.st_dev, opened.st_ino)


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    number = os.read(descriptor, 20).strip()
    return f"process {number.decode()}" if number.isdigit() else "another process"


def _busy(holder: str, folder: str | os.PathLike[str]) -> BlockingIOError:
    message = (
        f"{holder} is writing a model into this folder; wait until it has finished, or use "
        "another folder"
    )
    return BlockingIOError(errno.EWOULDBLOCK, message, os.fspath(folder))
