"""Writes a saved network to a file, and reads it back.

There are two layouts, `native` and `legacy_pickle`. The content of a file decides which one it has,
never its name.
"""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.atomic_file import write_atomically

from ..errors import DataWarning, ModelFileError
from . import legacy_pickle, native
from .description import (
    check_copy,
    copied_digests,
    legacy_bytes,
    native_layout,
    read_description,
)
from .opening import MOST_BYTES
from .recognising import CONTENT, opened_model
from .saved_network import SavedNetwork, check_pairs, floating_dtype
from .siblings import Contents, warn_of_other_model

_PIECE = 256 * 1024
_ROOM = 14 * 1024**2  # bytes of arrays that a small file may take beyond twice its size
_ASSUMED = {"activation": "'relu'", "scale": "1"}


def read_network(
    path: str | os.PathLike[str],
    *,
    allow_nonfinite: bool = False,
    max_bytes: int = MOST_BYTES,
    names_options: bool = True,
) -> SavedNetwork:
    """Read a network from a native or a legacy file. Nothing in the file is executed.

    Parameters
    ----------
    path : str or path-like
        The file, with any name.
    allow_nonfinite : bool, optional
        Accept weights that are NaN or infinite.
    max_bytes : int, optional
        Refuse larger files.
    names_options : bool, optional
        Whether errors may recommend these options; the command line does not have them.

    Returns
    -------
    SavedNetwork
        The content of the file. Without activation and scale, as in legacy files: "relu" and 1.

    Raises
    ------
    UnsafeModelFileError
        If a pickle asks for anything except arrays.
    ModelFileError
        If the file is damaged, too large, not a model file, or not a network.
    FileNotFoundError, IsADirectoryError, PermissionError
        If the file does not exist, or cannot be opened.
    ImportError
        If the file is native, and the package safetensors is missing or broken.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> network = SavedNetwork([np.ones((3, 2))], [np.zeros(2)], scale=255)
    >>> read_network(write_native(folder.name + "/a.safetensors", network)).scale
    255.0
    >>> folder.cleanup()
    """
    with opened_model(path, max_bytes, names_options) as (stream, size, layout):
        network, contents = read_contents(stream, size, path, layout)
        if not allow_nonfinite:
            _require_finite(
                network,
                "pass allow_nonfinite=True to read it all the same"
                if names_options
                else "such a network predicts nothing; train again",
            )
    warn_of_other_model(path, contents, network)
    return network


def read_contents(
    stream: IO[bytes], size: int, path: str | os.PathLike[str], layout: str
) -> tuple[SavedNetwork, Contents]:
    """Read a network from an open file, and what else the file says about it.

    Parameters
    ----------
    stream, size, layout
        From `opened_model`.
    path : str or path-like
        The name of the file.
    """
    if layout == "native":
        return _read_native(stream, size, path)
    return _read_pickle(stream, size)


def write_native(path: str | os.PathLike[str], network: SavedNetwork) -> Path:
    """Write a network in the native layout. Equal networks make equal files.

    Parameters
    ----------
    path : str or path-like
        The file; it is written atomically.
    network : SavedNetwork
        The network.

    Returns
    -------
    pathlib.Path
        The same path.

    Raises
    ------
    ValueError
        If a weight or bias is NaN or infinite; then nothing is written.
    OSError
        If the file cannot be written; then the old file is intact.
    ImportError
        If the package safetensors is missing or broken; then nothing is written.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> network = SavedNetwork([np.ones((3, 2))], [np.zeros(2)], activation="tanh")
    >>> read_network(write_native(folder.name + "/a.safetensors", network)).activation
    'tanh'
    >>> folder.cleanup()
    """
    require_writable(network)
    return write_atomically(path, native_layout(network).pieces)


def write_legacy(path: str | os.PathLike[str], network: SavedNetwork) -> Path:
    """Write a network as a pickle of ``{'weights': [...], 'bias': [...]}``.

    Weights and biases are written as trained, so the original program needs scaled features, as in
    training. Scale, names and ranges are under a third key, ``'tinygrad_edu'``, which only
    `read_network` reads. The layout can store only ReLU networks.

    Parameters
    ----------
    path : str or path-like
        The file; it is written atomically.
    network : SavedNetwork
        The network.

    Returns
    -------
    pathlib.Path
        The same path.

    Raises
    ------
    ValueError
        If the activation is not "relu", or a number is NaN or infinite; then nothing is written.
    OSError
        If the file cannot be written; then the old file is intact.
    ImportError
        If the package safetensors is missing or broken; then nothing is written.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> network = SavedNetwork([np.ones((2, 1))], [np.zeros(1)], scale=4)
    >>> read_network(write_legacy(folder.name + "/model.pkl", network)).scale
    4.0
    >>> folder.cleanup()
    """
    require_writable(network)
    return write_atomically(path, legacy_bytes(network, native_layout(network)))


