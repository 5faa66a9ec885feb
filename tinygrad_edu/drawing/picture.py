"""What a picture shows, independent of layout: cards, wires between them, and frames.

A card is a box or an ellipse with its rows; a wire is an edge, with the gradient that comes back
along it. Both writers, DOT text and the built-in painter, start from here. This file makes the
picture of single operations; `layers` makes the one of whole modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .graph import Edge, Graph, OpNode, TensorNode
from .module_tree import CallNode
from .words import axes_text, counts, heading, sentences

__all__ = ["Card", "Picture", "Row", "Version", "Wire", "operand_wires", "operations_picture"]


@dataclass(frozen=True, slots=True)
class Version:
    """A text at some steps of a story: from `first` to `last`, or to the end.

    Only the built-in painter draws versions, on top of each other; the page shows one at a time.
    `note` is shown after it in the table of the page.
    """

    first: int
    last: int | None
    text: str
    note: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of its element in a page; none for the first or last step of all."""
        found = {"data-from": str(self.first)} if self.first else {}
        return found if self.last is None else {**found, "data-to": str(self.last)}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a card.

    Attributes
    ----------
    label : str
        At the left; can be empty.
    text : str
        At the right; it can have several lines.
    kind : str
        ``value``, ``gradient``, ``match``, ``differ`` or ``warning``; at an operation and a
        module ``note``.
    versions : tuple of Version
        Drawn instead of the text if it changes during a story.
    """

    label: str
    text: str
    kind: str = "value"
    versions: tuple[Version, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A node: its heading, its rows, and how it looks.

    Attributes
    ----------
    id : str
    role : str
        Decides colours and outline; see `palette`.
    name : str
    is_named : bool
        False if the name is only an id; it is not written in bold then.
    symbol : str
        Written large above the name of an operation.
    tag : str
        Written next to the name.
    rows : tuple of Row
    frame : str or None
        The module call that it is drawn in.
    kind : str
        At a module: its class, and how many there are.
    is_broad : bool
        Whether the gradient of a matrix is drawn to the right of it, instead of below.
    """

    id: str
    role: str
    name: str
    is_named: bool = True
    symbol: str = ""
    tag: str = ""
    rows: tuple[Row, ...] = ()
    frame: str | None = None
    kind: str = ""
    is_broad: bool = False

    @property
    def heading(self) -> list[tuple[str, int, bool]]:
        """The first lines of an operation: text, size in points, and whether it is bold."""
        if not self.symbol:
            return [(self.name, 12, True)]
        return [(self.symbol, 15, True), (self.name, 10, False)]

    @property
    def is_round(self) -> bool:
        """Whether it is an ellipse."""
        return self.role == "operation"

    @property
    def css(self) -> str:
        """The classes of its group in an SVG."""
        kinds = {"parameter": "tensor param", "operation": "op", "module": "module-box"}
        return kinds.get(self.role, "more" if self.role == "more" else f"tensor {self.role}")

    @property
    def is_warned(self) -> bool:
        """Whether a row warns."""
        return any(row.kind == "warning" for row in self.rows)


