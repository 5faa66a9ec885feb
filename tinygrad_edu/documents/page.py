"""Writes a document as a complete page: no script, nothing fetched, readable on paper.

The elements come from `html`; here they get a frame, a style sheet and a policy that allows this
style sheet and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import fields

from ..palette import DARK, LIGHT, Theme
from .html import escaped, sections
from .model import Section
from .text import line_text

__all__ = ["colours", "content_policy", "frame", "page", "sheet"]

_STYLE = """
*{box-sizing:border-box}
body{margin:24px auto;max-width:1400px;padding:0 16px;background:var(--page);color:var(--text);
font:16px/1.5 Helvetica,Arial,sans-serif}
h1{font-size:1.4em;margin:0 0 .4em}
h2{font-size:1.1em;margin:1.6em 0 .4em}
h1,h2,h3,.line{overflow-wrap:anywhere}
.line{margin:.3em 0}
.in1{margin-left:1.25em}
.in2,.in3,.in4{margin-left:2.5em}
.pair{display:grid;grid-template-columns:7em minmax(0,1fr);gap:0 .75em;align-items:baseline}
.pair>:first-child,.muted{color:var(--muted);font-size:.9em}
.match>h1{color:var(--match)}
.differ>h1{color:var(--differ)}
.found{border-left:4px solid var(--differ);padding-left:.8em}
.wide{overflow-x:auto;margin:.8em 0}
table{border-collapse:collapse;font-size:.9em}
th,td{text-align:left;padding:.35em 1em .35em 0;border-bottom:1px solid var(--muted);
vertical-align:top;white-space:pre}
.number{text-align:right}
.strong{font-weight:bold}
tbody th{font-weight:inherit}
td,code,pre{font-family:"DejaVu Sans Mono",Menlo,Consolas,Courier,monospace}
code,pre{font-size:.9em}
th code,td code,td pre{font-size:inherit}
pre{margin:0;white-space:pre-wrap}
img,svg{display:block;height:auto}
@media (max-width:600px){.pair{grid-template-columns:minmax(0,1fr)}}
@media print{body{max-width:none;margin:0;font-size:11pt}.wide{overflow:visible}
h2,h3{break-after:avoid}table{font-size:8pt}th,td{padding-right:.6em}
img{break-inside:avoid;max-width:100%}}
"""


def page(document: Section, *, theme: Theme | None = None, style: str = "") -> str:
    """Write a page that needs nothing else.

    Parameters
    ----------
    document : Section
    theme : Theme, optional
        The colours; by default light or dark, as the reader's system is set.
    style : str
        A style sheet to use instead of the usual one, for example for paper.

    Returns
    -------
    str

    Examples
    --------
    >>> text = page(Section("1 < 2", ("Yes.",)))
    >>> "<h1>1 &lt; 2</h1>" in text, "<script" in text
    (True, False)
    """
    kind = f' class="{html.escape(document.kind)}"' if document.kind else ""
    body = f"<main{kind}>\n{sections([document], 1)}\n</main>\n"
    return frame(line_text(document.title), body, style or sheet(theme))


def frame(title: str, body: str, style: str) -> str:
    """Put a body, which is HTML, into a page with this one style sheet.

    Parameters
    ----------
    title, body, style : str

    Examples
    --------
    >>> frame("Empty", "", "")[:15]
    '<!DOCTYPE html>'
    """
    policy = content_policy(style, images="<img " in body)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{body}</body>\n</html>\n"
    )


def content_policy(style: str, script: str = "", images: bool = False) -> str:
    """Return the content security policy that allows this much, and nothing from elsewhere.

    Parameters
    ----------
    style, script : str
        The one style sheet of the page, and its script if it has one.
    images : bool
        Whether it holds images.

    Examples
    --------
    >>> content_policy("p{}")[:42]
    "default-src 'none'; style-src 'sha256-gG2y"
    """
    parts = ["default-src 'none'"]
    parts += [f"script-src {_digest(script)}"] if script else []
    parts += [f"style-src {_digest(style)}"]
    parts += ["base-uri 'none'", "form-action 'none'"]
    parts += ["img-src data:"] if images else []
    return "; ".join(parts)


def _digest(source: str) -> str:
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def colours(theme: Theme) -> str:
    """Declare the colours of a theme as variables of a style sheet.

    Examples
    --------
    >>> from tinygrad_edu.palette import LIGHT
    >>> colours(LIGHT).startswith("--page:#")
    True
    """
    found = {one.name: getattr(theme, one.name) for one in fields(theme) if one.name != "roles"}
    for role, (fill, line) in theme.roles.items():
        found |= {f"{role}-fill": fill, f"{role}-line": line}
    return "".join(f"--{name.replace('_', '-')}:{colour};" for name, colour in found.items())


def sheet(theme: Theme | None = None) -> str:
    """Return the style sheet of a page, in a theme or as the reader's system is set.

    Examples
    --------
    >>> "prefers-color-scheme:dark" in sheet()
    True
    """
    if theme is not None:
        return f":root{{{colours(theme)}}}{_STYLE}"
    return (
        f":root{{color-scheme:light dark;{colours(LIGHT)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{colours(DARK)}}}}}\n"
        f"@media print{{:root{{{colours(LIGHT)}}}}}{_STYLE}"
    )
