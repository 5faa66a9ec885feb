"""What an explanation consists of, and how it becomes text or HTML.

A line is made of parts: words of this package, code (names that somebody gave, numbers), and
formulas. Only when it is shown does it matter that HTML has signs of its own, and that a notebook
typesets what stands between dollars.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..drawing.text import clean, gradient_text, shape_text, value_rows
from .latex import symbol

__all__ = ["Part", "Section", "as_html", "as_text", "code", "formula", "gradient", "values"]


_LARGEST_MATRIX = 4


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line: its text, whether that is code, and the formula that it stands for."""

    text: str
    is_code: bool = False
    latex: str = ""


Line = Sequence[Part | str]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the lines below it.

    `start` and `end` say from which step to which of a page it is true.
    """

    title: str
    lines: tuple[Line, ...]
    start: int = 0
    end: int | None = None


def code(text: str) -> Part:
    """Write a name or a number as it is."""
    return Part(text, is_code=True)


def formula(text: str, tex: str = "") -> Part:
    """Write a formula, or a name in one; as LaTeX where it is typeset."""
    text = clean(text, limit=400)
    return Part(text, latex=tex or symbol(text))


def values(array: Any) -> Part:
    """Write an array: a few numbers one by one, many as shape, mean and range.

    Matrices of up to 4 by 4 are few numbers here, where there is more room than in a picture.
    """
    array = np.asarray(array)
    rows, warning = value_rows(array, "full" if _is_small_matrix(array) else "auto")
    if len(rows) == 1 and rows[0][0] == "data":
        shape = f"shape {shape_text(array.shape)}: " if array.ndim else ""
        text = shape + rows[0][1].replace("\n", "\n" + " " * len(shape))
    else:
        text = ", ".join(" ".join(row) for row in rows)
    return code(f"{text} ({warning})" if warning and array.size > 1 else text)


def gradient(array: Any) -> Part:
    """Write a gradient: many numbers as their norm; one that is zero everywhere says so."""
    array = np.asarray(array)
    if array.size > 1:
        text, _, warning = gradient_text(array, True)
        if not array.any() or (text.startswith("‖") and not _is_small_matrix(array)):
            text += f" ({warning})" if warning else ""
            return code(f"shape {shape_text(array.shape)}: {text}")
    return values(array)


def _is_small_matrix(array: Any) -> bool:
    return np.ndim(array) == 2 and max(np.shape(array)) <= _LARGEST_MATRIX


def as_text(title: Line, sections: Sequence[Section]) -> str:
    """Set it all as plain text; what has several lines stays in its column."""
    lines = [_text(title)]
    for section in sections:
        lines += ["", section.title, *(_text(["  ", *line]) for line in section.lines)]
    return "\n".join(lines)


def _text(line: Line) -> str:
    text = ""
    for part in line:
        column = len(text) - text.rfind("\n") - 1
        text += (part if isinstance(part, str) else part.text).replace("\n", "\n" + " " * column)
    return text


def as_html(title: Line, sections: Sequence[Section]) -> str:
    """Set it all as HTML, for a notebook."""
    written = [f"<p><strong>{_html(title)}</strong></p>"]
    for section in sections:
        head = html.escape(section.title)
        written.append(f'<div style="margin: 0.7em 0 0.1em"><em>{head}</em></div>')
        written += map(_line_html, section.lines)
    return f"<div>{''.join(written)}</div>"


def _line_html(line: Line) -> str:
    start = "".join(part if isinstance(part, str) else part.text for part in line)
    depth = 1 + (len(start) - len(start.lstrip(" "))) // 2
    inside = _html(line).lstrip(" ")  # the padding is what indents it
    return f'<div style="padding-left: {depth}em">{inside}</div>'


def _html(line: Line) -> str:
    return "".join(
        html.escape(part) if isinstance(part, str) else _part_html(part) for part in line
    )


def _part_html(part: Part) -> str:
    if part.latex:
        return f"${html.escape(part.latex)}$"
    # What is in these tags is not typeset by a notebook, whatever dollars stand in a name.
    if "\n" not in part.text:
        return f"<code>{html.escape(part.text)}</code>"
    beside = "display: inline-block; margin: 0; vertical-align: top"
    return f'<pre style="{beside}">{html.escape(part.text)}</pre>'
