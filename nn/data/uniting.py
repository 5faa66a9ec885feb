"""Unites the tables of several files: columns of text and classes have the texts of all files.

The tables are arrays, or parts of a table that is written to a file. Files are not read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .csv import CsvData
from .csv.cells import by_value
from .csv.columns import has_too_many_values
from .csv.content import FilePart
from .csv.loading import note_on_id, recode, suspected_id

__all__ = ["check_same_kinds", "united", "unused_columns"]


def check_same_kinds(first: CsvData, data: CsvData) -> None:
    """Check that a file has the columns and the kind of labels of the first one.

    Parameters
    ----------
    first, data : CsvData
        The first file, and a later one that was read by its columns.

    Raises
    ------
    DataError
        If it has not.
    """
    if first.has_header != data.has_header or first.columns != data.columns:
        found = f"{len(data.columns)} features{'' if data.has_header else ' and no header'}"
        expected = f"{len(first.columns)}{'' if first.has_header else ' and no header'}"
        raise DataError(
            f"{data.path}: found {found}, expected {expected} as in {first.path}",
            path=data.path,
            kind="other columns",
        )
    for what, one, other in (
        ("labels", first.labels is not None, data.labels is not None),
        ("texts as labels", first.classes is not None, data.classes is not None),
    ):
        if one != other:
            raise DataError(
                f"{data.path}: found {what if other else 'no ' + what}, expected "
                f"{what if one else 'no ' + what} as in {first.path}",
                path=data.path,
                column=data.label_column,
                name=data.label_name,
                kind="other classes",
            )


def unused_columns(first: CsvData, data: CsvData) -> tuple[str, ...]:
    """Return the columns of a later file that the first one lacks."""
    return tuple(name for name in data.ignored if name not in first.ignored)


def united(
    parts: Sequence[CsvData],
    name: str,
    unused: Sequence[tuple[str, ...]],
    *,
    keep_tables: bool,
) -> CsvData:
    """Return the rows of all parts as one table.

    Parameters
    ----------
    parts : sequence of CsvData
        The files, with the same columns. Their arrays are used up.
    name : str
        The path of the result.
    unused : sequence of tuple of str
        For each part the columns that the first one lacks.
    keep_tables : bool
        Whether the features are parts of one table already, so that they are not copied.
    """
    first = parts[0]
    values = _united_texts(parts, name)
    classes, labels = _united_labels(parts)
    rows = [len(part.features) for part in parts]
    places = tuple(
        FilePart(part.path, count, part.header_lines, part.has_line_per_row, names)
        for part, count, names in zip(parts, rows, unused, strict=True)
    )
    table: Any = first.features
    features: Any = table.whole() if keep_tables else _joined(parts)
    ids = None
    if all(part.ids is not None for part in parts):
        ids = tuple(cell for part in parts for cell in part.ids or ())
    suspected = suspected_id(first.columns, features, values)
    return replace(
        first,
        path=name,
        features=features,
        labels=labels,
        ignored=tuple(dict.fromkeys(one for part in parts for one in part.ignored)),
        has_line_per_row=False,
        values=values,
        classes=classes,
        ids=ids,
        id_suspected=suspected,
        unknown=_sums(parts),
        notes=_united_notes(parts, suspected),
        parts=places,
    )


def _united_texts(parts: Sequence[CsvData], name: str) -> tuple[tuple[str, ...], ...]:
    """Bring the codes of all parts to the texts of all, and return these."""
    first = parts[0]
    if not any(any(part.values) for part in parts):
        return first.values
    count = len(first.columns)
    every = [part.values or ((),) * count for part in parts]
    if all(values == every[0] for values in every):
        return every[0]
    result = []
    for column in range(count):
        texts = {text for values in every for text in values[column]}
        result.append(tuple(sorted(texts, key=by_value)))
        if has_too_many_values(len(texts), sum(len(part.features) for part in parts)):
            raise DataError(
                f"{name}: column {first.columns[column]!r} has {len(texts)} different texts, which "
                "is too many to encode; leave the column out",
                path=name,
                name=first.columns[column],
                kind="too many values",
            )
    for part, values in zip(parts, every, strict=True):
        codes = {
            column: _places(values[column], result[column])
            for column in range(count)
            if values[column] != result[column]
        }
        if codes:
            recode(part.features, codes)
    return tuple(result)


def _united_labels(
    parts: Sequence[CsvData],
) -> tuple[tuple[str, ...] | None, NDArray[Any] | None]:
    if parts[0].labels is None:
        return None, None
    classes = parts[0].classes
    labels = [part.labels for part in parts if part.labels is not None]
    if classes is not None and any(part.classes != classes for part in parts):
        texts = {text for part in parts for text in part.classes or ()}
        classes = tuple(sorted(texts, key=by_value))
        labels = [
            _places(part.classes or (), classes)[part.labels]
            for part in parts
            if part.labels is not None
        ]
    return classes, np.concatenate(labels)


def _places(texts: Sequence[str], among: Sequence[str]) -> NDArray[np.int64]:
    place = {text: number for number, text in enumerate(among)}
    return np.array([place[text] for text in texts], np.int64)


def _joined(parts: Sequence[CsvData]) -> NDArray[Any]:
    """Return all rows in the array of the first part, which grows without a copy if possible."""
    total = parts[0].features
    for part in parts[1:]:
        start, rows = len(total), part.features
        try:
            total.resize((start + len(rows), total.shape[1]), refcheck=False)
        except ValueError:  # it is a view of another array
            total = np.concatenate([total, rows])
            continue
        total[start:] = rows
        rows.resize((0, rows.shape[1]), refcheck=False)  # its memory is free now
    return total


def _sums(parts: Sequence[CsvData]) -> dict[str, int]:
    names = dict.fromkeys(name for part in parts for name in part.unknown)
    return {name: sum(part.unknown.get(name, 0) for part in parts) for name in names}


def _united_notes(parts: Sequence[CsvData], suspected: str | None) -> tuple[str, ...]:
    notes = list(dict.fromkeys(note for part in parts for note in part.notes))
    doubts = {note_on_id(part.id_suspected) for part in parts if part.id_suspected is not None}
    kept = [note for note in notes if note not in doubts]
    return (*kept, *([note_on_id(suspected)] if suspected is not None else []))
