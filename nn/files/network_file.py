"""What a saved network is, and how it gets into a file and out of it.

Two layouts are known: the native one, which keeps everything, and the legacy pickle, which keeps
weights and biases. Which of them a file has is seen from its bytes, never from its name.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.errors import ModelFileError
from nn.files import legacy_pickle, native
from nn.files.description import describe_network, named_arrays, read_description
from nn.files.saved_network import SavedNetwork
from tinygrad_edu.atomic_file import write_atomically

__all__ = ["read_network", "write_legacy", "write_native"]

_GIBIBYTE = 1024**3

# What people have at hand when they try the wrong file.
_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive, as torch.save, numpy.savez and Keras write it",
    b"\x89HDF": "an HDF5 file, as Keras wrote it",
    b"\x93NUMPY": "a single array of numpy.save",
    b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46": "a file of torch.save before version 1.6",
    b"\x1f\x8b": "a gzip file",
    b"x\x9c": "a compressed file, as joblib writes it",
    b"\x89PNG": "a PNG picture",
}

# Protocol 2 and later say so in the first byte. Before, a dict starts with its opcodes; so that
# text is not taken for a pickle, the start is told apart as exactly as can be.
_PICKLE_START = re.compile(
    rb"\x80|\(dp[0-9]|\(d[V(]|[}\]][q(]|\(S'|\(?[ci][\w.]+\n[\w.]+\n([(q]|p[0-9])"
)


def read_network(
    path: str | os.PathLike[str], *, allow_nonfinite: bool = False, max_bytes: int = 2 * _GIBIBYTE
) -> SavedNetwork:
    """Read a network from a native or a legacy file. Nothing in the file is ever run.

    Parameters
    ----------
    path : str or path-like
        The file; its name does not matter.
    allow_nonfinite : bool, optional
        Read weights that are NaN or infinite, too.
    max_bytes : int, optional
        Refuse larger files.

    Returns
    -------
    SavedNetwork
        What the file holds. A legacy file says nothing of activation and scale: "relu" and 1.

    Raises
    ------
    UnsafeModelFileError
        If a pickle asks for anything but arrays.
    ModelFileError
        If the file is damaged, too large, no model file, or no network.
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is no file, or it cannot be opened.

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
        network = _from_bytes(_read_regular_file(path, max_bytes))
        if not allow_nonfinite:
            _require_finite(network, "pass allow_nonfinite=True to read it all the same")
    except ModelFileError as problem:
        raise type(problem)(f"{os.fspath(path)}: {problem}") from None
    except ValueError as problem:  # the arrays are sound, but make no network
        raise ModelFileError(f"{os.fspath(path)}: {problem}") from None
    return network


def write_native(path: str | os.PathLike[str], network: SavedNetwork) -> Path:
    """Write a network in the native layout, which keeps all of it; equal networks, equal bytes.

    Parameters
    ----------
    path : str or path-like
        The file to write, atomically.
    network : SavedNetwork
        What to write.

    Returns
    -------
    pathlib.Path
        The path as it was given.

    Raises
    ------
    ValueError
        If a weight or bias is NaN or infinite; nothing is written then.
    OSError
        Whatever the disk says; the old file is intact then.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> network = SavedNetwork([np.ones((3, 2))], [np.zeros(2)], activation="tanh")
    >>> read_network(write_native(folder.name + "/a.safetensors", network)).activation
    'tanh'
    >>> folder.cleanup()
    """
    _require_finite(network, "nothing was written; train again, with a smaller step")
    return write_atomically(path, native.dumps(named_arrays(network), describe_network(network)))


