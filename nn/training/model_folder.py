"""The folder of a training: where its model is saved, and which old files are removed.

How a file is written is in `nn.files`, and pictures are drawn in `figures`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from tinygrad_edu.atomic_file import check_writable_folder

from ..files import LEGACY_FILE, NATIVE_FILE, SavedNetwork, folder_lock, write_pair
from ..mlp import MLP
from .figures.saving import FIGURES, file_of

__all__ = ["CHECKPOINT", "HISTORY", "RUN_FILE", "ModelFolder", "Nowhere"]

CHECKPOINT = "checkpoint.safetensors"
"""The file from which a training continues."""
HISTORY = "history.csv"
"""The file with the numbers of each epoch."""

RUN_FILE = "run.toml"
"""The options of a training from the command line."""
_REJECTED = "learned-nothing"
_UNFINISHED = "unfinished"
_PICTURE_BYTES = 300_000
"""Disk space for one picture; most take a tenth of it."""
_FILM_BYTES = 6_000_000
"""Disk space for a film."""


class ModelFolder:
    """The folder for the results of one training.

    Parameters
    ----------
    path : Path
        Its path.

    Attributes
    ----------
    before : Path or None
        The model from an earlier training; None if there is none.
    written : str
        The time at which it was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.before, self.written = _model_in(path)

    @property
    def checkpoint(self) -> Path | None:
        """The file from which a training continues."""
        return self.path / CHECKPOINT

    def check_room(self, network: MLP, pictures: Collection[str]) -> None:
        """Check before the training that there is room for the model and the pictures.

        Raises
        ------
        OSError
            If the folder does not exist, is not writable, or its disk is full.
        """
        # Both files are written while the old ones still exist.
        weights = sum(p.size * p.dtype.itemsize for p in network.parameters())
        room = len(pictures) * _PICTURE_BYTES + ("film" in pictures) * _FILM_BYTES
        check_writable_folder(self.path, 2 * weights + 100_000 + room)

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Lock the folder: another training into it raises an error."""
        return folder_lock(self.path)

    def save_unfinished(self, saved: SavedNetwork) -> Path:
        """Save a model during its training; an earlier model is kept."""
        folder = self.path if self.before is None else self._inside(_UNFINISHED)
        return write_pair(folder, saved).native

    def save(self, saved: SavedNetwork, *, replace: bool) -> tuple[Path, str | None]:
        """Save a model; return its folder, and a line about an old copy.

        Unless it replaces the earlier model, it is saved in a subfolder.
        """
        folder = self.path if replace or self.before is None else self._inside(_REJECTED)
        note = write_pair(folder, saved).note
        self._remove(self.path / _UNFINISHED, (NATIVE_FILE, LEGACY_FILE))
        return folder, note

    def remove_checkpoint(self) -> None:
        """Remove the checkpoint of a training that is finished."""
        self._remove(self.path, (CHECKPOINT,))

    def remove_stale(self, folder: Path, drawn: Iterable[str]) -> list[str]:
        """Remove the files of an earlier training next to a new model, and return their names."""
        pictures = set(map(file_of, FIGURES))
        removed = self._remove(folder, pictures - set(drawn))
        if folder == self.path:  # an earlier attempt that failed
            ours = {NATIVE_FILE, LEGACY_FILE, HISTORY, RUN_FILE, *pictures}
            found = self._remove(self.path / _REJECTED, ours)
            removed += [f"{_REJECTED}/{name}" for name in found]
        return removed

    def _inside(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        return folder

    @staticmethod
    def _remove(folder: Path, names: Iterable[str]) -> list[str]:
        """Remove files, and the folder if it is an empty subfolder of ours."""
        removed = []
        for name in sorted(names):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                (folder / name).unlink()
                removed.append(name)
        if folder.name in (_REJECTED, _UNFINISHED):
            with contextlib.suppress(OSError):
                folder.rmdir()
        return removed


class Nowhere:
    """The place for the results of a training that saves nothing."""

    path = before = checkpoint = None
    written = ""

    def check_room(self, network: MLP, pictures: Collection[str]) -> None:
        """Check nothing."""

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Lock nothing."""
        return contextlib.nullcontext()

    def save_unfinished(self, saved: SavedNetwork) -> Path | None:
        """Save nothing."""
        return None

    def save(self, saved: SavedNetwork, *, replace: bool) -> tuple[Path | None, str | None]:
        """Save nothing."""
        return None, None

    def remove_checkpoint(self) -> None:
        """Remove nothing."""

    def remove_stale(self, folder: Path, drawn: Iterable[str]) -> list[str]:
        """Remove nothing."""
        return []


def _model_in(folder: Path) -> tuple[Path | None, str]:
    """Return the model in a folder, and the time at which it was written."""
    for path in (folder / NATIVE_FILE, folder / LEGACY_FILE):
        with contextlib.suppress(OSError):
            moment = time.localtime(path.stat().st_mtime)
            return path, time.strftime("%Y-%m-%d %H:%M", moment)
    return None, ""
