"""What the site adds to Sphinx: the navigation, the pages of source files, and the cache.

The navigation is the list of links on the front page. A link from a page to a file of the project
that is not a page leads to a page that shows this file.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from jupyter_cache import get_cache
from sphinx import addnodes
from sphinx.application import Sphinx

from tinygrad_edu.palette import DARK, LIGHT, Theme

from . import api
from .pages import DOCS, ROOT, links, navigation, pages

BUILD = ROOT / "build"
CACHES = BUILD / "docs-cache"
SOURCE = "source"
PICTURES = {".png", ".svg", ".gif"}

_FONTS = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"


def _variables(palette: Theme) -> dict[str, str]:
    """Return the colours of the site in those of the pictures."""
    link, output = palette.roles["operation"][1], palette.roles["parameter"][1]
    return {
        "color-brand-primary": link,
        "color-brand-content": link,
        "color-brand-visited": link,
        "color-output-line": output,
        "color-output-background": palette.roles["module"][0],
    }


THEME = {
    "light_css_variables": {**_variables(LIGHT), "font-stack": _FONTS},
    "dark_css_variables": _variables(DARK),
}


def cache_folder() -> Path:
    """Return the folder of what cells printed, and remove those of other versions of the code.

    What a page prints depends on the packages, and a cache that knows only the page would show
    what they printed yesterday.
    """
    state = hashlib.sha256()
    for package in ("tinygrad_edu", "nn", "docs/site"):
        for path in sorted((ROOT / package).rglob("*.*")):
            if path.suffix in {".py", ".css", ".js", ".html", ".csv"}:
                state.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    folder = CACHES / state.hexdigest()[:16]
    for other in CACHES.glob("?" * 16):
        if other != folder:
            shutil.rmtree(other)
    get_cache(folder).list_cache_records()  # makes the data base, before two processes do
    return folder


def read_source(app: Sphinx, name: str, source: list[str]) -> None:
    """Add the navigation to the front page, and the names to the pages of the reference."""
    if name == "index":
        for title, rows in navigation(source[0]):
            known = [row for row in rows if (DOCS / f"{row}.md").is_file()]
            options = f":hidden:\n:caption: {title}\n"
            source[0] += f"\n```{{toctree}}\n{options}\n" + "\n".join(known) + "\n```\n"
    elif name in api.PAGES:
        source[0] += api.entries(name)


def link_to_sources(app: Sphinx, document: nodes.document) -> None:
    """Lead links to files that are not pages to pages that show these files."""
    name = app.env.current_document.docname
    for kind in (addnodes.pending_xref, addnodes.download_reference):
        for node in list(document.findall(kind)):
            if node.get("reftype") != "myst" or not (path := file_of(name, node["reftarget"])):
                continue
            target = app.builder.get_relative_uri(name, source_page(path))
            reference = nodes.reference("", "", *node.children, internal=True, refuri=target)
            for inside in reference.findall(nodes.Element):
                inside["classes"] = [c for c in inside["classes"] if c not in ("xref", "download")]
            node.replace_self(reference)


def wrap_messages(app: Sphinx, document: nodes.document) -> None:
    """Let long lines of short outputs wrap: they are messages, and tables have more lines."""
    for block in document.findall(nodes.literal_block):
        if "stream" in block["classes"]:
            lines = block.astext().strip().splitlines()
            if len(lines) < 4 and any(len(line) > 90 for line in lines):
                block["classes"].append("message")


def name_pictures(app: Sphinx, document: nodes.document) -> None:
    """Describe the pictures that cells make to those who cannot see them: Sphinx writes a file."""
    for picture in document.findall(nodes.image):
        picture.setdefault("alt", "The picture that the code above makes")


def file_of(name: str, target: str) -> Path | None:
    """Return the file or folder of the project that a link leads to, unless it is a page."""
    if ":" in target or target.startswith("#"):
        return None
    path = (DOCS / name).parent.joinpath(target.partition("#")[0]).resolve()
    # Sphinx removes the endings of its own kinds of pages.
    endings = ("", *(ending for ending in (".md", ".ipynb") if not path.suffix))
    found = [there for ending in endings if (there := path.with_name(path.name + ending)).exists()]
    if not found or not found[0].is_relative_to(ROOT) or found[0] in pages():
        return None
    return found[0]


def source_page(path: Path) -> str:
    """Return the name of the page that shows a file."""
    return f"{SOURCE}/{path.relative_to(ROOT).as_posix()}"


def sources() -> set[Path]:
    """Return the files and folders that the pages link to, without pictures."""
    wanted = {
        path
        for page in pages()
        for target in links(page.read_text("utf-8"))
        if (path := file_of(page.relative_to(DOCS).with_suffix("").as_posix(), target))
        and path.suffix not in PICTURES
    }
    for folder in [path for path in wanted if path.is_dir()]:
        wanted |= {path for path in folder.iterdir() if path.suffix in {".py", ".md"}}
    return wanted


def show_sources(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield a page for each file and folder that the pages link to."""
    wanted = sources()
    for path in sorted(wanted):
        name, title = source_page(path), path.relative_to(ROOT).as_posix()
        if path.is_dir():
            uri = app.builder.get_relative_uri
            rows = (
                f'<li><a href="{uri(name, source_page(file))}">{file.name}</a></li>'
                for file in sorted(path.iterdir())
                if file in wanted
            )
            body = "<ul>" + "".join(rows) + "</ul>"
        else:
            language = {".py": "python", ".md": "markdown", ".ipynb": "json"}.get(
                path.suffix, "text"
            )
            body = app.builder.highlighter.highlight_block(path.read_text("utf-8"), language)
        context = {"title": title, "body": f"<h1><code>{title}</code></h1>{body}"}
        yield name, context, "page.html"


def _is_of_scikit_learn(app: Sphinx, what: str, name: str, *given: Any) -> bool | None:
    """Leave out ``set_fit_request`` and the like, whose text links into scikit-learn's pages."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all this with Sphinx."""
    app.connect("source-read", read_source)
    app.connect("doctree-read", link_to_sources, priority=100)
    app.connect("doctree-read", wrap_messages)
    app.connect("doctree-read", name_pictures)
    app.connect("html-collect-pages", show_sources)
    app.connect("autodoc-process-docstring", api.as_rst, priority=100)
    app.connect("autodoc-skip-member", _is_of_scikit_learn)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