def write_legacy(path: str | os.PathLike[str], network: SavedNetwork) -> Path:
    """Write a network as a pickle of ``{'weights': [...], 'bias': [...]}``.

    Weights and biases are written as trained, so the program that the layout comes from must be
    given scaled features, as in training. Scale, names and ranges are under a third key,
    ``'tinygrad_edu'``, which that program does not read and `read_network` does. The layout has
    no place for another activation than ReLU.

    Parameters
    ----------
    path : str or path-like
        The file to write, atomically.
    network : SavedNetwork
        What to write.

    Returns
    -------
    pathlib.Path
        The path as it was given.

    Raises
    ------
    ValueError
        If the activation is not "relu", or a number is NaN or infinite; nothing is written then.
    OSError
        Whatever the disk says; the old file is intact then.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> network = SavedNetwork([np.ones((2, 1))], [np.zeros(1)], scale=4)
    >>> read_network(write_legacy(folder.name + "/model.pkl", network)).scale
    4.0
    >>> folder.cleanup()
    """
    if network.activation != "relu":
        raise ValueError(
            f"the legacy layout has no place for the activation {network.activation!r}, it is "
            "always 'relu' there; save this network with write_native"
        )
    _require_finite(network, "nothing was written; train again, with a smaller step")
    data = legacy_pickle.dumps(network.weights, network.biases, describe_network(network))
    return write_atomically(path, data)


def _require_finite(network: SavedNetwork, advice: str) -> None:
    for name, arrays in (("weights", network.weights), ("bias", network.biases)):
        for index, array in enumerate(arrays):
            bad = array.size - np.count_nonzero(np.isfinite(array))
            if bad:
                raise ValueError(
                    f"{name}[{index}] holds {bad} numbers that are NaN or infinite; {advice}"
                )


def _from_bytes(data: bytes) -> SavedNetwork:
    """Recognise the layout and read it."""
    if not data:
        raise ModelFileError("the file is empty; expected a model file")
    if data[8:9] == b"{":  # no pickle has this byte there, and every native file has
        return _from_native(data)
    for magic, what in _OTHER_FORMATS.items():
        if data.startswith(magic):
            raise ModelFileError(f"{what}, not a model file; load it there and save plain arrays")
    if _PICKLE_START.match(data):
        return _from_pickle(data)
    if len(data) < 9:
        raise ModelFileError(
            f"{data!r} is all there is: truncated at offset {len(data)}, or not a model file"
        )
    raise ModelFileError(
        f"the first bytes are {data[:12]!r}: not a model file, neither native nor a pickle"
    )


def _from_native(data: bytes) -> SavedNetwork:
    arrays, metadata = native.loads(data)
    count = len(arrays) // 2
    expected = [f"{kind}.{i}" for kind in ("weights", "biases") for i in range(count)]
    if not arrays or set(arrays) != set(expected):
        found = [name[:40] for name in sorted(arrays)[:8]]
        raise ModelFileError(
            f"found the tensors {found}, expected weights.0, biases.0, weights.1, biases.1 ..."
        )
    return _network(
        [arrays[f"weights.{i}"] for i in range(count)],
        [arrays[f"biases.{i}"] for i in range(count)],
        metadata,
    )


def _from_pickle(data: bytes) -> SavedNetwork:
    return _network(*legacy_pickle.loads_all(data))


def _network(
    weights: list[NDArray[Any]], biases: list[NDArray[Any]], texts: dict[str, str]
) -> SavedNetwork:
    """Put the arrays and the texts of a file together."""
    network = SavedNetwork(tuple(weights), tuple(biases))
    structure = network.structure
    return replace(network, **read_description(texts, structure[0], structure[-1]))


def _read_regular_file(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Give the bytes of a file, but not of a folder, a pipe or a device, which might never end."""
    # Without O_NONBLOCK, opening a named pipe would wait for somebody to write into it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise FileNotFoundError(
            errno.ENOENT,
            f"no model file of this name; the working directory is {os.getcwd()}",
            os.fspath(path),
        ) from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(
                errno.EISDIR, "a folder; give the name of the model file in it", os.fspath(path)
            )
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError("a pipe, socket or device; expected a regular file")
        if status.st_size > max_bytes:
            raise ModelFileError(
                f"the file has {status.st_size} bytes, the limit is {max_bytes} (max_bytes=)"
            )
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read(status.st_size)
    finally:
        os.close(descriptor)
