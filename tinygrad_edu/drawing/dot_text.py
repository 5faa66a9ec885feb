"""A graph as text in the DOT language of Graphviz.

The same graph gives the same text, byte for byte. All text from outside is escaped here; ids are
our own. Attributes that Graphviz expands twice (tooltips, links) are never used.
"""

from __future__ import annotations

from collections.abc import Iterator

from .module_tree import CallNode
from .palette import (
    GRADIENT,
    GRADIENT_FILL,
    LINE,
    MODULE,
    MUTED,
    OPERATION,
    PAGE,
    ROLES,
    TEXT,
    WARNING,
    Look,
)
from .snapshot import Edge, Graph, OpNode, TensorNode
from .words import axes_text, counts, heading

__all__ = ["write_dot"]

_TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}">'
_LEGEND_NAMES = {
    "computed": "computed tensor",
    "input": "input",
    "parameter": "parameter",
    "loss": "loss",
    "output": "output",
}


def write_dot(graph: Graph, *, backward: bool, legend: bool = True, direction: str = "LR") -> str:
    """Write a graph in DOT.

    Parameters
    ----------
    graph : Graph
        What to draw.
    backward : bool
        Whether the way of the gradients is drawn beside the way of the values.
    legend : bool
        Whether a line below explains colours and lines.
    direction : {"LR", "TB"}
        From left to right, or from top to bottom.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.drawing.snapshot import take_snapshot
    >>> text = write_dot(take_snapshot([Tensor(1.0) + 1]), backward=False)
    >>> text.splitlines()[0]
    'digraph computation_graph {'
    """
    lines = ["digraph computation_graph {"]
    lines += _defaults(graph, backward, legend, direction)
    lines += _nodes(graph)
    operations = {operation.id: operation for operation in graph.operations}
    by_target: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        by_target.setdefault(edge.target, []).append(edge)
    for identifier, operation in operations.items():
        edges = by_target[identifier]
        # A word would run into its neighbours, and one letter without the others says little.
        letters = all(0 < len(edge.operand) <= 2 for edge in edges)
        # From left to right, Graphviz (2.43 and 14.1) reverses the order inside of boxes.
        reverse = direction == "LR" and operation.call is not None
        for edge in edges[::-1] if reverse else edges:
            lines += _operand_edges(edge, backward, letters)
        lines += _result_edges(operation, backward)
    return "\n".join([*lines, "}", ""])


def _defaults(graph: Graph, backward: bool, legend: bool, direction: str) -> Iterator[str]:
    # Helvetica and Courier are the fonts whose widths every build of Graphviz knows by heart.
    label = _caption(graph, backward, legend)
    yield (
        f'  graph [rankdir={direction}, fontname="Helvetica", fontsize=11, fontcolor="{TEXT}", '
        f"nodesep=0.45, ranksep=0.55, pad=0.15, labelloc=b, label={label or _quoted('')}];"
    )
    yield (
        f'  node [fontname="Helvetica", fontsize=11, fontcolor="{TEXT}", shape=box, '
        'margin="0.07,0.04", width=0.3, height=0.3];'
    )
    yield (
        f'  edge [fontname="Helvetica", fontsize=10, fontcolor="{LINE}", color="{LINE}", '
        "arrowsize=0.7];"
    )


def _nodes(graph: Graph) -> Iterator[str]:
    """Give all nodes, each inside the boxes of the module calls that it belongs to."""
    inside: dict[str | None, list[str]] = {None: []}
    for tensor in graph.tensors:
        inside.setdefault(tensor.call, []).append(_tensor_line(tensor))
    for operation in graph.operations:
        inside.setdefault(operation.call, []).append(_operation_line(operation))
    children: dict[str | None, list[str]] = {}
    for call in graph.calls:
        children.setdefault(call.parent, []).append(call.id)
    calls = {call.id: call for call in graph.calls}
    yield from (f"  {line}" for line in inside[None])
    open_boxes: list[tuple[str, int]] = [(child, 1) for child in children.get(None, [])[::-1]]
    while open_boxes:
        call_id, depth = open_boxes.pop()
        indent = "  " * depth
        if call_id == "}":
            yield indent + "}"
            continue
        yield f"{indent}subgraph cluster_{call_id} {{"
        yield f"{indent}  {_box(calls[call_id])}"
        yield from (f"{indent}  {line}" for line in inside.get(call_id, []))
        open_boxes.append(("}", depth))
        open_boxes += [(child, depth + 1) for child in children.get(call_id, [])[::-1]]


