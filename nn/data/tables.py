"""Reads tables that are in memory already: data frames and arrays.

A data frame is written as CSV and read by `csv`, so that columns of text, missing cells and the
label follow the same rules as in a file. Arrays are checked here.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .csv import CsvData, list_names, read_csv
from .forms import as_array, is_frame

__all__ = [
    "as_frame",
    "check_same_index",
    "naming_rows",
    "read_arrays",
    "read_frame",
]

_TEXT_KINDS = "OUST"


def as_frame(x: Any, names: tuple[str, ...], argument: str) -> Any:
    """Return an array as a data frame, for a model that reads columns of text.

    Parameters
    ----------
    x : array_like, shape (rows, columns)
        Numbers and texts as they are in the training data.
    names : tuple of str
        Names of the columns.
    argument : str
        Its name in messages.
    """
    import pandas as pd

    if hasattr(x, "toarray"):
        raise TypeError(f"{argument} is a sparse {type(x).__name__}; pass {argument}.toarray()")
    array = as_array(x)
    if array.ndim != 2 or array.shape[1] != len(names):
        raise ValueError(
            f"{argument} has shape {array.shape}, expected (rows, {len(names)}): the columns "
            f"{list_names(names)}"
        )
    return pd.DataFrame(array, columns=list(names))


def read_frame(frame: Any, labels: Any, argument: str, **settings: Any) -> CsvData:
    """Read a data frame as if it were a file; messages name rows instead of lines.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table. Its index is not used.
    labels : array_like, shape (rows,), or None
        The labels, if they are not a column of the frame.
    argument : str
        Its name in messages.
    **settings : object
        As for `read_csv`. Those of the form of a file are not used.

    Raises
    ------
    DataError
        As for `read_csv`.
    ValueError
        For labels that do not belong to the rows.
    """
    if not len(frame.columns) or not len(frame):
        raise DataError(f"{argument}: the data frame has no rows or no columns", path=argument)
    label = settings.get("label")
    if not isinstance(label, str) and label in list(frame.columns):  # columns may be numbers
        settings["label"] = str(label)
    frame = frame.copy(deep=False)
    frame.columns = [str(name) for name in frame.columns]
    found: Any = None
    if labels is not None:
        task, classes = settings["task"], settings.get("classes")
        frame, settings["label"] = _joined(frame, labels, label, argument)
        found = _as_labels(labels, len(frame), task, classes)
        # The reader sees a column of numbers: which labels are allowed is decided for arrays.
        settings |= {"required": True, "task": "regression", "classes": None}
    for position in range(len(frame.columns)):
        column = frame.iloc[:, position]
        if _is_boolean(column):
            known = column.where(column.notna(), None)  # the next step knows no NaT
            frame.isetitem(position, known.astype("boolean").astype("Int64"))
    settings |= {"sep": ",", "decimal": ".", "header": True}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "frame.csv")
        frame.to_csv(path, index=False)
        try:
            data = read_csv(path, argument=argument, **settings)
        except DataError as error:
            raise _about_rows(error, path, argument) from None
    data = replace(data, path=argument, in_memory=True)
    return data if found is None else replace(data, labels=found[0], classes=found[1])


def _is_boolean(column: Any) -> bool:
    """Return whether a column holds True and False, and perhaps missing values."""
    if column.dtype.kind == "b":
        return True
    if column.dtype != object:
        return False
    known = column.dropna()  # whatever stands for a missing value: None, NaN, NaT, NA
    return bool(known.map(type).isin([bool, np.bool]).all())


def _joined(frame: Any, labels: Any, name: Any, argument: str) -> tuple[Any, str]:
    """Return the frame with labels that were passed apart as a column, and its name."""
    check_same_index(frame, labels, argument)
    if is_frame(labels):
        labels = labels.iloc[:, 0]
    if not isinstance(name, str):
        own = getattr(labels, "name", None)
        name = own if isinstance(own, str) and own else "label"
    values = _one_for_each_row(as_array(labels), len(frame))
    if name in frame.columns:
        if frame[name].astype(str).tolist() != values.astype(str).tolist():
            raise ValueError(
                f"{argument} has a column {name!r} with other values than y; drop the column, or "
                "omit y"
            )
        frame = frame.drop(columns=name)
    return frame.assign(**{name: 0}), name


def check_same_index(frame: Any, labels: Any, argument: str, name: str = "y") -> None:
    """Refuse values whose index has the rows of a data frame in another order.

    Parameters
    ----------
    frame : pandas.DataFrame or object
        The table; anything else has no index.
    labels : pandas.Series or object
        A value for each row.
    argument, name : str
        Their names in messages.
    """
    index: Any = getattr(labels, "index", None)
    if (
        not hasattr(index, "equals")
        or not is_frame(frame)
        or len(index) != len(frame)
        or index.equals(frame.index)
    ):
        return
    if index.is_unique and frame.index.is_unique and bool(index.isin(frame.index).all()):
        raise ValueError(
            f"{name} has the index of {argument} in another order; pass {name}.loc[X.index] if the "
            f"index names the rows, or {name}.to_numpy() if the order is right"
        )


def _one_for_each_row(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """Return labels as an array of shape (rows,), or raise an error about their shape."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape == (rows,):
        return array
    hint = ""
    if array.ndim == 2 and len(array) == rows and _is_one_hot(array):
        hint = "; they are one-hot: pass y.argmax(axis=1)"
    raise ValueError(
        f"y has shape {array.shape}, expected ({rows},): one label for each row of X{hint}"
    )


