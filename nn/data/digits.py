"""The bundled data set: 1,797 handwritten digits, 8x8 pixels of 0..16.

It is the test set of the UCI collection "Optical Recognition of Handwritten Digits" by E. Alpaydin
and C. Kaynak (CC BY 4.0), as scikit-learn ships it, written out as a CSV file.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import numpy as np

from tinygrad_edu.atomic_file import write_atomically

__all__ = ["TEST_ROWS", "write_digits"]

TEST_ROWS = 360
_SEED = 0


def write_digits(folder: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write the digits into two files, with the same rows every time.

    Parameters
    ----------
    folder : str or path-like
        An existing folder, for ``train.csv`` with 1,437 rows and ``test.csv`` with 360.

    Returns
    -------
    train, test : pathlib.Path
        The two files.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> train, test = write_digits(folder.name)
    >>> test.read_text().split(",")[:2], len(test.read_text().splitlines())
    (['label', 'pixel1'], 361)
    >>> folder.cleanup()
    """
    text = files(__package__).joinpath("digits.csv").read_text(encoding="ascii")
    header, *rows = text.splitlines()
    order = np.random.default_rng(_SEED).permutation(len(rows))
    parts = {"train.csv": order[TEST_ROWS:], "test.csv": order[:TEST_ROWS]}
    written = [
        write_atomically(Path(folder) / name, "\n".join([header, *(rows[i] for i in part), ""]))
        for name, part in parts.items()
    ]
    return written[0], written[1]
