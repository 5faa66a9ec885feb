"""How a worksheet is printed: its equations and blanks, as Markdown and as a page on A4.

A page and its key differ in nothing but what stands in the blanks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from numpy.typing import NDArray

from tinygrad_edu.drawing.html_page import content_policy

__all__ = ["Content", "html_page", "text_page"]

# Each activation and its derivative, as the page words them.
_ACTIVATIONS = {
    "relu": ("max(0, {z})", "1 where {z} > 0, otherwise 0"),
    "tanh": ("tanh({z})", "1 - {a}²"),
    "sigmoid": ("1 / (1 + exp(-{z}))", "{a} · (1 - {a})"),
}


@dataclass(frozen=True)
class Content:
    """What is printed.

    Attributes
    ----------
    structure : tuple of int
    activation, output : str
    label : int
    lr : float
    places : int
        How many decimals an answer has.
    is_key : bool
    given, answers : mapping of str to ndarray of str
        Numbers as text, by the names of their arrays; None for a blank.
    width : int
        How many letters the longest answer has.
    """

    structure: tuple[int, ...]
    activation: str
    output: str
    label: int
    lr: float
    places: int
    is_key: bool
    given: Mapping[str, NDArray[Any]]
    answers: Mapping[str, NDArray[Any]]
    width: int


@dataclass(frozen=True)
class _Section:
    """A part of the page: equations, code in back quotes, and the arrays to write below them."""

    title: str
    lines: tuple[str, ...]
    names: tuple[str, ...]


def text_page(page: Content) -> str:
    """Write it as Markdown; page and key have their numbers in the same places."""
    lines = [f"# {_title(page)}", "", _introduction(page)]
    for number, section in enumerate(_sections(page)):
        lines += ["", f"## {number}. {section.title}", ""]
        lines += [f"- {line}" for line in section.lines]
        for name in section.names:
            heads, rows = _table(page, name, "_" * page.width)
            heads[0] = f"`{heads[0]}`"
            first = max(len(row[0]) for row in (heads, *rows))
            other = max(len(text) for row in (heads[1:], *(row[1:] for row in rows))
                        for text in row)  # fmt: skip
            if name in page.answers:  # as wide as the blanks, so that page and key agree
                other = max(other, page.width)
            ruler = ["-" * first, *["-" * (other - 1) + ":"] * (len(heads) - 1)]
            lines.append("")
            for head, *cells in (heads, ruler, *rows):
                padded = [head.ljust(first), *(cell.rjust(other) for cell in cells)]
                lines.append(f"| {' | '.join(padded)} |")
    return "\n".join(lines) + "\n"


def html_page(page: Content) -> str:
    """Write it for printing on A4, black on white; nothing is fetched and nothing runs."""
    # Letters as large as the widest table allows, which has 500 points across.
    columns = max(page.structure) + 1
    size = min(10.0, 500 / (columns * (0.62 * (page.width + 1))))
    # Room for a pencil, where there is room.
    width = f"max({page.width}ch,{min(18.0, 145 / columns):.1f}mm)"
    style = _STYLE.replace("SIZE", f"{size:.2f}pt").replace("WIDTH", width)
    body = []
    for number, section in enumerate(_sections(page)):
        tables = "".join(_html_table(page, name) for name in section.names)
        equations = "".join(f"<p>{_marked_up(line)}</p>" for line in section.lines)
        body.append(
            f"<section><div class='head'><h2>{number}. {escape(section.title)}</h2>"
            f"{equations}</div><div class='tables'>{tables}</div></section>\n"
        )
    title = escape(_title(page))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(content_policy(style))}">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        "<p class='who'><span>Name</span><span>Date</span></p>\n"
        f"<p>{escape(_introduction(page))}</p>\n{''.join(body)}</body>\n</html>\n"
    )


def _html_table(page: Content, name: str) -> str:
    heads, rows = _table(page, name, "")
    kind = "blank" if name in page.answers else "given"
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    lines = "".join(
        f'<tr><th scope="row">{escape(head)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for head, *cells in rows
    )
    return f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>'


def _sections(page: Content) -> list[_Section]:
    """Put equations and blanks in the order in which they are worked out."""
    depth, hidden = len(page.structure) - 1, _ACTIVATIONS[page.activation]
    sections = [_Section("Given", (f"`lr = {page.lr:g}`",), tuple(page.given))]
    for n in range(1, depth + 1):
        below = f"a{n - 1}" if n > 1 else "x"
        lines = [f"`z{n}[j] = Σᵢ {below}[i] · W{n}[i, j] + b{n}[j]`"]
        names = [f"z{n}"]
        if n < depth:
            lines.append(f"`a{n}[j] = {hidden[0].format(z=f'z{n}[j]')}`")
            names.append(f"a{n}")
        sections.append(_Section(f"Forward, layer {n}", tuple(lines), tuple(names)))
    if page.output == "softmax":
        lines = [
            f"`e[k] = exp(z{depth}[k] - m)`, `m` the largest of `z{depth}`; it keeps e small",
            "`sum = Σₖ e[k]`",
            "`p[k] = e[k] / sum`",
            f"`loss = -ln p[{page.label}]`",
        ]
        sections.append(_Section("Softmax and loss", tuple(lines), ("e", "sum", "p", "loss")))
    else:
        lines = [
            f"`p[0] = 1 / (1 + exp(-z{depth}[0]))`",
            "`loss = -ln p[0]`" if page.label else "`loss = -ln (1 - p[0])`",
        ]
        sections.append(_Section("Sigmoid and loss", tuple(lines), ("p", "loss")))
    for n in range(depth, 0, -1):
        if n == depth:
            lines = [f"`delta{n}[j] = p[j] - y[j]`"]
        else:
            slope = hidden[1].format(z=f"z{n}[i]", a=f"a{n}[i]")
            back = f"Σⱼ delta{n + 1}[j] · W{n + 1}[i, j]"
            lines = [f"`delta{n}[i] = ({back}) · f′`, where `f′ = {slope}`"]
        below = f"a{n - 1}" if n > 1 else "x"
        lines += [f"`dW{n}[i, j] = {below}[i] · delta{n}[j]`", f"`db{n}[j] = delta{n}[j]`"]
        names = [f"delta{n}", f"dW{n}", f"db{n}"]
        sections.append(_Section(f"Backward, layer {n}", tuple(lines), tuple(names)))
    for n in range(1, depth + 1):
        lines = [f"`{v}_new = {v} - lr · d{v}`, element by element" for v in (f"W{n}", f"b{n}")]
        sections.append(_Section(f"Update, layer {n}", tuple(lines), (f"W{n}_new", f"b{n}_new")))
    return sections


def _table(page: Content, name: str, blank: str) -> tuple[list[str], list[list[str]]]:
    """Lay an array out: the heads of its columns, and rows that begin with a head."""
    texts = page.given[name] if name in page.given else page.answers[name]
    heads = [name]
    if texts.ndim:
        before = "·, " if texts.ndim == 2 else ""
        heads += [f"[{before}{j}]" for j in range(texts.shape[-1])]
    else:
        heads.append("")
    rows = []
    for i, row in enumerate(texts.reshape(-1, len(heads) - 1)):
        head = f"[{i}, ·]" if texts.ndim == 2 else ""
        rows.append([head, *(blank if text is None else text for text in row)])
    return heads, rows


def _title(page: Content) -> str:
    return "One step of gradient descent by hand" + (": key" if page.is_key else "")


def _introduction(page: Content) -> str:
    layers = " → ".join(map(str, page.structure))
    hidden = f"{page.activation} in the hidden layers, " if len(page.structure) > 2 else ""
    return (
        f"Network {layers}, {hidden}{page.output} at the end; one sample of class {page.label}. "
        f"Write {page.places} decimals. Layers count from 1, their units from 0."
    )


def _marked_up(line: str) -> str:
    """Turn back quotes into code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(line))


