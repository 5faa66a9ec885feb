"""Arrays as bytes, in the order of the package safetensors. It checks nothing."""

import json
from pathlib import Path

import numpy as np

from . import DTYPES, safe_open

__all__ = ["load_file", "save", "save_file"]

_RANKS = {np.dtype(code): rank for rank, code in enumerate(DTYPES.values())}
_NAMES = {np.dtype(code): name for name, code in DTYPES.items()}


def save(tensor_dict, metadata=None):
    """Return a file as bytes: large types first, then by name."""
    arrays = sorted(tensor_dict.items(), key=lambda one: (-_RANKS[one[1].dtype], one[0]))
    header = {} if metadata is None else {"__metadata__": metadata}
    start = 0
    for name, array in arrays:
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, start + array.nbytes],
        }
        start += array.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(a.tobytes() for _, a in arrays)


def save_file(tensor_dict, filename, metadata=None):
    """Write a file."""
    Path(filename).write_bytes(save(tensor_dict, metadata))


def load_file(filename):
    """Return the arrays of a file by name."""
    with safe_open(filename, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
