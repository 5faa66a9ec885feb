"""The content of a CSV file as arrays, with the names that belong to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

__all__ = ["CsvData", "FilePart"]


class FilePart(NamedTuple):
    """The rows of one of several files: its path, their number, and where they begin.

    `unused` are its columns that the first file lacks. They are kept, and not only reported, so
    that a table from the cache says the same.
    """

    path: str
    rows: int
    header_lines: int
    has_line_per_row: bool
    unused: tuple[str, ...] = ()


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
    in_memory : bool
        Whether it was a data frame or arrays, whose rows are counted from 0.
    parts : tuple of FilePart
        The files, if there are several; `path` describes all of them then.
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
    parts: tuple[FilePart, ...] = ()
    in_memory: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of all files."""
        return tuple(part.path for part in self.parts) or (self.path,)

    def line_of(self, row: int) -> int | None:
        """Return the line number of a row, from 1; None if unknown, and of several files."""
        return None if self.parts else self.place_of(row)[1]

    def place_of(self, row: int) -> tuple[str, int | None]:
        """Return the file of a row, and its line number there; None if that is unknown."""
        path, lines, is_known = self.path, self.header_lines, self.has_line_per_row
        for part in self.parts:
            path, lines, is_known = part.path, part.header_lines, part.has_line_per_row
            if row < part.rows:
                break
            row -= part.rows
        return path, lines + 1 + row if is_known else None
