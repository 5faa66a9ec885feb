"""From DOT text to a picture, by the program `dot` of Graphviz.

The program runs with a time limit and leaves no process behind. It is looked up on PATH, unless
the environment variable TINYGRAD_EDU_DOT names one. An SVG is then prepared for use in a page:
sized in pixels, described in words, and with unique ids.
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
    "LayoutTimedOutError",
    "RenderError",
    "RendererNotFoundError",
    "describe_svg",
    "find_dot",
    "finished_svg",
    "install_command",
    "run_graphviz",
    "run_program",
]

# If it is set, its value is the path of dot, and PATH is not searched.
DOT_VARIABLE = "TINYGRAD_EDU_DOT"

# Remarks about fonts, and that a bitmap was scaled down.
_HARMLESS = ("Fontconfig ", "Pango-WARNING", "GLib-GIO", "Scaling by ")

_BY_DISTRIBUTION = {
    "debian": "sudo apt install graphviz",
    "ubuntu": "sudo apt install graphviz",
    "fedora": "sudo dnf install graphviz",
    "rhel": "sudo dnf install graphviz",
    "arch": "sudo pacman -S graphviz",
}


class RenderError(RuntimeError):
    """Graphviz failed to draw the picture."""


class LayoutTimedOutError(RenderError):
    """Graphviz exceeded its time limit."""


class RendererNotFoundError(RuntimeError):
    """Graphviz is not installed.

    Examples
    --------
    >>> from tinygrad_edu import RendererNotFoundError, Tensor, draw
    >>> try:
    ...     picture = draw(Tensor(1.0)).png()
    ... except RendererNotFoundError:  # SVG and HTML need no other program
    ...     picture = draw(Tensor(1.0)).svg()
    """


def install_command() -> str:
    """Return the command that installs Graphviz on this system."""
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
    """Run `dot` on a DOT text and return the picture.

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
        If `dot` is not installed.
    LayoutTimedOutError
        If it exceeds the timeout.
    RenderError
        If it reports a problem, or TINYGRAD_EDU_DOT does not name a program.
    """
    import subprocess

    try:
        code, picture, errors = run_program(_command(format), text.encode("utf-8"), timeout)
    except subprocess.TimeoutExpired:
        raise LayoutTimedOutError(
            f"Graphviz timed out: stopped after {timeout:g} seconds; pass a longer "
            f"DrawOptions(timeout=...), draw a smaller part of the graph, or save it as .dot"
        ) from None
    problems = _problems(errors)
    if code or problems:
        raise RenderError(f"Graphviz failed (exit code {code}): {problems or 'no message'}")
    return picture


def find_dot() -> str | None:
    """Find the program `dot`: the one that TINYGRAD_EDU_DOT names, or else on PATH.

    Returns
    -------
    str or None
        An absolute path; None if `dot` is not on PATH.

    Raises
    ------
    RenderError
        If the variable does not name a program. PATH is not searched then.
    """
    import shutil

    named = os.environ.get(DOT_VARIABLE)
    if not named:
        program = shutil.which("dot")
        return None if program is None else os.path.abspath(program)
    if not (os.path.isfile(named) and os.access(named, os.X_OK)):
        problem = "cannot be run" if os.path.isfile(named) else "does not exist"
        raise RenderError(
            f"the environment variable {DOT_VARIABLE} names {named!r}, which {problem}; set it to "
            "the path of the program dot, or unset it to search PATH"
        )
    return os.path.abspath(named)


def _command(format: str) -> list[str]:
    program = find_dot()
    if program is not None:
        return [program, f"-T{format}"]
    svg = "draw it with engine='auto'" if format == "svg" else "save it as .svg or .html"
    raise RendererNotFoundError(
        f"drawing a .{format} needs the program dot of Graphviz, which is not on PATH; install it "
        f"with: {install_command()}, or set {DOT_VARIABLE} to the path of dot (without it: {svg}, "
        "or save it as .dot, .txt or .json)"
    )


def run_program(command: list[str], text: bytes, timeout: float) -> tuple[int, bytes, bytes]:
    """Run a program; after the timeout, kill it and the processes that it started.

    Parameters
    ----------
    command : list of str
        The program and its arguments.
    text : bytes
        Its standard input.
    timeout : float
        In seconds.

    Returns
    -------
    tuple of int, bytes and bytes
        Exit code, standard output and standard error.

    Raises
    ------
    subprocess.TimeoutExpired
        If it exceeds the timeout.
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
        # In a new session, so that the processes it starts can be killed with it.
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        hint = f" ({DOT_VARIABLE} names it)" if os.environ.get(DOT_VARIABLE) else ""
        raise RenderError(f"Graphviz could not be started: {error}{hint}") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and those it started."""
    import signal

    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):  # closing flushes into a closed pipe
                stream.close()


def _problems(errors: bytes) -> str:
    lines = errors.decode("utf-8", "replace").splitlines()
    kept = [line for line in lines if line and not any(word in line for word in _HARMLESS)]
    return "\n".join(kept)[:2000]


def finished_svg(source: bytes, title: str, description: str, alt_texts: Mapping[str, str]) -> str:
    """Prepare an SVG for use in a page.

    Parameters
    ----------
    source : bytes
        The SVG of Graphviz or of the built-in painter.
    title, description : str
        The alternative text of the picture.
    alt_texts : mapping of str to str
        A sentence for each part, by id.

    Returns
    -------
    str
        With unique ids, its size in pixels, titles and alt_texts.

    Raises
    ------
    RenderError
        If it is not well-formed XML.
    """
    import hashlib
    from xml.etree import ElementTree

    # Parsing drops the prolog, the document type and the comments.
    try:
        root = ElementTree.fromstring(source)
    except ElementTree.ParseError as error:
        raise RenderError(f"Graphviz wrote an SVG that cannot be read: {error}") from error
    prefix = f"tinygrad-{hashlib.sha256(source).hexdigest()[:8]}"
    for element in root.iter():
        # Plain names, because the namespace is declared once, on the root.
        element.tag = element.tag.rpartition("}")[2]
        for name in [name for name in element.attrib if name.startswith("{")]:
            del element.attrib[name]
    _round_legend(root)
    _describe_parts(root, prefix, alt_texts)
    describe_svg(root, prefix, title, description)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _round_legend(root: Element) -> None:
    """Turn the box of an operation in the legend of Graphviz into an ellipse.

    The label of a graph can only hold tables, which have no ellipses.
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


