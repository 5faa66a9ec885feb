"""A table of one's own in the playground: which columns it has, and columns as arrays.

The file is read by `nn.data.csv`, with its rules and errors. What a training makes of the arrays is
in `datasets.py`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .choices import LIMITS
from .settings import DataSettings

__all__ = ["Column", "Table", "read_table"]

Array = NDArray[Any]
_USUAL_LABELS = ("label", "class", "target", "species", "kind", "y")
_MOST_CLASSES = 10
_MOST_DROPPED = 20
_MOST_NAMED = 8  # columns in an error
# pandas changes the filters of warnings while it reads, and they belong to all threads.
_READING = threading.Lock()


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
    values : ndarray of float64
        Numbers, or codes of the texts.
    texts : tuple of str
        The different texts of a column of text, in order; empty for numbers.
    """

    name: str
    values: Array
    texts: tuple[str, ...] = ()

    @property
    def distinct(self) -> int:
        """How many different values it has."""
        return len(self.texts) or len(np.unique(self.values))

    @property
    def is_class(self) -> bool:
        """Whether it is predicted as a class: texts, or up to ten whole numbers."""
        if self.texts:
            return True
        is_whole = bool((self.values == np.rint(self.values)).all())
        return is_whole and self.distinct <= _MOST_CLASSES

    @property
    def is_predictable(self) -> bool:
        """Whether it can be the label: 2 to 10 classes, or numbers."""
        return not self.is_class or 2 <= self.distinct <= _MOST_CLASSES


@dataclass(frozen=True)
class Table:
    """A table that was read; `read_table` makes it.

    Attributes
    ----------
    file, digest : str
        Its name, and a digest of its contents.
    columns : tuple of Column
    rows : int
    left_out : tuple of str
        Columns of text with a different value in almost every row, which are not used.
    row_number : str
        The name of a column that counts the rows; empty if there is none.
    """

    file: str
    digest: str
    columns: tuple[Column, ...]
    rows: int
    left_out: tuple[str, ...] = ()
    row_number: str = ""

    @property
    def predictable(self) -> list[str]:
        """The names of the columns that can be the label."""
        return [column.name for column in self.columns if column.is_predictable]

    def usable_label(self, settings: DataSettings) -> bool:
        """Whether the label that settings choose, or leave open, can be predicted."""
        return self.column(self.complete(settings).label).is_predictable

    def fits(self, settings: DataSettings) -> bool:
        """Whether settings are about this table, or about any."""
        return settings.name == "csv" and settings.digest in ("", self.digest)

    def to_json(self) -> dict[str, Any]:
        """Return the name, the rows, the columns, and the usual choice of them as plain data."""
        usual = self.complete(DataSettings(name="csv"))
        return {
            "file": self.file,
            "digest": self.digest,
            "rows": self.rows,
            "columns": [
                {
                    "name": column.name,
                    "kind": "text" if column.texts else "number",
                    "distinct": column.distinct,
                    "predictable": column.is_predictable,
                }
                for column in self.columns
            ],
            "left_out": list(self.left_out),
            "label": usual.label,
            "features": list(usual.features),
        }

    def column(self, name: str) -> Column:
        """Return a column by name, or raise an error that lists the names."""
        for column in self.columns:
            if column.name == name:
                return column
        listed = ", ".join(column.name for column in self.columns[:20])
        raise ValueError(f"data csv: {self.file} has no column {name[:40]!r}; it has {listed}")

    def complete(self, settings: DataSettings) -> DataSettings:
        """Choose the columns that the settings leave open, and note the file and its digest.

        The label is the column with a usual name, such as ``label`` or ``class``, otherwise the
        last one. The features are all other columns.

        Parameters
        ----------
        settings : DataSettings
            Of the data ``csv``.

        Raises
        ------
        ValueError
            If they belong to another table.
        """
        if settings.digest and settings.digest != self.digest:
            found = f"{settings.file or 'a table'} with digest {settings.digest}"
            raise ValueError(
                f"data csv: the address is about {' '.join(found.split())}, but {self.file} has "
                f"{self.digest}; open that table"
            )
        if settings.file and not settings.digest and settings.file != self.file:
            raise ValueError(
                f"data csv: the address is about {settings.file!r}, but the table is {self.file}; "
                "open that table"
            )
        names = [column.name for column in self.columns]
        usual = [name for wanted in _USUAL_LABELS for name in names if name.lower() == wanted]
        label = settings.label or (usual or names[-1:])[0]
        others = [name for name in names if name not in (label, self.row_number)]
        features = settings.features or tuple(others[: LIMITS["features"]])
        return replace(settings, label=label, features=features, file=self.file, digest=self.digest)

    def inputs(self, features: Sequence[str]) -> list[tuple[Column, str]]:
        """Return the inputs that columns make: each with its column, and its text if it has one.

        A column of numbers is an input; a column of text makes one for each of its texts.
        """
        columns = [self.column(name) for name in features]
        return [(column, text) for column in columns for text in column.texts or ("",)]

    def arrays(
        self, settings: DataSettings
    ) -> tuple[Array, Array, tuple[str, ...], tuple[str, ...]]:
        """Return the features and the labels that the settings choose.

        Parameters
        ----------
        settings : DataSettings
            As `complete` returned them.

        Returns
        -------
        features : ndarray of float64, shape (rows, inputs)
            A column of text becomes a column of 0 and 1 for each of its texts.
        labels : ndarray
            Classes from 0 (int64), or targets (float64, shape (rows, 1)).
        names : tuple of str
            Of the inputs.
        classes : tuple of str
            Empty for a regression.
        """
        if settings.label in settings.features:
            raise ValueError(f"data csv: {settings.label!r} is the label and a feature; choose one")
        if not settings.features:
            raise ValueError("data csv: no features; choose at least one column")
        inputs = self.inputs(settings.features)
        if len(inputs) > LIMITS["features"]:
            raise ValueError(
                f"data csv: the features make {len(inputs)} inputs, expected at most "
                f"{LIMITS['features']}; choose fewer columns of text"
            )
        labels, classes = _labels(self.column(settings.label), self.predictable)
        names = tuple(f"{one.name} = {text}" if one.texts else one.name for one, text in inputs)
        values = [
            one.values == one.texts.index(text) if one.texts else one.values for one, text in inputs
        ]
        return np.stack(values, 1, dtype=np.float64), labels, names, classes


