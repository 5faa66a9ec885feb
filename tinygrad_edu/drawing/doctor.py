"""Why a picture is drawn the way it is, or not at all: what `doctor` finds on this machine.

It asks each of the three that can lay a graph out for its version, draws a small graph in every
format, and says what came of it. It tells of problems and raises none.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import os
import re
from collections.abc import Callable

from ..tensor import Tensor
from .render import (
    DOT_VARIABLE,
    EXTRA_COMMAND,
    LayoutTimedOutError,
    RendererNotFoundError,
    RenderError,
    find_dot,
    has_pygraphviz,
    install_command,
    python_command,
    run_program,
)

__all__ = ["Finding", "Report", "doctor"]

_PACKAGES = ("numpy", "tinygrad_edu", "matplotlib", "pandas", "graphviz", "safetensors")
_FORMATS = ("svg", "png", "pdf", "dot", "json", "html", "txt")
# What a file of that format begins with.
_BEGINNINGS = {"png": b"\x89PNG", "pdf": b"%PDF"}
_DOT = "the program dot"
_PYGRAPHVIZ = "pygraphviz"
_BUILT_IN = "the built-in layout"
_LONGEST = 300


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was found out about one thing: whether it works, and what there is to say."""

    works: bool
    words: str


@dataclasses.dataclass(frozen=True, repr=False)
class Report:
    """What `doctor` found; it shows itself as text for a terminal.

    Attributes
    ----------
    layouts : dict of str to Finding
        The three that can lay a graph out, the first choice first.
    chosen : str or None
        The one of them that ``draw(engine="auto")`` takes; None if it stops with an error.
    formats : dict of str to Finding
        What became of the trial, format by format.
    versions : dict of str to str
        Of Python and of packages.
    """

    layouts: dict[str, Finding]
    chosen: str | None
    formats: dict[str, Finding]
    versions: dict[str, str]

    @property
    def draws(self) -> bool:
        """Whether ``draw(engine="auto")`` draws a picture as SVG."""
        return self.formats["svg"].works

    def __str__(self) -> str:
        lines = ["What lays graphs out:"]
        for number, (name, finding) in enumerate(self.layouts.items(), start=1):
            lines.append(f"  {number}. {name:<20} {finding.words}")
        choice = f"takes {self.chosen}." if self.chosen else "stops with an error."
        lines += ["", f'draw(engine="auto") {choice}']
        lines += ["", "A small graph, drawn just now:"]
        told = [finding.words for finding in self.layouts.values()]
        for name, finding in self.formats.items():
            words = "stopped by the error above" if finding.words in told else finding.words
            lines.append(f"  {name:<5} {words}")
        if not self.draws:
            lines += ["", 'Until that is mended, draw(engine="builtin") draws svg.']
        lines += ["", "Versions:"]
        lines += [f"  {name:<13} {version}" for name, version in self.versions.items()]
        return "\n".join(lines)

    __repr__ = __str__


def doctor(timeout: float = 10.0) -> Report:
    """Find out what draws pictures on this machine, and whether it works.

    Programs are looked for as `draw` does: `dot` where the environment variable TINYGRAD_EDU_DOT
    says, or on PATH; then the package pygraphviz; then the layout that is built in. Problems
    are told, not raised. The report can be pasted into a question: but for the path of `dot`
    itself, it names no folder of the user.

    Parameters
    ----------
    timeout : float
        How many seconds a program may take for each answer.

    Returns
    -------
    Report
        Its text is for a terminal.

    Examples
    --------
    >>> from tinygrad_edu.drawing.doctor import doctor
    >>> report = doctor()
    >>> list(report.layouts)
    ['the program dot', 'pygraphviz', 'the built-in layout']
    >>> report.layouts['the built-in layout'].words
    'always there, needs no other program'
    """
    layouts = {
        _DOT: _attempt(_look_at_dot, timeout),
        _PYGRAPHVIZ: _attempt(_look_at_pygraphviz, timeout),
        _BUILT_IN: Finding(True, "always there, needs no other program"),
    }
    formats = {name: _attempt(functools.partial(_try_format, name), timeout) for name in _FORMATS}
    return Report(layouts, _choice(), formats, _versions())


