"""What a tool shows, before it is text or HTML: sections of lines, tables and figures.

Nothing here decides how a document looks, and nothing is escaped here: the writers do both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ..texts import clean

if TYPE_CHECKING:
    import matplotlib.figure

__all__ = [
    "Figure",
    "Inline",
    "Line",
    "Section",
    "Table",
    "code",
    "marked",
    "name",
    "parts_of",
]


@dataclass(frozen=True, slots=True)
class Inline:
    """Text inside a line that is not prose: code, or a formula.

    Attributes
    ----------
    text : str
        As plain text shows it.
    latex : str
        The same as LaTeX; empty for code, such as a name or a number.
    """

    text: str
    latex: str = ""


Line: TypeAlias = Inline | Sequence[Inline | str]
"""Prose (a `str`), code, or both in turn. Blanks at the start indent the line; two or more blanks
after the first words make these a label, with the rest of the line in a column next to it."""


@dataclass(frozen=True, slots=True)
class Table:
    """Cells in rows and columns; the first cell of each row is its heading.

    Attributes
    ----------
    heads : sequence of Line
        The heading of each column.
    rows : sequence of sequence of Line
    numbers : collection of int
        The columns that are aligned right.
    strong : collection of int
        The rows to emphasize.
    narrow : collection of int
        The columns to show where there is no room for all of them; empty to show all anyway.
    note : str
        Explains the columns; shown only where all of them are.
    kind : str
        The class of the table in a style sheet.
    """

    heads: Sequence[Line]
    rows: Sequence[Sequence[Line]]
    numbers: Collection[int] = ()
    strong: Collection[int] = ()
    narrow: Collection[int] = ()
    note: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A matplotlib figure, drawn only by a writer that can show it.

    Attributes
    ----------
    draw : callable
        Returns the figure.
    description : str
        What the figure shows, for readers who do not see it.
    """

    draw: Callable[[], matplotlib.figure.Figure]
    description: str


@dataclass(frozen=True, slots=True)
class Section:
    """A title and what belongs to it. A document is the outermost section.

    Attributes
    ----------
    title : Line
        Empty for a group without a title.
    content : tuple of Line, Table, Figure or Section
    kind : str
        The class of the section in a style sheet.

    Examples
    --------
    >>> from tinygrad_edu.documents import as_text
    >>> print(as_text(Section("Result", (Section("Loss", (["value ", code("0.5")],)),))))
    Result
    <BLANKLINE>
    Loss
      value 0.5
    """

    title: Line = ""
    content: tuple[Line | Table | Figure | Section, ...] = ()
    kind: str = ""


def code(text: object) -> Inline:
    """Mark a number, a line of code, or a name that is fit to be shown.

    Examples
    --------
    >>> code(0.5)
    Inline(text='0.5', latex='')
    """
    return Inline(str(text))


def name(text: object, limit: int = 80) -> Inline:
    r"""Mark a name that a user gave: one line, printable, at most `limit` characters.

    Examples
    --------
    >>> name("hidden\n layer")
    Inline(text='hidden layer', latex='')
    """
    return Inline(clean(text, limit=limit))


def marked(text: str) -> tuple[Inline | str, ...]:
    """Read a line in which code is in back quotes.

    Examples
    --------
    >>> marked("`sum` adds up")
    (Inline(text='sum', latex=''), ' adds up')
    """
    parts = re.split(r"`([^`]*)`", text)
    pairs = [code(part) if place % 2 else part for place, part in enumerate(parts)]
    return tuple(filter(None, pairs))


def parts_of(line: Line) -> tuple[Inline | str, ...]:
    """Return the parts of a line, whichever way it is written.

    Examples
    --------
    >>> parts_of("prose"), parts_of(["is ", code("1")])
    (('prose',), ('is ', Inline(text='1', latex='')))
    """
    return (line,) if isinstance(line, Inline | str) else tuple(line)
