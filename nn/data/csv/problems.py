"""The problems of CSV files: their messages, and one `DataError` for all problems of a file.

It does not read files; the readers pass the line and the column of each problem.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NoReturn

import numpy as np

from tinygrad_edu.errors import printable

from ...errors import DataError

MOST_SHOWN = 10
MOST_NAMES = 5
MOST_LINES = 3
MOST_CHARACTERS = 40
# Longer cells are not classified, because some patterns take memory for each character.
MOST_EXPLAINED = 1000
MOST_WRITTEN = 10**18

# Only ASCII digits: float() also accepts "1_000", "nan" and the digits of other scripts.
_NUMBER = r"[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"
_DECIMAL_COMMA = r"[+-]?[0-9]+,[0-9]+"
_THOUSANDS = r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?"
_INFINITE = r"[+-]?inf(?:inity)?"
_MISSING = r"[+-]?nan|n/?a|#n/a|<na>|none|null|nil|missing|\?|--?|\."
# A number and its unit: "5.1 cm", "5.1cm", "12 kg", "$5", but neither "1st floor" nor "3D".
_MEASURED = (
    r"[+-]?(?:[0-9]*\.[0-9]+ ?|[0-9]+ )[^\W\d_]{1,3}"
    r"|[$€£] ?[0-9][0-9.,]*|[0-9][0-9.,]* ?[$€£°]\w?"
)
# The first matching pattern selects the hint.
_HINTS = {
    r"[+-]?[0-9]+(?:_[0-9]+)+": "Remove the underscores.",
    r"[+-]?0x[0-9a-f]+": "Write it in decimal digits.",
    r"true|false": "Write 1 for true and 0 for false.",
    r"[0-9]+[-/.:][0-9]+[-/.:][0-9]+.*": "Turn dates and times into numbers.",
    r"[+-]?[0-9.]+ ?%": "Write percentages without the sign.",
    _MEASURED: "Remove the unit.",
}

is_number = re.compile(_NUMBER).fullmatch
is_number_in_bytes = re.compile(_NUMBER.encode()).fullmatch
_is_decimal_comma = re.compile(_DECIMAL_COMMA).fullmatch
_has_thousands = re.compile(_THOUSANDS).fullmatch
_is_infinite = re.compile(_INFINITE, re.IGNORECASE).fullmatch
_is_missing = re.compile(f"|{_MISSING}", re.IGNORECASE).fullmatch
_hints = [(re.compile(pattern, re.IGNORECASE), hint) for pattern, hint in _HINTS.items()]
# Digits of any script and the characters between them, as in 12:30.
_DIGITS = r"[\d.,:/+-]*\d[\d.,:/+-]*"
_is_value = re.compile(
    "|".join((_NUMBER, _DIGITS, _THOUSANDS, _INFINITE, _MISSING, *_HINTS)),
    re.IGNORECASE,
).fullmatch


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


def advice(offers: Mapping[str, str], option: str, sentence: str) -> str:
    """Return a recommendation of an option, or '' if the caller does not have that option.

    Parameters
    ----------
    offers : mapping of str to str
        How the user writes each option.
    option : str
        The name of the option.
    sentence : str
        The text, with {} for the option.
    """
    return sentence.format(offers[option]) if option in offers else ""


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


def list_some(values: np.ndarray) -> str:
    """Return the first of these integers, and the number of the others."""
    text = ", ".join(str(value) for value in values[:MOST_SHOWN].tolist())
    more = len(values) - MOST_SHOWN
    return f"{text} and {more} more" if more > 0 else text


@cache
def largest_magnitude(dtype: np.dtype) -> float:
    """Return the magnitude from which on numbers become infinite in `dtype`.

    Numbers less than half a step above the largest finite one are rounded down to it.
    """
    if dtype == np.float64:
        return float("inf")
    largest = np.finfo(dtype).max
    step = float(largest) - float(np.nextafter(largest, dtype.type(0)))
    return float(largest) + step / 2


def looks_like_value(text: str) -> bool:
    """Return whether a text looks like a value, even a wrong one, and not like a column name."""
    return 0 < len(text) <= MOST_EXPLAINED and _is_value(text) is not None


def problem_of_feature(
    text: str, dtype: np.dtype, offers: Mapping[str, str]
) -> tuple[str, str] | None:
    """Return the kind and the message of the problem of a feature, or None.

    Parameters
    ----------
    text : str
        The cell.
    dtype : dtype
        The dtype of the features.
    offers : mapping of str to str
        As in `advice`.
    """
    bare = text.strip(" \t")
    if is_number(bare):
        return _problem_of_size(bare, dtype, offers)
    if _is_missing(bare):
        return "missing value", (
            f"missing value{_quoted(bare)}, expected a number. Fill it in or remove the row."
        )
    if _is_infinite(bare):
        return "not finite", f"found {shown(bare)}, which is not finite; expected a finite number."
    return _problem_of_text(bare, "a number", "")


def problem_of_label(
    text: str, max_classes: int, offers: Mapping[str, str]
) -> tuple[str, str] | None:
    """Return the kind and the message of the problem of a label, or None.

    Parameters
    ----------
    text : str
        The cell.
    max_classes : int
        The label must be below.
    offers : mapping of str to str
        As in `advice`.
    """
    bare = text.strip(" \t")
    if _is_missing(bare):
        return "missing label", (
            f"missing label{_quoted(bare)}; labels are integers 0..K-1. "
            "Fill it in or remove the row."
        )
    if not is_number(bare):
        hint = "Encode the class names as integers, the first as 0."
        return _problem_of_text(bare, "a label; labels are integers 0..K-1", hint)
    value = float(bare)
    if value < 0:
        return "negative label", (
            f"found the negative label {shown(bare)}; labels are integers 0..K-1."
        )
    if not value.is_integer():
        return "label not an integer", f"found {shown(bare)}; labels are integers 0..K-1."
    if value >= max_classes:
        return "too many classes", too_many_classes(int(value), max_classes, offers)
    return None


def too_many_classes(label: int, max_classes: int, offers: Mapping[str, str]) -> str:
    """Return the message for a label that is too large.

    Parameters
    ----------
    label : int
        The label.
    max_classes : int
        The limit.
    offers : mapping of str to str
        As in `advice`.
    """
    # A label may have 300 digits.
    found, classes = (
        (str(label), f"K = {label + 1} classes")
        if label < MOST_WRITTEN
        else (f"{float(label):g}", "that many classes")
    )
    option = advice(offers, "max_classes", "pass {} to allow more, or ")
    return (
        f"found label {found}, which makes {classes}; limit {max_classes}; "
        f"{option}number the classes 0..K-1."
    )


def problem_of_long_cell(start: str, size: int) -> tuple[str, str]:
    """Return the kind and the message of a cell that is too long to be classified."""
    return "not a number", f"found {shown(start)} of {size} bytes, expected a number."


def problem_of_width(found: int, expected: int, *, extra_is_blank: bool, cut_off: bool) -> Problem:
    """Return the problem of a row with the wrong number of fields, without its line.

    Parameters
    ----------
    found, expected : int
        Number of fields.
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
        return Problem("row too long", f"{sentence} A trailing comma? Remove it from every row.")
    if found == expected + 1:
        hint = "A trailing comma? A decimal comma? Or is a name missing in the header?"
        return Problem("row too long", f"{sentence} {hint}")
    return Problem("row too long", sentence)


