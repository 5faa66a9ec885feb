"""Converts a model file to the other layout: native to pickle, or pickle to native.

What the other layout cannot store is refused before anything is written.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from tinygrad_edu.atomic_file import write_atomically
from tinygrad_edu.errors import printable

from .description import legacy_bytes, native_layout
from .network_file import read_network
from .opening import MOST_BYTES
from .siblings import LEGACY_SUFFIX, NATIVE_SUFFIX

__all__ = ["convert"]


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    max_bytes: int = MOST_BYTES,
) -> Path:
    """Convert a trained network to the layout that the name of the target says.

    Both layouts keep everything about a network. In a pickle of a standardised network the
    standardising is a part of the first layer, in float64, so that the original project takes
    features as they are in the CSV file; it cannot be taken out again.

    Parameters
    ----------
    source : str or path-like
        A model file; its content decides its layout. Nothing in it is executed.
    target : str or path-like
        A name that ends with ``.safetensors`` for the native layout, or ``.pkl`` for the pickle of
        the original project. The file is written atomically.
    overwrite : bool, optional
        Replace a target that exists.
    max_bytes : int, optional
        Refuse a larger source.

    Returns
    -------
    pathlib.Path
        The target.

    Raises
    ------
    ValueError
        If the target has another suffix, or the layout cannot store the network.
    FileExistsError
        If the target exists.
    ModelFileError
        If the source is damaged, or not a trained network.
    OSError
        If a file cannot be read or written.
    ImportError
        If the package safetensors is missing or broken.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from nn.files import SavedNetwork, read_network, write_native
    >>> network = SavedNetwork([np.ones((4, 3))], [np.zeros(3)], classes=["a", "b", "c"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     native = write_native(folder + "/model.safetensors", network)
    ...     read_network(convert(native, folder + "/model.pkl")).classes
    ('a', 'b', 'c')
    """
    suffix = Path(os.fsdecode(target)).suffix
    if suffix not in (NATIVE_SUFFIX, LEGACY_SUFFIX):
        raise ValueError(
            f"{printable(target)}: the name ends with {printable(suffix) or 'nothing'}, expected "
            f"{NATIVE_SUFFIX} for a native file or {LEGACY_SUFFIX} for a pickle of the original "
            "project"
        )
    if not overwrite and os.path.lexists(target):
        raise FileExistsError(
            errno.EEXIST, "exists; give another name, or pass overwrite", os.fspath(target)
        )
    network = read_network(source, max_bytes=max_bytes, names_options=False)
    layout = native_layout(network)
    pieces = layout.pieces if suffix == NATIVE_SUFFIX else [legacy_bytes(network, layout)]
    return write_atomically(target, pieces)
