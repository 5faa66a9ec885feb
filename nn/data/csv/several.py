"""Reads several CSV files with the same columns as one data set.

All files are looked through first, so that each column is read in the same way everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .columns import Columns, differing_names, select_columns
from .content import CsvData, CsvFile
from .fast import read_fast
from .header import Header, read_header
from .loading import Found, as_data, watched
from .opening import open_source
from .problems import Problem, fail, list_names
from .rules import Rules
from .source import Table
from .strict import read_strictly
from .survey import Survey, look_through
from .texts import Texts

__all__ = ["load_several"]


def load_several(paths: Sequence[str], rules: Rules, name: str | None) -> CsvData:
    """Read several files.

    Parameters
    ----------
    paths : sequence of str
        The files, in the order of their rows.
    rules : Rules
        What the caller of `read_csv` passed.
    name : str or None
        The folder of the files, if that is what the caller passed.

    Raises
    ------
    DataError
        A file has other columns than the first one, or the problems of a file.
    """
    headers: list[Header] = []
    surveys: list[Survey] = []
    for path in paths:
        own = replace(rules, path=path)
        with open_source(own) as source:
            header = read_header(source, own)
            if headers:
                _check_same_names(headers[0], header, own)
            headers.append(header)
            surveys.append(look_through(source, header, own, watched(header, own)))
            if len(surveys) > 1:
                surveys[0].merge(surveys.pop(), _order(headers[0], header))
    columns = select_columns(headers[0], surveys[0], rules)
    tables: list[Table] = []
    texts: dict[str, Texts] = {}
    for path, header in zip(paths, headers, strict=True):
        tables.append(_read(replace(rules, path=path), headers[0], header, columns, texts))
    codes = {i: texts[text] for i, text in enumerate(headers[0].names) if text in texts}
    data = as_data(Found(columns, _together(tables), codes), headers[0], rules)
    files, first_row = [], 0
    for path, header, table in zip(paths, headers, tables, strict=True):
        files.append(CsvFile(path, first_row, header.lines, table.has_line_per_row))
        first_row += len(table.features)
    several = f"{len(paths)} files are read as one data set: {list_names(_base_names(paths))}"
    return replace(
        data,
        notes=(several, *data.notes),
        path=name or f"{paths[0]} and {len(paths) - 1} more",
        files=tuple(files),
        has_line_per_row=all(table.has_line_per_row for table in tables),
    )


def _base_names(paths: Sequence[str]) -> list[str]:
    return [os.path.basename(path) for path in paths]


def _check_same_names(first: Header, header: Header, rules: Rules) -> None:
    if set(first.names) != set(header.names):
        sentence = (
            "the columns are not those of the first file"
            f"{differing_names(header.names, first.names)}."
        )
        fail(rules.path, Problem("other columns", sentence, header.line))


def _order(first: Header, header: Header) -> list[int]:
    """Return where the columns of the first file are in another one."""
    place = {name: i for i, name in enumerate(header.names)}
    return [place[name] for name in first.names]


def _read(
    rules: Rules, first: Header, header: Header, columns: Columns, texts: dict[str, Texts]
) -> Table:
    order = _order(first, header)
    moved = replace(
        columns,
        label=None if columns.label is None else order[columns.label],
        features=np.array([order[i] for i in columns.features.tolist()], np.intp),
        id=None if columns.id is None else order[columns.id],
        index=None if columns.index is None else order[columns.index],
        texts=frozenset(order[i] for i in columns.texts),
    )
    with open_source(rules) as source:
        # The header is read again, because the file may be another one by now.
        header = read_header(source, rules)
        table = read_fast(source, header, moved, rules) if moved.are_numbers else None
        if table is not None:
            return table
        known = {i: texts[name] for i, name in enumerate(header.names) if name in texts}
        table, reader = read_strictly(source, header, moved, rules, known)
    texts.update({header.names[i]: found for i, found in reader.texts.items()})
    return table


def _together(tables: Sequence[Table]) -> Table:
    labels = [table.labels for table in tables if table.labels is not None]
    return Table(
        np.concatenate([table.features for table in tables]),
        np.concatenate(labels) if labels else None,
        all(table.has_line_per_row for table in tables),
        [cell for table in tables for cell in table.ids or ()],
    )