def _box(call: CallNode) -> str:
    name = call.title.removesuffix(call.kind).rstrip()
    title = f"<B>{_html(name)}</B>&#160;&#160;{_html(call.kind)}" if name else _html(call.kind)
    # Inputs come in from the left, and would cross the long title of a whole network there.
    side = "r" if call.parent is None else "l"
    return (
        f'graph [id="{call.id}", class="module", label=<{title}>, labeljust={side}, labelloc=t, '
        f'style="{MODULE.style}", fillcolor="{MODULE.fill}", color="{MODULE.line}", margin=10];'
    )


def _tensor_line(tensor: TensorNode) -> str:
    look = ROLES[tensor.role]
    if tensor.role == "constant":
        label = f'<FONT FACE="Courier" POINT-SIZE="11">{_html(tensor.name)}</FONT>'
    else:
        label = _tensor_label(tensor)
    kind = {"parameter": "param"}.get(tensor.role, tensor.role)
    warned = f', color="{WARNING}", penwidth=3' if tensor.warning else ""
    return (
        f'{tensor.id} [id="{tensor.id}", class="tensor {kind}", '
        f"{_paint(look)}{warned}, label=<{label}>];"
    )


def _tensor_label(tensor: TensorNode) -> str:
    name = _html(tensor.name)
    name = f"<B>{name}</B>" if tensor.has_name else _muted(name, 11)
    # A table of its own, so that a long name does not push the numbers away from their words.
    tag = f'<TD ALIGN="RIGHT">&#160;&#160;{_muted(_html(tensor.tag), 9)}</TD>' if tensor.tag else ""
    head = f'{_TABLE.format(padding=0)}<TR><TD ALIGN="LEFT">{name}</TD>{tag}</TR></TABLE>'
    rows = [f'<TR><TD COLSPAN="2">{head}</TD></TR>']
    rows += [_row(label, text) for label, text in tensor.rows]
    if tensor.warning:
        warning = f'<FONT COLOR="{WARNING}"><B>⚠ {_html(tensor.warning)}</B></FONT>'
        rows.append(f'<TR><TD COLSPAN="2" ALIGN="LEFT">{warning}</TD></TR>')
    rows.append(_row("grad", tensor.grad, gradient=True))
    return f"{_TABLE.format(padding=2)}{''.join(rows)}</TABLE>"


def _row(label: str, text: str, gradient: bool = False) -> str:
    cell = f' BGCOLOR="{GRADIENT_FILL}"' if gradient else ""
    color = f' COLOR="{GRADIENT}"' if gradient else ""
    lines = text.split("\n")
    if len(lines) > 1:  # columns of numbers: every blank counts
        breaks = '<BR ALIGN="LEFT"/>'
        shown = "".join(_html(line).replace(" ", "&#160;") + breaks for line in lines)
    else:
        shown = _html(text)
    return (
        f'<TR><TD ALIGN="LEFT"{cell}>{_muted(_html(label), 10)}&#160;</TD>'
        f'<TD ALIGN="RIGHT" BALIGN="LEFT"{cell}>'
        f'<FONT FACE="Courier" POINT-SIZE="10"{color}>{shown}</FONT></TD></TR>'
    )


def _operation_line(operation: OpNode) -> str:
    rows = []
    if operation.symbol and operation.symbol != operation.name:
        rows.append(f'<FONT POINT-SIZE="15"><B>{_html(operation.symbol)}</B></FONT>')
        rows.append(f'<FONT POINT-SIZE="10">{_html(operation.name)}</FONT>')
    else:
        rows.append(f'<FONT POINT-SIZE="12"><B>{_html(operation.name)}</B></FONT>')
    rows += [
        f'<FONT FACE="Courier" POINT-SIZE="9">{_html(name)}={_html(value)}</FONT>'
        for name, value in operation.params
    ]
    cells = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows)
    label = f"{_TABLE.format(padding=0)}{cells}</TABLE>"
    # Without `ordering`, Graphviz may put the second operand of a - b above the first.
    return (
        f'{operation.id} [id="{operation.id}", class="op", shape=ellipse, ordering=in, '
        f'margin="0.02,0.01", {_paint(OPERATION)}, label=<{label}>];'
    )


