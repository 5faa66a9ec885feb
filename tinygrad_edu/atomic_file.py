"""The one writer of files: a file is either the old one or the new one, never half of one.

Models, pictures and reports all go through `write_atomically`. It lives on the ground floor
because the drawings of the engine and the model files of `nn` both need it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

__all__ = ["write_atomically"]


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
        Whatever the disk says; the old file is intact then and nothing is left behind.

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
    if target.is_dir():
        raise IsADirectoryError(f"{given} is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {given}: there is no folder {target.parent}")
    content = data.encode("utf-8") if isinstance(data, str) else data
    descriptor, temporary = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.name}.", suffix=".tmp"
    )
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, _mode_for(target))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(target.parent)
    return given


def _mode_for(target: Path) -> int:
    """The permissions of the file that is replaced, or those any new file of this user gets."""
    with contextlib.suppress(FileNotFoundError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; only POSIX systems can open a folder for that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
