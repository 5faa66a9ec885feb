"""Recognises the separator of a CSV file and its decimal mark from the first lines.

It chooses only what fits all of these lines, and nothing where two choices fit. A wrong cell
further down is found by the readers.
"""

from __future__ import annotations

import re

from .layout import SPACES, Layout
from .problems import Problem, advice, fail
from .rules import Rules

__all__ = ["EXCEL_LINE", "find_layout"]

CANDIDATES = (",", ";", "\t", "|")
MOST_RECORDS = 20
# Excel writes the separator in a line of its own, which is not part of the table.
EXCEL_LINE = re.compile(rb'sep=([^\w"\r\n])(?:\r\n?|\n|\Z)', re.IGNORECASE)

_quoted = re.compile(rb'(?:\A|(?<=[,;\t|\r\n ]))"[^"]*(?>(?:""[^"]*)*)"')
_DECIMAL = rb'(?:^|(?<=[%b]))[ \t]*"?([+-]?[0-9]*%b[0-9]+)(?:[eE][+-]?[0-9]+)?"?[ \t]*(?=[%b]|$)'
_is_grouped = re.compile(rb"[+-]?[1-9][0-9]{0,2},[0-9]{3}").fullmatch


def find_layout(head: bytes, rules: Rules, excel: str | None = None, *, whole: bool) -> Layout:
    """Return the layout of a text, as it was passed, or else as recognised.

    Parameters
    ----------
    head : bytes
        The start of the text, after a line of Excel.
    rules : Rules
        What the caller of `read_csv` passed.
    excel : str, optional
        The separator from a line of Excel.
    whole : bool
        Whether `head` is the whole text.

    Raises
    ------
    DataError
        Two separators fit equally well, or the decimal mark is the separator.
    """
    separator = rules.sep or excel or _separator(_first_lines(head, whole=whole), rules)
    decimal = rules.decimal or _decimal(head, separator)
    if decimal == separator:
        sentence = (
            "the separator is a comma, so the decimal mark cannot be one. "
            "Write a decimal point, or separate the cells by ';'."
        )
        fail(rules.path, Problem("decimal comma", sentence, 1))
    return Layout(separator, decimal)


def _first_lines(head: bytes, *, whole: bool) -> list[bytes]:
    """Return the first records with each cell in quotes replaced by a letter."""
    text = _quoted.sub(b"q", head) if b'"' in head else head
    lines = text.splitlines()
    if not whole and len(lines) > 1:
        lines.pop()
    return [line for line in lines if line.strip()][:MOST_RECORDS]


def _separator(lines: list[bytes], rules: Rules) -> str:
    if not lines:
        return ","
    fitting = [mark for mark in CANDIDATES if _fits(mark, lines)]
    chosen = fitting[0] if fitting else _of_first_line(lines)
    for rival in fitting[1:]:
        if _separates_more(rival, chosen, lines):
            option = advice(rules.offers, "sep", " Pass {} with the right one.")
            sentence = (
                f"the separator can be {chosen!r} or {rival!r}: both divide each of the first "
                f"lines into the same number of cells.{option}"
            )
            fail(rules.path, Problem("separator", sentence, 1, value=rival))
    return chosen


def _fits(mark: str, lines: list[bytes]) -> bool:
    """Return whether all lines have the same number of cells, and more than one."""
    counts = {_count(mark, line) for line in lines}
    return len(counts) == 1 and counts != {1}


def _of_first_line(lines: list[bytes]) -> str:
    """Return the separator of the header where some lines have another number of cells.

    A header without commas cannot be that of a table with commas.
    """
    header = lines[0]
    if b"," in header:
        return ","
    agreeing = {
        mark: sum(_count(mark, line) == _count(mark, header) for line in lines)
        for mark in (*CANDIDATES[1:], SPACES)
        if _count(mark, header) > 1
    }
    likely = [mark for mark, count in agreeing.items() if 2 * count > len(lines)]
    likely = [mark for mark in likely if mark != SPACES] or likely
    if likely == [SPACES] and (len(lines) == 1 or agreeing[SPACES] < len(lines)):
        # A name of several words is not a row of a table.
        likely = []
    return likely[0] if len(likely) == 1 else ","


def _count(mark: str, line: bytes) -> int:
    return len(line.split()) if mark == SPACES else line.count(mark.encode()) + 1


def _separates_more(rival: str, chosen: str, lines: list[bytes]) -> bool:
    """Return whether a second separator occurs inside cells, not only as a blank around them."""
    cells = (cell.strip(b" \t") for line in lines for cell in line.split(chosen.encode()))
    return any(rival.encode() in cell for cell in cells)


def _decimal(head: bytes, separator: str) -> str:
    """Return ',' if most numbers with decimals have it; the others are wrong in either case."""
    if separator == "," or b"," not in head:
        return "."
    head = head.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    marks = b" \t" if separator == SPACES else re.escape(separator.encode())
    commas = re.findall(_DECIMAL % (marks, b",", marks), head, re.MULTILINE)
    # A number such as 1,234 alone may as well have a thousands separator.
    if all(map(_is_grouped, commas)):
        return "."
    points = re.findall(_DECIMAL % (marks, rb"\.", marks), head, re.MULTILINE)
    return "," if len(commas) > len(points) else "."
