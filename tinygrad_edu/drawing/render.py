"""From DOT text to a picture, by the program `dot` of Graphviz or by the package pygraphviz.

Either runs in a process of its own, with a time limit, and leaves no process behind. The program is
looked for on PATH, unless the environment variable TINYGRAD_EDU_DOT names one. An SVG is then made
fit to stand in a page: sized in pixels, described in words, and with ids that collide with no
other's.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from xml.etree.ElementTree import Element

__all__ = [
    "DOT_VARIABLE",
    "EXTRA_COMMAND",
    "LayoutTimedOutError",
    "RenderError",
    "RendererNotFoundError",
    "find_dot",
    "finished_svg",
    "has_pygraphviz",
    "install_command",
    "python_command",
    "run_graphviz",
    "run_program",
]

# Where it is set, its value is the path of dot, and PATH is not searched.
DOT_VARIABLE = "TINYGRAD_EDU_DOT"
EXTRA_COMMAND = "pip install 'tinygrad_edu[graphviz]'"

# Remarks about the fonts of the machine, and that a bitmap had to be made smaller to fit.
_HARMLESS = ("Fontconfig ", "Pango-WARNING", "GLib-GIO", "Scaling by ")

# In a process of its own, a crash or an endless layout in the library cannot take Python along.
_PYGRAPHVIZ = """
import sys
import pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog="dot"))
"""

_BY_DISTRIBUTION = {
    "debian": "sudo apt install graphviz",
    "ubuntu": "sudo apt install graphviz",
    "fedora": "sudo dnf install graphviz",
    "rhel": "sudo dnf install graphviz",
    "arch": "sudo pacman -S graphviz",
}


class RenderError(RuntimeError):
    """Graphviz could not draw the picture, or took too long."""


class LayoutTimedOutError(RenderError):
    """Graphviz was not done in time."""


class RendererNotFoundError(RuntimeError):
    """Graphviz is not there to draw the picture."""


def install_command() -> str:
    """Give the command that installs Graphviz on this system."""
    conda = "conda install -c conda-forge graphviz"
    if os.environ.get("CONDA_PREFIX"):
        return conda
    if sys.platform == "darwin":
        return "brew install graphviz"
    if sys.platform == "win32":
        return "winget install Graphviz.Graphviz"
    import platform

    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return conda
    for name in (release.get("ID", ""), *release.get("ID_LIKE", "").split()):
        if name in _BY_DISTRIBUTION:
            return _BY_DISTRIBUTION[name]
    return conda


def run_graphviz(text: str, format: str, timeout: float) -> bytes:
    """Let Graphviz draw: its program `dot`, or the package pygraphviz where there is none.

    Parameters
    ----------
    text : str
        In the DOT language.
    format : str
        ``svg``, ``png`` or ``pdf``.
    timeout : float
        In seconds.

    Raises
    ------
    RendererNotFoundError
        If there is neither.
    LayoutTimedOutError
        If it is not done in time.
    RenderError
        If it reports a problem, or TINYGRAD_EDU_DOT names no program.
    """
    import subprocess

    try:
        code, picture, errors = run_program(_command(format), text.encode("utf-8"), timeout)
    except subprocess.TimeoutExpired:
        raise LayoutTimedOutError(
            f"Graphviz timed out: it was not done after {timeout:g} seconds and was stopped; pass "
            "a longer timeout=, draw a smaller part of the graph, or save it as .dot"
        ) from None
    problems = _problems(errors)
    if code or problems:
        raise RenderError(f"Graphviz failed (exit code {code}): {problems or 'no message'}")
    return picture


def find_dot() -> str | None:
    """Find the program `dot`: where TINYGRAD_EDU_DOT says, or on PATH if that is not set.

    Returns
    -------
    str or None
        An absolute path; None if it is not on PATH.

    Raises
    ------
    RenderError
        If the variable names no program. No other one is taken in its place.
    """
    import shutil

    named = os.environ.get(DOT_VARIABLE)
    if not named:
        program = shutil.which("dot")
        return None if program is None else os.path.abspath(program)
    if not (os.path.isfile(named) and os.access(named, os.X_OK)):
        what = "cannot be run" if os.path.isfile(named) else "is not there"
        raise RenderError(
            f"the environment variable {DOT_VARIABLE} names {named!r}, but that {what}; set it to "
            "the path of the program dot, or unset it to have dot looked for on PATH"
        )
    return os.path.abspath(named)


def has_pygraphviz() -> bool:
    """Tell whether the package pygraphviz is installed, without loading it."""
    import importlib.util

    return importlib.util.find_spec("pygraphviz") is not None


def python_command(program: str, *arguments: str) -> list[str]:
    """Give the command that runs a few lines of Python in a process of its own."""
    # -P: a file in the current folder is not taken for a package of its name.
    return [sys.executable, "-P", "-c", program, *arguments]


def _command(format: str) -> list[str]:
    program = find_dot()
    if program is not None:
        return [program, f"-T{format}"]
    if has_pygraphviz():
        return python_command(_PYGRAPHVIZ, format)
    svg = "draw it with engine='auto'" if format == "svg" else "save it as .svg or .html"
    raise RendererNotFoundError(
        f"a picture as {format} is drawn by Graphviz, and its program dot is not on PATH; "
        f"install it with: {install_command()}, or with: {EXTRA_COMMAND}, or set {DOT_VARIABLE} "
        f"to the path of dot (what works now: {svg}, or save it as .dot and draw that elsewhere, "
        "or as .txt or .json)"
    )


def run_program(command: list[str], text: bytes, timeout: float) -> tuple[int, bytes, bytes]:
    """Run a program, and end it with all it has started if it is not done in time.

    Parameters
    ----------
    command : list of str
        The program and its arguments.
    text : bytes
        What it gets to read.
    timeout : float
        In seconds.

    Returns
    -------
    tuple of int, bytes and bytes
        Its exit code, and what it wrote: standard output, standard error.

    Raises
    ------
    subprocess.TimeoutExpired
        If it is not done in time.
    RenderError
        If it cannot be started.
    """
    process = _start(command)
    try:
        output, errors = process.communicate(text, timeout=timeout)
    except BaseException:
        _end(process)
        raise
    return process.returncode, output, errors


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    import subprocess

    try:
        # In a session of its own, so that what it starts itself can be ended along with it.
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        # The variable may be why it is this program.
        hint = f" ({DOT_VARIABLE} names it)" if os.environ.get(DOT_VARIABLE) else ""
        raise RenderError(f"Graphviz could not be started: {error}{hint}") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and those it started."""
    import signal

    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):  # closing flushes, and nobody listens any more
                stream.close()


