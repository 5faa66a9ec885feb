"""Pictures of computation graphs.

`draw` takes a snapshot of the graph behind a tensor and returns a `Drawing`, which shows itself in
a notebook and saves itself in several formats. It reads the graph and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..palette import Theme, theme_named
from ..tensor import Tensor
from .doctor import doctor
from .drawing import Drawing
from .graph import Graph
from .layers import depths, layers_picture
from .options import DrawOptions, checked_choice, checked_number, with_old_keywords
from .picture import Picture, operations_picture
from .render import RendererNotFoundError, RenderError
from .snapshot import GraphTooLargeError, SnapshotBuilder

__all__ = [
    "DrawOptions",
    "Drawing",
    "GraphTooLargeError",
    "RenderError",
    "RendererNotFoundError",
    "doctor",
    "draw",
]


def draw(
    *outputs: Tensor,
    model: Any = None,
    compare: Mapping[Any, Any] | None = None,
    names: Mapping[str, object] | None = None,
    title: str | None = None,
    view: str = "auto",
    theme: str | Mapping[str, object] | Theme = "light",
    direction: str = "LR",
    max_nodes: int = 250,
    options: DrawOptions | None = None,
    **old_keywords: Any,
) -> Drawing:
    """Draw the graph behind one or several tensors, as it is now.

    Parameters
    ----------
    *outputs : Tensor
        The loss, or any other computed tensors.
    model : optional
        A network; its parameters are named by their paths. If it has a method `textbook_names`, as
        `nn.MLP` has, its results and gradients get these names too: z1, a1, δ1. Without `model`,
        the network whose calls are in the graph is asked.
    compare : mapping, optional
        Gradients derived by hand, by name in the picture or by tensor; the picture shows where
        they agree with the automatic ones.
    names : mapping of str to object, optional
        Names for tensors and modules; ``locals()`` uses the names in your code. They come before
        those of the network.
    title : str, optional
        The heading of the picture.
    view : {"auto", "ops", "layers"}
        Show single operations, or modules as boxes with the shapes that pass between them.
        ``"auto"`` shows operations unless there are more than `max_nodes` nodes; then modules, as
        deep as they fit.
    theme : {"light", "dark", "mono"} or mapping
        The colours; ``"mono"`` is greyscale. A mapping changes some of them, as in
        ``{"base": "dark", "parameter": ("#003B2F", "#35C49A")}``: fill and outline of a role.
    direction : {"LR", "TB"}
        From left to right, or from top to bottom.
    max_nodes : int
        The largest number of tensors and operations to draw.
    options : DrawOptions, optional
        Further options: which modules are boxes, how much is shown, which layout engine to use.
    **old_keywords
        The fields of `DrawOptions`. Deprecated: write ``options=DrawOptions(...)``.

    Returns
    -------
    Drawing
        A snapshot: later computations do not change it.

    Raises
    ------
    TypeError
        If there is no output, an output is not a Tensor, or `max_nodes` is not a number.
    GraphTooLargeError
        If the graph has too many nodes; it is a ValueError.
    ValueError
        For an unknown choice, or if gradients in `compare` do not fit.

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
    _check_outputs(outputs)
    options = with_old_keywords(options, old_keywords)
    checked_choice("view", view)
    checked_choice("direction", direction)
    checked_number("max_nodes", max_nodes)
    colors = theme_named(theme)
    builder = SnapshotBuilder(
        outputs,
        names,
        model=model,
        compare=compare,
        values=options.values,
        contributions=options.backward is not False,
    )
    large = builder.count > max_nodes
    by_layers = view == "layers" or (view == "auto" and large and builder.modules.calls)
    if large and not by_layers:
        if options.on_large == "error":
            raise _too_large(builder.count, "", max_nodes)
        builder.leave_out(max_nodes)
    builder.contributions &= not large
    graph = builder.build(title or "")
    backward = graph.has_gradients if options.backward is None else options.backward
    if by_layers:
        picture = _layers_that_fit(graph, options, backward, view, max_nodes)
    else:
        picture = operations_picture(graph, backward=backward, rules=options.rules)
    return Drawing(graph, picture, colors, direction, options)


def _check_outputs(outputs: tuple[object, ...]) -> None:
    """Refuse what is not a tensor, and say what to write instead."""
    if not outputs:
        raise TypeError("draw() needs a tensor to draw, such as draw(loss)")
    for output in outputs:
        if isinstance(output, Tensor):
            continue
        if isinstance(output, str):
            remedy = (
                "name the option, as in title='...'; draw(loss).save('graph.svg') writes a file"
            )
        elif callable(getattr(output, "named_parameters", None)):
            remedy = "draw what it computes: draw(network(x), model=network)"
        elif isinstance(output, list | tuple):
            remedy = "pass several tensors one by one, as in draw(a, b)"
        else:
            remedy = "pass what was computed with a Tensor, such as draw(loss)"
        raise TypeError(f"draw() takes tensors, but got a {type(output).__name__}; {remedy}")


def _layers_that_fit(
    graph: Graph, options: DrawOptions, backward: bool, view: str, max_nodes: int
) -> Picture:
    """Draw modules as deep as asked for, or else as deep as there is room for."""
    tried = [options.depth]
    if view == "auto" and options.depth is None:
        tried += range(depths(graph), 0, -1)
    for depth in tried:
        picture = layers_picture(graph, replace(options, depth=depth), backward=backward)
        if len(picture.cards) <= max_nodes:
            return picture
    count = len(graph.tensors) + len(graph.operations)
    raise _too_large(count, f", and {len(picture.cards):,} by layers", max_nodes)


def _too_large(count: int, also: str, max_nodes: int) -> GraphTooLargeError:
    return GraphTooLargeError(
        f"the graph has {count:,} nodes{also}, more than max_nodes={max_nodes}; draw its modules "
        "(view='layers', options=DrawOptions(depth=1)), or a part of it (an earlier tensor, or "
        f"options=DrawOptions(on_large='truncate')), or pass max_nodes={count} to draw it all"
    )
