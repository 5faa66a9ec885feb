"""Pictures of computation graphs.

`draw` takes a snapshot of the graph behind a tensor and gives a `Drawing`, which shows itself in a
notebook and saves itself in several formats. Drawing reads, and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..tensor import Tensor
from .dot_text import write_dot
from .render import (
    LayoutTimedOutError,
    RendererNotFoundError,
    RenderError,
    finished_svg,
    install_command,
    run_graphviz,
)
from .snapshot import Graph, take_snapshot
from .words import counts, heading, sentences, table

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Drawing", "RenderError", "RendererNotFoundError", "draw"]

_ENGINES = ("auto", "dot", "builtin")
_FORMATS = ("svg", "png", "pdf", "dot", "gv", "json", "txt")


def draw(
    *outputs: Tensor,
    names: Mapping[str, object] | None = None,
    backward: bool | None = None,
    legend: bool = True,
    direction: str = "LR",
    title: str | None = None,
    max_nodes: int = 250,
    timeout: float = 20.0,
    engine: str = "auto",
) -> Drawing:
    """Draw the graph behind one or several tensors, as it is now.

    Parameters
    ----------
    *outputs : Tensor
        The loss, or whatever else the picture is to end in.
    names : mapping of str to object, optional
        What to call tensors and modules; ``locals()`` names them as the code does.
    backward : bool, optional
        Whether the way of the gradients is drawn too; by default where any has been computed.
    legend : bool
        Whether a line below explains colours and lines.
    direction : {"LR", "TB"}
        From left to right, or from top to bottom.
    title : str, optional
        What the picture shows.
    max_nodes : int
        More tensors and operations than this are refused: nobody could read the picture.
    timeout : float
        How many seconds Graphviz may take.
    engine : {"auto", "dot", "builtin"}
        Who lays the picture out. ``"dot"`` is Graphviz: its program `dot`, or the package
        pygraphviz where there is none. ``"builtin"`` needs neither, and draws SVG alone.
        ``"auto"`` takes Graphviz where it is installed and done in time; otherwise an SVG is
        drawn by the built-in layout, and its caption says so.

    Returns
    -------
    Drawing
        It keeps nothing of the tensors: what is computed later does not change it.

    Raises
    ------
    TypeError
        If an output is not a Tensor, or there is none.
    ValueError
        If the graph has too many nodes, or for an unknown direction or engine.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.drawing import draw
    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> y = x * x
    >>> y.backward()
    >>> print(draw(y, title="square").table())
    square: 1 operation, 2 tensors (1 parameter)
    <BLANKLINE>
    name  role       shape  value  grad
    ----  ---------  -----  -----  ----
    x     parameter  ()     3      6
    t1    loss       ()     9      1
    """
    if not outputs:
        raise TypeError("draw() needs a tensor to draw, such as draw(loss)")
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TypeError(f"draw() takes tensors, but got a {type(output).__name__}")
    if direction not in ("LR", "TB"):
        raise ValueError(f"unknown direction {direction!r}; known are 'LR' and 'TB'")
    if not timeout > 0:
        raise ValueError(f"timeout must be a number of seconds above 0, got {timeout!r}")
    if engine not in _ENGINES:
        known = ", ".join(map(repr, _ENGINES))
        raise ValueError(f"unknown engine {engine!r}; known are {known}")
    graph = take_snapshot(outputs, names, title or "", max_nodes)
    shows_gradients = graph.has_gradients if backward is None else bool(backward)
    return Drawing(graph, shows_gradients, legend, direction, timeout, engine)


class Drawing:
    """A picture of a graph, which `draw` makes.

    Attributes
    ----------
    graph : Graph
        The snapshot that it shows.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.drawing import draw
    >>> draw(Tensor(3.0, requires_grad=True) * 2)
    Drawing(1 operation, 3 tensors (1 parameter))
    """

    def __init__(
        self,
        graph: Graph,
        backward: bool,
        legend: bool,
        direction: str,
        timeout: float,
        engine: str = "auto",
    ) -> None:
        self.graph = graph
        self._backward = backward
        self._legend = legend
        self._direction = direction
        self._timeout = timeout
        self._engine = engine
        self._svg: str | None = None

    def __repr__(self) -> str:
        return f"Drawing({counts(self.graph)})"

    @property
    def dot(self) -> str:
        """The picture in the DOT language of Graphviz."""
        return write_dot(
            self.graph, backward=self._backward, legend=self._legend, direction=self._direction
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
            source = self._source()
            description = f"{counts(self.graph)}. {_ways(self._backward)}"
            self._svg = finished_svg(
                source, heading(self.graph), description, sentences(self.graph)
            )
        return self._svg

    def _source(self) -> bytes:
        note = ""
        if self._engine != "builtin":
            try:
                return run_graphviz(self.dot, "svg", self._timeout)
            except (RendererNotFoundError, LayoutTimedOutError) as error:
                if self._engine == "dot":
                    raise
                late = isinstance(error, LayoutTimedOutError)
                reason = "the layout timed out" if late else f"to have it: {install_command()}"
                note = f"drawn without Graphviz: {reason}"
        from .painter import paint

        options = {"backward": self._backward, "legend": self._legend}
        return paint(self.graph, **options, direction=self._direction, note=note)

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
        """Lay out all tensors as text: name, role, shape, value and gradient."""
        return table(self.graph)

    def to_json(self) -> str:
        """Give the snapshot as JSON."""
        import dataclasses
        import json

        return json.dumps(dataclasses.asdict(self.graph), indent=1) + "\n"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it into a file, whose name decides the format.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.svg``, ``.png``, ``.pdf``, ``.dot``, ``.gv``, ``.json`` or ``.txt`` (the
            table). Its folder must exist.

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
        if ending not in _FORMATS:
            known = ", ".join(f".{name}" for name in _FORMATS)
            raise ValueError(f"cannot tell the format of {os.fspath(path)!r}; known are {known}")
        return write_atomically(path, self._content(ending))

    def _content(self, ending: str) -> str | bytes:
        if ending in ("png", "pdf"):
            if self._engine == "builtin":
                raise RendererNotFoundError(
                    f"the built-in layout draws .svg alone, and {ending} was asked for; pass "
                    f"engine='auto' and install Graphviz: {install_command()}"
                )
            return run_graphviz(self.dot, ending, self._timeout)
        if ending in ("dot", "gv"):
            return self.dot
        if ending == "svg":
            return self.svg()
        return self.to_json() if ending == "json" else self.table() + "\n"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Show itself in a notebook: as a picture where one can be drawn, as a table always."""
        bundle = {"text/plain": self.table()}
        try:
            bundle["image/svg+xml"] = self.svg()
        except RendererNotFoundError:
            bundle["text/plain"] += f"\n\nFor a picture, install Graphviz: {install_command()}"
        except Exception as error:  # a notebook would show a traceback in place of the table
            reason = " ".join(str(error).split())
            bundle["text/plain"] += f"\n\nThere is no picture: {reason}"
        return bundle


def _ways(backward: bool) -> str:
    ways = "Values flow along solid lines"
    return f"{ways}, gradients back along dashed lines." if backward else f"{ways}."