def _is_one_hot(array: NDArray[Any]) -> bool:
    if array.dtype.kind not in "fiub" or not ((array == 0) | (array == 1)).all():
        return False
    return bool((array.sum(axis=1) == 1).all())


@contextmanager
def naming_rows(data: CsvData) -> Iterator[None]:
    """Let errors name the rows of a data frame or of arrays, which have no lines.

    Parameters
    ----------
    data : CsvData
        What the errors are about; those about a file do not change.
    """
    try:
        yield
    except DataError as error:
        if not data.in_memory:
            raise
        raise _about_rows(error, data.path, data.path, data.header_lines + 1) from None


def _about_rows(error: DataError, path: str, argument: str, first: int = 2) -> DataError:
    """Return an error about a file as one about a table, whose rows count from 0."""

    def as_row(found: re.Match[str]) -> str:
        line = int(found[1])
        return f"{argument}, {f'row {line - first}' if line >= first else 'names of columns'}:"

    def as_rows(found: re.Match[str]) -> str:
        rows = [str(int(line) - first) for line in found[1].split(", ")]
        return f"Also in row{'s' * (len(rows) > 1)} {', '.join(rows)}"

    text = re.sub(rf"{re.escape(path)}:(\d+):", as_row, str(error))
    text = re.sub(r"Also on lines? (\d+(?:, \d+)*)", as_rows, text).replace(path, argument)
    row = None if error.line is None else max(error.line - first, 0)
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
        The names of the classes of a model; other labels are an error. Empty: integers.
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
        return CsvData(
            argument, names, features, None, header_lines=0, has_header=False, in_memory=True
        )
    labels, found = _as_labels(y, len(features), task, classes)
    data = CsvData(argument, names, features, labels, classes=found)
    return replace(data, header_lines=0, has_header=False, in_memory=True)


def _as_labels(
    y: Any, rows: int, task: str, classes: tuple[str, ...] | None
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Return labels as integers and the names of their classes, or as numbers in a regression.

    Integers stay as they are, with None for the names; texts become places among the names.
    """
    array = _one_for_each_row(as_array(y), rows)
    if task == "regression":
        if array.dtype.kind not in "fiub":
            raise TypeError(f"y has dtype {array.dtype}; a regression learns numbers")
        numbers = array.astype(np.float64)
        if not np.isfinite(numbers).all():
            raise ValueError(f"y holds {numbers[~np.isfinite(numbers)][0]}, expected numbers")
        return numbers, None
    if array.dtype.kind in "fiub":
        return _whole(array), None
    if array.dtype.kind == "O" and any(one is None or one != one for one in array.tolist()):
        row = next(i for i, one in enumerate(array.tolist()) if one is None or one != one)
        raise ValueError(f"y has no label in row {row}; remove the row")
    texts = np.array([str(one) for one in array.tolist()])
    if classes == ():
        return _numbers_in(texts), None
    names = tuple(np.unique(texts).tolist()) if classes is None else classes
    unknown = sorted(set(texts.tolist()) - set(names))
    if unknown:
        raise ValueError(f"y holds {unknown[0]!r}; the model knows {', '.join(names[:10])}")
    place = {name: i for i, name in enumerate(names)}
    return np.array([place[text] for text in texts.tolist()], np.int64), names


def _numbers_in(texts: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return the integers that texts hold, for a model that was trained on integers."""
    try:
        return _whole(texts.astype(np.float64))
    except ValueError:
        wrong = next(text for text in texts.tolist() if not re.fullmatch(r"-?\d+(\.0*)?", text))
        raise ValueError(f"y holds {wrong!r}; the model was trained on integers") from None


def _whole(array: NDArray[Any]) -> NDArray[np.int64]:
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.floor(array))).all():
        row = int(np.argmin(np.isfinite(array) & (array == np.floor(array))))
        raise ValueError(
            f"y holds {array[row]} in row {row}, expected classes; for numbers make the model with "
            'task="regression"'
        )
    return array.astype(np.int64)


def _numbers(x: Any, argument: str) -> NDArray[Any]:
    if hasattr(x, "toarray"):
        raise TypeError(f"{argument} is a sparse {type(x).__name__}; pass {argument}.toarray()")
    array = as_array(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{argument} has dtype {array.dtype}, expected numbers; pass a pandas DataFrame for "
            "columns of text"
        )
    kept = array.dtype in (np.dtype("float32"), np.dtype("float64"))
    return np.array(array, None if kept else np.float64, order="C")
