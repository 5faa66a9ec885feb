"""The stepper as one self-contained HTML file.

The parts come from `page_figure` and `page_text`; here they are put into the template. The content
security policy of the page allows only its own script and style sheet.
"""

from __future__ import annotations

import html
import re
from importlib.resources import files
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, tostring

from ..documents.page import colours, content_policy
from ..drawing.words import counts, heading
from ..palette import DARK, LIGHT
from .page_figure import figure
from .page_text import details, panels, table_rows

if TYPE_CHECKING:
    from .steps import Story

__all__ = ["write_page"]

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_PHASES = {"forward": "Forward", "backward": "Backward", "check": "Check", "update": "Update"}


def write_page(story: Story) -> str:
    """Write the whole page.

    Parameters
    ----------
    story : Story
        The steps, with the graph.

    Returns
    -------
    str
        Equal stories give equal text.
    """
    operations, layers = figure(story, "ops"), figure(story, "layers")
    style = _style()
    script = _read("page.js")
    kinds = {step.kind for step in story.steps}
    return _filled(
        _read("page.html"),
        {
            "policy": content_policy(style, script),
            "style": style,
            "script": script,
            "title": html.escape(heading(story.graph)),
            "caption": html.escape(counts(story.graph)),
            "notes": "".join(f"<p>{html.escape(note)}</p>" for note in story.notes),
            "phases": _phases(kinds),
            "several": "" if any(step.whole for step in story.steps) else "hidden",
            "layered": "" if layers is not None else "hidden",
            "operations": _svg(operations),
            "layers": _svg(layers),
            "panels": panels(story),
            "details": details(story),
            "rows": table_rows(story),
        },
    )


def _svg(root: Element | None) -> str:
    return "" if root is None else tostring(root, encoding="unicode")


def _phases(kinds: set[str]) -> str:
    return "".join(
        f'<button type="button" class="phase" data-phase="{kind}" aria-pressed="false">{name}'
        "</button>"
        for kind, name in _PHASES.items()
        if kind in kinds
    )


def _filled(template: str, parts: dict[str, str]) -> str:
    """Fill the placeholders in one pass, because the text of a part may look like one."""
    return _PLACEHOLDER.sub(lambda found: parts[found[1]], template)


def _read(name: str) -> str:
    """Read a part of the page, without its comments and indentation."""
    lines = files(__package__).joinpath(name).read_text(encoding="utf-8").splitlines()
    lines = [line.strip() for line in lines]
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _style() -> str:
    """Return the style sheet, with the colours of the palette first."""
    light, dark = colours(LIGHT), colours(DARK)
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark)"
        f"{{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}\n"
        f"{_read('page.css')}"
    )
