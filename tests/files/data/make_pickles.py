"""Makes the pickles in this folder: one a protocol, each with every kind of array there is.

Run it once with each version of NumPy whose files must stay readable; the version goes into the
names. The tests use `arrays` to know what must come out.
"""

import pickle
import sys
from pathlib import Path

import numpy as np


def arrays():
    """All kinds of arrays a legacy model may hold, with numbers that are easy to compare."""
    matrix = np.arange(6).reshape(2, 3)
    return [
        *(matrix.astype(code) for code in ("f2", "f4", "f8", "i1", "i2", "i4", "i8")),
        *(matrix.astype(code) for code in ("u1", "u2", "u4", "u8", ">f4", ">f8", ">i4")),
        matrix.astype(bool),
        np.asfortranarray(matrix.astype("f8")),
        np.arange(24.0).reshape(4, 6)[::2, ::2],
        np.array([[np.nan, -np.inf, -0.0, 5e-324]]),
        np.linspace(-1e300, 1e300, 50).reshape(5, 10),  # all bytes, backslash and line feed too
        np.arange(256, dtype="u1").reshape(2, 128),
        np.arange(300, dtype="f4").reshape(1, 300),
        np.zeros((0, 3)),
        np.zeros((2, 0), dtype="f4"),
        np.zeros(4, dtype="f4"),
        np.array(2.5),
        np.float64(3.5),
        np.float32(4.5),
    ]


def content():
    """The legacy layout around them."""
    return {"weights": arrays(), "bias": arrays()[:3]}


if __name__ == "__main__":
    folder = Path(__file__).parent
    version = ".".join(np.__version__.split(".")[:2])
    for protocol in range(6):
        target = folder / f"numpy{version}_protocol{protocol}.pkl"
        target.write_bytes(pickle.dumps(content(), protocol=protocol))
        print(target.name, target.stat().st_size, sys.version.split()[0])
