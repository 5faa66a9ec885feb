"""Writes a document as plain text for a terminal. Figures are left out."""

from __future__ import annotations

import re
import textwrap

from ..texts import columns, printable
from .model import Figure, Line, Section, Table, parts_of

__all__ = ["as_text", "line_text"]

WIDTH = 100
_LABEL = re.compile(r" *\S(?:.*?\S)? {2,}")


def as_text(document: Section, width: int = WIDTH) -> str:
    """Write a document; the content of a section is indented by two.

    Parameters
    ----------
    document : Section
    width : int
        Longer lines are wrapped. A table that is wider shows its `narrow` columns.

    Examples
    --------
    >>> print(as_text(Section("Sizes", (Table(["name", "size"], [["W", "6"]], numbers=[1]),))))
    Sizes
    <BLANKLINE>
    name  size
    ----  ----
    W        6
    """
    return "\n".join(_section(document, width, indent=0))


def line_text(line: Line) -> str:
    """Write a line; the further lines of code with several lines stay in their column."""
    text = ""
    for part in parts_of(line):
        column = len(text) - text.rfind("\n") - 1
        written = printable(part if isinstance(part, str) else part.text)
        text += written.replace("\n", "\n" + " " * column)
    return text


def _section(section: Section, width: int, indent: int) -> list[str]:
    groups = [(_wrapped(section.title, width), False)] if section.title else []
    for block in section.content:
        is_apart = isinstance(block, Table) or (isinstance(block, Section) and bool(block.title))
        lines = [" " * indent + line if line else "" for line in _block(block, width - indent)]
        groups += [(lines, is_apart)] if lines else []
    written: list[str] = []
    before_is_apart = False
    for lines, is_apart in groups:
        written += [""] * bool(written and (is_apart or before_is_apart))
        written += lines
        before_is_apart = is_apart
    return written


def _block(block: Line | Table | Figure | Section, width: int) -> list[str]:
    if isinstance(block, Figure):
        return []
    if isinstance(block, Table):
        return _table(block, width)
    if isinstance(block, Section):
        if block.content and all(isinstance(one, Figure) for one in block.content):
            return []
        return _section(block, width, indent=2 if block.title else 0)
    return _wrapped(block, width)


def _wrapped(line: Line, width: int) -> list[str]:
    """Wrap a line; what follows a label stays to the right of it."""
    lines = []
    for text in line_text(line).split("\n"):
        label = _LABEL.match(text)
        start = label.end() if label else len(text) - len(text.lstrip())
        if len(text) > width:
            further = " " * min(start + 2, width // 2)
            lines += textwrap.wrap(
                text,
                width,
                subsequent_indent=further,
                replace_whitespace=False,
                break_on_hyphens=False,
            )
        else:
            lines.append(text)
    return lines


def _table(table: Table, width: int) -> list[str]:
    rows = [[line_text(cell) for cell in row] for row in (table.heads, *table.rows)]
    lines = columns(rows[0], rows[1:], table.numbers)
    if table.narrow and max(map(len, lines)) > width:
        kept = sorted(table.narrow)
        rows = [[row[column] for column in kept] for row in rows]
        numbers = [place for place, column in enumerate(kept) if column in table.numbers]
        return columns(rows[0], rows[1:], numbers)
    return [*lines, *_wrapped(table.note, width)] if table.note else lines
