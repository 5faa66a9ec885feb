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
from ..drawing.boxes import text_width

__all__ = ["Words", "in_columns", "wrapped"]

LINE = 1.36  # from one line to the next, in letters
_APART = 44.0  # between two columns
_PROSE, _NARROW = 48, 24  # the widest prose, in sizes; in a section that has code as well
_SHAPE = re.compile(r"(shape \([^)]*\)): ")
_LABEL = re.compile(r"(?<=\S) {2,}")


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text: where it begins, and how it looks."""

    x: float
    y: float
    text: str
    size: float
    ink: str = "text"
    bold: bool = False
    mono: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    """A section as lines: text, ink, whether it is bold, and whether it is code."""

    lines: tuple[tuple[str, str, bool, bool], ...]
    width: float


def wrapped(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """Break a text into lines that are not wider than this.

    Examples
    --------
    >>> wrapped("gradients start at the loss", 100, 10)
    ['gradients start', 'at the loss']
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
) -> tuple[list[Words], int]:
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
    list of Words
    int
        How many sections are left out or cut, because there is too little room for them.

    Examples
    --------
    >>> words, left_out = in_columns([Section("Rule", ("p <- p - lr g",))], 400, 90, 30)
    >>> [word.text for word in words], left_out
    (['Rule', 'p <- p - lr g'], 0)
    """
    blocks = [_block(section, width, size) for section in sections]
    words: list[Words] = []
    step = LINE * size
    left = top = widest = 0.0
    is_cut = False
    for number, block in enumerate(blocks):
        high = step * len(block.lines)
        if top and top + high > height:
            left, top, widest = left + widest + _APART, 0.0, 0.0
        if left + block.width > width:
            return words, len(blocks) - number
        fitting = int(height / step)
        lines = block.lines
        if len(lines) > fitting:
            lines = (*lines[: fitting - 1], ("…", "muted", False, False))
            is_cut = True
        for place, (text, ink, bold, mono) in enumerate(lines):
            words.append(Words(left, top + size + place * step, text, size, ink, bold, mono))
        top += high + 0.7 * step
        widest = max(widest, block.width)
    return words, int(is_cut)


def _block(section: Section, width: float, size: float) -> _Block:
    """Break a section into lines: prose is wrapped, code keeps its columns."""
    texts: list[tuple[str, bool]] = []
    arrays: set[str] = set()
    for line in section.content:
        texts += _texts(line, arrays)
    title = line_text(section.title)
    letter = text_width("0", size, mono=True)
    wide = [letter * len(text) for text, is_code in texts if is_code]
    prose = max((text_width(text, size) for text, is_code in texts if not is_code), default=0.0)
    most = (_NARROW if wide else _PROSE) * size
    own = min(max([*wide, text_width(title, size, bold=True), min(prose, most)]), width)
    lines = [(text, "muted", True, False) for text in wrapped(title, own, size, bold=True)]
    for text, is_code in texts:
        pieces = _code_wrapped(text, round(own / letter)) if is_code else wrapped(text, own, size)
        lines += [(piece, "text", False, is_code) for piece in pieces]
    return _Block(tuple(lines), own)


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
    if isinstance(block, Table | Figure | Section):
        return []  # no step has one
    parts = parts_of(block)
    if all(isinstance(part, str) for part in parts):
        return [("".join(map(str, parts)), False)]
    *before, last = parts
    if isinstance(last, Inline) and "\n" in last.text and (shape := _SHAPE.match(last.text)):
        numbers = last.text[shape.end() :].replace("\n" + " " * shape.end(), "\n")
        label = _LABEL.sub(" ", line_text(before))
        parts = (label, "the same numbers" if numbers in arrays else Inline(numbers))
        arrays.add(numbers)
    return [(text, True) for text in line_text(parts).split("\n")]