def _describe_parts(root: Element, prefix: str, alt_texts: Mapping[str, str]) -> None:
    for element in root.iter():
        identifier = element.get("id")
        if identifier is None:
            continue
        own_title = element.find("title")
        if own_title is not None and identifier in alt_texts:
            own_title.text = alt_texts[identifier]
        element.set("id", f"{prefix}-{identifier}")


def describe_svg(root: Element, prefix: str, title: str, description: str) -> None:
    """Set size, title and description of an SVG.

    Parameters
    ----------
    root : Element
        Its view box is its size in pixels.
    prefix : str
        The title gets the id ``prefix-title``, the description ``prefix-desc``.
    title, description : str

    Examples
    --------
    >>> from xml.etree.ElementTree import Element
    >>> root = Element("svg", viewBox="0 0 20 10")
    >>> describe_svg(root, "p", "a graph", "of one node")
    >>> root.get("width"), [(part.tag, part.text) for part in root]
    ('20', [('title', 'a graph'), ('desc', 'of one node')])
    """
    from xml.etree.ElementTree import Element

    width, height = (f"{float(size):g}" for size in root.get("viewBox", "0 0 0 0").split()[2:])
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.attrib |= {"width": width, "height": height, "viewBox": f"0 0 {width} {height}"}
    root.attrib |= {"role": "img", "aria-labelledby": f"{prefix}-title {prefix}-desc"}
    for group in root.findall("g"):
        for graph_title in group.findall("title"):
            group.remove(graph_title)  # or it would be the tooltip of the whole picture
    for position, (name, text) in enumerate((("title", title), ("desc", description))):
        element = Element(name, {"id": f"{prefix}-{name}"})
        element.text, element.tail = text, "\n"
        root.insert(position, element)
