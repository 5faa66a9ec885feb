"""Writes a saved network to a file, and reads it back.

There are two layouts, `native` and `legacy_pickle`. The content of a file decides which one it has,
never its name.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.atomic_file import write_atomically
from tinygrad_edu.errors import printable

from ..errors import DataWarning, ModelFileError, UnsafeModelFileError
from . import legacy_pickle, native
from .description import (
    check_copy,
    copied_digests,
    legacy_bytes,
    native_layout,
    read_description,
)
from .opening import MOST_BYTES, opened
from .saved_network import SavedNetwork, check_pairs, floating_dtype
from .siblings import Contents, warn_of_other_model

_PIECE = 256 * 1024
_ROOM = 14 * 1024**2  # bytes of arrays that a small file may take beyond twice its size
_FEWEST_ZEROS = 8
_ASSUMED = {"activation": "'relu'", "scale": "1"}

# Files that people pass by mistake.
_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive, as torch.save, numpy.savez and Keras write it",
    b"\x89HDF": "an HDF5 file, as Keras wrote it",
    b"\x93NUMPY": "a single array of numpy.save",
    b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46": "a file of torch.save before version 1.6",
    b"\x1f\x8b": "a gzip file",
    b"x\x9c": "a compressed file, as joblib writes it",
    b"\x89PNG": "a PNG picture",
}

# Protocol 2 and later have a first byte of their own. Before, a dict starts with its opcodes; the
# pattern is exact, so that text is not taken for a pickle.
_PICKLE_START = re.compile(
    rb"\x80|\(dp[0-9]|\(d[V(]|[}\]][q(]|\(S'|\(?[ci][\w.]+\n[\w.]+\n([(q]|p[0-9])"
)


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
    try:
        with opened(path, max_bytes, names_options) as (stream, size):
            try:
                network, contents = _read(stream, size, path)
            except UnsafeModelFileError:
                raise
            except ModelFileError as problem:
                zeros = "" if "zero bytes" in str(problem) else _zeros_at_the_end(stream, size)
                raise ModelFileError(f"{problem}{zeros}") from None
        if not allow_nonfinite:
            _require_finite(
                network,
                "pass allow_nonfinite=True to read it all the same"
                if names_options
                else "such a network predicts nothing; train again",
            )
    except ModelFileError as problem:
        raise type(problem)(f"{printable(path)}: {problem}") from None
    except ValueError as problem:  # the arrays are intact, but do not form a network
        raise ModelFileError(f"{printable(path)}: {problem}") from None
    warn_of_other_model(path, contents, network)
    return network


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


def _read(
    stream: IO[bytes], size: int, path: str | os.PathLike[str]
) -> tuple[SavedNetwork, Contents]:
    """Recognise the layout and read it."""
    start = stream.read(min(512, size))
    if not start:
        raise ModelFileError("the file is empty; expected a model file")
    if not start.strip(b"\0"):
        raise ModelFileError("the first bytes are zero: damaged, or not a model file")
    if start[8:9] == b"{":  # every native file has this byte there, and no pickle
        return _read_native(stream, size, path)
    for magic, what in _OTHER_FORMATS.items():
        if start.startswith(magic):
            raise ModelFileError(f"{what}, not a model file; load it there and save plain arrays")
    if _PICKLE_START.match(start):
        return _read_pickle(stream, size)
    if size < 9:
        raise ModelFileError(
            f"{start!r} is all there is: truncated at offset {size}, or not a model file"
        )
    raise ModelFileError(
        f"the first bytes are {start[:12]!r}: not a model file, neither native nor a pickle"
    )


def _read_native(
    stream: IO[bytes], size: int, path: str | os.PathLike[str]
) -> tuple[SavedNetwork, Contents]:
    arrays, texts = native.read(stream, size, path)
    count = len(arrays) // 2
    expected = [f"{kind}.{i}" for kind in ("weights", "biases") for i in range(count)]
    if not arrays or set(arrays) != set(expected):
        found = [name[:40] for name in sorted(arrays)[:8]]
        raise ModelFileError(
            f"found the tensors {found}, expected weights.0, biases.0, weights.1, biases.1 ..."
        )
    digest = texts.get("header_sha256")
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
    return network, Contents(True, set() if digest is None else {digest})


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
    return network, Contents(False, copied_digests(model.texts))


def _network(
    weights: list[NDArray[Any]], biases: list[NDArray[Any]], texts: dict[str, str]
) -> SavedNetwork:
    """Build the network from the arrays and the texts of a file."""
    network = SavedNetwork(tuple(weights), tuple(biases))
    structure = network.structure
    return replace(network, **read_description(texts, structure[0], structure[-1]))


def _zeros_at_the_end(stream: IO[bytes], size: int) -> str:
    """Report zero bytes at the end, which a full disk or a power cut leaves."""
    count = 0
    while count < size:
        start = max(0, size - count - _PIECE)
        stream.seek(start)
        piece = stream.read(size - count - start)
        rest = piece.rstrip(b"\0")
        count += len(piece) - len(rest)
        if rest or not piece:
            break
    return f"; the file ends with {count} zero bytes" if count >= _FEWEST_ZEROS else ""
