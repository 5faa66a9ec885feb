"""Writes a document as Markdown that also reads as plain text. Figures are left out."""

from __future__ import annotations

from ..texts import columns
from .model import Figure, Line, Section, Table, parts_of
from .text import line_text

__all__ = ["as_markdown"]


def as_markdown(document: Section) -> str:
    """Write a document: lines of a section as a list, tables with their columns aligned.

    Code is in back quotes. Nothing else is escaped, so a document with names that a user gave
    needs another writer.

    Parameters
    ----------
    document : Section

    Examples
    --------
    >>> print(as_markdown(Section("Sizes", (Section("Layer", ("six weights",)),))))
    # Sizes
    <BLANKLINE>
    ## Layer
    <BLANKLINE>
    - six weights
    """
    return "\n".join(_section(document, 1))


def _section(section: Section, level: int) -> list[str]:
    written = [f"{'#' * level} {line_text(section.title)}"] if section.title else []
    before: type | None = None
    for block in section.content:
        if isinstance(block, Figure):
            continue
        kind = type(block) if isinstance(block, Section | Table) else str
        written += [""] * bool(written and (kind is not str or kind is not before))
        before = kind
        if isinstance(block, Section):
            written += _section(block, level + bool(block.title))
        elif isinstance(block, Table):
            written += _table(block)
        else:
            written.append(("- " if level > 1 else "") + _code_quoted(block))
    return written


def _code_quoted(line: Line) -> str:
    return "".join(part if isinstance(part, str) else f"`{part.text}`" for part in parts_of(line))


def _table(table: Table) -> list[str]:
    header, *rows = ([_code_quoted(cell) for cell in row] for row in (table.heads, *table.rows))
    head, ruler, *lines = columns(header, rows, table.numbers, gap=" | ")
    # The colon at the end of a ruler aligns the column right.
    rulers = [
        dashes[:-1] + ":" if column in table.numbers else dashes
        for column, dashes in enumerate(ruler.split(" | "))
    ]
    return [f"| {line} |" for line in (head, " | ".join(rulers), *lines)]
