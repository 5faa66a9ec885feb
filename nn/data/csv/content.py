"""The content of a CSV file as arrays, with the names that belong to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

__all__ = ["CsvData", "CsvFile"]


class CsvFile(NamedTuple):
    """One of several files of a data set, and the row of the data at which it starts."""

    path: str
    first_row: int
    header_lines: int
    has_line_per_row: bool


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
        Numbers of shape (rows, features), in C order. A column of text has codes: i for the i-th
        of its `values`, -1 for an unknown one. A missing value is NaN.
    labels : numpy.ndarray or None
        Shape (rows,); None if the file has no labels. For classification, int64: the labels as
        written, or codes of `classes`. For regression, float64.
    header_lines : int
        Lines before the first row: 0 without a header, otherwise 1, or more if a column name
        contains a line break, or if Excel wrote a line with the separator.
    ignored : tuple of str
        Names of columns that are not used although nobody dropped them, in the order of the file.
        A column of row numbers without a name is "".
    label_column : int
        The number of the label's column, from 1.
    has_line_per_row : bool
        Whether each row is one line of the file. Text in quotes may contain line breaks.
    values : tuple of tuple of str
        For each feature its different texts, and () if it is a number; () if all are numbers.
    label_name : str
        The name of the label's column.
    classes : tuple of str, or None
        The names of the classes; None if the labels are numbers.
    ids : tuple of str, or None
        The cells of the id column as written, without quotes and blanks around them.
    id_name : str or None
        The name of the id column.
    has_header : bool
        Whether the file has a header.
    separator, decimal : str
        What separates the cells, and the decimal mark.
    label_found : str or None
        A sentence that says how the label was found, or why it is not used.
    id_suspected : str or None
        The name of a feature that looks like a number of the row.
    unknown : mapping of str to int
        How many cells of a feature had a text that the model does not know.
    notes : tuple of str
        Sentences for the user: what was found in the file, and what is not used.
    files : tuple of CsvFile
        The files of a data set in several files; () for a single file. Of `header_lines` and
        `label_column`, the data set has those of the first file.
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
    has_header: bool = True
    separator: str = ","
    decimal: str = "."
    label_found: str | None = None
    id_suspected: str | None = None
    unknown: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    files: tuple[CsvFile, ...] = ()

    def line_of(self, row: int) -> int | None:
        """Return the line number of a row in its file, from 1; None if unknown."""
        return self.place_of(row)[1]

    def place_of(self, row: int) -> tuple[str, int | None]:
        """Return the path of the file that has a row, and its line there; None if unknown."""
        file = CsvFile(self.path, 0, self.header_lines, self.has_line_per_row)
        for part in self.files:
            file = part if part.first_row <= row else file
        line = file.header_lines + 1 + row - file.first_row
        return file.path, line if file.has_line_per_row else None