def _problems(errors: bytes) -> str:
    lines = errors.decode("utf-8", "replace").splitlines()
    kept = [line for line in lines if line and not any(word in line for word in _HARMLESS)]
    return "\n".join(kept)[:2000]


def finished_svg(source: bytes, title: str, description: str, said: Mapping[str, str]) -> str:
    """Make an SVG fit to stand in a page.

    Parameters
    ----------
    source : bytes
        What Graphviz or the built-in painter wrote.
    title, description : str
        What the picture shows, for those who do not see it.
    said : mapping of str to str
        A sentence for each part, by id.

    Raises
    ------
    RenderError
        If it is not well-formed XML.
    """
    import hashlib
    from xml.etree import ElementTree

    # Reading it drops the prolog, the document type and the comments.
    try:
        root = ElementTree.fromstring(source)
    except ElementTree.ParseError as error:
        raise RenderError(f"Graphviz wrote an SVG that cannot be read: {error}") from error
    prefix = f"tinygrad-{hashlib.sha256(source).hexdigest()[:8]}"
    for element in root.iter():
        # Plain names: the namespace is declared once, on the root, and no table that all users
        # of ElementTree share need be changed.
        element.tag = element.tag.rpartition("}")[2]
        for name in [name for name in element.attrib if name.startswith("{")]:
            del element.attrib[name]
    _round_legend(root)
    _describe_parts(root, prefix, said)
    _describe_whole(root, prefix, title, description)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _round_legend(root: Element) -> None:
    """Give the operation of a legend the shape that operations have.

    The label of a graph can hold tables alone, and tables have no ellipses.
    """
    drawing = root.find("g")
    parts = [] if drawing is None else list(drawing)
    for place, part in enumerate(parts):
        if part.tag != "text" or part.text != "operation":
            continue
        before = parts[max(place - 2, 0) : place]
        for box in [one for one in before if one.tag in ("path", "polygon")]:
            outline = box.attrib.pop("points", "") + box.attrib.pop("d", "")
            numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", outline)]
            for axis, own in (("x", numbers[::2]), ("y", numbers[1::2])):
                box.set(f"c{axis}", f"{(min(own) + max(own)) / 2:g}")
                box.set(f"r{axis}", f"{(max(own) - min(own)) / 2:g}")
            box.tag = "ellipse"


def _describe_parts(root: Element, prefix: str, said: Mapping[str, str]) -> None:
    for element in root.iter():
        identifier = element.get("id")
        if identifier is None:
            continue
        own_title = element.find("title")
        if own_title is not None and identifier in said:
            own_title.text = said[identifier]
        element.set("id", f"{prefix}-{identifier}")


def _describe_whole(root: Element, prefix: str, title: str, description: str) -> None:
    from xml.etree.ElementTree import Element

    width, height = root.get("viewBox", "0 0 0 0").split()[2:]
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.set("width", f"{float(width):g}")
    root.set("height", f"{float(height):g}")
    root.set("viewBox", f"0 0 {float(width):g} {float(height):g}")
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    drawing = root.find("g")
    graph_title = None if drawing is None else drawing.find("title")
    if drawing is not None and graph_title is not None:
        drawing.remove(graph_title)  # or the name of the graph hovers over all of it
    for position, (name, text) in enumerate((("title", title), ("desc", description))):
        element = Element(name, {"id": f"{prefix}-{name}"})
        element.text = text
        element.tail = "\n"
        root.insert(position, element)
