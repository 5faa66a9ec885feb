"""The bundled data set: 1,797 handwritten digits, 8x8 pixels of 0..16.

It is the test set of the UCI collection "Optical Recognition of Handwritten Digits" by E. Alpaydin
and C. Kaynak (CC BY 4.0), as scikit-learn ships it, written out as a CSV file.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.atomic_file import write_atomically

__all__ = ["TEST_ROWS", "load_digits", "write_digits"]

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
    header, *parts = _read()
    written = [
        write_atomically(Path(folder) / name, "\n".join([header, *rows, ""]))
        for name, rows in zip(("train.csv", "test.csv"), parts, strict=True)
    ]
    return written[0], written[1]


def load_digits() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the digits as arrays for layers, with the rows of `write_digits`.

    Returns
    -------
    images, labels : numpy.ndarray
        For training: images of shape (1437, 1, 8, 8), float32 from 0 to 1, and the digits 0 to 9.
    test_images, test_labels : numpy.ndarray
        The same for 360 other images.

    Examples
    --------
    >>> images, labels, test_images, test_labels = load_digits()
    >>> images.shape, labels.shape, test_images.shape, float(images.max())
    ((1437, 1, 8, 8), (1437,), (360, 1, 8, 8), 1.0)
    """
    arrays: list[NDArray[Any]] = []
    for rows in _read()[1:]:
        table = np.array([row.split(",") for row in rows], np.float32)
        arrays += table[:, 1:].reshape(-1, 1, 8, 8) / 16, table[:, 0].astype(np.int64)
    images, labels, test_images, test_labels = arrays
    return images, labels, test_images, test_labels


def _read() -> tuple[str, list[str], list[str]]:
    """Return the header, the rows for training, and the rows for testing."""
    text = files(__package__).joinpath("digits.csv").read_text(encoding="ascii")
    header, *rows = text.splitlines()
    order = np.random.default_rng(_SEED).permutation(len(rows))
    return header, [rows[i] for i in order[TEST_ROWS:]], [rows[i] for i in order[:TEST_ROWS]]
