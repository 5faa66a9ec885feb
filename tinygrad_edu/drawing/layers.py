"""The picture of a graph by layers: each module is one box, or a frame around its parts.

`DrawOptions` chooses the boxes, by depth, by name, or by a function. Operations outside all boxes
are drawn as in the picture of operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..texts import clean, number_text, shape_text
from .graph import Edge, Graph, TensorNode
from .module_tree import CallNode
from .options import DrawOptions
from .picture import Card, Picture, Row, Wire, operand_wires, operation_card, tensor_card
from .words import counts, heading, one_line, plural, sentences

__all__ = ["depths", "layers_picture"]


def depths(graph: Graph) -> int:
    """Return how deep module calls are nested; 0 if there are none."""
    return max(map(len, _paths(graph).values()), default=0)


def layers_picture(graph: Graph, options: DrawOptions, *, backward: bool) -> Picture:
    """Draw modules as boxes.

    Parameters
    ----------
    graph : Graph
    options : DrawOptions
        `depth`, `expand` and `collapse` choose the boxes; `rules` applies to operations outside.
    backward : bool
        Whether to draw gradients.

    Raises
    ------
    ValueError
        If `expand` holds a path that no module has.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.drawing.snapshot import SnapshotBuilder
    >>> graph = SnapshotBuilder([Tensor(1.0, requires_grad=True) + 1]).build()
    >>> layers_picture(graph, DrawOptions(), backward=False).counts
    '0 modules, 1 operation outside of them (1 parameter)'
    """
    return _Layers(graph, options, backward).picture()


def _paths(graph: Graph) -> dict[str, list[str]]:
    """List for each call the calls around it and itself, the outermost first."""
    paths: dict[str, list[str]] = {}
    for call in graph.calls:  # parents come before their children
        around = [] if call.parent is None else paths[call.parent]
        paths[call.id] = [*around, call.id]
    return paths


class _Layers:
    def __init__(self, graph: Graph, options: DrawOptions, backward: bool) -> None:
        self.graph, self.backward, self.rules = graph, backward, options.rules
        self.calls = {call.id: call for call in graph.calls}
        self.tensors = {tensor.id: tensor for tensor in graph.tensors}
        self.flowing = {edge.source for edge in graph.edges if edge.has_gradient}
        self.paths = _paths(graph)
        self.boxes = self.chosen_boxes(options)
        self.assign_units()

    def chosen_boxes(self, options: DrawOptions) -> set[str]:
        names = {call.id: _full_name(call) for call in self.graph.calls}
        unknown = sorted(set(options.expand) - set(names.values()))
        if unknown:
            known = ", ".join(sorted(filter(None, {*names.values()}))[:20])
            raise ValueError(
                f"expand: there is no module {clean(unknown[0])!r} here; known are {known}"
            )
        parents = {call.parent for call in self.graph.calls}
        return {
            call
            for call, name in names.items()
            if name not in options.expand
            and (
                call not in parents
                or (options.depth is not None and len(self.paths[call]) >= options.depth)
                or (options.collapse is not None and options.collapse(name))
            )
        }

    def assign_units(self) -> None:
        """Find the unit of each operation: its box, or itself; open boxes that make a cycle.

        A module cannot be one box if something between two of its parts is outside.
        """
        import graphlib

        while True:
            self.units = {op.id: self.box_of(op.call) or op.id for op in self.graph.operations}
            self.makers = {op.output: self.units[op.id] for op in self.graph.operations}
            self.moves = [  # the tensors that go from one unit to another
                (tensor, source, target)
                for edge in self.graph.edges
                for tensor, target in [(self.tensors[edge.source], self.units[edge.target])]
                if (source := self.source(tensor)) not in (None, target)
            ]
            before: dict[str, set[str]] = {}
            for _, source, target in self.moves:
                before.setdefault(target, set()).add(source)
            try:
                return graphlib.TopologicalSorter(before).prepare()
            except graphlib.CycleError as error:
                self.boxes -= set(error.args[1])

    def box_of(self, call: str | None) -> str | None:
        """Return the outermost box around a call."""
        return next((name for name in self.paths.get(call or "", ()) if name in self.boxes), None)

    def source(self, tensor: TensorNode) -> str | None:
        """Return the unit that a tensor comes from; None for a leaf inside a box."""
        if tensor.role in ("loss", "output"):
            return tensor.id
        own = None if self.box_of(tensor.call) else tensor.id
        return self.makers.get(tensor.id, own)

    def picture(self) -> Picture:
        order = {unit: place for place, unit in enumerate(self.in_order())}
        cards = sorted(self.cards(), key=lambda card: order[card.id])
        alt_texts = sentences(self.graph)
        alt_texts |= {card.id: _sentence(card) for card in cards if card.role == "module"}
        around = {call for card in cards for call in self.paths.get(card.frame or "", ())}
        return Picture(
            heading(self.graph),
            counts(self.graph, _parts(cards)),
            bool(self.graph.title),
            tuple(cards),
            tuple(self.wires(alt_texts)),
            tuple(call for call in self.graph.calls if call.id in around),
            alt_texts,
            self.backward,
            self.units
            | {t.id: self.source(t) or self.box_of(t.call) or "" for t in self.graph.tensors},
        )

    def cards(self) -> Iterator[Card]:
        for tensor in self.graph.tensors:
            if self.source(tensor) == tensor.id:
                box = self.box_of(tensor.call)  # a loss is drawn next to its box
                frame = tensor.call if box is None else self.calls[box].parent
                yield replace(tensor_card(tensor), frame=frame)
        for operation in self.graph.operations:
            if self.units[operation.id] == operation.id:
                yield operation_card(operation, self.rules)
        for call in self.graph.calls:
            if call.id == self.box_of(call.id):
                yield self.box(call)

    def in_order(self) -> list[str]:
        """List all units in the order of the computation."""
        order: dict[str, None] = {}
        for tensor in self.graph.tensors:
            if tensor.id in self.makers:
                order[self.makers[tensor.id]] = None
            order[tensor.id] = None
        return list(order)

    def box(self, call: CallNode) -> Card:
        """Show a module: its kind, what goes in and out, and its parameters."""
        parameters = [
            tensor
            for tensor in self.graph.tensors
            if tensor.role == "parameter" and self.box_of(tensor.call) == call.id
        ]
        rows = [Row("", call.kind, "note")] if call.path else []
        rows += [Row("in → out", self.shapes(call.id)), *_parameter_rows(parameters)]
        again = f"call {call.number}" if call.number > 1 else ""
        name = call.path or call.kind
        return Card(call.id, "module", name, tag=again, rows=tuple(rows), frame=call.parent)

    def shapes(self, box: str) -> str:
        """Write the shapes that go into a box and come out."""
        entering, leaving = {}, {}  # by tensor, because each counts once
        for tensor, source, target in self.moves:
            if target == box and tensor.role != "parameter":
                entering[tensor.id] = shape_text(tensor.shape)
            if source == box:
                leaving[tensor.id] = shape_text(tensor.shape)
        for tensor in self.graph.tensors:
            if tensor.role in ("loss", "output") and self.makers.get(tensor.id) == box:
                leaving[tensor.id] = shape_text(tensor.shape)
        ends = [", ".join(shapes.values()) or "nothing" for shapes in (entering, leaving)]
        return " → ".join(ends)

    def wires(self, alt_texts: dict[str, str]) -> list[Wire]:
        """Connect the units; each tensor enters a module once, however often it is used there."""
        operands: dict[str, list[Edge]] = {op.id: [] for op in self.graph.operations}
        for edge in self.graph.edges:
            operands[edge.target].append(edge)
        into: dict[str, dict[tuple[str, str], TensorNode]] = {}
        for tensor, source, target in self.moves:
            if target in self.boxes:
                into.setdefault(target, {})[source, tensor.id] = tensor
        names = {call.id: call.path or call.kind for call in self.graph.calls}
        names |= {tensor.id: tensor.name for tensor in self.graph.tensors}
        names |= {operation.id: operation.name for operation in self.graph.operations}
        wires: list[Wire] = []
        for unit in self.in_order():
            if unit in operands:
                wires += operand_wires(operands[unit], self.backward, self.source_of, self.shape_of)
            tensors = into.get(unit, {})
            if unit in self.makers and self.source_of(unit) == unit:  # the loss
                tensors = {(self.makers[unit], unit): self.tensors[unit]}
            for number, ((source, _), tensor) in enumerate(tensors.items()):
                wire = self.wire(source, unit, number, tensor)
                wires.append(wire)
                alt_texts[wire.id] = f"{names[source]} goes into {names[unit]}"
                if wire.back_id:
                    alt_texts[wire.back_id] = f"gradient goes from {names[unit]} to {names[source]}"
        return wires

    def source_of(self, tensor: str) -> str:
        return self.source(self.tensors[tensor]) or tensor

    def shape_of(self, tensor: str) -> str:
        """Return the shape to write on a wire; empty if a card of the tensor shows it."""
        return "" if self.source_of(tensor) == tensor else shape_text(self.tensors[tensor].shape)

    def wire(self, source: str, target: str, number: int, tensor: TensorNode) -> Wire:
        has_card = tensor.id in (source, target)
        returns = self.backward and (tensor.id in self.flowing or tensor.id in self.makers)
        # The gradient of a tensor that is used several times is the sum of several wires.
        known = returns and not has_card and tensor.uses == 1
        return Wire(
            f"{target}f{number}",
            source,
            target,
            label="" if has_card else shape_text(tensor.shape),
            back_id=f"{target}b{number}" if returns else "",
            back_label=_gradient(tensor) if known else "",
            is_first=number == 0,
        )


def _full_name(call: CallNode) -> str:
    return call.path or call.name or call.kind.partition("(")[0]


def _parts(cards: list[Card]) -> list[str]:
    boxes = sum(card.role == "module" for card in cards)
    free = sum(card.role == "operation" for card in cards)
    outside = [f"{plural(free, 'operation')} outside of them"] if free else []
    return [plural(boxes, "module"), *outside]


def _parameter_rows(parameters: list[TensorNode]) -> list[Row]:
    if not parameters:
        return []
    size = sum(int(np.prod(tensor.shape)) for tensor in parameters)
    gradient = Row("‖∂L/∂θ‖", _norm_of(parameters), "gradient")
    return [Row("parameters", f"{size:,}"), gradient, *_verdict_of(parameters)]


def _norm_of(parameters: list[TensorNode]) -> str:
    """Return the norm of all gradients of a module together."""
    unknown = [t.grad for t in parameters if t.norm is None and t.grad != "no elements"]
    if unknown:
        return unknown[0]
    together = float(np.hypot.reduce([t.norm or 0.0 for t in parameters]))
    return number_text(together) if together else "0 (all zero)"


def _verdict_of(parameters: list[TensorNode]) -> list[Row]:
    """List the gradients that differ from those by hand, or say that all agree."""
    compared = [tensor for tensor in parameters if tensor.manual]
    others = [tensor for tensor in compared if not tensor.manual.startswith("✓")]
    if not others:
        text = f"✓ {len(compared)} of {len(compared)}"
        return [Row("manual", text, "match")] if compared else []
    kind = "differ" if any(tensor.manual.startswith("✗") for tensor in others) else "value"
    lines = [f"{tensor.name.rpartition('.')[2]} {tensor.manual}" for tensor in others]
    return [Row("manual", "\n".join(lines), kind)]


def _gradient(tensor: TensorNode) -> str:
    if not tensor.grad_norm:
        return ""
    return f"‖g‖ {tensor.grad_norm}" if tensor.shape else f"g {tensor.grad}"


def _sentence(card: Card) -> str:
    return ", ".join(
        [f"module {card.name}", *(one_line(f"{row.label} {row.text}") for row in card.rows)]
    )