def _labels(column: Column, predictable: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    if not column.is_class:
        return column.values[:, None], ()
    if not column.is_predictable:
        others = ", ".join(predictable[:_MOST_NAMED]) + ", ..." * (len(predictable) > _MOST_NAMED)
        raise ValueError(
            f"data csv: the label {column.name!r} has {column.distinct} different "
            f"{'value' if column.distinct == 1 else 'values'}, expected "
            f"2 to {_MOST_CLASSES} classes, or numbers for a regression; "
            + (f"choose another column ({others}), " if others else "")
            + f"keep the rows of 2 to {_MOST_CLASSES} classes, or rename this one"
        )
    found, codes = np.unique(column.values, return_inverse=True)
    texts = column.texts or tuple(f"{value:g}" for value in found)
    return codes.reshape(-1).astype(np.int64), texts


# Reading -------------------------------------------------------------------------------------


def read_table(source: str | os.PathLike[str] | bytes, name: str | None = None) -> Table:
    r"""Read a CSV file for the playground.

    Parameters
    ----------
    source : str, path-like or bytes
        The path of a file; with `name`, the text of the table.
    name : str, optional
        The name of the file that the text is from.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        In one line: the place in the file, what was found, and what to do. Missing cells are an
        error, as elsewhere in `nn`.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> from nn.playground.tables import read_table
    >>> table = read_table("size,kind\n1.5,a\n2,b\n3,b\n1,a\n", "things.csv")
    >>> [(column.name, column.distinct) for column in table.columns]
    [('size', 4), ('kind', 2)]
    """
    if name is None:
        if isinstance(source, bytes):
            raise TypeError("read_table got bytes without a name; pass the name of the file too")
        path = Path(source)
        return _read(path, path.name, path.read_bytes())
    content = source.encode() if isinstance(source, str) else bytes(source)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(content)  # a copy for the reader, which wants a file
        return _read(path, name, content)


def _read(path: Path, name: str, content: bytes) -> Table:
    from ..data.csv import CsvData, read_csv

    name = name[-LIMITS["name"] :]
    dropped: list[str] = []
    task = "regression"  # also takes numbers that are not classes
    while True:
        try:
            with _READING:
                data: CsvData = read_csv(
                    path,
                    required=False,
                    task=task,  # type: ignore[arg-type]
                    encode="onehot",
                    drop=dropped,
                    dtype="float64",
                    argument="table",
                    offers={},
                )
            break
        except DataError as error:
            if error.kind == "not a number" and task == "regression":
                task = "classification"  # the label is a text
            elif error.kind == "too many values" and error.name and len(dropped) < _MOST_DROPPED:
                dropped.append(error.name)
            else:
                raise _in_one_line(error, path, name) from None
    columns = _columns(data)
    rows = len(data.features)
    problem = ""
    if rows < 4:
        problem = f"{rows} rows, expected at least 4; add rows"
    elif rows > LIMITS["rows"]:
        problem = f"{rows} rows, expected at most {LIMITS['rows']}; keep fewer rows"
    elif len(columns) < 2:
        problem = f"{len(columns)} usable columns, expected a label and at least one feature"
    if problem:
        raise DataError(f"{name}: {problem}", path=name, kind="size of the table")
    digest = hashlib.blake2b(content, digest_size=6).hexdigest()
    return Table(name, digest, columns, rows, tuple(dropped), data.id_suspected or "")


def _columns(data: Any) -> tuple[Column, ...]:
    texts = data.values or ((),) * len(data.columns)
    columns = [
        Column(name, np.array(data.features[:, n], np.float64), tuple(texts[n]))
        for n, name in enumerate(data.columns)
    ]
    if data.labels is not None:
        labels = Column(data.label_name, data.labels.astype(np.float64), tuple(data.classes or ()))
        columns.insert(data.label_column - 1, labels)
    return tuple(columns)


def _in_one_line(error: DataError, path: Path, name: str) -> DataError:
    """Return the error with the name that the person knows, and only its first problem."""
    first, *others = str(error).replace(str(path), name).splitlines()
    more = f" (and {len(others)} more problems)" if len(others) > 1 else ""
    return DataError(
        first + more,
        path=name,
        line=error.line,
        column=error.column,
        name=error.name,
        value=error.value,
        kind=error.kind,
    )
