"""Writes a document as elements of HTML: for a page, or as a fragment for a notebook.

The elements of a page have classes, for the style sheet in `page`; those of a fragment carry their
styles with them, because a notebook has its own style sheet.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..figure_files import figure_source
from ..texts import printable
from .model import Figure, Inline, Line, Section, Table, parts_of
from .text import line_text

__all__ = ["escaped", "formula_html", "fragment", "or_none", "sections"]

_PIXELS_PER_INCH = 100
_NAME = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r"\.T\b|[^\W\d]\w*|\d[\w.]*|.", re.DOTALL)

# The line is a grey that is seen on white and on black; text has the colour of the notebook.
_CELL = "border: 0; border-bottom: 1px solid rgba(128, 128, 128, 0.5); padding: 0.25em 0.6em"
_CELL += "; vertical-align: top; text-align: left; white-space: "
# The style of each element of a fragment, by its tag, and what its class adds.
_STYLES = {
    "table": "border-collapse: collapse; margin: 0.3em 0",
    "th": f"{_CELL}nowrap",
    "td": f"{_CELL}nowrap",
    # Notebooks set <pre> in the font of the text around it, which would not keep columns aligned.
    "pre": "font-family: monospace; white-space: pre; margin: 0; padding: 0; border: 0; "
    "background: transparent; display: inline-block; vertical-align: top",
    "img": "max-width: 100%",
    ".number": "text-align: right",
    ".strong": "font-weight: bold",
    ".plain": "font-weight: normal",
    # Where there is too little room for all columns, headings give way before numbers are cut.
    ".head": "white-space: normal",
    ".title": "margin: 0.7em 0 0.1em",
    ".wide": "overflow-x: auto",
    ".pair": "display: flex; flex-wrap: wrap; gap: 0 0.75em; align-items: baseline",
    ".label": "flex: 0 0 9em",
    **{f".in{depth}": f"padding-left: {depth}em" for depth in range(1, 5)},
}


def fragment(document: Section) -> str:
    """Write a part of a notebook's page; it is readable in light and dark notebooks.

    Prose with a dollar sign is set as code, because a notebook typesets what is between dollars.

    Examples
    --------
    >>> "<code>$1 to $2</code>" in fragment(Section("Price", ("$1 to $2",)))
    True
    """
    return f"<div>{_FRAGMENT.section(document, 1)}</div>"


def or_none(make: Callable[[], str]) -> str | None:
    """Return the text that a function makes, or None if it fails or is not valid Unicode.

    What only shows something must never stop a notebook.

    Examples
    --------
    >>> or_none(lambda: 1 / 0) is None
    True
    """
    try:
        with np.errstate(all="ignore"):
            shown = make()
            shown.encode()  # a lone surrogate would fail later, where nobody catches it
            return shown
    except Exception:
        return None


def sections(parts: Iterable[Section], level: int) -> str:
    """Write sections for a page that has a frame and a style sheet already.

    Parameters
    ----------
    parts : iterable of Section
    level : int
        The level of their headings.

    Examples
    --------
    >>> sections([Section("Value", ("x is 3",))], 3)
    '<h3>Value</h3><div class="line">x is 3</div>'
    """
    return "".join(_PAGE.section(part, level) for part in parts)


# Elements -------------------------------------------------------------------------------------


class _Writer:
    """Writes elements: those of a page have classes, those of a fragment carry their styles."""

    def __init__(self, *, is_page: bool) -> None:
        self.is_page = is_page

    def element(self, tag: str, content: str, classes: Sequence[str] = (), more: str = "") -> str:
        """Write an element with the look of its classes; `more` are further attributes."""
        if self.is_page:
            shown = [name for name in classes if name not in _ONLY_IN_FRAGMENTS]
            look = f' class="{html.escape(" ".join(shown))}"' if shown else ""
        else:
            styles = filter(None, map(_STYLES.get, (tag, *(f".{name}" for name in classes))))
            written = "; ".join(styles)
            look = f' style="{written}"' if written else ""
        return f"<{tag}{more}{look}>{content}</{tag}>"

    def section(self, section: Section, level: int) -> str:
        """Write the title and the content of a section."""
        written = self.title(section.title, level) if section.title else ""
        for block in section.content:
            if isinstance(block, Section):
                inside = self.section(block, level + bool(section.title))
                written += self.element("div", inside, [block.kind]) if block.kind else inside
            elif isinstance(block, Table):
                written += self.table(block)
            elif isinstance(block, Figure):
                written += self.figure(block)
            else:
                written += self.line(block)
        return written

    def title(self, title: Line, level: int) -> str:
        if self.is_page:
            return self.element(f"h{level}", self.inline(title))
        strong = self.element("strong", self.inline(title))
        return self.element("div", strong, ["title"] if level > 1 else [])

    def line(self, line: Line) -> str:
        text = line_text(line)
        depth = min((len(text) - len(text.lstrip(" "))) // 2, 4)
        classes = ["line", f"in{depth}"] if depth else ["line"]
        label, rest = _split_at_label(parts_of(line))
        inside = self.inline(rest).strip()
        if not label:
            return self.element("div", inside, classes)
        first = self.element("div", escaped(label), ["label"])
        return self.element("div", first + self.element("div", inside), [*classes, "pair"])

    def inline(self, line: Line) -> str:
        return "".join(map(self.part, parts_of(line)))

    def part(self, part: Inline | str) -> str:
        if isinstance(part, str):
            # A notebook typesets what is between dollars, except in code.
            if self.is_page or "$" not in part:
                return escaped(part)
            return self.element("code", escaped(part))
        if not part.text:
            return ""
        if part.latex:
            if self.is_page:
                return self.element("span", formula_html(part.text), ["formula"])
            return f"${escaped(part.latex)}$"
        if "\n" not in part.text:
            return self.element("code", escaped(part.text))
        # A shape goes before the numbers, which then need not be indented by its length.
        shape = re.match(r"(shape \([^)]*\)): ", part.text)
        if shape is None:
            return self.element("pre", escaped(part.text))
        numbers = part.text[shape.end() :].replace("\n" + " " * shape.end(), "\n")
        code = self.element("code", escaped(shape[1]))
        return code + ("" if self.is_page else " ") + self.element("pre", escaped(numbers))

    def table(self, table: Table) -> str:
        heads = [
            self.cell("th", head, [*self.number(table, column), "head"], ' scope="col"')
            for column, head in enumerate(table.heads)
        ]
        rows = []
        for place, (head, *cells) in enumerate(table.rows):
            strong = ["strong"] if place in table.strong else ["plain"]
            written = self.cell("th", head, self.number(table, 0) + strong, ' scope="row"')
            for column, cell in enumerate(cells, 1):
                written += self.cell("td", cell, self.number(table, column) + strong)
            rows.append(f"<tr>{written}</tr>\n" if self.is_page else f"<tr>{written}</tr>")
        inside = f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(rows)}</tbody>"
        written = self.wide(self.element("table", inside, [table.kind] * bool(table.kind)))
        return written + (self.element("div", escaped(table.note), ["muted"]) if table.note else "")

    def number(self, table: Table, column: int) -> list[str]:
        return ["number"] * (column in table.numbers)

    def cell(self, tag: str, line: Line, classes: Sequence[str], more: str = "") -> str:
        inside = self.inline(line)
        if not self.is_page:
            # Notebooks let code wrap; in a cell it stays on one line, like the other cells.
            inside = inside.replace("<code>", '<code style="white-space: inherit">')
        return self.element(tag, inside, classes, more)

    def wide(self, content: str) -> str:
        """Let what is too wide be scrolled, also with the keyboard."""
        return self.element("div", content, ["wide"], ' tabindex="0"' if self.is_page else "")

    def figure(self, figure: Figure) -> str:
        if not self.is_page:
            # A picture that fails is left out: the document says the same in words.
            source = or_none(lambda: figure_source(figure.draw(), figure.description))
            return source or ""
        drawn = figure.draw()
        width = round(_PIXELS_PER_INCH * drawn.get_figwidth())
        return self.wide(figure_source(drawn, figure.description, f'width="{width}"'))


_PAGE, _FRAGMENT = _Writer(is_page=True), _Writer(is_page=False)
_ONLY_IN_FRAGMENTS = {"head", "label", "plain"}


def escaped(text: str) -> str:
    """Write any text as HTML.

    Examples
    --------
    >>> escaped("a < b")
    'a &lt; b'
    """
    return html.escape(printable(text))


def _split_at_label(parts: Sequence[Inline | str]) -> tuple[str, Sequence[Inline | str]]:
    """Separate the label of a line from the rest; the label is empty where there is none."""
    for place, part in enumerate(parts[:-1]):
        if not isinstance(part, str):
            break
        if part.strip():
            is_label = re.search(r"\S {2,}$", part)
            words = "".join(map(str, parts[: place + 1])).strip()
            return (words, parts[place + 1 :]) if is_label else ("", parts)
    return "", parts


def formula_html(text: str) -> str:
    """Write a formula without LaTeX: names in italics, functions upright, ``.T`` as a raised T.

    Examples
    --------
    >>> formula_html("g @ W.T")
    '<i>g</i> @ <i>W</i><sup>T</sup>'
    >>> formula_html("exp(x)")
    'exp(<i>x</i>)'
    """
    written, tokens = [], _TOKEN.findall(text)
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if token == ".T":
            written.append("<sup>T</sup>")
        elif _NAME.fullmatch(token) and following != "(":
            written.append(f"<i>{escaped(token)}</i>")
        else:
            written.append(escaped(token))
    return "".join(written)
