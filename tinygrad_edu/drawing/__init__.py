"""Pictures of computation graphs.

`draw` takes a snapshot of the graph behind a tensor and gives a `Drawing`, which shows itself in a
notebook and saves itself in several formats. Drawing reads, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from numbers import Real
from typing import Any

from ..tensor import Tensor
from .doctor import doctor
from .drawing import Drawing, Style
from .graph import Graph
from .layers import Choice, depths, layers_picture
from .palette import Theme, theme_named
from .picture import Picture, operations_picture
from .render import RendererNotFoundError, RenderError
from .snapshot import GraphTooLargeError, Photographer

__all__ = [
    "Drawing",
    "GraphTooLargeError",
    "RenderError",
    "RendererNotFoundError",
    "doctor",
    "draw",
]

_CHOICES = {
    "view": ("auto", "ops", "layers"),
    "direction": ("LR", "TB"),
    "engine": ("auto", "dot", "builtin"),
    "values": ("auto", "full", "stats", "shape", "none"),
    "on_large": ("error", "truncate"),
}


def _instead(output: object) -> str:
    """Say what to write where something else was given for a tensor."""
    if isinstance(output, str):
        return (
            "options have names, as in title='...', and draw(loss).save('graph.svg') writes a file"
        )
    if callable(getattr(output, "named_parameters", None)):
        return "draw what it computes: draw(network(x), model=network)"
    if isinstance(output, list | tuple):
        return "several are given one by one, as in draw(a, b)"
    return "give it what was computed with a Tensor, such as draw(loss)"


def draw(
    *outputs: Tensor,
    view: str = "auto",
    names: Mapping[str, object] | None = None,
    model: Any = None,
    depth: int | None = None,
    expand: Collection[str] = (),
    collapse: Callable[[str], bool] | None = None,
    values: str = "auto",
    backward: bool | None = None,
    rules: bool = False,
    compare: Mapping[Any, Any] | None = None,
    legend: bool = True,
    direction: str = "LR",
    theme: str | Mapping[str, object] | Theme = "light",
    title: str | None = None,
    max_nodes: int = 250,
    on_large: str = "error",
    timeout: float = 20.0,
    engine: str = "auto",
    notebook_png: bool = False,
) -> Drawing:
    """Draw the graph behind one or several tensors, as it is now.

    Parameters
    ----------
    *outputs : Tensor
        The loss, or whatever else the picture is to end in.
    view : {"auto", "ops", "layers"}
        Single operations, or modules as boxes with the shapes that pass between them. ``"auto"``
        shows operations unless they are more than `max_nodes`; then modules, as deep as they fit.
    names : mapping of str to object, optional
        What to call tensors and modules; ``locals()`` names them as the code does.
    model : optional
        A network, whose parameters are called by their paths.
    depth : int, optional
        In the view of layers: how far down modules are opened; 1 makes boxes of the outermost.
        Modules without modules in them are boxes at any depth, by default they alone.
    expand : collection of str
        Paths of modules to be opened all the same: ``{"encoder.block1"}``.
    collapse : callable, optional
        Called with the path of a module; where it says yes, the module is a box.
    values : {"auto", "full", "stats", "shape", "none"}
        How much is said of values: few numbers one by one and statistics of many; up to 64
        numbers; statistics alone; shapes alone; nothing.
    backward : bool, optional
        Whether the way of the gradients is drawn too, with what each operation sends back; by
        default where any has been computed.
    rules : bool
        Whether operations say what they make of a gradient g.
    compare : mapping, optional
        Gradients derived by hand, by the names in the picture or by tensor; the picture says
        where they agree with the automatic ones.
    legend : bool
        Whether a line below explains colours and lines.
    direction : {"LR", "TB"}
        From left to right, or from top to bottom.
    theme : {"light", "dark", "mono"} or mapping
        The colours; a mapping changes some: ``{"base": "dark", "parameter": ("#003B2F",
        "#35C49A")}`` gives ground and outline of a role. ``"mono"`` has greys alone.
    title : str, optional
        What the picture shows.
    max_nodes : int
        More tensors and operations than this cannot be read.
    on_large : {"error", "truncate"}
        What to do with more, where modules are no way out: refuse them, or draw those next to the
        outputs, and say how many more there are.
    timeout : float
        How many seconds Graphviz may take.
    engine : {"auto", "dot", "builtin"}
        Who lays the picture out. ``"dot"`` is Graphviz: its program `dot`, or the package
        pygraphviz where there is none. ``"builtin"`` needs neither, and draws SVG alone.
        ``"auto"`` takes Graphviz where it is installed and done in time; otherwise an SVG is
        drawn by the built-in layout, and its caption says so.
    notebook_png : bool
        Whether a notebook gets a PNG too, for viewers that refuse SVG.

    Returns
    -------
    Drawing
        It keeps nothing of the tensors: what is computed later does not change it.

    Raises
    ------
    TypeError
        If an output is not a Tensor, or there is none, or a limit is no number.
    GraphTooLargeError
        If the graph has too many nodes; it is a ValueError.
    ValueError
        For an option that is not known, and gradients to compare with that do not fit.

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
            raise TypeError(
                f"draw() takes tensors, but got a {type(output).__name__}; {_instead(output)}"
            )
    given = {
        "view": view,
        "direction": direction,
        "engine": engine,
        "values": values,
        "on_large": on_large,
    }
    for option, value in given.items():
        if value not in _CHOICES[option]:
            known = ", ".join(map(repr, _CHOICES[option]))
            raise ValueError(f"unknown {option} {value!r}; known are {known}")
    limits: dict[str, object] = {"timeout": timeout, "max_nodes": max_nodes}
    for option, limit in limits.items():
        if not isinstance(limit, Real):
            raise TypeError(f"{option} must be a number, got {limit!r}")
    if not timeout > 0:
        raise ValueError(f"timeout must be a number of seconds above 0, got {timeout!r}")
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 1):
        raise ValueError(f"depth must be a whole number from 1 on, got {depth!r}")
    if isinstance(expand, str):
        raise ValueError(f"expand takes a set of paths, such as {{{expand!r}}}; got text")
    style = Style(theme_named(theme), legend, direction, timeout, engine, notebook_png)
    photographer = Photographer(
        outputs,
        names,
        model=model,
        compare=compare,
        values=values,
        contributions=backward is not False,
    )
    large = photographer.count > max_nodes
    by_layers = view == "layers" or (view == "auto" and large and photographer.modules.calls)
    if large and not by_layers:
        if on_large == "error":
            raise too_large(photographer.count, "", max_nodes)
        photographer.leave_out(max_nodes)
    photographer.contributions &= not large
    graph = photographer.take(title or "")
    returns = graph.has_gradients if backward is None else bool(backward)
    choice = Choice(depth, expand, collapse)
    if by_layers:
        picture = _fitting(graph, choice, returns, rules, max_nodes, view)
    else:
        picture = operations_picture(graph, backward=returns, rules=rules)
    return Drawing(graph, picture, style)


def too_large(count: int, also: str, max_nodes: int) -> GraphTooLargeError:
    """Word the refusal of a picture that nobody could read."""
    return GraphTooLargeError(
        f"the graph has {count:,} nodes{also}, more than max_nodes={max_nodes}; draw its modules "
        "(view='layers', depth=1), or a part of it (on_large='truncate', or an earlier tensor in "
        f"place of the last), or pass max_nodes={count} to draw it all"
    )


def _fitting(
    graph: Graph, choice: Choice, backward: bool, rules: bool, max_nodes: int, view: str
) -> Picture:
    """Draw modules as deep as asked for, or else as deep as there is room for."""
    tried = [choice.depth]
    if view == "auto" and choice.depth is None:
        tried += range(depths(graph), 0, -1)
    for depth in tried:
        own = Choice(depth, choice.expand, choice.collapse)
        picture = layers_picture(graph, own, backward=backward, rules=rules)
        if len(picture.cards) <= max_nodes:
            return picture
    count = len(graph.tensors) + len(graph.operations)
    raise too_large(count, f", and {len(picture.cards):,} by layers", max_nodes)
