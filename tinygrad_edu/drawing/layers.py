"""The picture of a graph by layers: each module is one box, or a frame around its parts.

`DrawOptions` chooses the boxes, by depth, by name, or by a function. What repeats is drawn once.
Operations outside all boxes are drawn as in the picture of operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..texts import clean, shape_text
from .folding import Folding
from .graph import Edge, Graph, OpNode, TensorNode
from .layer_cards import (
    folded_operation_card,
    folded_tensor_card,
    module_card,
    module_frame,
    run_frame,
)
from .module_tree import CallNode
from .options import DrawOptions
from .picture import Card, Picture, Wire, operand_wires, tensor_card
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
        `depth`, `expand` and `collapse` choose the boxes, `fold` whether what repeats is drawn
        once; `rules` applies to operations outside.
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
        self.graph, self.backward, self.options = graph, backward, options
        self.calls = {call.id: call for call in graph.calls}
        self.tensors = {tensor.id: tensor for tensor in (*graph.tensors, *graph.given)}
        self.flowing = {edge.source for edge in graph.edges if edge.has_gradient}
        self.paths = _paths(graph)
        self.boxes = self.chosen_boxes()
        self.assign_units()
        self.index()

    def chosen_boxes(self) -> set[str]:
        options = self.options
        names = {call.id: _full_name(call) for call in self.graph.calls}
        unknown = sorted(set(options.expand) - set(names.values()))
        if unknown:
            known = ", ".join(sorted(filter(None, {*names.values()}))[:20])
            raise ValueError(
                f"expand: there is no module {clean(unknown[0])!r} here; known are {known}"
            )
        parents = {call.parent for call in self.graph.calls}
        self.opened = {call for call, name in names.items() if name in options.expand}
        return {
            call
            for call, name in names.items()
            if call not in self.opened
            and (
                call not in parents
                or self.calls[call].parent in self.opened  # one level is opened
                or (options.depth is not None and len(self.paths[call]) >= options.depth)
                or (options.collapse is not None and options.collapse(name))
            )
        }

    def assign_units(self) -> None:
        """Find the unit of each operation: its box, or itself; open boxes that make a cycle.

        A module cannot be one box if something between two of its parts is outside, and units
        cannot fold if something between them is not repeated.
        """
        import graphlib

        refused: set[str] = set()
        if not self.options.fold:
            refused = {*self.calls, *(op.id for op in self.graph.operations)}
        closes = self.options.depth is None and self.options.collapse is None
        chosen = self.boxes
        while True:
            self.boxes = set(chosen)
            self.folding = Folding(self.graph, self.boxes, self.opened, closes, refused)
            self.units = {op.id: self.unit(op.call, op.id) for op in self.graph.operations}
            self.makers = {op.output: self.units[op.id] for op in self.graph.operations}
            self.moves = list(self.moved())
            before: dict[str, set[str]] = {}
            for _, source, target, _ in self.moves:
                before.setdefault(target, set()).add(source)
            try:
                return graphlib.TopologicalSorter(before).prepare()
            except graphlib.CycleError as error:
                cycle = set(error.args[1])
                folded = self.folding.members_of(cycle)
                refused |= folded
                if not folded:
                    chosen -= cycle

    def index(self) -> None:
        """Collect what each unit stands for."""
        self.within: dict[str, list[OpNode]] = {}
        for operation in self.graph.operations:
            self.within.setdefault(self.units[operation.id], []).append(operation)
        self.same: dict[str, list[CallNode]] = {}
        for call in self.graph.calls:
            self.same.setdefault(self.folding.shown(call.id), []).append(call)
        self.owned: dict[str | None, list[TensorNode]] = {}
        for tensor in self.graph.tensors:
            if tensor.role == "parameter" or tensor.is_frozen:
                self.owned.setdefault(self.box_of(tensor.call), []).append(tensor)

    def unit(self, call: str | None, operation: str) -> str:
        return self.folding.shown(self.box_of(call) or operation)

    def box_of(self, call: str | None) -> str | None:
        """Return the outermost box around a call."""
        return next((name for name in self.paths.get(call or "", ()) if name in self.boxes), None)

    def source(self, tensor: TensorNode) -> str | None:
        """Return the unit that a tensor comes from; None for a leaf inside a box."""
        if tensor.role in ("loss", "output"):
            return tensor.id
        own = None if self.box_of(tensor.call) else self.folding.shown(tensor.id)
        return self.makers.get(tensor.id, own)

    def moved(self) -> Iterator[tuple[TensorNode, str, str, bool]]:
        """Yield the tensors that go from one unit to another.

        The last entry says whether that is inside of a repetition, of which the first is drawn.
        """
        folding = self.folding
        for edge in self.graph.edges:
            tensor, target = self.tensors[edge.source], self.units[edge.target]
            source = self.source(tensor)
            together, apart = folding.between(folding.makers.get(tensor.id, ""), edge.target)
            is_drawn = not apart and not (together and folding.is_repeated(edge.target))
            if is_drawn and source is not None and source != target:
                yield tensor, source, target, together
        for call in self.graph.calls:
            if call.id == self.box_of(call.id):
                first = self.calls[folding.shown(call.id)]
                for given, its in zip(call.given, first.given, strict=False):
                    yield self.tensors[given], its, first.id, False

    def picture(self) -> Picture:
        order = {unit: place for place, unit in enumerate(self.in_order())}
        cards = sorted(self.cards(), key=lambda card: order[card.id])
        alt_texts = sentences(self.graph)
        alt_texts |= {card.id: _sentence(card) for card in cards if card.role == "module"}
        frames = self.frames(cards)
        alt_texts |= {frame.id: one_line(f"module {frame.title}") for frame in frames}
        given = [tensor.id for tensor in self.graph.given if tensor.id in order]
        alt_texts |= {name: f"input {self.tensors[name].name}" for name in given}
        return Picture(
            heading(self.graph),
            counts(self.graph, self.parts(cards)),
            bool(self.graph.title),
            tuple(cards),
            tuple(self.wires(alt_texts)),
            frames,
            alt_texts,
            self.backward,
            self.units | {tensor.id: self.card_of(tensor) for tensor in self.graph.tensors},
        )

    def card_of(self, tensor: TensorNode) -> str:
        return self.source(tensor) or self.folding.shown(self.box_of(tensor.call) or "")

    def parts(self, cards: list[Card]) -> list[str]:
        """Count modules and operations, those that are folded too."""
        boxes = sum(len(self.same[card.id]) for card in cards if card.role == "module")
        free = sum(unit not in self.boxes for unit in self.units.values())
        outside = [f"{plural(free, 'operation')} outside of them"] if free else []
        return [plural(boxes, "module"), *outside]

    def cards(self) -> Iterator[Card]:
        folded: dict[str, list[TensorNode]] = {}
        for tensor in self.graph.tensors:
            if tensor.id not in self.makers or tensor.role in ("loss", "output"):
                folded.setdefault(self.source(tensor) or "", []).append(tensor)
        for tensor in self.graph.tensors:
            if self.source(tensor) == tensor.id:
                box = self.box_of(tensor.call)  # a loss is drawn next to its box
                frame = tensor.call if box is None else self.calls[box].parent
                card = folded_tensor_card(folded[tensor.id])
                yield replace(card, frame=self.frame(tensor.id, frame))
        for name in dict.fromkeys(source for _, source, _, _ in self.moves):
            if name in self.tensors and name not in self.folding.tensors:
                yield tensor_card(self.tensors[name])
        for operation in self.graph.operations:
            if self.units[operation.id] == operation.id:
                run = self.folding.run_of.get(operation.id)
                card = folded_operation_card(self.within[operation.id], run, self.options.rules)
                yield replace(card, frame=self.frame(operation.id, operation.call))
        for call in self.graph.calls:
            if call.id == self.box_of(call.id) and self.folding.shown(call.id) == call.id:
                run = self.folding.run_of.get(call.id)
                calls = self.same[call.id]
                owned = [self.owned.get(one.id, []) for one in calls]
                card = module_card(calls, run, owned, self.shapes(call))
                yield replace(card, frame=self.frame(call.id, call.parent))

    # Frames -------------------------------------------------------------------------------------

    def frame(self, unit: str, around: str | None) -> str | None:
        """Return the frame of a unit: the repetition that it is in, or the module around it."""
        run = self.folding.run_of.get(unit)
        return around if run is None or run.is_single else run.id

    def frames(self, cards: list[Card]) -> tuple[CallNode, ...]:
        """List the frames around the cards, outer ones before those inside."""
        runs = {run.id: run for run in self.folding.runs}
        parameters = [t for t in self.graph.tensors if t.role == "parameter" and t.call]
        found: dict[str, CallNode] = {}
        for card in cards:
            inside, frame = [], card.frame
            while frame is not None and frame not in found:
                if frame in runs:
                    node = run_frame(runs[frame])
                else:
                    call = self.calls[frame]
                    run, total = self.folding.run_of.get(frame), []
                    if call.parent is None:
                        total = [t for t in parameters if self.paths[t.call or ""][0] == frame]
                    node = module_frame(call, self.same[frame], run, total)
                    node = replace(node, parent=self.frame(frame, call.parent))
                inside.append(node)
                frame = node.parent
            found |= {node.id: node for node in reversed(inside)}
        return tuple(found.values())

    def in_order(self) -> list[str]:
        """List all units in the order of the computation."""
        given: dict[str, list[str]] = {}
        for _, source, target, _ in self.moves:
            given.setdefault(target, []).append(source)
        order: dict[str, None] = {}
        for tensor in self.graph.tensors:
            if tensor.id in self.makers:
                unit = self.makers[tensor.id]
                order |= dict.fromkeys(name for name in given.get(unit, ()) if name in self.tensors)
                order[unit] = None
            order[tensor.id] = None
        return list(order)

    # Wires --------------------------------------------------------------------------------------

    def shapes(self, call: CallNode) -> str:
        """Write the shapes that go into a box and come out."""
        entering, leaving = {}, {}  # by tensor, because each counts once
        for tensor, source, target, _ in self.moves:
            if target == call.id and tensor.role != "parameter":
                entering[tensor.id] = shape_text(tensor.shape)
            if source == call.id:
                leaving[self.folding.shown(tensor.id)] = shape_text(tensor.shape)
        for tensor in self.graph.tensors:
            if tensor.role in ("loss", "output") and self.makers.get(tensor.id) == call.id:
                leaving[tensor.id] = shape_text(tensor.shape)
        ends = [call.shapes or entering.values(), leaving.values()]
        return " → ".join(", ".join(shapes) or "nothing" for shapes in ends)

    def wires(self, alt_texts: dict[str, str]) -> list[Wire]:
        """Connect the units; each tensor enters a module once, however often it is used there."""
        into: dict[str, dict[tuple[str, str], dict[str, TensorNode]]] = {}
        inside = set()
        for tensor, source, target, together in self.moves:
            key = source, self.folding.shown(tensor.id) if source != tensor.id else tensor.id
            if self.tensors.get(source) in self.graph.given:
                key = source, source
            into.setdefault(target, {}).setdefault(key, {})[tensor.id] = tensor
            inside |= {(target, key)} if together else set()
        names = {call.id: call.path or call.kind for call in self.graph.calls}
        names |= {tensor.id: tensor.name for tensor in self.tensors.values()}
        names |= {operation.id: operation.name for operation in self.graph.operations}
        wires: list[Wire] = []
        for unit in self.in_order():
            if unit in self.folding.operations:
                for wire in self.operand_wires(unit):
                    wires.append(wire)
                    ends = names[wire.source], names[unit]
                    alt_texts.setdefault(wire.id, "{} goes into {}".format(*ends))
                    alt_texts.setdefault(
                        wire.back_id, "gradient goes from {1} to {0}".format(*ends)
                    )
                continue
            tensors = into.get(unit, {})
            if unit in self.makers and self.source_of(unit) == unit:  # the loss
                tensors = {(self.makers[unit], unit): {unit: self.tensors[unit]}}
            for number, (key, several) in enumerate(tensors.items()):
                wire = self.wire(key[0], unit, number, several, (unit, key) in inside)
                wires.append(wire)
                alt_texts[wire.id] = f"{names[wire.source]} goes into {names[unit]}"
                if wire.back_id:
                    back = f"gradient goes from {names[unit]} to {names[wire.source]}"
                    alt_texts[wire.back_id] = back
        return wires

    def operand_wires(self, unit: str) -> list[Wire]:
        """Connect an operation with its operands; those from one place share a wire if folded."""
        folding = self.folding
        kept: dict[tuple[str, int], list[Edge]] = {}
        for operation in self.within[unit]:
            for edge in folding.operands.get(operation.id, ()):
                maker = folding.makers.get(edge.source, "")
                together, apart = folding.between(maker, operation.id)
                if apart or (together and folding.is_repeated(operation.id)):
                    continue
                source = self.source_of(edge.source)
                is_folded = source not in self.tensors and folding.is_folded(source)
                several = is_folded and not together
                kept.setdefault((source, -1 if several else edge.position), []).append(edge)
        edges, shapes = [], {}
        for number, ((_, place), group) in enumerate(kept.items()):
            edge, count = group[0], len({edge.source for edge in group})
            lone = count == 1 and not folding.is_folded(unit)
            edges.append(
                replace(
                    edge,
                    target=unit,
                    position=number,
                    operand=edge.operand if place >= 0 else "",
                    contribution=edge.contribution if lone else "",
                )
            )
            shapes[edge.source] = self.shape_of(edge.source, count)
        return operand_wires(edges, self.backward, self.source_of, lambda name: shapes[name])

    def source_of(self, tensor: str) -> str:
        return self.source(self.tensors[tensor]) or tensor

    def shape_of(self, tensor: str, count: int = 1) -> str:
        """Return the shape to write on a wire; empty if a card of the tensor shows it."""
        if self.source_of(tensor) in self.tensors:
            return ""
        return _times(count) + shape_text(self.tensors[tensor].shape)

    def wire(
        self, source: str, target: str, number: int, tensors: dict[str, TensorNode], inside: bool
    ) -> Wire:
        tensor = list(tensors.values())[-1]
        has_card = source in self.tensors or target in self.tensors
        returns = self.backward and (tensor.id in self.flowing or tensor.id in self.makers)
        # The gradient of a tensor that is used several times is the sum of several wires.
        known = returns and not has_card and not inside and tensor.uses == len(tensors) == 1
        return Wire(
            f"{target}f{number}",
            source,
            target,
            label="" if has_card else _times(len(tensors)) + shape_text(tensor.shape),
            back_id=f"{target}b{number}" if returns else "",
            back_label=_gradient(tensor) if known else "",
            is_first=number == 0,
        )


def _times(count: int) -> str:
    return f"{count} × " if count > 1 else ""


def _full_name(call: CallNode) -> str:
    return call.path or call.name or call.kind.partition("(")[0]


def _gradient(tensor: TensorNode) -> str:
    if not tensor.grad_norm:
        return ""
    return f"‖g‖ {tensor.grad_norm}" if tensor.shape else f"g {tensor.grad}"


def _sentence(card: Card) -> str:
    return ", ".join(
        [f"module {card.name}", *(one_line(f"{row.label} {row.text}") for row in card.rows)]
    )
