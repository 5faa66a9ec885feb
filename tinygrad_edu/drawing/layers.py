"""The picture of a graph by layers: a module is one box, or a frame around what is in it.

Which modules are boxes is chosen by depth, by name, or by a function. Operations outside of all
boxes stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np

from .graph import Edge, Graph, TensorNode
from .module_tree import CallNode
from .picture import Card, Picture, Row, Wire, operand_wires, operation_card, tensor_card
from .text import clean, number_text, shape_text
from .words import heading, one_line, plural, sentences

__all__ = ["Choice", "depths", "layers_picture"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which module calls are boxes.

    Attributes
    ----------
    depth : int or None
        1 for the outermost modules, 2 for those in them; None for those that call no others, which
        are boxes at any depth.
    expand : collection of str
        Paths of modules that are opened all the same.
    collapse : callable or None
        Called with a path; modules for which it says yes are boxes, at any depth.
    """

    depth: int | None = None
    expand: Collection[str] = ()
    collapse: Callable[[str], bool] | None = None


def depths(graph: Graph) -> int:
    """Say how deep module calls are nested; 0 if there are none."""
    return max(map(len, _paths(graph).values()), default=0)


def layers_picture(graph: Graph, choice: Choice, *, backward: bool, rules: bool = False) -> Picture:
    """Show modules as boxes.

    Parameters
    ----------
    graph : Graph
    choice : Choice
    backward : bool
        Whether the way of the gradients is drawn.
    rules : bool
        Whether an operation says what it makes of a gradient.

    Raises
    ------
    ValueError
        If a path to be opened is that of no module.
    """
    return _Layers(graph, choice, backward, rules).picture()


def _paths(graph: Graph) -> dict[str, list[str]]:
    """List the calls around and including each, from the outermost; parents stand before."""
    paths: dict[str, list[str]] = {}
    for call in graph.calls:
        around = [] if call.parent is None else paths[call.parent]
        paths[call.id] = [*around, call.id]
    return paths


