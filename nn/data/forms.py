"""Recognises the forms in which people pass tables and labels: paths, data frames, arrays.

Nothing is read, and pandas is not imported.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_array", "is_frame", "is_labels", "is_path"]


def is_path(source: Any) -> bool:
    """Return whether a source is the path of a file, or a list of paths."""
    if isinstance(source, list | tuple):
        return bool(source) and all(isinstance(one, str | os.PathLike) for one in source)
    return isinstance(source, str | os.PathLike)


def is_frame(source: Any) -> bool:
    """Return whether a source is a data frame; pandas is not imported for it."""
    return hasattr(source, "columns") and hasattr(source, "to_csv")


def is_labels(source: Any) -> bool:
    """Return whether a source is one value for each row, and not a table or a path.

    A column, of shape (rows, 1), also holds labels: a table has a label and a feature at least.
    """
    if source is None or is_path(source):
        return False
    if is_frame(source):
        return len(source.columns) == 1
    if hasattr(source, "to_frame"):  # a column of a data frame
        return True
    if isinstance(source, tuple) and len(source) == 2 and np.ndim(source[1]) == 1:
        return False  # (X, y)
    shape = np.shape(as_array(source))
    return len(shape) == 1 or shape[1:] == (1,)


def as_array(values: Any) -> NDArray[Any]:
    """Return values as an array; lists of different lengths are an error."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"the values do not form an array: {error}") from None
