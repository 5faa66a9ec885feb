"""Writes the two files of one model in an order that a crash cannot turn into a wrong model.

The native file is the model: it is written first, by one rename. The pickle is a copy for the
program the layout comes from; it names the native file it belongs to, and a reader warns where the
two differ.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from tinygrad_edu.atomic_file import write_atomically

from .description import legacy_bytes, native_layout
from .locking import folder_lock, holds_folder_lock
from .network_file import require_writable
from .saved_network import SavedNetwork
from .siblings import LEGACY_SUFFIX, NATIVE_SUFFIX, is_own_pickle

NATIVE_FILE = f"model{NATIVE_SUFFIX}"
LEGACY_FILE = f"model{LEGACY_SUFFIX}"


class WrittenPair(NamedTuple):
    """What `write_pair` did.

    Attributes
    ----------
    native : pathlib.Path
        The model.
    legacy : pathlib.Path or None
        Its copy, if the legacy layout has a place for the network.
    note : str or None
        One line about an old copy that was removed, or that is not of this program and stays.
    """

    native: Path
    legacy: Path | None
    note: str | None


def write_pair(folder: str | os.PathLike[str], network: SavedNetwork) -> WrittenPair:
    """Write ``model.safetensors`` and its copy ``model.pkl`` into a folder.

    Both are prepared before anything is written. A network that the legacy layout cannot hold, as
    one with another activation than ReLU, is written as the native file alone; the old copy is
    then removed, unless another program wrote it.

    Parameters
    ----------
    folder : str or path-like
        An existing folder. If this process has not locked it already with
        `nn.files.folder_lock`, it is locked for the time of the write.
    network : SavedNetwork
        What to write.

    Returns
    -------
    WrittenPair

    Raises
    ------
    ValueError
        If a weight or bias is NaN or infinite; nothing is written then.
    BlockingIOError
        If another process is writing a model into this folder.
    OSError
        Whatever the disk says. Each of the files is then either the old one or the new one.
    ImportError
        If the package safetensors is missing or broken; nothing is written then.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> written = write_pair(folder.name, SavedNetwork([np.ones((3, 2))], [np.zeros(2)]))
    >>> written.native.name, written.legacy.name
    ('model.safetensors', 'model.pkl')
    >>> folder.cleanup()
    """
    require_writable(network)
    layout = native_layout(network)
    copy, reason = None, ""
    try:
        copy = legacy_bytes(network, layout)
    except ValueError as problem:
        reason = str(problem).partition(";")[0]
    native, legacy = Path(folder) / NATIVE_FILE, Path(folder) / LEGACY_FILE
    lock = contextlib.nullcontext() if holds_folder_lock(folder) else folder_lock(folder)
    with lock:
        write_atomically(native, layout.pieces)
        if copy is not None:
            return WrittenPair(native, write_atomically(legacy, copy), None)
        return WrittenPair(native, None, _without_copy(legacy, reason))


def _without_copy(legacy: Path, reason: str) -> str | None:
    """Remove the copy of another network, or say why it stays."""
    if not os.path.lexists(legacy):
        return None
    if not is_own_pickle(legacy):
        return (
            f"{legacy.name} holds another model, of another program, and stays as it is: {reason}"
        )
    legacy.unlink()
    return f"{legacy.name} held another model and was removed: {reason}"
