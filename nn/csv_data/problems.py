"""What can be wrong with a cell, a row or a whole CSV file, and the sentence that says so.

This file words problems and collects them into one `DataError`. It opens no file and decides
nothing about which row or column a text came from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

import numpy as np

from ..errors import DataError

__all__ = [
    "Problem",
    "Problems",
    "fail",
    "is_number",
    "largest_magnitude",
    "list_names",
    "list_some",
    "problem_of_feature",
    "problem_of_label",
    "problem_of_width",
    "shown",
    "too_many_classes",
]

MOST_SHOWN = 10
MOST_NAMES = 5
MOST_CHARACTERS = 40

# ASCII digits only: float() would also take "1_000", "nan" and the digits of other scripts.
is_number = re.compile(
    r"[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"
).fullmatch

_is_decimal_comma = re.compile(r"[+-]?[0-9]+,[0-9]+").fullmatch
_has_thousands = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?").fullmatch
_is_infinite = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE).fullmatch
_is_missing = re.compile(
    r"|[+-]?nan|n/?a|#n/a|<na>|none|null|nil|missing|\?", re.IGNORECASE
).fullmatch

# The first pattern that fits gives the hint; none fitting gives no hint.
_HINTS = (
    (re.compile(r".*\n.*", re.DOTALL), "A quote opened here closes on a later line."),
    (re.compile(r"[+-]?[0-9]+(?:_[0-9]+)+"), "Remove the underscores."),
    (re.compile(r"[+-]?0[xX][0-9a-fA-F]+"), "Write it in decimal digits."),
    (re.compile(r"true|false", re.IGNORECASE), "Write 1 for true and 0 for false."),
    (
        re.compile(r"[0-9]+[-/.:][0-9]+[-/.:][0-9]+.*"),
        "Turn dates and times into numbers.",
    ),
    (re.compile(r"[+-]?[0-9.]+ ?%"), "Write percentages without the sign."),
)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where; lines and columns count from 1."""

    kind: str
    sentence: str
    line: int | None = None
    column: int | None = None
    name: str | None = None
    value: str | None = None

    def text(self, path: str) -> str:
        """Return the line of the error message for this problem."""
        where = path if self.line is None else f"{path}:{self.line}"
        if self.column is None:
            return f"{where}: {self.sentence}"
        name = "" if self.name is None else f" ({shown(self.name)})"
        return f"{where}: column {self.column}{name}: {self.sentence}"


class Problems:
    """The first problems of a file in full, the number of all the others."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.first: list[Problem] = []
        self.more = 0

    def add(self, problem: Problem) -> None:
        """Keep `problem`, or only count it where enough are kept."""
        if len(self.first) < MOST_SHOWN:
            self.first.append(problem)
        else:
            self.more += 1

    def raise_if_any(self) -> None:
        """Raise one `DataError` for everything added so far; return quietly if that is nothing."""
        if not self.first:
            return
        lines = [problem.text(self.path) for problem in self.first]
        if self.more:
            lines.append(f"and {self.more} more")
        first = self.first[0]
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


def shown(value: object) -> str:
    """Return `repr(value)`, cut to 40 characters."""
    # Cut twice: a cell may have millions of characters, and an escape takes several.
    text = repr(value[: MOST_CHARACTERS + 1] if isinstance(value, str) else value)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 3] + "..."


def list_names(names: Sequence[str]) -> str:
    """Return the first few of `names` in quotes, and how many more there are.

    Control characters are escaped, so that the text can be printed on a terminal.
    """
    text = ", ".join(shown(name) for name in names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{text} and {more} more" if more > 0 else text


def list_some(values: np.ndarray) -> str:
    """Return the first few whole numbers of `values`, and how many more there are."""
    text = ", ".join(str(value) for value in values[:MOST_SHOWN].tolist())
    more = len(values) - MOST_SHOWN
    return f"{text} and {more} more" if more > 0 else text


@cache
def largest_magnitude(dtype: np.dtype) -> float:
    """Return the magnitude from which on a number becomes infinite in `dtype`.

    A number less than half a step above the largest finite one is still rounded down to it.
    """
    if dtype == np.float64:
        return float("inf")
    largest = np.finfo(dtype).max
    step = float(largest) - float(np.nextafter(largest, dtype.type(0)))
    return float(largest) + step / 2


def problem_of_feature(text: str, dtype: np.dtype) -> tuple[str, str] | None:
    """Return the kind and the sentence of what is wrong with a feature, or None."""
    bare = text.strip(" \t")
    if is_number(bare):
        return _problem_of_size(bare, dtype)
    if _is_missing(bare):
        return "missing value", (
            f"missing value{_quoted(bare)}, expected a number. Fill it in or remove the row."
        )
    if _is_infinite(bare):
        return "not finite", f"found {shown(bare)}, which is not finite; expected a finite number."
    return _problem_of_text(bare, "a number", "")


def problem_of_label(text: str, max_classes: int) -> tuple[str, str] | None:
    """Return the kind and the sentence of what is wrong with a label, or None."""
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
        return "too many classes", too_many_classes(int(value), max_classes)
    return None


def too_many_classes(label: int, max_classes: int) -> str:
    """Return the sentence for a label that would need more outputs than is reasonable."""
    return (
        f"found label {label}, which makes K = {label + 1} classes; limit {max_classes}; "
        "pass max_classes= to allow more, or number the classes 0..K-1."
    )


def problem_of_width(found: int, expected: int, *, extra_is_blank: bool, cut_off: bool) -> Problem:
    """Return the problem of a row with the wrong number of fields; it has no line yet."""
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


def _problem_of_size(text: str, dtype: np.dtype) -> tuple[str, str] | None:
    magnitude = abs(float(text))
    if magnitude < largest_magnitude(dtype):
        return None
    if magnitude == float("inf"):
        return "too large", f"found {shown(text)}, too large for float64."
    return "too large", f"found {shown(text)}, too large for {dtype.name}; use dtype=float64."


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
    for pattern, special in _HINTS:
        if pattern.fullmatch(text):
            hint = special
            break
    return "not a number", f"{found}, expected {expected}. {hint}".rstrip()
