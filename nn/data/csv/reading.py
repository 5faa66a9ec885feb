"""Reads CSV files as arrays: the first column is `label`, the others are features.

`read_csv` tries the fast reader, and where that gives up, the strict one. `check_classes` and
`check_pair` check the data. Nothing here scales, shuffles, splits or writes.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu.errors import printable

from ...checks import check_count
from ...errors import DataWarning
from .columns import LABEL
from .fast import read_fast
from .header import read_header
from .problems import Problem, Problems, fail, list_some, shown, too_many_classes
from .source import Rules, open_source
from .strict import read_strictly

MAX_CLASSES = 100_000
MAX_COLUMNS = 300_000
MAX_LINE_BYTES = 64 * 2**20
# The options that a message may recommend, as written in a call of `read_csv`.
OWN_OPTIONS = MappingProxyType(
    {
        "by_position": "by_position=True",
        "dtype": "dtype=float64",
        "max_bytes": "max_bytes=",
        "max_classes": "max_classes=",
        "max_columns": "max_columns=",
        "max_line_bytes": "max_line_bytes=",
    }
)


@dataclass(frozen=True, eq=False)
class CsvData:
    """The content of a CSV file.

    Attributes
    ----------
    path : str
        The path as it was passed.
    columns : tuple of str
        Names of the features, without the label's.
    features : numpy.ndarray
        Numbers of shape (rows, features), in C order.
    labels : numpy.ndarray or None
        Class numbers of shape (rows,), int64; None if the file has no label column.
    header_lines : int
        Lines before the first row: 0 without a header, otherwise 1, or more if a column name
        contains a line break.
    ignored : tuple of str
        Names of columns that are not used, in the order of the file.
    label_column : int
        The number of the label's column, from 1.
    has_line_per_row : bool
        Whether each row is one line of the file. Text in skipped columns may contain line breaks.
    """

    path: str
    columns: tuple[str, ...]
    features: np.ndarray
    labels: np.ndarray | None
    header_lines: int = 1
    ignored: tuple[str, ...] = ()
    label_column: int = 1
    has_line_per_row: bool = True
    values: tuple[tuple[str, ...], ...] = ()
    label_name: str = "label"
    classes: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    id_name: str | None = None

    @property
    def has_header(self) -> bool:
        """Whether the file has a header."""
        return self.header_lines > 0

    def line_of(self, row: int) -> int | None:
        """Return the line number of a row, from 1; None if unknown."""
        return self.header_lines + 1 + row if self.has_line_per_row else None


def read_csv(
    path: str | os.PathLike[str],
    *,
    label: Literal["required", "optional"] = "required",
    dtype: DTypeLike = "float32",
    argument: str = "train_data",
    features: Sequence[str] | None = None,
    by_position: bool = False,
    max_bytes: int | None = None,
    max_classes: int = MAX_CLASSES,
    max_columns: int = MAX_COLUMNS,
    max_line_bytes: int = MAX_LINE_BYTES,
    offers: Mapping[str, str] = OWN_OPTIONS,
) -> CsvData:
    r"""Read a CSV file of numbers, or raise an error that names every problem and its place.

    The file is UTF-8, plain or gzip, with any name. It may have a byte order mark, any kind of
    line end, blanks around the commas, numbers in quotes, and blank lines at the end. Numbers are
    rounded like Python's `float`, then to `dtype`.

    Parameters
    ----------
    path : str or os.PathLike of str
        The file.
    label : {"required", "optional"}
        Whether a column `label` must exist. With "optional", all columns of a file without it are
        features.
    dtype : dtype
        "float32" or "float64", for the features.
    argument : str
        The name of `path` in messages.
    features : sequence of str, optional
        Names of the features, such as those of a model's training. The columns of the file are
        matched by name and may have any order; the result has the order of this argument. Other
        columns are skipped and listed in `CsvData.ignored`. A column `label` may be anywhere;
        without `features` it must be column 1.
    by_position : bool
        Take the columns in the order of the file, with any names or without a header. Their
        number must match `features`.
    max_bytes : int, optional
        Limit on the bytes of the unpacked text. By default, gzip data may unpack to 16 MiB, or
        to 100 times the size of the file if that is more, and plain text may have any size.
    max_classes, max_columns, max_line_bytes : int
        Limits on the largest label plus one, on the number of columns, and on the length of a
        line, so that the wrong file does not exhaust the memory.
    offers : mapping of str to str
        Which of these options an error may recommend, and how the user writes them: from the name
        of the parameter here to a text such as ``--max-bytes``. By default, the names here.

    Returns
    -------
    CsvData
        Names, features and labels.

    Raises
    ------
    DataError
        The file has problems. The message has one line for each kind of problem in each column,
        up to ten, with the line and the column of the file, and the number of other lines. The
        attributes describe the first problem. Reading stops after a thousand problems, or sooner
        if finding them is slow; the message then has "at least".
    FileNotFoundError, IsADirectoryError, PermissionError
        The file cannot be opened.
    TypeError, ValueError
        An argument has the wrong type, or is not one of the values listed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "train.csv")
    ...     _ = path.write_text("label, pixel1, pixel2\n3, 0, 12\n0, 7, 255\n")
    ...     data = read_csv(path)
    >>> data.columns
    ('pixel1', 'pixel2')
    >>> data.features
    array([[  0.,  12.],
           [  7., 255.]], dtype=float32)
    >>> data.labels
    array([3, 0])

    Columns in another order, and an additional one, for a model that knows its features:

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "test.csv")
    ...     _ = path.write_text("id, pixel2, pixel1\nA7, 12, 0\n")
    ...     data = read_csv(path, label="optional", features=("pixel1", "pixel2"))
    >>> data.features, data.ignored
    (array([[ 0., 12.]], dtype=float32), ('id',))
    """
    for name, limit in (
        ("max_bytes", max_bytes),
        ("max_classes", max_classes),
        ("max_columns", max_columns),
        ("max_line_bytes", max_line_bytes),
    ):
        if limit is not None:
            check_count(name, limit)
    if label not in ("required", "optional"):
        raise ValueError(f"label must be 'required' or 'optional', got {label!r}")
    rules = Rules(
        path=_path_text(path, argument),
        label=label,
        dtype=_float_dtype(dtype),
        max_classes=max_classes,
        max_columns=max_columns,
        max_line_bytes=max_line_bytes,
        max_bytes=max_bytes,
        features=_feature_names(features),
        by_position=by_position,
        offers=_checked_offers(offers),
    )
    with open_source(rules) as source:
        try:
            header = read_header(source, rules)
            table = read_fast(source, header, rules) or read_strictly(source, header, rules)
        finally:
            # Also after an error: an incomplete file explains most other problems.
            source.check_unchanged()
    columns = header.columns
    return CsvData(
        rules.path,
        columns.names,
        table.features,
        table.labels,
        header_lines=header.lines,
        ignored=columns.ignored,
        label_column=1 if columns.label is None else columns.label + 1,
        has_line_per_row=table.has_line_per_row,
    )


def check_classes(
    train: CsvData,
    *,
    max_classes: int = MAX_CLASSES,
    offers: Mapping[str, str] = OWN_OPTIONS,
) -> int:
    """Check that the labels can train a classifier, and count the classes.

    Parameters
    ----------
    train : CsvData
        Data with labels.
    max_classes : int
        Limit on the number of classes.
    offers : mapping of str to str
        The options that an error may recommend, as in `read_csv`.

    Returns
    -------
    int
        K, the largest label plus one.

    Raises
    ------
    DataError
        There are no labels, labels of only one class, or too many classes.

    Warns
    -----
    DataWarning
        Some of the classes 0..K-1 never occur.

    Examples
    --------
    >>> rows = np.zeros((3, 1), np.float32)
    >>> check_classes(CsvData("train.csv", ("pixel1",), rows, np.array([0, 1, 1])))
    2
    """
    if train.labels is None:
        fail(train.path, Problem("no label column", "no label column, which training needs."))
    present = np.unique(train.labels)
    largest = int(present[-1])
    if largest >= max_classes:
        line, name, value = _line_of(train, largest), "label", str(largest)
        sentence = too_many_classes(largest, max_classes, _checked_offers(offers))
        fail(
            train.path, Problem("too many classes", sentence, line, train.label_column, name, value)
        )
    if len(present) == 1:
        sentence = f"found only class {largest}, expected at least 2 classes."
        fail(train.path, Problem("one class", sentence, value=str(largest)))
    absent = np.setdiff1d(np.arange(largest + 1), present)
    if len(absent):
        message = (
            f"{printable(train.path)}: labels go up to {largest}, but no row has class "
            f"{list_some(absent)}. The network gets an output for each class 0..K-1; number the "
            "classes from 0 without gaps."
        )
        warnings.warn(message, DataWarning, stacklevel=2)
    return largest + 1


def check_pair(train: CsvData, test: CsvData) -> None:
    """Check that a test set matches the training set.

    Parameters
    ----------
    train, test : CsvData
        The two sets.

    Raises
    ------
    DataError
        The features differ in number, name or order, or the test set has a class that the
        training set lacks.

    Warns
    -----
    DataWarning
        Both are the same file.

    Examples
    --------
    >>> rows = np.zeros((2, 1), np.float32)
    >>> train = CsvData("train.csv", ("pixel1",), rows, np.array([0, 1]))
    >>> check_pair(train, CsvData("test.csv", ("pixel1",), rows, np.array([1, 1])))
    >>> check_pair(train, CsvData("test.csv", ("pixel2",), rows, np.array([1, 1])))
    Traceback (most recent call last):
        ...
    nn.errors.DataError: test.csv:1: column 2 ('pixel2'): expected 'pixel1' as in train.csv.
    """
    _check_same_columns(train, test)
    if train.labels is not None and test.labels is not None:
        _check_known_classes(train, test)
    if _are_same_file(train.path, test.path):
        message = (
            f"{printable(test.path)}: train and test are the same file, so the test accuracy says "
            "nothing about new data; keep some rows for the test alone."
        )
        warnings.warn(message, DataWarning, stacklevel=2)


def _check_same_columns(train: CsvData, test: CsvData) -> None:
    found, expected = len(test.columns), len(train.columns)
    if found != expected:
        sentence = (
            f"found {found} feature columns, expected {expected} as in {printable(train.path)}."
        )
        fail(test.path, Problem("other columns", sentence, 1))
    first = 1 if test.labels is None else 2
    for column, (name, wanted) in enumerate(zip(test.columns, train.columns, strict=True), first):
        if name != wanted:
            sentence = f"expected {shown(wanted)} as in {printable(train.path)}."
            fail(test.path, Problem("other columns", sentence, 1, column, name, name))


def _check_known_classes(train: CsvData, test: CsvData) -> None:
    assert train.labels is not None
    assert test.labels is not None
    known = np.unique(train.labels)
    problems = Problems(test.path)
    column = test.label_column
    unknown = np.flatnonzero(~np.isin(test.labels, known))
    for row, value in zip(unknown.tolist(), test.labels[unknown].tolist(), strict=True):
        sentence = f"found class {value}, which {printable(train.path)} lacks; it has classes "
        sentence += f"{list_some(known)}."
        place = Problem("unknown class", sentence, test.line_of(row), column, "label", str(value))
        problems.add(place, group=value)
    problems.raise_if_any()


def _line_of(data: CsvData, label: int) -> int | None:
    assert data.labels is not None
    return data.line_of(int(np.argmax(data.labels == label)))


def _are_same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _path_text(path: object, argument: str) -> str:
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        message = f"{argument} must be a path (str or os.PathLike), got {type(path).__name__}"
        raise TypeError(message)
    return text


def _float_dtype(dtype: DTypeLike) -> np.dtype:
    wanted = np.dtype(dtype)
    if wanted not in (np.dtype("float32"), np.dtype("float64")):
        raise ValueError(f"dtype must be float32 or float64, got {wanted}")
    return wanted


def _feature_names(features: Sequence[str] | None) -> tuple[str, ...] | None:
    if features is None:
        return None
    if isinstance(features, str) or not all(isinstance(name, str) for name in features):
        raise TypeError("features must be a sequence of column names, or None")
    names = tuple(name.strip() for name in features)
    if not names or len(set(names)) < len(names):
        raise ValueError("features must be one or more names, all of them different")
    if LABEL in names:
        raise ValueError(f"features must not hold {LABEL!r}, which is the column of the classes")
    return names


def _checked_offers(offers: Mapping[str, str]) -> Mapping[str, str]:
    if unknown := sorted(set(offers) - set(OWN_OPTIONS)):
        raise ValueError(f"offers must be of {', '.join(OWN_OPTIONS)}; got {', '.join(unknown)}")
    return offers
