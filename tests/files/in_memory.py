"""Model files as bytes, for tests of damaged and hostile ones: no test has to name a file."""

import io
import tempfile

from nn.files import legacy_pickle, native
from nn.files.legacy_pickle import Limits

__all__ = ["native_bytes", "read_legacy", "read_native"]


def native_bytes(arrays, metadata, **options):
    """Lay out a native file."""
    return b"".join(native.lay_out(arrays, metadata, **options).pieces)


def read_native(data):
    """Read the arrays and the metadata of a native file."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return native.read(file, len(data), file.name)


def read_legacy(data, limits=None):
    """Read the weights and the biases of a pickle."""
    model = legacy_pickle.read(io.BytesIO(data), len(data), limits=limits or Limits())
    lists = {"weights": model.weights, "bias": model.biases}
    return tuple(
        [legacy_pickle.to_array(item, f"{key}[{i}]") for i, item in enumerate(items)]
        for key, items in lists.items()
    )