_STYLE = """
@page{size:A4;margin:14mm}
body{margin:0 auto;max-width:182mm;background:#fff;color:#000;
font:10.5pt/1.35 Helvetica,Arial,sans-serif}
h1{font-size:16pt;margin:0 0 3mm}
h2{font-size:12pt;margin:5mm 0 1mm;border-top:0.5pt solid #000;padding-top:1.5mm}
p{margin:0 0 1mm}
code,table{font-family:"DejaVu Sans Mono",Consolas,Menlo,monospace}
code{font-size:9.5pt}
.who{display:flex;gap:8mm;margin:0 0 4mm}
.who span{flex:1;border-bottom:0.5pt solid #000}
.head,table{break-inside:avoid}
.head{break-after:avoid}
.tables{display:flex;flex-wrap:wrap;align-items:flex-start;gap:3mm 7mm;margin-top:2mm}
table{border-collapse:collapse;font-size:SIZE}
th{font-weight:normal;padding:0.4mm 1mm;text-align:center;white-space:nowrap}
thead th:first-child{font-weight:bold;text-align:left}
td{border:0.5pt solid #000;text-align:center;vertical-align:middle;white-space:nowrap;
padding:0 0.5ch;line-height:1}
.given td{height:5mm;border-color:#999}
.blank td{height:7mm;width:WIDTH;min-width:WIDTH}
"""
