"""Writes the files of an export into a folder, where files of the user are never changed.

A list in the folder has the digests of what was written. A later export replaces or removes only
files that are listed and unchanged. What is exported is decided by the caller.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .atomic_file import check_writable_folder, write_atomically

__all__ = ["check_export", "write_export"]

_AUTHOR = "tinygrad_edu"
_Digests = dict[str, list[str]]


def check_export(folder: Path, list_name: str, names: Iterable[str]) -> None:
    """Check, before the work for an export, that its files may be written.

    Parameters
    ----------
    folder : Path
        It need not exist; its parent must.
    list_name : str
        The name of the list in the folder, such as ``"frames.json"``.
    names : iterable of str
        The names of the files, without the list.

    Raises
    ------
    FileExistsError
        If a file with one of the names was not written by an export, or was changed since; or if
        the list is something else.
    OSError
        If the folder takes no files.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> check_export(Path(folder.name), "frames.json", ["frame-001.svg"])
    >>> folder.cleanup()
    """
    _known_files(folder, list_name, names)


def write_export(
    folder: Path, list_name: str, files: Mapping[str, bytes], described: Mapping[str, Any]
) -> None:
    """Write all files and the list; then remove files of the last export that are not needed.

    The list is written first, with the old files, so that an export that is interrupted can be
    repeated.

    Parameters
    ----------
    folder : Path
        It is made if it does not exist.
    list_name : str
    files : mapping of str to bytes
        The contents by name.
    described : mapping
        What else the list has, as JSON.

    Raises
    ------
    OSError
        As for `check_export`, before anything is written; or if the system cannot write.

    Examples
    --------
    >>> import tempfile
    >>> temporary = tempfile.TemporaryDirectory()
    >>> folder = Path(temporary.name)
    >>> for names in (["1.svg", "2.svg"], ["1.svg"]):
    ...     write_export(folder, "list.json", dict.fromkeys(names, b"a picture"), {})
    >>> sorted(path.name for path in folder.iterdir())
    ['1.svg', 'list.json']
    >>> temporary.cleanup()
    """
    known = _known_files(folder, list_name, files)
    digests: _Digests = {name: [_digest(data)] for name, data in files.items()}
    both = known | {name: [*new, *known.get(name, [])] for name, new in digests.items()}
    folder.mkdir(exist_ok=True)
    _write_list(folder / list_name, described, both)
    for name, data in files.items():
        write_atomically(folder / name, data)
    for name in known.keys() - files.keys() - {list_name}:
        if _is_unchanged(folder / name, known[name]):
            (folder / name).unlink()
    _write_list(folder / list_name, described, digests)


def _known_files(folder: Path, list_name: str, names: Iterable[str]) -> _Digests:
    """Return what an earlier export wrote; refuse to replace any other file."""
    if not folder.exists():
        check_writable_folder(folder.parent)
        return {}
    check_writable_folder(folder)
    known = _read_list(folder / list_name)
    for name in names:
        path = folder / name
        if not os.path.lexists(path):
            continue
        if name not in known:
            problem = "was not written by an export"
        elif not _is_unchanged(path, known[name]):
            problem = "was changed after the export"
        else:
            continue
        raise FileExistsError(f"{str(path)!r} {problem}; move it, or choose another folder")
    return known


def _read_list(path: Path) -> _Digests:
    if not os.path.lexists(path):
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["written_by"] != _AUTHOR:
            raise ValueError("it has another author")
        known = {str(name): list(map(str, digests)) for name, digests in found["sha256"].items()}
        if any(Path(name).name != name for name in known):
            raise ValueError("it names files in other folders")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise FileExistsError(
            f"{str(path)!r} is not the list of an export; move it, or choose another folder"
        ) from problem
    return known


def _write_list(path: Path, described: Mapping[str, Any], digests: _Digests) -> None:
    listed = {"written_by": _AUTHOR, **described, "sha256": digests}
    write_atomically(path, json.dumps(listed, indent=1, ensure_ascii=False) + "\n")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_unchanged(path: Path, digests: Iterable[str]) -> bool:
    return path.is_file() and not path.is_symlink() and _digest(path.read_bytes()) in digests
