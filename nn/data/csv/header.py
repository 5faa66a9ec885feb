"""Reads the header of a CSV file, and detects files that start with a row of data instead.

The roles of the columns are decided in `columns`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .cells import is_number, looks_like_value
from .layout import Layout
from .problems import (
    MOST_SHOWN,
    Problem,
    Problems,
    advice,
    fail,
    shown,
)
from .records import (
    BLANKS,
    Block,
    blocks,
    count_cells,
    count_lines,
    records,
    split_cells,
    too_many_columns,
    unify_line_ends,
    unquoted,
)
from .rules import Rules
from .source import Source

LABEL = "label"
OTHER_SEPARATORS = (";", "\t", "|")
# A row of data does not count 0, 1, 2, ... to fifteen; the names that pandas makes up do. A row
# of 0, 1, 2, 3 is rare, but possible.
PERHAPS_NAMES, CERTAINLY_NAMES = 4, 16
MOST_BYTES_OF_A_NAME = 10_000

_starts_like_a_number = re.compile(r"[+-]?[$€£]?\.?[0-9]").match


@dataclass(frozen=True)
class Header:
    """The header of a file.

    Attributes
    ----------
    names : tuple of str
        Names of all columns; without a header, "column 1" and so on.
    line : int
        The line on which the header starts.
    lines, size : int
        Lines and bytes before the first row; the lines include one of Excel.
    has_names : bool
        Whether the file has a header.
    layout : Layout
        The separator and the decimal mark.
    """

    names: tuple[str, ...]
    line: int
    lines: int
    size: int
    has_names: bool
    layout: Layout


def read_header(source: Source, rules: Rules) -> Header:
    """Read the column names, or raise `DataError` if they cannot be column names."""
    problems = Problems(rules.path)
    line = source.lines_before + 1
    block = next(blocks(source.stream(), line, rules, problems, most_cells=rules.max_columns), None)
    record = next(records((block or Block(b"", 1)).text), b"")
    text = unify_line_ends(record.rstrip(b"\r\n"))
    if not text.strip(BLANKS):
        fail(rules.path, Problem("no header", "no header: the first line is blank.", line))
    if (count := count_cells(text)) > rules.max_columns:
        fail(rules.path, too_many_columns(count, line, rules.max_columns, rules))
    unnamed = Header(_names_by_position(count, rules), line, line - 1, 0, False, source.layout)
    if rules.header is False:
        return unnamed
    if len(text) > MOST_BYTES_OF_A_NAME * count:
        sentence = f"found {count} column names of {len(text)} bytes in all. Is it the right file?"
        fail(rules.path, Problem("names too long", sentence, line))
    cells, _ = split_cells(text, count)
    names = _decoded(cells, line, source.layout, rules)
    if problem := _problem_of_first_line(names, rules):
        fail(rules.path, replace(problem, line=line))
    if rules.header is None and (problem := _problem_of_values(names, rules)):
        if not (rules.by_position and problem.kind == "no header" and not rules.required):
            fail(rules.path, replace(problem, line=line))
        return unnamed
    for problem in _problems_of_names(names, cells, line, rules):
        problems.add(problem)
    problems.raise_if_any()
    lines = max(count_lines(record), 1)
    return Header(tuple(names), line, line - 1 + lines, len(record), True, source.layout)


def _names_by_position(count: int, rules: Rules) -> tuple[str, ...]:
    """Return the names of `count` columns without a header: the expected ones by position."""
    if rules.by_position and rules.features is not None and len(rules.features) == count:
        return rules.features
    return tuple(f"column {number}" for number in range(1, count + 1))


def problem_of_encoding(cell: bytes, error: UnicodeDecodeError, line: int, column: int) -> Problem:
    """Return the problem of a cell that is not UTF-8.

    Parameters
    ----------
    cell : bytes
        The cell.
    error : UnicodeDecodeError
        The error from decoding it.
    line, column : int
        Where it begins.
    """
    byte = f"0x{cell[error.start]:02x}"
    sentence = f"byte {byte} is not UTF-8. Save the file as UTF-8."
    place = line + count_lines(cell[: error.start])
    return Problem("not UTF-8", sentence, place, column, value=byte)


def blank_name(line: int, column: int) -> Problem:
    """Return the problem of a column without a name."""
    hint = " Was it written with the row numbers of pandas? Use index=False." * (column == 1)
    sentence = f"the column name is blank; name the column, or remove it.{hint}"
    return Problem("blank column name", sentence, line, column, value="")


def _decoded(cells: list[bytes], line: int, layout: Layout, rules: Rules) -> list[str]:
    names = []
    for column, cell in enumerate(cells, start=1):
        cell = layout.original(cell)
        try:
            cell.decode("utf-8")
        except UnicodeDecodeError as error:
            fail(rules.path, problem_of_encoding(cell, error, line, column))
        names.append(unquoted(cell).decode("utf-8").strip())
        line += count_lines(cell)
    return names


def _problem_of_first_line(names: list[str], rules: Rules) -> Problem | None:
    """Return why the first line is not a header of a CSV file, or None."""
    first = names[0]
    if first.startswith("#"):
        sentence = "found a comment line; the first line must be column names."
        return Problem("no header", sentence, 1, value=first)
    if len(names) == 1 and rules.sep is not None and "," in first:
        sentence = f"the separator {rules.sep!r} does not occur in the first line, but ',' does."
        return Problem("separator", sentence, 1, value=rules.sep)
    if len(names) == 1 and (found := [mark for mark in OTHER_SEPARATORS if mark in first]):
        option = advice(rules.offers, "sep", ", or pass {}")
        sentence = (
            f"the separator looks like {found[0]!r}, expected ','; not all of the first lines "
            f"have the same number of it. Complete these lines, save it with commas{option}."
        )
        return Problem("separator", sentence, 1, value=found[0])
    return None


def _problem_of_values(names: list[str], rules: Rules) -> Problem | None:
    """Return the problem of a first line with values instead of names, or None.

    A line with the word `label`, or with all expected names, is a header.
    """
    if LABEL in names or rules.label in names:
        return _number_as_name(names, rules)
    if _are_expected(names, rules):
        return None
    if _are_positions(names):
        if len(names) >= CERTAINLY_NAMES:
            return None
        # By position, such a line would be read as an additional row.
        if rules.by_position and names[0] == "0" and len(names) >= PERHAPS_NAMES:
            return _names_or_data(names)
    found = _first_value(names)
    # With a word such as LABEL it is a misspelt header, which has its own error.
    if not found or any(name.lower() == LABEL for name in names):
        return None
    return _looks_like_data(names, found, rules)


def _number_as_name(names: list[str], rules: Rules) -> Problem | None:
    """Return the problem of a number in a header with the word `label`, or None.

    Some programs make a header from the first row of data. Numbers that rise in equal steps, such
    as positions, years and wavelengths, are names.
    """
    numbers = [i for i, name in enumerate(names) if is_number(name)]
    rising = numbers and _count_up([names[i] for i in numbers])
    if not numbers or rising or set(rules.features or names) < set(names):
        return None
    i = numbers[0]
    sentence = (
        f"found the number {shown(names[i])} for a name, which looks like data; "
        "the first line must be column names. Name the column, or add the missing header."
    )
    return Problem("number as a name", sentence, 1, i + 1, names[i], names[i])


def _looks_like_data(names: list[str], found: str, rules: Rules) -> Problem:
    option = "header" if rules.features is None or rules.required else "by_position"
    hint = advice(rules.offers, option, " If the file has no header, pass {}.")
    sentence = (
        f"found {_first_names(names)}, which looks like data ({shown(found)}); "
        f"the first line must be column names, such as label,pixel1,pixel2.{hint}"
    )
    return Problem("no header", sentence, 1)


def _names_or_data(names: list[str]) -> Problem:
    sentence = (
        f"found {_first_names(names)}, which can be column names or a row of data; "
        "the first line must be column names that are not numbers."
    )
    return Problem("names or data", sentence, 1)


def _are_expected(names: list[str], rules: Rules) -> bool:
    """Return whether all expected names occur, and are not a row of data by chance."""
    if rules.features is None or not set(rules.features) <= set(names):
        return False
    return len(names) >= CERTAINLY_NAMES or not all(map(looks_like_value, rules.features))


def _count_up(texts: list[str]) -> bool:
    """Return whether the numbers rise in equal steps; two of them in steps of 1."""
    values = np.array([float(text) for text in texts])
    if len(values) == 1:
        return texts[0] in ("0", "1")
    with np.errstate(all="ignore"):
        steps = np.diff(values)
        equal = bool(steps[0] > 0 and np.allclose(steps, steps[0], rtol=1e-3, atol=0))
    return equal and (len(values) > 2 or steps[0] == 1)


def _are_positions(texts: list[str]) -> bool:
    start = texts[0]
    return start in ("0", "1") and texts == [str(i + int(start)) for i in range(len(texts))]


def _first_value(names: list[str]) -> str | None:
    """Return the first name that looks like a value; any name, if all begin like numbers."""
    for name in names:
        if looks_like_value(name):
            return name
    given = [name for name in names if name]
    return given[0] if given and all(map(_starts_like_a_number, given)) else None


def _first_names(names: list[str]) -> str:
    return shown(",".join(name[:MOST_SHOWN] for name in names[:20]))


def _problems_of_names(
    names: list[str], cells: list[bytes], line: int, rules: Rules
) -> Iterator[Problem]:
    if len(set(names)) == len(names) and "" not in names and not any("\0" in n for n in names):
        return
    # Unknown columns are skipped, with or without a name.
    skips_blank = rules.features is not None and not rules.by_position
    first_seen: dict[str, int] = {}
    for column, (name, cell) in enumerate(zip(names, cells, strict=True), start=1):
        # pandas and R write row numbers or names without a name; these are skipped, too.
        if not name and (skips_blank or (column == 1 and not rules.by_position)):
            pass
        elif not name:
            yield blank_name(line, column)
        elif "\0" in name:
            sentence = f"the column name {shown(name)} holds a NUL byte; the file is damaged."
            yield Problem("NUL byte", sentence, line, column, value=name)
        elif name in first_seen:
            sentence = (
                f"the column name {shown(name)} occurs in columns {first_seen[name]} "
                f"and {column}; every name must be different."
            )
            yield Problem("duplicate column name", sentence, line, column, name, name)
        first_seen.setdefault(name, column)
        line += count_lines(cell)
