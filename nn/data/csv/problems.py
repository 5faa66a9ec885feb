"""The problems of CSV files: their messages, and one `DataError` for all problems of a file.

It does not read files; the readers pass the line and the column of each problem.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from tinygrad_edu.errors import printable

from ...errors import DataError

MOST_SHOWN = 10
MOST_NAMES = 5
MOST_LINES = 3
MOST_CHARACTERS = 40
MOST_COMPARED = 2000


@dataclass(frozen=True)
class Problem:
    """One problem and its place; lines and columns count from 1."""

    kind: str
    sentence: str
    line: int | None = None
    column: int | None = None
    name: str | None = None
    value: str | None = None

    def text(self, path: str) -> str:
        """Return the line of the message for this problem."""
        where = path if self.line is None else f"{path}:{self.line}"
        if self.column is None:
            return f"{where}: {self.sentence}"
        name = "" if self.name is None else f" ({shown(self.name)})"
        return f"{where}: column {self.column}{name}: {self.sentence}"


@dataclass
class _Group:
    """The first problem of one kind in one column, and the lines of the others."""

    first: Problem
    lines: list[int] = field(default_factory=list)
    more: int = 0

    def text(self, path: str, at_least: str) -> str:
        """Return the line of the message for these problems."""
        text = self.first.text(path)
        if not self.lines:
            return text
        lines = "lines" if len(self.lines) + self.more > 1 else "line"
        more = f" and {at_least}{self.more} more" if self.more else ""
        return f"{text} Also on {lines} {', '.join(map(str, self.lines))}{more}."


class Problems:
    """The problems of a file: one line of the message for each kind and column.

    Attributes
    ----------
    count : int
        Number of problems that were added.
    all_read : bool
        Whether the whole file was read, so that the counts are complete.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.count = 0
        self.all_read = True
        self._groups: dict[object, _Group] = {}
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._groups)

    def add(self, problem: Problem, group: object = None) -> None:
        """Add a problem; if its group has enough already, only count it."""
        self.count += 1
        key = (problem.kind, problem.column) if group is None else group
        if key in self._groups:
            known = self._groups[key]
            # One line may have several, such as two names in a header.
            if len(known.lines) < MOST_LINES and problem.line is not None:
                known.lines.append(problem.line)
            else:
                known.more += 1
        elif len(self._groups) < MOST_SHOWN:
            self._groups[key] = _Group(problem)
        else:
            self._more += 1

    def raise_if_any(self) -> None:
        """Raise one `DataError` for all problems, if there are any."""
        if not self._groups:
            return
        at_least = "" if self.all_read else "at least "
        lines = [group.text(printable(self.path), at_least) for group in self._groups.values()]
        if self._more:
            lines.append(f"and {at_least}{self._more} more")
        first = next(iter(self._groups.values())).first
        raise DataError(
            "\n".join(lines),
            path=self.path,
            line=first.line,
            column=first.column,
            name=first.name,
            value=first.value,
            kind=first.kind,
        )


def fail(path: str, problem: Problem) -> NoReturn:
    """Raise the `DataError` for a single problem."""
    problems = Problems(path)
    problems.add(problem)
    problems.raise_if_any()
    raise AssertionError("a problem was added, so this line is never reached")


def advice(offers: Mapping[str, str], option: str, sentence: str, value: str = "") -> str:
    """Return a recommendation of an option, or '' if the caller does not have that option.

    Parameters
    ----------
    offers : mapping of str to str
        How the user writes each option; with {} for a value.
    option : str
        The name of the option.
    sentence : str
        The text, with {} for the option.
    value : str
        The value of the option.
    """
    if option not in offers:
        return ""
    return sentence.replace("{}", offers[option].replace("{}", value))


def shown(value: object) -> str:
    """Return `repr(value)`, cut to 40 characters."""
    # Cut before and after: a cell may have millions of characters, and escapes add to them.
    text = repr(value[: MOST_CHARACTERS + 1] if isinstance(value, str) else value)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 3] + "..."


def list_names(names: Sequence[str]) -> str:
    """Return the first names in quotes, and the number of the others.

    Control characters are escaped for the terminal.
    """
    text = ", ".join(shown(name) if name else "one without a name" for name in names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{text} and {more} more" if more > 0 else text


def closest_name(name: str, names: Sequence[str]) -> str | None:
    """Return the most similar of some names, or None if none is similar."""
    lower = {other.lower(): other for other in reversed(names)}
    if name.lower() in lower:
        return lower[name.lower()]
    # Comparing with every name of a wide file would take minutes.
    matches = difflib.get_close_matches(name[:100], names[:MOST_COMPARED], 1, 0.7)
    return matches[0] if matches else None


def similar_name(name: str, names: Sequence[str]) -> str:
    """Return the question whether another name is meant, or '' if none is similar."""
    close = closest_name(name, names)
    return "" if close is None else f" Did you mean {shown(close)}?"


def list_some(values: np.ndarray) -> str:
    """Return the first of these integers, and the number of the others."""
    text = ", ".join(str(value) for value in values[:MOST_SHOWN].tolist())
    more = len(values) - MOST_SHOWN
    return f"{text} and {more} more" if more > 0 else text


def problem_of_width(
    found: int, expected: int, separator: str, *, extra_is_blank: bool, cut_off: bool
) -> Problem:
    """Return the problem of a row with the wrong number of fields, without its line.

    Parameters
    ----------
    found, expected : int
        Number of fields.
    separator : str
        What separates them.
    extra_is_blank : bool
        Whether the additional fields are blank.
    cut_off : bool
        Whether the row has no line end.
    """
    fields = "field" if found == 1 else "fields"
    sentence = f"found {found} {fields}, expected {expected}."
    if found < expected:
        if cut_off:
            hint = "The last line has no line end, so the file may be truncated."
            return Problem("file cut off", f"{sentence} {hint}")
        return Problem("row too short", f"{sentence} Complete the row, or remove it.")
    if extra_is_blank:
        what = "A trailing comma" if separator == "," else f"A trailing {separator!r}"
        return Problem("row too long", f"{sentence} {what}? Remove it from every row.")
    if found == expected + 1:
        hint = "Is a name missing in the header?"
        if separator == ",":
            hint = "A trailing comma? A decimal comma? Or is a name missing in the header?"
        return Problem("row too long", f"{sentence} {hint}")
    return Problem("row too long", sentence)
