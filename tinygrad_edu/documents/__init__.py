"""One document, several writers: what a tool shows is built once and written in each form.

A tool builds a `Section` of lines, tables and figures (`model`). The writers turn it into plain
text, HTML and Markdown; they escape what they are given, so a tool never has to. `Shown` makes a
result show its document at a prompt and in a notebook.
"""

from __future__ import annotations

from .html import fragment, or_none
from .markdown import as_markdown
from .model import Figure, Inline, Line, Section, Table, code, marked, name
from .notebook import Shown
from .page import page
from .text import as_text

__all__ = [
    "Figure",
    "Inline",
    "Line",
    "Section",
    "Shown",
    "Table",
    "as_markdown",
    "as_text",
    "code",
    "fragment",
    "marked",
    "name",
    "or_none",
    "page",
]
