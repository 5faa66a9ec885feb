"""A picture as an object: it shows itself in a notebook, and saves itself in several formats.

What it shows was decided before; how it is laid out is decided when it is first looked at.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .dot_text import write_dot
from .graph import Graph
from .palette import Theme
from .picture import Picture
from .render import (
    EXTRA_COMMAND,
    LayoutTimedOutError,
    RendererNotFoundError,
    finished_svg,
    install_command,
    run_graphviz,
)
from .words import card_rows, columns, table, tensor_rows

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMATS", "Drawing", "Style"]

FORMATS = ("svg", "png", "pdf", "html", "dot", "gv", "json", "txt")


@dataclass(frozen=True, slots=True)
class Style:
    """How a picture is laid out; see `draw`."""

    theme: Theme
    legend: bool = True
    direction: str = "LR"
    timeout: float = 20.0
    engine: str = "auto"
    notebook_png: bool = False


class Drawing:
    """A picture of a graph, which `draw` makes.

    Attributes
    ----------
    graph : Graph
        The snapshot that it shows.
    picture : Picture
        What is drawn of it: single operations, or modules.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.drawing import draw
    >>> draw(Tensor(3.0, requires_grad=True) * 2)
    Drawing(1 operation, 3 tensors (1 parameter))
    """

    def __init__(self, graph: Graph, picture: Picture, style: Style) -> None:
        self.graph = graph
        self.picture = picture
        self._style = style
        self._svg: str | None = None

    def __repr__(self) -> str:
        return f"Drawing({self.picture.counts})"

    @property
    def dot(self) -> str:
        """The picture in the DOT language of Graphviz."""
        style = self._style
        return write_dot(
            self.picture, theme=style.theme, legend=style.legend, direction=style.direction
        )

    def svg(self) -> str:
        """Draw it as SVG, fit to stand in a page.

        Raises
        ------
        RendererNotFoundError
            If Graphviz is not installed and the engine is ``"dot"``; the error says how to
            install it.
        RenderError
            If Graphviz reports a problem, or, as the engine ``"dot"``, is not done in time.
        """
        if self._svg is None:
            picture = self.picture
            self._svg = finished_svg(
                self._source(), picture.title, picture.description, picture.said
            )
        return self._svg

    def _source(self) -> bytes:
        style, note = self._style, ""
        if style.engine != "builtin":
            try:
                return run_graphviz(self.dot, "svg", style.timeout)
            except (RendererNotFoundError, LayoutTimedOutError) as error:
                if style.engine == "dot":
                    raise
                late = isinstance(error, LayoutTimedOutError)
                reason = "the layout timed out" if late else f"to have it: {install_command()}"
                note = f"drawn without Graphviz: {reason}"
        from .painter import paint

        return paint(
            self.picture,
            theme=style.theme,
            legend=style.legend,
            direction=style.direction,
            note=note,
        )

    def png(self) -> bytes:
        """Draw it as PNG.

        Warns
        -----
        UserWarning
            If no font on this machine has some letters, which are boxes then.

        Raises
        ------
        RendererNotFoundError, RenderError
            If there is no Graphviz, or it fails.
        """
        return self._rendered("png")

    def _rendered(self, ending: str) -> bytes:
        if self._style.engine == "builtin":
            raise RendererNotFoundError(
                f"the built-in layout draws .svg and .html alone, and {ending} was asked for; pass "
                f"engine='auto' and install Graphviz: {install_command()}, or: {EXTRA_COMMAND}"
            )
        import warnings

        from .fonts import missing_letters, warning_of

        missing = missing_letters(self.dot)
        if missing:
            warnings.warn(warning_of(missing, ending), stacklevel=4)
        return run_graphviz(self.dot, ending, self._style.timeout)

    def html(self) -> str:
        """Give a page that needs nothing else: the picture, and all tensors in a table."""
        from .html_page import page

        header, *rows = self._rows()
        return page(self.picture, self.svg(), header, rows, self._style.theme)

    def to_graphviz(self) -> Any:
        """Give it to the Python package `graphviz`, as a `graphviz.Source`.

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
        """Lay out as text what is drawn: all tensors, or the parts of a picture by layers."""
        if not self._by_layers():
            return table(self.graph)
        header, *rows = self._rows()
        head = f"{self.picture.title}: {self.picture.counts}"
        return "\n".join([head, "", *columns(header, rows)])

    def _by_layers(self) -> bool:
        return any(card.role == "module" for card in self.picture.cards)

    def _rows(self) -> list[tuple[str, ...]]:
        return card_rows(self.picture) if self._by_layers() else tensor_rows(self.graph)

    def to_json(self) -> str:
        """Give the snapshot as JSON."""
        import json

        return json.dumps(asdict(self.graph), indent=1) + "\n"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it into a file, whose name decides the format.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.svg``, ``.png``, ``.pdf``, ``.html``, ``.dot``, ``.gv``, ``.json`` or
            ``.txt`` (the table). Its folder must exist.

        Returns
        -------
        pathlib.Path
            The path as it was given.

        Raises
        ------
        ValueError
            For any other ending.
        RendererNotFoundError, RenderError
            See `svg`.
        OSError
            If the file cannot be written; what was there is intact then.
        """
        from ..atomic_file import write_atomically

        ending = os.path.splitext(path)[1].lower().removeprefix(".")
        if ending not in FORMATS:
            known = ", ".join(f".{name}" for name in FORMATS)
            raise ValueError(f"cannot tell the format of {os.fspath(path)!r}; known are {known}")
        return write_atomically(path, self._content(ending))

    def _content(self, ending: str) -> str | bytes:
        if ending in ("png", "pdf"):
            return self._rendered(ending)
        if ending in ("dot", "gv"):
            return self.dot
        if ending in ("svg", "html"):
            return self.svg() if ending == "svg" else self.html()
        return self.to_json() if ending == "json" else self.table() + "\n"

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
        """Show itself in a notebook: as a picture where one can be drawn, as a table always."""
        bundle: dict[str, Any] = {"text/plain": self.table()}
        try:
            bundle["image/svg+xml"] = self.svg()
            if self._style.notebook_png:
                import base64

                bundle["image/png"] = base64.b64encode(self.png()).decode("ascii")
        except RendererNotFoundError:
            bundle["text/plain"] += f"\n\nFor a picture, install Graphviz: {install_command()}"
        except Exception as error:  # a notebook would show a traceback in place of the table
            reason = " ".join(str(error).split())
            bundle["text/plain"] += f"\n\nThere is no picture: {reason}"
        return bundle
