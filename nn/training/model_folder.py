"""The folder that a training writes into: its model, what was there before, and what is stale.

It decides which file goes where. How a file is written is in `nn.files`, and pictures are drawn
in `figures`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from tinygrad_edu.atomic_file import check_writable_folder

from ..files import SavedNetwork, write_legacy, write_native
from ..mlp import MLP
from .figures.saving import FIGURES

__all__ = ["LEGACY_FILE", "NATIVE_FILE", "ModelFolder"]

NATIVE_FILE = "model.safetensors"
LEGACY_FILE = "model.pkl"

_REJECTED = "learned-nothing"
_UNFINISHED = "unfinished"
_PICTURE_BYTES = 300_000
"""Room for one picture; most have a tenth of that."""


class ModelFolder:
    """Where the results of one training go.

    Parameters
    ----------
    path : Path
        The folder.
    overwrite : bool
        Replace a model that is there also by one that has learned nothing.

    Attributes
    ----------
    before : str or None
        When the model that was there before this training was written; None if there was none.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        self.path, self.overwrite = path, overwrite
        self.before = _written_at(path / name for name in (NATIVE_FILE, LEGACY_FILE))

    def check_room(self, network: MLP, pictures: int) -> None:
        """Check, before hours of work, that the folder takes the model and the pictures.

        Raises
        ------
        OSError
            If it does not exist, does not take new files, or its disk is full.
        """
        check_writable_folder(self.path)
        # Both files are written while the old ones are still there.
        weights = sum(p.size * p.dtype.itemsize for p in network.parameters())
        needed = 2 * weights + 100_000 + pictures * _PICTURE_BYTES
        total, _, free = shutil.disk_usage(self.path)
        if total and free < needed:  # some network disks report 0 of 0
            message = (
                f"the disk has {free / 1e6:.1f} MB free, the model and its pictures need up to "
                f"{needed / 1e6:.1f} MB; free some, or choose a folder on another disk"
            )
            raise OSError(errno.ENOSPC, message, os.fspath(self.path))

    def locked(self) -> contextlib.AbstractContextManager[object]:
        """Keep other processes from training into the folder at the same time."""
        return contextlib.nullcontext()

    def save_unfinished(self, saved: SavedNetwork) -> Path:
        """Save a model in the middle of its training; a model from before stays in place."""
        folder = self.path if self.before is None else self._inside(_UNFINISHED)
        write_model(folder, saved)
        return folder / NATIVE_FILE

    def save(self, saved: SavedNetwork, learned: bool) -> Path:
        """Save a model, and return the folder it is in.

        A model that has learned nothing does not replace one: it goes into a folder inside.
        """
        keeps = self.before is not None and not learned and not self.overwrite
        folder = self._inside(_REJECTED) if keeps else self.path
        write_model(folder, saved)
        self._remove(self.path / _UNFINISHED, (NATIVE_FILE, LEGACY_FILE))
        return folder

    def remove_stale(self, folder: Path, drawn: Iterable[str], has_pickle: bool) -> list[str]:
        """Remove what an earlier training left next to a new model, and return the names."""
        names = {f"{name}.png" for name in FIGURES} - set(drawn)
        if not has_pickle:
            names.add(LEGACY_FILE)
        removed = self._remove(folder, names)
        if folder == self.path:  # an earlier attempt that failed
            inside = self.path / _REJECTED
            everything = (NATIVE_FILE, LEGACY_FILE, *(f"{name}.png" for name in FIGURES))
            removed += [f"{_REJECTED}/{name}" for name in self._remove(inside, everything)]
        return removed

    def _inside(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        return folder

    @staticmethod
    def _remove(folder: Path, names: Iterable[str]) -> list[str]:
        """Remove files, and the folder itself if it is one inside and empty then."""
        removed = []
        for name in sorted(names):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                (folder / name).unlink()
                removed.append(name)
        if folder.name in (_REJECTED, _UNFINISHED):
            with contextlib.suppress(OSError):
                folder.rmdir()
        return removed


def write_model(folder: Path, saved: SavedNetwork) -> None:
    """Write both files of a model into a folder."""
    write_native(folder / NATIVE_FILE, saved)
    if saved.activation == "relu":
        write_legacy(folder / LEGACY_FILE, saved)


def _written_at(paths: Iterable[Path]) -> str | None:
    """Say when the first of these files that exists was written."""
    for path in paths:
        with contextlib.suppress(OSError):
            return time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
    return None
