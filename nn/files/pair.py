"""Writes the two files of one model, so that a crash at any time leaves a correct model.

The native file is the model: it is written first, by one rename. The pickle is a copy for the
original program. It refers to its native file, and `siblings` warns if the two differ.
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
    """The result of `write_pair`.

    Attributes
    ----------
    native : pathlib.Path
        The model.
    legacy : pathlib.Path or None
        Its copy, if the legacy layout can store the network.
    note : str or None
        One line about a copy that is not written, and about an old one: it was removed, or another
        program wrote it and it is kept.
    """

    native: Path
    legacy: Path | None
    note: str | None


def write_pair(folder: str | os.PathLike[str], network: SavedNetwork) -> WrittenPair:
    """Write ``model.safetensors`` and its copy ``model.pkl`` into a folder.

    Both are prepared before anything is written. A network that the legacy layout cannot store,
    such as one with tanh or for a regression, is written only as the native file; then the old copy
    is removed, unless another program wrote it. In the copy of a standardised network the
    standardising is a part of the first layer, in float64.

    Parameters
    ----------
    folder : str or path-like
        An existing folder. It is locked during the write, unless this process has locked it
        already with `nn.files.folder_lock`.
    network : SavedNetwork
        The network.

    Returns
    -------
    WrittenPair

    Raises
    ------
    ValueError
        If a weight or bias is NaN or infinite; then nothing is written.
    BlockingIOError
        If another process is writing a model into this folder.
    OSError
        If a file cannot be written. Each file is then either the old one or the new one.
    ImportError
        If the package safetensors is missing or broken; then nothing is written.

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


def _without_copy(legacy: Path, reason: str) -> str:
    """Remove the copy of another network, unless another program wrote it; explain why."""
    if not os.path.lexists(legacy):
        return f"{legacy.name}, for the original project, is not written: {reason}"
    if not is_own_pickle(legacy):
        return (
            f"{legacy.name} holds another model, of another program, and stays as it is: {reason}"
        )
    legacy.unlink()
    return f"{legacy.name} held another model and was removed: {reason}"
