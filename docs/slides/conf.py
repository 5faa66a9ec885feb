"""The settings of Sphinx for the slides; ``make docs`` builds them into build/docs/slides.

A heading of the second level starts a part, one of the third level a slide of this part.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from docs.conf import *  # noqa: F403, the path is set first

extensions = ["myst_nb", "sphinx_revealjs"]
exclude_patterns: list[str] = []
html_static_path: list[str] = []
root_doc = "first-half"
nb_mime_priority_overrides = [
    ("revealjs", "image/svg+xml", 10),
    ("revealjs", "image/png", 20),
    ("revealjs", "text/plain", 30),
]

revealjs_style_theme = "white"
revealjs_static_path = ["static"]
revealjs_css_files = ["slides.css"]
revealjs_script_conf = """
{
  hash: true,
  slideNumber: true,
  controlsLayout: "edges",
  transition: "none",
  width: 1280,
  height: 720,
  margin: 0.06,
}
"""
revealjs_script_plugins = [
    {"name": "RevealHighlight", "src": "revealjs/plugin/highlight/highlight.js"}
]


def name_the_language(app: Any, document: Any) -> None:
    """Call the language of a cell "python": reveal.js does not know "ipython3"."""
    from docutils import nodes

    for block in document.findall(nodes.literal_block):
        if block.get("language") == "ipython3":
            block["language"] = "python"


def setup(app: Any) -> None:
    """Connect this with Sphinx."""
    app.connect("doctree-read", name_the_language)
