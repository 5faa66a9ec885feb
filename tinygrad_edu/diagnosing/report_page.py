"""Shows what a check of gradients derived by hand has found: as a page, and as a notebook's table.

The page needs no network and no script, and can be read in light, in dark and on paper.
"""

from __future__ import annotations

import re
from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING

from ..drawing.html_page import content_policy
from ..drawing.palette import DARK, LIGHT, Theme
from ..drawing.text import clean, shape_text
from ..figure_files import figure_source
from .report import (
    MOST_TOLD,
    beside,
    conclusion,
    differing,
    element,
    headline,
    largest_difference,
    measured_difference,
    origin,
    three_numbers,
    verdict,
)

if TYPE_CHECKING:
    from .check import GradientRow, ManualCheck

__all__ = ["page", "table"]

_HEADS = (
    "gradient of",
    "shape",
    "verdict",
    "max |manual-auto|",
    "max |auto-numeric|",
    "element",
    "manual",
    "automatic",
    "numerical",
)
_NUMBERS = (3, 4, 6, 7, 8)  # columns that are flush right
_SHOWN = (
    "manual, automatic and numerical: at the element that differs most, or, where all agree, at "
    "the largest that was measured"
)
_PIXELS_AN_INCH = 100
_STYLE = """
*{box-sizing:border-box}
body{margin:24px auto;max-width:1200px;padding:0 16px;background:var(--page);color:var(--text);
font:16px/1.5 Helvetica,Arial,sans-serif}
h1{font-size:1.4em;margin:0 0 .4em}
h2{font-size:1.1em;margin:1.8em 0 .4em}
h1,h2,p,dd,li{overflow-wrap:anywhere}
p{margin:.3em 0}
.muted{color:var(--muted);font-size:14px}
.match{color:var(--match)}
.differ{color:var(--differ);font-weight:bold}
.found{border-left:4px solid var(--differ);padding-left:.8em}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:14px}
th,td{text-align:left;padding:.35em 1em .35em 0;border-bottom:1px solid var(--muted);
vertical-align:top}
th.number,td.number{text-align:right}
td,code{font-family:"DejaVu Sans Mono",Menlo,Consolas,Courier,monospace}
th,td{white-space:nowrap}
td.verdict{font-family:inherit;white-space:normal;min-width:8em}
.beside{display:grid;grid-template-columns:minmax(0,1fr);gap:.5em 1.5em;
border-bottom:1px solid var(--muted);padding:.6em 0;break-inside:avoid}
@media (min-width:52em){.beside{grid-template-columns:minmax(0,2fr) minmax(0,4fr) minmax(0,3fr)}}
.beside h3{grid-column:1/-1;font-size:1em;margin:0}
.beside div{min-width:0}
.beside div:only-of-type{grid-column:1/-1}
.beside span,.beside code{display:block}
.beside code{font-size:14px;overflow-wrap:anywhere}
img{display:block;height:auto;border-radius:4px}
@media print{body{max-width:none;margin:0;font-size:11pt}.wide{overflow:visible}
h2,h3{break-after:avoid}table,.beside code,.muted{font-size:8pt}
.beside{grid-template-columns:minmax(0,2fr) minmax(0,4fr) minmax(0,3fr)}
th,td{padding-right:.6em}img{break-inside:avoid;max-width:100%}}
"""


def page(check: ManualCheck) -> str:
    """Write a page that needs nothing else."""
    style = _style()
    policy = content_policy(style, images=True)
    title = escape(headline(check))
    tone = "match" if check.agree else "differ"
    wrong = any(not row.verdict.agree for row in check.rows)
    found = "".join(f"<p>{escape(sentence)}</p>\n" for sentence in conclusion(check))
    notes = "".join(f"<li>{escape(note)}</li>\n" for note in check.notes)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
        f'<h1 class="{tone}">{title}</h1>\n'
        + (f'<div class="found">\n{found}</div>\n' if found else "")
        + f'<h2>By hand, automatic and numerical</h2>\n<div class="wide" tabindex="0">\n'
        f"{_page_table(check)}</div>\n"
        f'<p class="muted">{escape(_SHOWN)}.</p>\n'
        + (f"<h2>Where it differs</h2>\n{_image(check)}\n" if wrong else "")
        + f"<h2>Equation and code</h2>\n{''.join(map(_page_lines, _told(check)))}"
        + (f"<h2>Notes</h2>\n<ul>\n{notes}</ul>\n" if notes else "")
        + "</main>\n</body>\n</html>\n"
    )


