"""What is printed to be filled in by hand: numbers, tables with room for a pencil, and their style.

Worksheets and the sheets of exercises are laid out with it. No number is computed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.documents import Line, Section, Table, code

__all__ = ["WHO", "array_table", "number_texts", "paper_style"]

WHO = Section("", ("Name", "Date"), kind="who")
"""Lines for a name and a date."""


def number_texts(array: NDArray[Any], places: int) -> NDArray[Any]:
    """Write the numbers of an array as a page shows them.

    Examples
    --------
    >>> number_texts(np.array([0.5, 0.0, -1e-9]), 2).tolist()
    ['0.50', '0.00', '-1e-09']
    """
    texts = [_number(float(value), places) for value in array.flat]
    return np.array(texts, object).reshape(array.shape)


def _number(value: float, places: int) -> str:
    """Write a number; only 0 is written as 0, because relu needs the sign of small numbers."""
    text = f"{value:.{places}f}"
    if float(text) != 0:
        return text
    return f"{value:.0e}" if abs(value) > 1e-12 else f"{0.0:.{places}f}"


def array_table(name: str, texts: NDArray[Any], blank: str = "", *, is_given: bool) -> Table:
    """Lay an array out, with its indices as headings.

    Parameters
    ----------
    name : str
    texts : ndarray of str, with at most two axes
        None for a blank.
    blank : str
        What is shown for a blank; numbers are as wide.
    is_given : bool
        Whether the numbers are given, so that the cells need no room for a pencil.

    Examples
    --------
    >>> from tinygrad_edu.documents import as_text
    >>> table = array_table("b", np.array(["1.5", None], object), "___", is_given=False)
    >>> print(as_text(Section("", (table,))))
    b  [0]  [1]
    -  ---  ---
       1.5  ___
    """
    heads: list[Line] = [code(name)]
    before = "·, " if texts.ndim == 2 else ""
    heads += [f"[{before}{j}]" for j in range(texts.shape[-1])] if texts.ndim else [""]
    rows = []
    for i, row in enumerate(texts.reshape(-1, len(heads) - 1)):
        cells = [blank if text is None else text.rjust(len(blank)) for text in row]
        rows.append([f"[{i}, ·]" if texts.ndim == 2 else "", *cells])
    kind = "given" if is_given else "blank"
    return Table(heads, rows, numbers=range(1, len(heads)), kind=kind)


def paper_style(columns: int, characters: int) -> str:
    """Return the style sheet of a page for A4, black on white.

    Parameters
    ----------
    columns : int
        Of the widest table.
    characters : int
        Of the longest number.

    Examples
    --------
    >>> "@page{size:A4" in paper_style(4, 7)
    True
    """
    # Letters as large as the widest table allows, which has 500 points across.
    columns += 1
    size = min(10.0, 500 / (columns * (0.62 * (characters + 1))))
    # Room for a pencil, where there is room.
    width = f"max({characters}ch,{min(18.0, 145 / columns):.1f}mm)"
    return _STYLE.replace("SIZE", f"{size:.2f}pt").replace("WIDTH", width)


_STYLE = """
@page{size:A4;margin:14mm}
body{margin:0 auto;max-width:182mm;padding:0 2mm;background:#fff;color:#000;
font:10.5pt/1.35 Helvetica,Arial,sans-serif}
h1{font-size:16pt;margin:0 0 3mm}
h2{font-size:12pt;margin:5mm 0 1mm;border-top:0.5pt solid #000;padding-top:1.5mm}
h2,.line{break-after:avoid}
.line{margin:0 0 1mm}
code,table{font-family:"DejaVu Sans Mono",Consolas,Menlo,monospace}
code{font-size:9.5pt}
.who{display:flex;gap:8mm;margin:0 0 4mm}
.who .line{flex:1;border-bottom:0.5pt solid #000}
.tables{display:flex;flex-wrap:wrap;align-items:flex-start;gap:3mm 7mm;margin-top:2mm}
.wide{break-inside:avoid;overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:SIZE}
th{font-weight:normal;padding:0.4mm 1mm;text-align:center;white-space:nowrap}
thead th:first-child{text-align:left}
thead code{font-weight:bold;font-size:inherit}
td{border:0.5pt solid #000;text-align:center;vertical-align:middle;white-space:nowrap;
padding:0 0.5ch;line-height:1}
.given td{height:5mm;border-color:#999}
.blank td{height:7mm;width:WIDTH;min-width:WIDTH}
@media print{body{padding:0}.wide{overflow:visible}}
"""
