"""The story of a graph in terms of modules: what happens inside a module happens to its box.

The steps and their texts stay the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..drawing.picture import Picture

if TYPE_CHECKING:
    from .steps import Story

__all__ = ["gradient_known", "in_layers"]


def in_layers(story: Story, picture: Picture) -> Story:
    """Replace the ids of operations, tensors and edges by those of the picture by layers."""
    graph = story.graph
    card_of = picture.card_of
    wires: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for wire in picture.wires:
        wires.setdefault((wire.source, wire.target), []).append((wire.id, wire.back_id))
    edges: dict[str, list[str]] = {}
    links = [(edge.target, str(edge.position), edge.source, edge.target) for edge in graph.edges]
    links += [(op.id, "", op.id, op.output) for op in graph.operations]
    for operation, position, source, target in links:
        for forward, back in wires.get((card_of[source], card_of[target]), ()):
            edges.setdefault(f"{operation}f{position}", []).append(forward)
            edges.setdefault(f"{operation}b{position}", []).append(back)

    def moved(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(card_of[name] for name in names))

    return replace(
        story,
        steps=tuple(
            replace(
                step,
                operation=None if step.operation is None else card_of[step.operation],
                reads=moved(step.reads),
                writes=moved(step.writes),
                edges=tuple(way for edge in step.edges for way in edges.get(edge, ()) if way),
            )
            for step in story.steps
        ),
    )


def gradient_known(story: Story, picture: Picture) -> dict[str, int]:
    """Return the step from which all gradients of the parameters in a box are known."""
    known: dict[str, int] = {}
    for tensor in story.graph.tensors:
        stages = story.gradients.get(tensor.id, ())
        if tensor.role == "parameter" and stages:
            unit = picture.card_of[tensor.id]
            known[unit] = max(known.get(unit, 0), stages[-1].step)
    return known
