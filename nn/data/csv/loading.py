"""Reads an open CSV file: the columns are selected from the first rows, and then all rows are read.

Where the first rows were misleading, the whole file is looked through first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import DataError
from ..blocks import row_slices
from .columns import Columns, has_too_many_values, select_columns
from .content import CsvData
from .fast import read_fast
from .header import Header, read_header
from .labels import named_label
from .problems import shown
from .rules import Rules
from .source import Source, Table
from .strict import read_strictly
from .survey import look_through
from .texts import Texts

__all__ = ["load", "note_on_id", "recode", "suspected_id"]

SAMPLE_BYTES = 1
# PassengerId, customer_id, UserID, but not Humid.
_names_rows = re.compile(r"[Ii][Dd]|.*(?:[a-z]I[Dd]|[_ .-]id)").fullmatch


@dataclass(frozen=True)
class Found:
    """The rows of a file, how they were read, and the texts of its columns."""

    columns: Columns
    table: Table
    texts: dict[int, Texts]


def load(source: Source, rules: Rules) -> CsvData:
    """Read an open file.

    Parameters
    ----------
    source : Source
        The file.
    rules : Rules
        What the caller of `read_csv` passed.
    """
    header = read_header(source, rules)
    return _as_data(_read(source, header, rules), header, rules)


def _read(source: Source, header: Header, rules: Rules) -> Found:
    watched = set(_watched(header, rules))
    sample = look_through(source, header, rules, watched, SAMPLE_BYTES)
    columns = found = error = None
    try:
        columns = select_columns(header, sample, rules)
        found = _read_as(source, header, columns, rules)
    except DataError as raised:
        error = raised
    if sample.is_complete:
        if found is None:
            assert error is not None
            raise error
        return found
    if found is not None and _is_confirmed(found, header, rules):
        return found
    survey = look_through(source, header, rules, watched)
    corrected = select_columns(header, survey, rules)
    if columns is not None and corrected.same_roles(columns):
        if error is not None:
            raise error
        assert found is not None
        return replace(found, columns=corrected)
    return _read_as(source, header, corrected, rules)


def _watched(header: Header, rules: Rules) -> Iterable[int]:
    """Return the columns of which more has to be known than that all cells are numbers."""
    for i, name in enumerate(header.names):
        if name in rules.named_encodings:
            yield i
    label = None if rules.required else named_label(header.names, rules)
    if label is not None:
        yield label


def _read_as(source: Source, header: Header, columns: Columns, rules: Rules) -> Found:
    if columns.are_numbers:
        table = read_fast(source, header, columns, rules)
        if table is not None:
            return Found(columns, table, {})
    table, reader = read_strictly(source, header, columns, rules)
    return Found(columns, table, reader.texts)


def _is_confirmed(found: Found, header: Header, rules: Rules) -> bool:
    """Return whether all rows have columns of the kinds that the first rows had."""
    columns = found.columns
    if columns.label is None and columns.label_found is not None:
        return False
    for i, texts in found.texts.items():
        if texts.is_known:
            continue
        words, others = texts.count("text"), texts.count("wrong", "missing")
        numbers = texts.count("number")
        if i == columns.label:
            if words + others <= numbers:
                return False
        elif (
            not rules.is_part and has_too_many_values(len(texts.names), len(found.table.features))
        ) or (header.names[i] not in rules.named_encodings and words < numbers + others):
            return False
    return True


def _as_data(found: Found, header: Header, rules: Rules) -> CsvData:
    columns, table = found.columns, found.table
    values = _with_codes_in_order(found, table.features)
    labels, classes = table.labels, None
    if labels is not None and columns.label in found.texts:
        classes, order = found.texts[columns.label].order()
        labels = order[labels].astype(np.int64)
    suspected = suspected_id(columns.names, table.features, values)
    label_column = 1 if columns.label is None else columns.label + 1
    data = CsvData(
        rules.path,
        columns.names,
        table.features,
        labels,
        header_lines=header.lines,
        ignored=columns.ignored,
        label_column=label_column,
        has_line_per_row=table.has_line_per_row,
        values=values,
        label_name="label" if columns.label is None else header.names[columns.label],
        classes=classes,
        ids=tuple(table.ids or ()) if columns.id is not None else None,
        id_name=rules.id,
        has_header=header.has_names,
        separator=header.layout.separator,
        decimal=header.layout.decimal,
        label_found=columns.label_found,
        id_suspected=suspected,
        unknown={
            header.names[i]: texts.unknown for i, texts in found.texts.items() if texts.unknown
        },
    )
    return replace(data, notes=tuple(_notes(data, header, columns)))


def _with_codes_in_order(found: Found, features: np.ndarray) -> tuple[tuple[str, ...], ...]:
    """Replace the codes of texts in the features by those of the sorted texts, and return these."""
    if not found.columns.texts:
        return ()
    values: list[tuple[str, ...]] = []
    codes: dict[int, np.ndarray] = {}
    for place, i in enumerate(found.columns.features.tolist()):
        if i not in found.columns.texts:
            values.append(())
            continue
        names, codes[place] = found.texts[i].order()
        values.append(names)
    recode(features, codes)
    return tuple(values)


def recode(features: Any, codes: Mapping[int, np.ndarray]) -> None:
    """Replace the codes of texts in a table.

    Parameters
    ----------
    features : ndarray or TablePart
        The table, which is changed.
    codes : mapping of int to ndarray
        For some of its columns: the new code for each old one.
    """
    if all(np.array_equal(order, np.arange(len(order))) for order in codes.values()):
        return
    for rows in row_slices(features):
        block = features[rows]
        for place, order in codes.items():
            column = block[:, place]
            known = column >= 0
            column[known] = order[column[known].astype(np.int64)]
        features[rows] = block


def suspected_id(
    names: tuple[str, ...], features: np.ndarray, values: tuple[tuple[str, ...], ...]
) -> str | None:
    """Return the name of a feature that numbers the rows, or None.

    Parameters
    ----------
    names : tuple of str
        The names of the features.
    features, values
        As in `CsvData`.
    """
    for place, name in enumerate(names):
        if not _names_rows(name) or len(features) < 2 or (values and values[place]):
            continue
        column = features[:, place]
        if (column == np.floor(column)).all() and len(np.unique(column)) == len(column):
            return name
    return None


def _notes(data: CsvData, header: Header, columns: Columns) -> Iterable[str]:
    if data.label_found is not None:
        yield data.label_found
    if data.separator != ",":
        yield f"the cells are separated by {header.layout.shown}"
    if data.decimal != ".":
        yield "the decimals are written with a comma"
    if columns.index is not None:
        yield "the first column has no name and all its cells differ, so it is not used"
    if data.id_suspected is not None:
        yield note_on_id(data.id_suspected)


def note_on_id(name: str) -> str:
    """Return the sentence about a feature that numbers the rows."""
    return (
        f"the feature {shown(name)} has another whole number in each row, like a number of the "
        "row; it can be left out"
    )
