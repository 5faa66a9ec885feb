"""A picture as an object: it shows itself in a notebook, and saves itself in several formats.

What it shows is fixed; the layout is computed when the picture is first used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..palette import Theme
from .dot_text import write_dot
from .graph import Graph
from .options import DrawOptions
from .picture import Picture
from .render import (
    LayoutTimedOutError,
    RendererNotFoundError,
    finished_svg,
    install_command,
    run_graphviz,
)
from .words import card_rows, counts, table, tensor_rows

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMATS", "Drawing"]

FORMATS = ("svg", "png", "pdf", "html", "dot", "gv", "json", "txt")


class Drawing:
    """A picture of a graph; `draw` makes it.

    Parameters
    ----------
    graph : Graph
        The snapshot to draw.
    picture : Picture
        What to draw of it: single operations, or modules.
    theme : Theme
    direction : {"LR", "TB"}
    options : DrawOptions
        Those for layout, legend and notebooks are read.

    Attributes
    ----------
    graph, picture
        As given.
    note : str
        Set by `svg`: why the built-in layout was used instead of Graphviz; else empty.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.drawing import draw
    >>> draw(Tensor(3.0, requires_grad=True) * 2)
    Drawing(1 operation, 3 tensors (1 parameter))
    """

    def __init__(
        self, graph: Graph, picture: Picture, theme: Theme, direction: str, options: DrawOptions
    ) -> None:
        self.graph = graph
        self.picture = picture
        self.note = ""
        self._theme, self._direction, self._options = theme, direction, options
        self._svg: str | None = None

    def __repr__(self) -> str:
        return f"Drawing({self.picture.counts})"

    @property
    def dot(self) -> str:
        """The picture in the DOT language of Graphviz."""
        return write_dot(self.picture, self._theme, self._options.legend, self._direction)

    def svg(self) -> str:
        """Return the picture as SVG, ready for use in a page.

        Raises
        ------
        RendererNotFoundError
            If the engine is ``"dot"`` and Graphviz is not installed; the error says how to
            install it.
        RenderError
            If Graphviz reports a problem, or the engine is ``"dot"`` and it exceeds its time limit.
        """
        if self._svg is None:
            picture = self.picture
            source = self._svg_source()
            self._svg = finished_svg(source, picture.title, picture.description, picture.alt_texts)
        return self._svg

    def _svg_source(self) -> bytes:
        options = self._options
        if options.engine != "builtin":
            try:
                return run_graphviz(self.dot, "svg", options.timeout)
            except (RendererNotFoundError, LayoutTimedOutError) as error:
                if options.engine == "dot":
                    raise
                late = isinstance(error, LayoutTimedOutError)
                reason = "the layout timed out" if late else f"install it with: {install_command()}"
                self.note = f"drawn without Graphviz: {reason}"
        from xml.etree.ElementTree import tostring

        from .painter import paint

        return tostring(
            paint(self.picture, self._theme, options.legend, self._direction, self.note)
        )

    def png(self) -> bytes:
        """Return the picture as PNG.

        Warns
        -----
        UserWarning
            If no font on this machine has some letters, which are shown as boxes then.

        Raises
        ------
        RendererNotFoundError, RenderError
            If Graphviz is not installed, or fails.
        """
        return self._rendered("png")

    def _rendered(self, ending: str) -> bytes:
        if self._options.engine == "builtin":
            raise RendererNotFoundError(
                f"the built-in layout draws .svg and .html only, got .{ending}; use engine='auto' "
                f"and install Graphviz: {install_command()}"
            )
        import warnings

        from .fonts import missing_letters, warning_of

        missing = missing_letters(self.dot)
        if missing:
            warnings.warn(warning_of(missing, ending), stacklevel=4)
        return run_graphviz(self.dot, ending, self._options.timeout)

    def html(self) -> str:
        """Return a self-contained page: the picture, and all tensors in a table."""
        from .html_page import page

        header, *rows = self._rows()
        return page(self.picture, self.svg(), header, rows, self._theme)

    def to_graphviz(self) -> Any:
        """Return it as a `graphviz.Source`, for use with the Python package `graphviz`.

        Raises
        ------
        ImportError
            If that package is not installed.
        """
        try:
            import graphviz
        except ImportError as error:
            raise ImportError(
                "to_graphviz() needs the Python package: pip install graphviz"
            ) from error
        return graphviz.Source(self.dot)

    def table(self) -> str:
        """Return a text table of all tensors, or of the parts of a picture by layers."""
        counted = self.picture.counts if self._by_layers() else counts(self.graph)
        return table(f"{self.picture.title}: {counted}", self._rows())

    def _by_layers(self) -> bool:
        picture = self.picture
        is_folded = bool(picture.card_of and picture.frames)
        return is_folded or any(card.role == "module" for card in picture.cards)

    def _rows(self) -> list[tuple[str, ...]]:
        return card_rows(self.picture) if self._by_layers() else tensor_rows(self.graph)

    def to_json(self) -> str:
        """Return the snapshot as JSON."""
        import json

        return json.dumps(asdict(self.graph), indent=1) + "\n"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture into a file; the suffix decides the format.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.svg``, ``.png``, ``.pdf``, ``.html``, ``.dot``, ``.gv``, ``.json`` or
            ``.txt`` (the table). Its folder must exist.

        Returns
        -------
        pathlib.Path
            The given path.

        Raises
        ------
        ValueError
            For any other suffix.
        RendererNotFoundError, RenderError
            See `svg`.
        OSError
            If the file cannot be written; an existing file stays unchanged.
        """
        from ..atomic_file import write_atomically

        ending = os.path.splitext(path)[1].lower().removeprefix(".")
        if ending not in FORMATS:
            known = ", ".join(f".{name}" for name in FORMATS)
            raise ValueError(f"unknown format of {os.fspath(path)!r}; known are {known}")
        return write_atomically(path, self.content(ending))

    def content(self, format: str) -> str | bytes:
        """Return the content of a file in that format, one of those of `save`."""
        if format in ("png", "pdf"):
            return self._rendered(format)
        writers: dict[str, Callable[[], str]] = {
            "svg": self.svg,
            "html": self.html,
            "json": self.to_json,
            "txt": lambda: self.table() + "\n",
        }
        return self.dot if format in ("dot", "gv") else writers[format]()

    def show(self) -> None:
        """Open it in the browser, as a page in a temporary file."""
        import tempfile
        import webbrowser
        from pathlib import Path

        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", suffix=".html", delete=False
        ) as file:
            file.write(self.html())
        webbrowser.open(Path(file.name).as_uri())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return a table for the notebook, and a picture if one can be drawn."""
        bundle: dict[str, Any] = {"text/plain": self.table()}
        try:
            bundle["image/svg+xml"] = self.svg()
            if self._options.notebook_png:
                import base64

                bundle["image/png"] = base64.b64encode(self.png()).decode("ascii")
        except RendererNotFoundError:
            bundle["text/plain"] += f"\n\nFor a picture, install Graphviz: {install_command()}"
        except Exception as error:  # or a notebook would show a traceback instead of the table
            reason = " ".join(str(error).split())
            bundle["text/plain"] += f"\n\nThere is no picture: {reason}"
        return bundle
