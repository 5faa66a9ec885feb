"""The report of `doctor`: whether Graphviz works on this machine, and which formats can be drawn.

It reports problems and never raises.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Callable

from ..palette import LIGHT
from ..tensor import Tensor
from . import render
from .drawing import Drawing
from .options import DrawOptions
from .picture import operations_picture
from .snapshot import SnapshotBuilder

__all__ = ["Finding", "Report", "doctor"]

_PACKAGES = ("numpy", "tinygrad_edu", "matplotlib", "pandas", "graphviz", "safetensors")
_FORMATS = ("svg", "png", "pdf", "dot", "json", "html", "txt")


@dataclasses.dataclass(frozen=True)
class Finding:
    """Whether something works, and what was found."""

    works: bool
    words: str


@dataclasses.dataclass(frozen=True)
class Report:
    """What `doctor` found about `dot`, the formats of pictures, and the versions of packages."""

    dot: Finding
    formats: dict[str, Finding]
    versions: dict[str, str]

    @property
    def draws(self) -> bool:
        """Whether ``draw(loss)`` draws an SVG."""
        return self.formats["svg"].works

    def __repr__(self) -> str:
        known = {self.dot.words: "stopped by the error above"}
        lines = [f"Graphviz: {self.dot.words}", "", "A small graph, drawn just now:"]
        lines += [f"  {name:<5} {known.get(f.words, f.words)}" for name, f in self.formats.items()]
        if not self.draws:
            lines += ["", 'Until this is fixed, DrawOptions(engine="builtin") draws svg.']
        lines += ["", "Versions:", *(f"  {name:<13} {v}" for name, v in self.versions.items())]
        return "\n".join(lines)


def doctor(timeout: float = 10.0) -> Report:
    """Check Graphviz, with a time limit for each call, and draw a small graph in every format.

    Except for the path of `dot`, the report names no folder: it can be pasted into a question.

    Examples
    --------
    >>> from tinygrad_edu.drawing.doctor import doctor
    >>> doctor().formats["txt"].words
    'ok'
    """
    dot = _attempt(_dot_version, timeout)
    versions = {"Python": sys.version.split()[0]}
    formats = {name: _attempt(_draw, timeout, name) for name in _FORMATS}
    return Report(dot, formats, versions | {name: _version(name) for name in _PACKAGES})


def _attempt(find: Callable[..., str], *arguments: object) -> Finding:
    """Report what `find` returns or raises, in one line and without the user's home folder."""
    try:
        return Finding(True, find(*arguments))
    except Exception as error:  # of any kind: reporting it is the purpose
        text = str(error) or type(error).__name__
    home = os.path.expanduser("~").rstrip("/")
    text = " ".join((text.replace(home, "~") if home else text).split())
    return Finding(False, text if len(text) <= 300 else f"{text[:300]} ...")


def _dot_version(timeout: float) -> str:
    if not (program := render.find_dot()):
        raise render.RenderError(f"not on PATH; install it with: {render.install_command()}")
    code, output, errors = render.run_program([program, "-V"], b"", timeout)
    answer = (output + errors).decode("utf-8", "replace")
    version = re.search(r"version (\d[\w.]*)", answer)
    if code or version is None:
        raise render.RenderError(f"{program} prints no version (exit code {code}): {answer}")
    where = f"named by {name}" if os.environ.get(name := render.DOT_VARIABLE) else "found on PATH"
    return f"version {version[1]}, {program} ({where})"


def _draw(timeout: float, format: str) -> str:
    """Draw a small graph as `draw` does by default."""
    graph = SnapshotBuilder([Tensor(2.0, requires_grad=True) * 3]).build()
    picture = operations_picture(graph, backward=False)
    drawing = Drawing(graph, picture, LIGHT, "LR", DrawOptions(timeout=timeout))
    try:
        content = drawing.content(format)
    except render.RendererNotFoundError:  # the report says already how to install it
        raise render.RenderError("needs Graphviz") from None
    if isinstance(content, bytes) and not content.startswith((b"\x89PNG", b"%PDF")):
        raise render.RenderError(f"Graphviz wrote {len(content)} bytes that are not {format}")
    return f"ok, {drawing.note}" if drawing.note else "ok"


def _version(package: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