def _quoted(text: str) -> str:
    return f" {shown(text)}" if text else ""


def _problem_of_size(
    text: str, dtype: np.dtype, offers: Mapping[str, str]
) -> tuple[str, str] | None:
    magnitude = abs(float(text))
    if magnitude < largest_magnitude(dtype):
        return None
    option = ""
    if magnitude < float("inf"):
        option = advice(offers, "dtype", "use {}, or ")
    return "too large", (
        f"found {shown(text)}, too large for "
        f"{dtype.name if magnitude < float('inf') else 'float64'}; "
        f"{option}write the column in a larger unit."
    )


def _problem_of_text(text: str, expected: str, hint: str) -> tuple[str, str]:
    found = f"found {shown(text)}"
    if "\0" in text:
        return "NUL byte", (
            f"{found}, which holds a NUL byte; expected {expected}. The file is damaged or binary."
        )
    if _has_thousands(text):
        return "thousands separator", (
            f"{found}, expected {expected}. Remove the thousands separator."
        )
    if _is_decimal_comma(text):
        return "decimal comma", f"{found}, expected {expected}. Use a decimal point."
    if "\n" in text:
        hint = "A quote opened here closes on a later line."
    else:
        hint = next((special for pattern, special in _hints if pattern.fullmatch(text)), hint)
    return "not a number", f"{found}, expected {expected}. {hint}".rstrip()