class _Layers:
    def __init__(self, graph: Graph, choice: Choice, backward: bool, rules: bool) -> None:
        self.graph, self.backward, self.rules = graph, backward, rules
        self.calls = {call.id: call for call in graph.calls}
        self.tensors = {tensor.id: tensor for tensor in graph.tensors}
        self.paths = _paths(graph)
        known = {_full_name(call) for call in graph.calls}
        unknown = sorted(set(choice.expand) - known)
        if unknown:
            raise ValueError(
                f"expand: there is no module {clean(unknown[0])!r} here; known are "
                + ", ".join(sorted(filter(None, known))[:20])
            )
        self.boxes = self.chosen(choice)
        self.maker = {op.output: self.unit(op.call, op.id) for op in graph.operations}
        self.flowing = {edge.source for edge in graph.edges if edge.has_gradient}
        self.open_cycles()

    def chosen(self, choice: Choice) -> set[str]:
        """Choose the calls that are boxes."""
        parents = {call.parent for call in self.graph.calls}
        boxes = set()
        for call in self.graph.calls:
            name = _full_name(call)
            if name in choice.expand:
                continue
            level = len(self.paths[call.id])
            deep = choice.depth is not None and level >= choice.depth
            if (
                deep
                or call.id not in parents
                or (choice.collapse is not None and choice.collapse(name))
            ):
                boxes.add(call.id)
        return boxes

    def box_of(self, call: str | None) -> str | None:
        """Find the outermost box that a call is in."""
        if call is None:
            return None
        return next((name for name in self.paths[call] if name in self.boxes), None)

    def frame_around(self, call: str | None) -> str | None:
        """Find the frame that something of a call is drawn in; a loss stands beside its box."""
        box = self.box_of(call)
        return call if box is None else self.calls[box].parent

    def unit(self, call: str | None, own: str) -> str:
        return self.box_of(call) or own

    def open_cycles(self) -> None:
        """Open what cannot be one box, because something between two of its parts is outside."""
        import graphlib

        while True:
            before: dict[str, set[str]] = {}
            for _, source, target in self.passages():
                before.setdefault(target, set()).add(source)
            try:
                graphlib.TopologicalSorter(before).prepare()
                return
            except graphlib.CycleError as error:
                self.boxes -= set(error.args[1])
                self.maker = {op.output: self.unit(op.call, op.id) for op in self.graph.operations}

    def passages(self) -> Iterator[tuple[TensorNode, str, str]]:
        """Give each tensor that goes from one unit to another, as (tensor, from, to)."""
        by_id = {op.id: op for op in self.graph.operations}
        for edge in self.graph.edges:
            tensor = self.tensors[edge.source]
            operation = by_id[edge.target]
            target = self.unit(operation.call, operation.id)
            source = self.source(tensor)
            if source is not None and source != target:
                yield tensor, source, target

    def source(self, tensor: TensorNode) -> str | None:
        """Say where a tensor comes from in the picture; None if it is inside of a box."""
        if tensor.role in ("loss", "output"):
            return tensor.id
        if tensor.id in self.maker:
            return self.maker[tensor.id]
        # A leaf: parameters and numbers belong to the module that uses them.
        return None if self.box_of(tensor.call) else tensor.id

    def picture(self) -> Picture:
        said = sentences(self.graph)
        cards = [
            replace(tensor_card(tensor), frame=self.frame_around(tensor.call))
            for tensor in self.graph.tensors
            if self.source(tensor) == tensor.id
        ]
        cards += [
            operation_card(op, self.rules)
            for op in self.graph.operations
            if self.box_of(op.call) is None
        ]
        entering, leaving = self.shapes()
        for name in self.boxes:
            if self.box_of(name) == name:
                cards.append(self.box(self.calls[name], entering[name], leaving[name]))
                said[name] = _sentence(cards[-1])
        order = {name: place for place, name in enumerate(self.in_order())}
        cards.sort(key=lambda card: order[card.id])
        wires = self.wires(said)
        frames = tuple(
            call
            for call in self.graph.calls
            if self.box_of(call.id) is None and any(call.id in self.frames_of(c) for c in cards)
        )
        return Picture(
            heading(self.graph),
            self.counts(cards),
            bool(self.graph.title),
            tuple(cards),
            tuple(wires),
            frames,
            said,
            self.backward,
        )

    def frames_of(self, card: Card) -> list[str]:
        return self.paths.get(card.frame or "", [])

    def counts(self, cards: list[Card]) -> str:
        boxes = sum(card.role == "module" for card in cards)
        free = sum(card.role == "operation" for card in cards)
        parameters = sum(tensor.role == "parameter" for tensor in self.graph.tensors)
        parts = [plural(boxes, "module")]
        parts += [f"{plural(free, 'operation')} outside of them"] if free else []
        return ", ".join(parts) + (f" ({plural(parameters, 'parameter')})" if parameters else "")

    def in_order(self) -> list[str]:
        """List all units in the order of the computation."""
        order: dict[str, None] = {}
        made = {op.output: op for op in self.graph.operations}
        for tensor in self.graph.tensors:
            if tensor.id in made:
                operation = made[tensor.id]
                order[self.unit(operation.call, operation.id)] = None
            order[tensor.id] = None
        return list(order)

    def shapes(self) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
        """Collect the shapes of what goes into each box and comes out, by tensor."""
        entering: dict[str, dict[str, str]] = {name: {} for name in self.boxes}
        leaving: dict[str, dict[str, str]] = {name: {} for name in self.boxes}
        for tensor, source, target in self.passages():
            shape = shape_text(tensor.shape)
            if target in entering and tensor.role != "parameter":
                entering[target][tensor.id] = shape
            if source in leaving:
                leaving[source][tensor.id] = shape
        for tensor in self.graph.tensors:
            if tensor.role in ("loss", "output") and self.maker.get(tensor.id) in leaving:
                leaving[self.maker[tensor.id]][tensor.id] = shape_text(tensor.shape)
        return entering, leaving

    def box(self, call: CallNode, entering: dict[str, str], leaving: dict[str, str]) -> Card:
        """Show a module: its kind, what goes in and out, and its parameters."""
        owned = [
            tensor
            for tensor in self.graph.tensors
            if tensor.role == "parameter" and self.box_of(tensor.call) == call.id
        ]
        again = f"call {call.number}" if call.number > 1 else ""
        rows = [Row("", call.kind, "note")] if call.path else []
        ways = [", ".join(shapes.values()) or "nothing" for shapes in (entering, leaving)]
        rows.append(Row("in → out", " → ".join(ways)))
        if owned:
            numbers = sum(int(np.prod(tensor.shape)) for tensor in owned)
            rows.append(Row("parameters", f"{numbers:,}"))
            rows.append(Row("‖∂L/∂θ‖", _norm_of(owned), "gradient"))
            rows += _verdict_of(owned)
        return Card(
            call.id,
            "module",
            call.path or call.kind,
            tag=again,
            rows=tuple(rows),
            frame=call.parent,
        )

    def wires(self, said: dict[str, str]) -> list[Wire]:
        """Connect the units; each tensor goes into a module once, whatever it is used for there."""
        operands: dict[str, list[Edge]] = {op.id: [] for op in self.graph.operations}
        for edge in self.graph.edges:
            operands[edge.target].append(edge)
        wires: list[Wire] = []
        into: dict[str, dict[tuple[str, str], TensorNode]] = {}
        for tensor, source, target in self.passages():
            if target in self.boxes:
                into.setdefault(target, {})[source, tensor.id] = tensor
        for unit in self.in_order():
            if unit in operands:
                wires += operand_wires(operands[unit], self.backward, self.source_of, self.shape_of)
            tensors = into.get(unit, {})
            if unit in self.maker and self.source_of(unit) == unit:  # the loss
                tensors = {(self.maker[unit], unit): self.tensors[unit]}
            for number, ((source, _), tensor) in enumerate(tensors.items()):
                wires.append(self.passage(source, unit, number, tensor))
                self.describe(wires[-1], said)
        return wires

    def source_of(self, tensor: str) -> str:
        return self.source(self.tensors[tensor]) or tensor

    def shape_of(self, tensor: str) -> str:
        """Give the shape that is written on a wire; a card of its own says it anyway."""
        node = self.tensors[tensor]
        return "" if self.source(node) == tensor else shape_text(node.shape)

    def passage(self, source: str, target: str, number: int, tensor: TensorNode) -> Wire:
        has_card = tensor.id in (source, target)
        returns = self.backward and (tensor.id in self.flowing or tensor.id in self.maker)
        # Where several use a tensor, its gradient is the sum of what they send.
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

    def describe(self, wire: Wire, said: dict[str, str]) -> None:
        source, target = self.name(wire.source), self.name(wire.target)
        said[wire.id] = f"{source} goes into {target}"
        if wire.back_id:
            said[wire.back_id] = f"gradient goes from {target} to {source}"

    def name(self, unit: str) -> str:
        if unit in self.calls:
            return self.calls[unit].path or self.calls[unit].kind
        if unit in self.tensors:
            return self.tensors[unit].name
        return next(op.name for op in self.graph.operations if op.id == unit)


