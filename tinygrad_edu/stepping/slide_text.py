"""The text of a step on a slide: its sections in columns.

Widths are estimated, on the wide side, as in the picture of the graph. The texts come finished from
the story.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from ..documents import Figure, Inline, Line, Section, Table
from ..documents.model import parts_of
from ..documents.text import line_text
from ..drawing.boxes import BoxText, text_width

__all__ = ["LINE", "in_columns", "wrapped"]

LINE = 1.28  # from one line to the next, in letters
_APART = 44.0  # between two columns
_PROSE, _NARROW = 48, 24  # the widest prose, in sizes; in a section that has code as well
_SHAPE = re.compile(r"shape \([^)]*\): (?=\[)")
_LABEL = re.compile(r"(?<=\S) {2,}")


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a section; `starts` if no line before it belongs to it."""

    text: str
    width: float
    ink: str = "text"
    bold: bool = False
    mono: bool = False
    starts: bool = True


def wrapped(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """Break a text into lines that are not wider than this.

    Examples
    --------
    >>> wrapped("gradients start at the loss", 100, 10)
    ['gradients start at', 'the loss']
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        for piece in textwrap.wrap(word, max(int(width / (size * 0.76)), 8)):
            longer = f"{line} {piece}".strip()
            if line and text_width(longer, size, bold) > width:
                lines.append(line)
                longer = piece
            line = longer
    return [*lines, line] if line else lines


def in_columns(
    sections: Sequence[Section], width: float, height: float, size: float
) -> tuple[list[BoxText], int]:
    """Place sections in columns.

    Parameters
    ----------
    sections : sequence of Section
        Of lines.
    width, height : float
        The room for them.
    size : float
        Of the letters.

    Returns
    -------
    list of BoxText
        The lines, from the upper left corner of the columns.
    int
        How many sections are left out or cut, because there is too little room for them.

    Examples
    --------
    >>> words, left_out = in_columns([Section("Rule", ("p <- p - lr g",))], 400, 90, 30)
    >>> [word.text for word in words], left_out
    (['Rule', 'p <- p - lr g'], 0)
    """
    words: list[BoxText] = []
    step = LINE * size
    most = int(height / step)  # lines in a column
    left = top = widest = 0.0
    is_cut = False
    for place, section in enumerate(sections):
        rows = _rows(section, width, size)
        while rows:
            if top and top + step * len(rows) > height:
                left, top, widest = left + widest + _APART, 0.0, 0.0
            count = _breaks(rows, most)
            if not count:
                is_cut, count = True, most
                rows = [*rows[: most - 1], _Row("…", size, "muted")]
            widest = max(widest, *(row.width for row in rows[:count]))
            if left + widest > width:
                return words, len(sections) - place
            for number, row in enumerate(rows[:count]):
                y = top + size + number * step
                words.append(BoxText(left, y, row.text, size, row.ink, row.bold, row.mono))
            top += step * (count + 0.7)
            rows = rows[count:]
    return words, int(is_cut)


def _breaks(rows: Sequence[_Row], most: int) -> int:
    """Return how many lines go into one column: not a part of an array, nor a title alone."""
    if len(rows) <= most:
        return len(rows)
    return next((n for n in range(most, 1, -1) if rows[n].starts), 0)


def _rows(section: Section, width: float, size: float) -> list[_Row]:
    """Break a section into lines: prose is wrapped, code keeps its columns."""
    arrays: set[str] = set()
    lines = [_texts(line, arrays) for line in section.content]
    title = line_text(section.title)
    letter = text_width("0", size, mono=True)
    texts = [pair for line in lines for pair in line]
    wide = [letter * len(text) for text, is_code in texts if is_code]
    prose = max((text_width(text, size) for text, is_code in texts if not is_code), default=0.0)
    most = (_NARROW if wide else _PROSE) * size
    own = min(max([*wide, text_width(title, size, bold=True), min(prose, most)]), width)
    rows = [
        _Row(text, text_width(text, size, bold=True), "muted", bold=True, starts=not place)
        for place, text in enumerate(wrapped(title, own, size, bold=True))
    ]
    for line in lines:
        starts = True
        for text, is_code in line:
            pieces = (
                _code_wrapped(text, round(own / letter)) if is_code else wrapped(text, own, size)
            )
            for piece in pieces:
                long = text_width(piece, size, mono=is_code)
                rows.append(_Row(piece, long, mono=is_code, starts=starts))
                starts = False
    return rows


def _code_wrapped(text: str, letters: int) -> list[str]:
    if len(text) <= letters:
        return [text]
    wrapper = textwrap.TextWrapper(
        max(letters, 8),
        subsequent_indent="    ",
        replace_whitespace=False,
        break_on_hyphens=False,
    )
    return wrapper.wrap(text)


def _texts(block: Line | Table | Figure | Section, arrays: set[str]) -> list[tuple[str, bool]]:
    """Write a line, and whether it has code.

    The shape of an array is left out, and its numbers if they are those of an array above.
    """
    assert not isinstance(block, Table | Figure | Section), "the steps of a story have lines only"
    parts = parts_of(block)
    if all(isinstance(part, str) for part in parts):
        return [("".join(map(str, parts)), False)]
    *before, last = parts
    if isinstance(last, Inline) and (shape := _SHAPE.match(last.text)):
        numbers = last.text[shape.end() :].replace("\n" + " " * shape.end(), "\n")
        label = _LABEL.sub(" ", line_text(before))
        parts = (label, "the same numbers" if numbers in arrays else Inline(numbers))
        arrays.add(numbers)
    return [(text, True) for text in line_text(parts).split("\n")]
