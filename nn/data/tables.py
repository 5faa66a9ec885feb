"""Reads tables that are in memory already: data frames and arrays.

A data frame is written as CSV and read by `csv`, so that columns of text, missing cells and the
label follow the same rules as in a file. Arrays are checked here.
"""

from __future__ import annotations

import os
import re
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .csv import CsvData, read_csv

__all__ = ["as_labels", "is_frame", "is_labels", "is_path", "read_arrays", "read_frame"]

_TEXT_KINDS = "OUST"


def is_path(source: Any) -> bool:
    """Return whether a source is the path of a file, or a list of paths."""
    if isinstance(source, list | tuple):
        return bool(source) and all(isinstance(one, str | os.PathLike) for one in source)
    return isinstance(source, str | os.PathLike)


def is_frame(source: Any) -> bool:
    """Return whether a source is a data frame; pandas is not imported for it."""
    return hasattr(source, "columns") and hasattr(source, "to_csv")


def is_labels(source: Any) -> bool:
    """Return whether a source is one value for each row, and not a table or a path."""
    if source is None or is_path(source) or is_frame(source):
        return False
    if hasattr(source, "to_frame"):  # a column of a data frame
        return True
    return np.ndim(_array(source)) == 1


def read_frame(frame: Any, argument: str, **settings: Any) -> CsvData:
    """Read a data frame as if it were a file; messages name rows instead of lines.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table. Its index is not used.
    argument : str
        Its name in messages.
    **settings : object
        As for `read_csv`.

    Raises
    ------
    DataError
        As for `read_csv`.
    """
    if not len(frame.columns) or not len(frame):
        raise DataError(f"{argument}: the data frame has no rows or no columns", path=argument)
    frame = frame.copy(deep=False)
    frame.columns = [str(name) for name in frame.columns]
    for position, dtype in enumerate(frame.dtypes):
        if dtype == bool:  # noqa: E721 (a dtype, not a type)
            frame.isetitem(position, frame.iloc[:, position].astype(int))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "frame.csv")
        frame.to_csv(path, index=False)
        try:
            data = read_csv(path, argument=argument, **settings)
        except DataError as error:
            raise _about_rows(error, path, argument) from None
    return CsvData(**{**vars(data), "path": argument})


def _about_rows(error: DataError, path: str, argument: str) -> DataError:
    """Return an error about a file as one about a data frame, whose rows count from 0."""

    def as_row(found: re.Match[str]) -> str:
        line = int(found[1])
        return f"{argument}, row {line - 2}:" if line > 1 else f"{argument}, names of columns:"

    def as_rows(found: re.Match[str]) -> str:
        rows = [str(int(line) - 2) for line in found[1].split(", ")]
        return f"Also in row{'s' * (len(rows) > 1)} {', '.join(rows)}"

    text = re.sub(rf"{re.escape(path)}:(\d+):", as_row, str(error))
    text = re.sub(r"Also on lines? (\d+(?:, \d+)*)", as_rows, text).replace(path, argument)
    row = None if error.line is None else max(error.line - 2, 0)
    details = {key: getattr(error, key) for key in ("column", "name", "value", "kind")}
    return DataError(text, path=argument, line=row, **details)


def read_arrays(
    x: Any,
    y: Any,
    argument: str,
    *,
    task: str = "classification",
    classes: tuple[str, ...] | None = None,
    allow_missing: bool = False,
) -> CsvData:
    """Check features and labels that are arrays.

    Parameters
    ----------
    x : array_like, shape (rows, features)
        Numbers.
    y : array_like, shape (rows,), or None
        Classes (integers or texts), or numbers in a regression.
    argument : str
        The name of `x` in messages.
    task : {"classification", "regression"}
        What the labels are.
    classes : tuple of str, optional
        The names of the classes of a model; other labels are an error.
    allow_missing : bool
        Whether `x` may hold NaN, for a missing value.

    Raises
    ------
    TypeError, ValueError
        For arrays that cannot be used; the message names the first bad row.
    """
    features = _numbers(x, argument)
    if features.ndim != 2:
        raise ValueError(
            f"{argument} has shape {features.shape}, expected (rows, features); for one feature "
            "write x.reshape(-1, 1)"
        )
    if not len(features):
        raise DataError(f"{argument} has no rows", path=argument)
    allowed = np.isfinite(features) | (np.isnan(features) if allow_missing else False)
    if not allowed.all():
        row, column = (int(i) for i in np.argwhere(~allowed)[0])
        value = features[row, column]
        hint = '; pass missing="drop", "mean" or "median"' if np.isnan(value) else ""
        raise DataError(
            f"{argument}, row {row}: column {column} holds {value}, expected a number{hint}",
            path=argument,
            line=row,
            column=column + 1,
            kind="missing value" if np.isnan(value) else "not finite",
        )
    names = tuple(f"column {number}" for number in range(1, features.shape[1] + 1))
    if y is None:
        return CsvData(argument, names, features, None, header_lines=0)
    labels, found = as_labels(y, len(features), task, classes)
    return CsvData(argument, names, features, labels, header_lines=0, classes=found)


def as_labels(
    y: Any, rows: int, task: str, classes: tuple[str, ...] | None = None
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Return labels as integers and the names of their classes, or as numbers in a regression.

    Parameters
    ----------
    y : array_like, shape (rows,)
        The labels.
    rows : int
        How many there must be.
    task, classes
        As for `read_arrays`.

    Returns
    -------
    labels : ndarray
        Integers as they are, with None for the names; texts as their places among the names.
    classes : tuple of str or None
    """
    array = _array(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (rows,):
        raise ValueError(f"y has shape {array.shape}, expected ({rows},): one for each row of X")
    if task == "regression":
        if array.dtype.kind not in "fiub":
            raise TypeError(f"y has dtype {array.dtype}; a regression learns numbers")
        numbers = array.astype(np.float64)
        if not np.isfinite(numbers).all():
            raise ValueError(f"y holds {numbers[~np.isfinite(numbers)][0]}, expected numbers")
        return numbers, None
    if array.dtype.kind in "fiub":
        return _whole(array), None
    texts = np.array([str(one) for one in array.tolist()])
    if array.dtype.kind == "O" and any(one is None or one != one for one in array.tolist()):
        row = next(i for i, one in enumerate(array.tolist()) if one is None or one != one)
        raise ValueError(f"y has no label in row {row}; remove the row")
    names = tuple(np.unique(texts).tolist()) if classes is None else classes
    unknown = sorted(set(texts.tolist()) - set(names))
    if unknown:
        raise ValueError(f"y holds {unknown[0]!r}; the model knows {', '.join(names[:10])}")
    place = {name: i for i, name in enumerate(names)}
    return np.array([place[text] for text in texts.tolist()], np.int64), names


def _whole(array: NDArray[Any]) -> NDArray[np.int64]:
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.floor(array))).all():
        row = int(np.argmin(np.isfinite(array) & (array == np.floor(array))))
        raise ValueError(
            f"y holds {array[row]} in row {row}, expected classes; for numbers make the model with "
            'task="regression"'
        )
    return array.astype(np.int64)


def _array(values: Any) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"the values do not form an array: {error}") from None


def _numbers(x: Any, argument: str) -> NDArray[Any]:
    if hasattr(x, "toarray"):
        raise TypeError(f"{argument} is a sparse {type(x).__name__}; pass {argument}.toarray()")
    array = _array(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{argument} has dtype {array.dtype}, expected numbers; pass a pandas DataFrame for "
            "columns of text"
        )
    kept = array.dtype in (np.dtype("float32"), np.dtype("float64"))
    return np.array(array, None if kept else np.float64, order="C")
