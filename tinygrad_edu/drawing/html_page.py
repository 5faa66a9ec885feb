"""A picture as a self-contained HTML page, with a table of everything drawn.

The page needs no network and no script. Drawing is done elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from .palette import Theme
from .picture import Picture

__all__ = ["content_policy", "page"]

_STYLE = """
body{{margin:24px auto;max-width:1400px;padding:0 16px;background:{page};color:{text};
font:16px/1.5 Helvetica,Arial,sans-serif}}
h1{{font-size:1.4em;margin:0}}
p{{margin:.3em 0 1em;color:{muted}}}
.picture{{overflow-x:auto}}
.table{{overflow-x:auto}}
table{{border-collapse:collapse;margin-top:1.5em;font-size:14px}}
caption{{text-align:left;font-weight:bold;padding-bottom:.5em}}
th,td{{text-align:left;padding:.35em 1em .35em 0;border-bottom:1px solid {muted};
vertical-align:top}}
td{{font-family:Courier,monospace;white-space:pre-wrap}}
"""


def content_policy(style: str, script: str = "", images: bool = False) -> str:
    """Return a content security policy that allows these parts and no network.

    Parameters
    ----------
    style, script : str
        The style sheet of the page, and its script if it has one.
    images : bool
        Whether it contains images.

    Examples
    --------
    >>> content_policy("p{}")[:42]
    "default-src 'none'; style-src 'sha256-gG2y"
    """
    parts = ["default-src 'none'"]
    parts += [f"script-src {source_hash(script)}"] if script else []
    parts += [f"style-src {source_hash(style)}"]
    parts += ["base-uri 'none'", "form-action 'none'"]
    parts += ["img-src data:"] if images else []
    return "; ".join(parts)


def source_hash(source: str) -> str:
    """Return the hash of a script or a style sheet, as in a content security policy."""
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def page(
    picture: Picture, svg: str, header: Sequence[str], rows: Sequence[Sequence[str]], theme: Theme
) -> str:
    """Write the page.

    Parameters
    ----------
    picture : Picture
    svg : str
        From `finished_svg`.
    header : sequence of str
        The header of the table.
    rows : sequence of sequence of str
    theme : Theme

    Returns
    -------
    str
    """
    style = _STYLE.format(page=theme.page, text=theme.text, muted=theme.muted)
    title = escape(picture.title)
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(_row(row) for row in rows)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(content_policy(style))}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n<p>{escape(picture.description)}</p>\n"
        f'<div class="picture" tabindex="0">\n{svg}</div>\n<div class="table"><table>\n'
        f"<caption>All that is drawn</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}</tbody>\n</table></div>\n</body>\n</html>\n"
    )


def _row(cells: Sequence[str]) -> str:
    first, *others = map(escape, cells)
    rest = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr><th scope="row">{first}</th>{rest}</tr>\n'