def _attempt(find: Callable[[float], str], timeout: float) -> Finding:
    """Let it be found out, whatever happens."""
    import subprocess

    try:
        return Finding(True, find(timeout))
    except subprocess.TimeoutExpired:
        return Finding(False, f"no answer after {timeout:g} seconds")
    except Exception as error:  # of whatever kind: to tell of it is what this is for
        return Finding(False, _one_line(str(error) or type(error).__name__))


def _one_line(text: str) -> str:
    """Make a message short, and take the user's own folder out of it."""
    home = os.path.expanduser("~")
    if len(home) > 1:  # that of a service may be /
        text = text.replace(home, "~")
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."


# Programs --------------------------------------------------------------------------------------


def _look_at_dot(timeout: float) -> str:
    program = find_dot()
    if program is None:
        raise RendererNotFoundError(f"not on PATH; to have it: {install_command()}")
    code, output, errors = run_program([program, "-V"], b"", timeout)
    answer = (output + errors).decode("utf-8", "replace")
    version = re.search(r"version (\d[\w.]*)", answer)
    if code or version is None:
        raise RenderError(f"{program} does not tell its version (exit code {code}): {answer}")
    where = f"named by {DOT_VARIABLE}" if os.environ.get(DOT_VARIABLE) else "found on PATH"
    return f"version {version[1]}, {program} ({where})"


def _look_at_pygraphviz(timeout: float) -> str:
    if not has_pygraphviz():
        raise RendererNotFoundError(f"not installed; to have it: {EXTRA_COMMAND}")
    script = "import pygraphviz; print(pygraphviz.__version__)"
    code, output, errors = run_program(python_command(script), b"", timeout)
    if code:
        last = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise RenderError(f"installed, but it cannot be loaded (exit code {code}): {last}")
    return f"version {output.decode('utf-8', 'replace').strip()}"


def _choice() -> str | None:
    try:
        if find_dot() is not None:
            return _DOT
        return _PYGRAPHVIZ if has_pygraphviz() else _BUILT_IN
    except Exception:  # the same that stops draw()
        return None


# The trial -------------------------------------------------------------------------------------


def _try_format(format: str, timeout: float) -> str:
    """Draw a small graph as `draw(engine="auto")` does, and say by whom."""
    said = "ok"
    try:
        content = _draw(format, "dot", timeout)
    except (RendererNotFoundError, LayoutTimedOutError) as error:
        is_late = isinstance(error, LayoutTimedOutError)
        if format in _BEGINNINGS:  # nobody else draws it; how to get them stands above already
            raise error if is_late else RenderError(f"needs {_DOT} or {_PYGRAPHVIZ}") from None
        content = _draw(format, "builtin", timeout)
        late = f": Graphviz was not done after {timeout:g} seconds" if is_late else ""
        said = f"ok, by {_BUILT_IN}{late}"
    if not content.startswith(_BEGINNINGS.get(format, b"")):
        raise RenderError(f"Graphviz wrote {len(content)} bytes that are no {format}")
    return said


def _draw(format: str, engine: str, timeout: float) -> bytes:
    """Save a picture where it is thrown away, and give its content."""
    import tempfile
    from pathlib import Path

    # By name, and when it is needed: the package gathers doctor as well as draw.
    drawing = importlib.import_module(__package__)
    x = Tensor(2.0, requires_grad=True, name="x")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"picture.{format}")
        try:
            return Path(drawing.draw(-x, engine=engine, timeout=timeout).save(path)).read_bytes()
        except ValueError as error:  # of a format that it does not know
            raise ValueError(str(error).replace(str(path), path.name)) from error


# Versions --------------------------------------------------------------------------------------


def _versions() -> dict[str, str]:
    import platform

    system = f"{platform.system()} {platform.machine()}"
    found = {"Python": f"{platform.python_version()} on {system}"}
    return found | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    """Read the version of a package without loading it."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