def table(check: ManualCheck) -> str:
    """Set the table as HTML for a notebook, with what follows from it."""
    from .. import notebook_tables as notebook

    words, code = notebook.words, notebook.code
    rows, strong = [], []
    for number, row in enumerate(check.rows):
        name, *cells = _cells(row)
        rows.append([code(name), *map(words, cells)])
        strong += [] if row.agree else [number]
    heads = list(map(words, _HEADS))
    parts = [notebook.table(heads, rows, numbers=_NUMBERS, strong=strong)]
    parts += [code(sentence, limit=1000) for sentence in conclusion(check)]
    # Those that are right need no equations beside them here.
    lines = [
        ["" if n else code(row.name), words(source), notebook.grid("\n".join(found))]
        for row in differing(check)[::-1][:MOST_TOLD]
        for n, (source, found) in enumerate(beside(row).items())
    ]
    parts += [notebook.table(("gradient of", "found in", "equation or code"), lines)] * bool(lines)
    parts += [code(note, limit=1000) for note in check.notes]
    return notebook.page(f"<strong>{words(headline(check))}</strong>", *parts, words(_SHOWN))


def _told(check: ManualCheck) -> list[GradientRow]:
    """Put what differs first, and of that what is nearest to the output, usually given last."""
    wrong = differing(check)
    return wrong[::-1] + [row for row in check.rows if row.agree]


def _cells(row: GradientRow) -> tuple[str, ...]:
    told = f"{verdict(row)}: {row.problem}" if row.problem else verdict(row)
    return (
        clean(row.name),
        shape_text(row.shape),
        told,
        largest_difference(row),
        measured_difference(row),
        element(row) or "-",
        *three_numbers(row),
    )


def _style() -> str:
    return (
        f":root{{color-scheme:light dark;{_colours(LIGHT)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{_colours(DARK)}}}}}\n"
        f"@media print{{:root{{{_colours(LIGHT)}}}}}{_STYLE}"
    )


def _colours(theme: Theme) -> str:
    names = [field.name for field in fields(theme) if field.name != "roles"]
    return "".join(f"--{name.replace('_', '-')}:{getattr(theme, name)};" for name in names)


def _page_table(check: ManualCheck) -> str:
    kinds = [' class="number"' if n in _NUMBERS else "" for n in range(len(_HEADS))]
    heads = zip(_HEADS, kinds, strict=True)
    head = "".join(f'<th scope="col"{kind}>{escape(text)}</th>' for text, kind in heads)
    lines = []
    for row in check.rows:
        name, *cells = map(escape, _cells(row))
        kinds[2] = f' class="verdict {"match" if row.agree else "differ"}"'
        pairs = zip(cells, kinds[1:], strict=True)
        rest = "".join(f"<td{kind}>{cell}</td>" for cell, kind in pairs)
        lines.append(f'<tr><th scope="row">{name}</th>{rest}</tr>\n')
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(lines)}</tbody>\n</table>\n"


def _page_lines(row: GradientRow) -> str:
    """Put equation, line of the delta rule and rule of the engine beside each other."""
    cells = "".join(
        f'<div><span class="muted">{escape(source)}</span>{"".join(map(_line, lines))}</div>\n'
        for source, lines in beside(row).items()
    )
    told = f"{clean(row.name)}: {verdict(row)}, {origin(row)}"
    return f'<section class="beside">\n<h3>{escape(told)}</h3>\n{cells}</section>\n'


def _line(line: str) -> str:
    """Write a line of code below the place where it stands, if it names one."""
    found = re.fullmatch(r"(\S+:\d+): (.+)", line)
    place, code = found.groups() if found else ("", line)
    said = f'<span class="muted">{escape(place)}</span>' if place else ""
    return f"{said}<code>{escape(code)}</code>"


def _image(check: ManualCheck) -> str:
    """Draw the maps into the page, with words that say the same."""
    from .report_figure import error_maps

    figure = error_maps(check, heading=False)
    width = round(_PIXELS_AN_INCH * figure.get_figwidth())
    told = []
    for row in filter(lambda row: not row.verdict.agree, check.rows):
        manual, automatic, _ = three_numbers(row)
        words = f"differs most at {element(row)}".removesuffix(" at ")
        words += f": {manual} by hand, {automatic} automatic"
        told.append(f"{clean(row.name)} {row.problem or words}")
    text = f"Error maps: {'; '.join(told)}."
    image = figure_source(figure, text, f'width="{width}"')
    return f'<div class="wide" tabindex="0">\n{image}\n</div>'
