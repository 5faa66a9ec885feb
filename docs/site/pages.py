"""Reads a page: its blocks of code, and the notebook that the site executes.

A ```python block becomes a cell. The ```text block directly after it shows what it prints; it is
left out here, because the site shows what the cell prints now. A block of ```python hidden shows
its result alone. The commands of a ```console block are run too, because later blocks may read
their files, but the page keeps its text. All other blocks remain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import v4

__all__ = [
    "DOCS",
    "ROOT",
    "SLIDES",
    "Block",
    "blocks",
    "headings",
    "links",
    "navigation",
    "pages",
    "prose",
    "to_notebook",
]

DOCS = Path(__file__).resolve().parent.parent
ROOT = DOCS.parent
SLIDES = DOCS / "slides"
SETUP = Path(__file__).with_name("setting_up.py")

_FENCE = re.compile(
    r"^(?P<fence>```+)(?P<language>[^\n`]*)\n(?P<code>.*?)^(?P=fence)[ ]*$\n?", re.S | re.M
)
# What a block prints: one empty line after it.
_SHOWN = re.compile(r"\n```text\n(?P<shown>.*?)^```[ ]*$\n?", re.S | re.M)
_LINK = re.compile(r"(!?)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", re.S)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Attributes
    ----------
    language : str
        What is written after the fence: its first word.
    is_hidden : bool
        Whether "hidden" is the second word.
    code : str
        The lines between the fences.
    line : int
        The line of the opening fence, from 0.
    start, end : int
        Where it starts and ends in the page; for Python, the text block that it prints included.
    """

    language: str
    is_hidden: bool
    code: str
    line: int
    start: int
    end: int


def pages() -> list[Path]:
    """Return the pages of the site, sorted by path; slides are built on their own."""
    return sorted(page for page in DOCS.rglob("*.md") if SLIDES not in page.parents)


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page, in order."""
    position = 0
    while found := _FENCE.search(text, position):
        position = found.end()
        language, _, rest = found["language"].strip().partition(" ")
        if language == "python" and (shown := _SHOWN.match(text, position)):
            position = shown.end()
        line = text.count("\n", 0, found.start())
        code, is_hidden = found["code"], rest == "hidden"
        yield Block(language, is_hidden, code, line, found.start(), position)


def prose(text: str) -> str:
    """Return a page without its blocks and its code in the lines, line numbers kept."""
    pieces, position = [], 0
    for block in blocks(text):
        gap = "\n" * text.count("\n", block.start, block.end)
        pieces += [text[position : block.start], gap]
        position = block.end
    rest = "".join(pieces) + text[position:]
    return _CODE.sub(lambda found: "`" + "\n" * found[0].count("\n") + "`", rest)


def links(text: str) -> list[str]:
    """Return the targets of the links and pictures of a page."""
    return [target for _, target in _LINK.findall(prose(text))]


def headings(text: str) -> list[str]:
    """Return the anchors of the headings of a page, made as GitHub makes them."""
    anchors: list[str] = []
    lines = text.splitlines()
    for number, line in enumerate(prose(text).splitlines()):
        if not re.match(r"#{1,6} ", line):
            continue
        title = lines[number].lstrip("#").strip().lower()
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        anchor = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
        repeated = sum(known == anchor or known.startswith(f"{anchor}-") for known in anchors)
        anchors.append(f"{anchor}-{repeated}" if anchor in anchors else anchor)
    return anchors


def navigation(front: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the headings of the front page, each with the pages that its list links to."""
    for section in re.split(r"^## ", front, flags=re.M)[1:]:
        title, _, body = section.partition("\n")
        rows = re.findall(r"^\s*(?:\d+\.|[-*]) +\[[^\]]*\]\(([^)#]+)\.md\)", body, re.M)
        if rows:
            yield title.strip(), rows


def to_notebook(text: str) -> nbformat.NotebookNode:
    """Return the notebook of a page; one without code is not executed.

    A first cell, which is not shown, sets the kernel up. Cells are numbered as `tests` number them.
    """
    cells, lines, position = [], [], 0

    def add(cell: nbformat.NotebookNode, line: int) -> None:
        cells.append(cell)
        lines.append(line)

    def add_text(end: int) -> None:
        if text[position:end].strip():
            add(v4.new_markdown_cell(text[position:end]), text.count("\n", 0, position))

    executed = [block for block in blocks(text) if block.language in ("python", "console")]
    if executed:
        add(hidden(SETUP.read_text("utf-8")), 0)
    for block in executed:
        if block.language == "python":
            add_text(block.start)
            tags = ["remove-input"] if block.is_hidden else []
            add(v4.new_code_cell(block.code.rstrip("\n"), metadata={"tags": tags}), block.line)
        else:
            add_text(block.end)
            add(hidden(f"run_in_terminal({block.code!r})"), block.line)
        position = block.end
    add_text(len(text))
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata.update(
        kernelspec={"name": "pages", "display_name": "Python", "language": "python"},
        language_info={"name": "python"},
        source_map=lines,
        mystnb={} if executed else {"execution_mode": "off"},
    )
    return notebook


def hidden(code: str) -> nbformat.NotebookNode:
    """Return a cell that is executed and not shown."""
    return v4.new_code_cell(code, metadata={"tags": ["remove-cell"]})
