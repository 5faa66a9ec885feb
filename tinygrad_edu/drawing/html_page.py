"""Writes a picture as a page that needs nothing else, with a table of all that is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from ..documents import Section, Table
from ..documents.html import escaped, sections
from ..documents.page import frame, sheet
from ..palette import Theme
from .picture import Picture

__all__ = ["page"]


def page(
    picture: Picture, svg: str, header: Sequence[str], rows: Sequence[Sequence[str]], theme: Theme
) -> str:
    """Write the page.

    Parameters
    ----------
    picture : Picture
    svg : str
        The picture as it is finished for a page.
    header : sequence of str
        The headings of the table.
    rows : sequence of sequence of str
    theme : Theme
    """
    title, description = escaped(picture.title), escaped(picture.description)
    table = Section("All that is drawn", (Table(header, rows),))
    body = (
        f'<h1>{title}</h1>\n<div class="line muted">{description}</div>\n'
        f'<div class="wide" tabindex="0">\n{svg}</div>\n{sections([table], 2)}'
    )
    return frame(picture.title, body, sheet(theme))
