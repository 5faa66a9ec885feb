"""What a saved network is, and how it gets into a file and out of it.

Two layouts are known: the native one, which keeps everything, and the legacy pickle, which keeps
weights and biases. Which of them a file has is seen from its bytes, never from its name.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.errors import DataWarning, ModelFileError
from nn.files import legacy_pickle, native
from tinygrad_edu.atomic_file import write_atomically

__all__ = ["ACTIVATIONS", "SavedNetwork", "read_network", "write_legacy", "write_native"]

ACTIVATIONS = ("relu", "tanh", "sigmoid")

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


@dataclass(frozen=True, eq=False)
class SavedNetwork:
    """A trained network: its arrays, and how to use them. A wrong one cannot be made.

    Layer by layer, `y = x @ weights[i] + biases[i]`, with the activation after every layer but
    the last. Integers become float64 and float16 becomes float32; biases of shape (1, outputs)
    lose the first axis.

    Parameters
    ----------
    weights : sequence of numpy.ndarray
        One matrix a layer, shape (inputs, outputs).
    biases : sequence of numpy.ndarray
        One vector a layer, shape (outputs,) or (1, outputs).
    activation : {"relu", "tanh", "sigmoid"}, optional
        Of the hidden layers.
    scale : float, optional
        Features are divided by it before the first layer.

    Raises
    ------
    ValueError
        If the arrays do not make a network, or the activation or the scale is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> network = SavedNetwork([np.ones((3, 2))], [np.zeros((1, 2))])
    >>> network.structure, network.biases[0].shape
    ((3, 2), (2,))
    """

    weights: tuple[NDArray[Any], ...]
    biases: tuple[NDArray[Any], ...]
    activation: str = "relu"
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Bring the arrays into one form, or say what is wrong with them."""
        weights, biases = _checked_layers(self.weights, self.biases)
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation is {str(self.activation)[:40]!r}, expected one of {list(ACTIVATIONS)}"
            )
        scale = float(self.scale)
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"scale is {scale}, expected a positive number such as 255")
        # The dataclass is frozen for its users; this is still its making.
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)
        object.__setattr__(self, "scale", scale)

    @property
    def structure(self) -> tuple[int, ...]:
        """Number of features, of units in each hidden layer, and of outputs."""
        return (self.weights[0].shape[0], *(weight.shape[1] for weight in self.weights))


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
    structure = network.structure
    metadata = {
        "activation": network.activation,
        "classes": str(structure[-1]),
        "created_by": "tinygrad_edu",
        "features": str(structure[0]),
        "layers": json.dumps(structure),
        "numpy": np.__version__,
        "scale": repr(network.scale),
    }
    return write_atomically(path, native.dumps(_named_arrays(network), metadata))


def write_legacy(path: str | os.PathLike[str], network: SavedNetwork) -> Path:
    """Write a network as a pickle of ``{'weights': [...], 'bias': [...]}``.

    The layout has no place for the scale of the features. So the first weight matrix is divided
    by it: the file then works on features as they are, here and in the program the layout comes
    from. It has no place for the activation either, which that program takes to be ReLU.

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
    >>> read_network(write_legacy(folder.name + "/model.pkl", network)).weights[0].tolist()
    [[0.25], [0.25]]
    >>> folder.cleanup()
    """
    if network.activation != "relu":
        raise ValueError(
            f"the legacy layout has no place for the activation {network.activation!r}, it is "
            "always 'relu' there; save this network with write_native"
        )
    first, *others = network.weights
    with np.errstate(over="ignore"):  # a scale near zero; what it gives is refused below
        scaled = (first.astype(np.float64) / network.scale).astype(first.dtype)
    folded = SavedNetwork((scaled, *others), network.biases)
    _require_finite(folded, "nothing was written; train again, with a smaller step")
    return write_atomically(path, legacy_pickle.dumps(folded.weights, folded.biases))


def _checked_layers(
    weights: Sequence[Any], biases: Sequence[Any]
) -> tuple[tuple[NDArray[Any], ...], tuple[NDArray[Any], ...]]:
    """Check that the arrays make a network, and give them in the one form everybody uses."""
    if len(weights) != len(biases):
        raise ValueError(
            f"{len(weights)} weight matrices but {len(biases)} biases, expected one bias a layer"
        )
    if not weights:
        raise ValueError("no layers: the lists of weights and biases are empty")
    matrices = []
    for index, weight in enumerate(weights):
        matrix = _floating(weight, f"weights[{index}]")
        if matrix.ndim != 2 or 0 in matrix.shape:
            raise ValueError(
                f"weights[{index}] has {matrix.ndim} dimensions, shape {matrix.shape}; "
                "expected 2, (inputs, outputs), none of them 0"
            )
        matrices.append(matrix)
    for index in range(1, len(matrices)):
        columns, rows = matrices[index - 1].shape[1], matrices[index].shape[0]
        if columns != rows:
            raise ValueError(
                f"weights[{index - 1}] has {columns} columns, weights[{index}] {rows} rows; "
                "the outputs of a layer must be the inputs of the next"
            )
    vectors = []
    for index, (bias, matrix) in enumerate(zip(biases, matrices, strict=True)):
        vector = _floating(bias, f"bias[{index}]")
        outputs = matrix.shape[1]
        fitting = [(outputs,), (1, outputs), *([()] if outputs == 1 else [])]
        if vector.shape not in fitting:
            raise ValueError(
                f"bias[{index}] has shape {vector.shape}, expected {(outputs,)} or {(1, outputs)}, "
                f"for weights[{index}] has shape {matrix.shape}"
            )
        vectors.append(vector.reshape(outputs))
    return tuple(matrices), tuple(vectors)


def _floating(array: Any, name: str) -> NDArray[Any]:
    """Give an array as float32 or float64, the two types the native layout holds."""
    found = np.asarray(array)
    dtype = found.dtype.newbyteorder("=")
    if dtype == np.float16:
        return found.astype(np.float32)
    if found.dtype.kind in "iub":
        warnings.warn(
            f"{name} holds {found.dtype}, not floating numbers; converted to float64",
            DataWarning,
            stacklevel=5,
        )
        return found.astype(np.float64)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"{name} is of dtype {found.dtype}, expected float32 or float64")
    return np.asarray(found, dtype=dtype, order="C")


def _require_finite(network: SavedNetwork, advice: str) -> None:
    for name, arrays in (("weights", network.weights), ("bias", network.biases)):
        for index, array in enumerate(arrays):
            bad = array.size - np.count_nonzero(np.isfinite(array))
            if bad:
                raise ValueError(
                    f"{name}[{index}] holds {bad} numbers that are NaN or infinite; {advice}"
                )


def _named_arrays(network: SavedNetwork) -> dict[str, NDArray[Any]]:
    named = {f"weights.{i}": array for i, array in enumerate(network.weights)}
    return named | {f"biases.{i}": array for i, array in enumerate(network.biases)}


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
        weights, biases = legacy_pickle.loads(data)
        return SavedNetwork(tuple(weights), tuple(biases))
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
    scale = metadata.get("scale", "1")
    try:
        divisor = float(scale)
    except ValueError:
        raise ModelFileError(f"scale is {scale[:40]!r}, expected a number") from None
    return SavedNetwork(
        tuple(arrays[f"weights.{i}"] for i in range(count)),
        tuple(arrays[f"biases.{i}"] for i in range(count)),
        metadata.get("activation", "relu"),
        divisor,
    )


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