@dataclass(frozen=True, slots=True)
class Wire:
    """An edge, and the gradient that comes back along it.

    Attributes
    ----------
    id, source, target : str
    letter : str
        The name of the operand, if the order of operands matters.
    label : str
        The shape of the tensor that leaves a module.
    back_id : str
        Empty if no gradient comes back.
    back_label : str
        What the gradient contributes, and the axes it is summed over.
    is_first : bool
        Whether it is the first operand.
    """

    id: str
    source: str
    target: str
    letter: str = ""
    label: str = ""
    back_id: str = ""
    back_label: str = ""
    is_first: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is drawn.

    Attributes
    ----------
    title, counts : str
        The caption: the title, and the number of nodes.
    has_title : bool
        Whether the user gave the title; it is shown even without a legend then.
    cards : tuple of Card
    wires : tuple of Wire
        Wires into the same card are adjacent, in the order of its operands.
    frames : tuple of CallNode
        The module calls that are drawn around their cards, parents before children.
    alt_texts : mapping of str to str
        A sentence for each part, by id.
    backward : bool
        Whether gradients are drawn.
    card_of : mapping of str to str
        In a picture by layers: the card for each operation and tensor of the graph.
    """

    title: str
    counts: str
    has_title: bool
    cards: tuple[Card, ...]
    wires: tuple[Wire, ...]
    frames: tuple[CallNode, ...]
    alt_texts: Mapping[str, str]
    backward: bool
    card_of: Mapping[str, str] = field(default_factory=dict)

    @property
    def description(self) -> str:
        """The picture in a sentence or two."""
        ways = "Values flow along solid lines"
        back = ", gradients back along dashed lines." if self.backward else "."
        return f"{self.counts}. {ways}{back}"

    @property
    def roles(self) -> tuple[tuple[str, str], ...]:
        """The entries of the legend: roles and their names."""
        shown = {card.role for card in self.cards}
        names = {"computed": "computed tensor"}
        known = ("computed", "input", "parameter", "loss", "output", "operation")
        found = [(role, names.get(role, role)) for role in known if role in shown]
        return (*found, ("module", "module")) if self.frames or "module" in shown else (*found,)


def operations_picture(graph: Graph, *, backward: bool, rules: bool = False) -> Picture:
    """Show every tensor and every operation.

    Parameters
    ----------
    graph : Graph
    backward : bool
        Whether to draw gradients.
    rules : bool
        Whether operations show what they compute from a gradient.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.drawing.snapshot import SnapshotBuilder
    >>> graph = SnapshotBuilder([Tensor(1.0, requires_grad=True) + 1]).build()
    >>> [card.role for card in operations_picture(graph, backward=False).cards]
    ['parameter', 'constant', 'loss', 'operation']
    """
    cards = [tensor_card(tensor) for tensor in graph.tensors]
    cards += [operation_card(operation, rules) for operation in graph.operations]
    alt_texts = sentences(graph)
    wires = []
    if graph.hidden:
        cards.append(Card("more", "more", f"… {graph.hidden:,} more"))
        alt_texts["more"] = f"{graph.hidden:,} more tensors and operations are not drawn"
        wires = [Wire(f"more{name}", "more", name) for name in graph.cut]
        alt_texts |= {wire.id: "continues in the part that is not drawn" for wire in wires}
    by_target: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        by_target.setdefault(edge.target, []).append(edge)
    for operation in graph.operations:
        wires += operand_wires(by_target[operation.id], backward)
        here = operation.id
        back = f"{here}b" if backward else ""
        wires.append(Wire(f"{here}f", here, operation.output, back_id=back))
    return Picture(
        heading(graph),
        counts(graph),
        bool(graph.title),
        tuple(cards),
        tuple(wires),
        graph.calls,
        alt_texts,
        backward,
    )


def tensor_card(tensor: TensorNode) -> Card:
    """Show a tensor: its values, warnings, its gradient, and the comparison with one by hand."""
    if tensor.role == "constant":
        return Card(tensor.id, "constant", tensor.name, frame=tensor.call)
    rows = [Row(label, text) for label, text in tensor.rows]
    rows += [Row("", f"⚠ {tensor.warning}", "warning")] if tensor.warning else []
    label = f"grad {tensor.grad_name}".rstrip()
    rows.append(Row(label, tensor.grad, "gradient"))
    if tensor.manual:
        kind = {"✓": "match", "✗": "differ"}.get(tensor.manual[0], "value")
        rows.append(Row("manual", tensor.manual, kind))
    return Card(
        tensor.id,
        tensor.role,
        tensor.title,
        tensor.has_name,
        tag=tensor.tag,
        rows=tuple(rows),
        frame=tensor.call,
    )


def operation_card(operation: OpNode, rules: bool = False) -> Card:
    """Show an operation: its symbol, name, metadata and, if wanted, its rules."""
    symbol = operation.symbol if operation.symbol != operation.name else ""
    rows = [Row("", f"{name}={value}", "note") for name, value in operation.params]
    if rules:
        rows += [Row("", f"to {operand}: {rule}", "gradient") for operand, rule in operation.rules]
    return Card(
        operation.id,
        "operation",
        operation.name,
        symbol=symbol,
        rows=tuple(rows),
        frame=operation.call,
    )


def operand_wires(
    edges: Sequence[Edge],
    backward: bool,
    source_of: Callable[[str], str] = str,
    shape_of: Callable[[str], str] = lambda tensor: "",
) -> list[Wire]:
    """Connect an operation with its operands, and show what it sends back to each.

    Parameters
    ----------
    edges : sequence of Edge
        All edges that arrive at the operation.
    backward : bool
        Whether to draw gradients.
    source_of, shape_of : callable
        Called with the id of a tensor, they return the card that it comes from, and the text to
        write on the wire.
    """
    # Words would overlap with their neighbours, and a single letter alone means little.
    letters = all(0 < len(edge.operand) <= 2 for edge in edges)
    wires = []
    for edge in edges:
        returns = backward and edge.has_gradient
        axes = axes_text(edge.summed_axes).replace("sum", "Σ", 1) if edge.summed_axes else ""
        wires.append(
            Wire(
                f"{edge.target}f{edge.position}",
                source_of(edge.source),
                edge.target,
                edge.operand if letters else "",
                shape_of(edge.source),
                f"{edge.target}b{edge.position}" if returns else "",
                ", ".join(filter(None, (edge.contribution, axes))) if returns else "",
                edge.position == 0,
            )
        )
    return wires