def _full_name(call: CallNode) -> str:
    return call.path or call.name or call.kind.partition("(")[0]


def _norm_of(parameters: list[TensorNode]) -> str:
    """Give the norm of all gradients of a module together."""
    unknown = [t.grad for t in parameters if t.norm is None and t.grad != "no elements"]
    if unknown:
        return unknown[0]
    together = float(np.hypot.reduce([t.norm or 0.0 for t in parameters]))
    return number_text(together) if together else "0 (all zero)"


def _verdict_of(parameters: list[TensorNode]) -> list[Row]:
    """Say what comparing their gradients has found: those that differ, or that all agree."""
    compared = [tensor for tensor in parameters if tensor.manual]
    if not compared:
        return []
    others = [tensor for tensor in compared if not tensor.manual.startswith("✓")]
    if not others:
        return [Row("manual", f"✓ {len(compared)} of {len(compared)}", "match")]
    kind = "differ" if any(tensor.manual.startswith("✗") for tensor in others) else "value"
    lines = [f"{tensor.name.rpartition('.')[2]} {tensor.manual}" for tensor in others]
    return [Row("manual", "\n".join(lines), kind)]


def _gradient(tensor: TensorNode) -> str:
    if not tensor.grad_norm:
        return ""
    return f"‖g‖ {tensor.grad_norm}" if tensor.shape else f"g {tensor.grad}"


def _sentence(card: Card) -> str:
    said = [f"module {card.name}"]
    said += [one_line(f"{row.label} {row.text}") for row in card.rows]
    return ", ".join(said)