def require_writable(network: SavedNetwork) -> None:
    """Check that a network may be written.

    Raises
    ------
    ValueError
        If a weight or bias is NaN or infinite.
    """
    _require_finite(network, "nothing was written; train again, with a smaller step")


def _require_finite(network: SavedNetwork, advice: str) -> None:
    for name, arrays in (("weights", network.weights), ("bias", network.biases)):
        for index, array in enumerate(arrays):
            flat = array.reshape(-1)
            bad = 0
            for start in range(0, flat.size, _PIECE):  # isfinite() needs memory, too
                piece = flat[start : start + _PIECE]
                bad += piece.size - int(np.count_nonzero(np.isfinite(piece)))
            if bad:
                raise ValueError(
                    f"{name}[{index}] holds {bad} numbers that are NaN or infinite; {advice}"
                )


def _read_native(
    stream: IO[bytes], size: int, path: str | os.PathLike[str]
) -> tuple[SavedNetwork, Contents]:
    arrays, texts = native.read(stream, size, path)
    if texts.get("format") == native.FORMAT and CONTENT in texts:
        raise ModelFileError(
            "the state of a module, not a trained network; read it with nn.load_state"
        )
    count = len(arrays) // 2
    expected = [f"{kind}.{i}" for kind in ("weights", "biases") for i in range(count)]
    if not arrays or set(arrays) != set(expected):
        found = [name[:40] for name in sorted(arrays)[:8]]
        raise ModelFileError(
            f"found the tensors {found}, expected weights.0, biases.0, weights.1, biases.1 ..."
        )
    digest, all_texts = texts.get("header_sha256"), texts
    if texts.get("format") != native.FORMAT:  # other programs may use our names for other things
        texts = {key: texts[key] for key in _ASSUMED if key in texts}
    network = _network(
        [arrays[f"weights.{i}"] for i in range(count)],
        [arrays[f"biases.{i}"] for i in range(count)],
        texts,
    )
    if digest is None:
        warnings.warn(
            f"the file has no checksums, so nothing was verified; {_assumed(texts)}",
            DataWarning,
            stacklevel=4,
        )
    return network, Contents(True, set() if digest is None else {digest}, all_texts)


def _assumed(texts: dict[str, str]) -> str:
    missing = [f"{key} is taken to be {_ASSUMED[key]}" for key in _ASSUMED if key not in texts]
    return ", ".join(missing) or "activation and scale are as it says"


def _read_pickle(stream: IO[bytes], size: int) -> tuple[SavedNetwork, Contents]:
    model = legacy_pickle.read(stream, size)
    native.check_version(model.texts)
    check_pairs(model.weights, model.biases)
    lists = {"weights": model.weights, "bias": model.biases}
    named = {f"{key}[{i}]": item for key, items in lists.items() for i, item in enumerate(items)}
    dtypes = {name: floating_dtype(item.element, name) for name, item in named.items()}
    total = sum(math.prod(item.shape) * dtypes[name].itemsize for name, item in named.items())
    if total > 2 * size + _ROOM:
        raise ModelFileError(
            f"the numbers would take {total} bytes as floating numbers, much more than the {size} "
            "of the file; save them as float32"
        )
    arrays = {
        name: legacy_pickle.to_array(item, name, dtypes[name]) for name, item in named.items()
    }
    network = _network(
        [arrays[f"weights[{i}]"] for i in range(len(model.weights))],
        [arrays[f"bias[{i}]"] for i in range(len(model.biases))],
        model.texts,
    )
    check_copy(network, model.texts)
    return network, Contents(False, copied_digests(model.texts), model.texts)


def _network(
    weights: list[NDArray[Any]], biases: list[NDArray[Any]], texts: dict[str, str]
) -> SavedNetwork:
    """Build the network from the arrays and the texts of a file."""
    network = SavedNetwork(tuple(weights), tuple(biases))
    structure = network.structure
    return replace(network, **read_description(texts, structure[0], structure[-1]))