def _operand_edges(edge: Edge, backward: bool, letters: bool) -> Iterator[str]:
    letter = ""
    if letters:
        # The first letter above its arrow and the others below, or they meet where arrows do.
        angle = 28 if edge.position else -28
        letter = f", headlabel={_quoted(edge.operand)}, labeldistance=1.7, labelangle={angle}"
    identifier = f"{edge.target}f{edge.position}"
    yield f'  {edge.source} -> {edge.target} [id="{identifier}", class="fwd"{letter}];'
    if backward and edge.has_gradient:
        label = axes_text(edge.summed_axes) if edge.summed_axes else ""
        yield _gradient_edge(edge.target, edge.source, f"{edge.target}b{edge.position}", label)


def _result_edges(operation: OpNode, backward: bool) -> Iterator[str]:
    here, there = operation.id, operation.output
    yield f'  {here} -> {there} [id="{here}f", class="fwd"];'
    if backward:
        yield _gradient_edge(there, here, f"{here}b")


def _gradient_edge(source: str, target: str, identifier: str, label: str = "") -> str:
    text = f", label=<{_edge_label(label)}>" if label else ""
    return (
        f'  {source} -> {target} [id="{identifier}", class="bwd", style=dashed, '
        f'color="{GRADIENT}", fontcolor="{GRADIENT}", arrowhead=vee, constraint=false{text}];'
    )


def _edge_label(text: str) -> str:
    """Give a label a ground of its own, so that a line behind it does not strike it out."""
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" '
        f'BGCOLOR="{PAGE}"><TR><TD>{_html(text)}</TD></TR></TABLE>'
    )


def _caption(graph: Graph, backward: bool, legend: bool) -> str:
    """Put title and legend into the label of the graph, where they cannot move its nodes."""
    rows = []
    if legend or graph.title:
        shown = f"<B>{_html(heading(graph))}</B>"
        rows.append(f"{shown}&#160;&#160;·&#160;&#160;{_html(counts(graph))}" if legend else shown)
    table = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows)
    if legend:
        table += f"<TR><TD>{_legend(graph, backward)}</TD></TR>"
    return f"<{_TABLE.format(padding=3)}{table}</TABLE>>" if table else ""


def _legend(graph: Graph, backward: bool) -> str:
    roles = {tensor.role for tensor in graph.tensors}
    cells = [_swatch(ROLES[role], name) for role, name in _LEGEND_NAMES.items() if role in roles]
    if graph.operations:
        cells.append(_swatch(OPERATION, "operation"))
    if graph.calls:
        cells.append(_swatch(MODULE, "module"))
    cells.append(f'<TD><FONT COLOR="{LINE}"><B>——&gt;</B> value</FONT></TD>')
    if backward:
        cells.append(f'<TD><FONT COLOR="{GRADIENT}"><B>- - -&gt;</B> gradient</FONT></TD>')
    row = "".join(cells)
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="6" CELLPADDING="3"><TR>{row}</TR></TABLE>'
    )


def _swatch(look: Look, text: str) -> str:
    style = ' STYLE="ROUNDED"' if "rounded" in look.style else ""
    border = 3 if look.width > 1 else look.outlines
    return (
        f'<TD BORDER="{border}" COLOR="{look.line}" BGCOLOR="{look.fill}"{style}>'
        f'<FONT POINT-SIZE="10">{_html(text)}</FONT></TD>'
    )


def _paint(look: Look) -> str:
    painted = f'style="{look.style}", fillcolor="{look.fill}", color="{look.line}"'
    painted += f", penwidth={look.width:g}" if look.width != 1 else ""
    return painted + (f", peripheries={look.outlines}" if look.outlines != 1 else "")


def _muted(escaped: str, size: int) -> str:
    return f'<FONT COLOR="{MUTED}" POINT-SIZE="{size}">{escaped}</FONT>'


def _html(text: str) -> str:
    r"""Escape text for an HTML-like label.

    An empty element is a syntax error there, and ``\N`` is expanded as in any other label.
    """
    for character, entity in (
        ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\\", "\\\\")
    ):  # fmt: skip
        text = text.replace(character, entity)
    return text or " "


def _quoted(text: str) -> str:
    """Quote text for an ordinary attribute, where Graphviz decodes entities and backslashes."""
    text = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
