"""The story of a computation: what happens at each tick, forward and back, in words and numbers.

`tell` makes it, of text alone; nothing of the computation is changed by that. How a page shows it
is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..drawing.graph import Graph
from ..drawing.names import names_by_identity
from ..drawing.snapshot import SnapshotBuilder
from ..drawing.text import contribution_text, euclidean_norm, gradient_text, number_text
from ..drawing.verdicts import Verdict, by_tensor, judge
from ..drawing.words import counts
from ..explaining.passage import Trace
from ..explaining.wording import Line, Section, code, gradient
from ..tensor import Tensor
from .backward import Backward
from .details import details_of
from .forward import Names, forward_tick
from .ticks import Stage, Story, Tick, one_line, section
from .updates import check_optimizer, trial_step, update_sections, update_sentence

__all__ = ["Stage", "Story", "Tick", "tell"]


def tell(
    output: Tensor,
    *,
    names: Mapping[str, object] | None = None,
    model: Any = None,
    optimizer: Any = None,
    compare: Mapping[Any, Any] | None = None,
    title: str = "",
    max_nodes: int = 120,
) -> Story:
    """Tell how a number was computed, and how its gradient finds its way back.

    The gradients are followed afresh, whatever `backward` has left; hooks see them as they see
    those of `backward`. No `.data`, no `.grad`, no graph and no optimiser is changed.

    Parameters
    ----------
    output : Tensor
        The loss, a single number.
    names : mapping of str to object, optional
        What to call tensors and modules, such as ``locals()``.
    model : optional
        Something with `named_parameters`, which names its parameters where `names` does not.
    optimizer : optional
        Something with a method `step`, to show what its next step would do: it is tried on a copy.
    compare : mapping of (str or Tensor) to array_like, optional
        Gradients derived by hand, to be compared with the automatic ones.
    title : str
        What is told.
    max_nodes : int
        How many nodes the graph may have.

    Returns
    -------
    Story

    Raises
    ------
    TypeError
        If the output is no Tensor, the model names nothing, or the optimiser cannot make a step
        on copies.
    ValueError
        If the graph is too large, if `compare` does not fit, or if the step fails.
    GradientError
        If the output is not a single number or has no gradient, or if a value was changed after
        it was used.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> a = Tensor(2.0, requires_grad=True, name="a")
    >>> b = Tensor(-3.0, requires_grad=True, name="b")
    >>> c = a * b
    >>> for tick in tell(c, names={"c": c}).ticks[1:]:
    ...     print(tick.sentence)
    c = a × b = 2 × (-3) = -6
    d c / d c = 1: gradients start at c, which grows by 1 when it grows by 1
    multiply sends g × b = 1 × (-3) = -3 to a; grad(a) = -3
    multiply sends g × a = 1 × 2 = 2 to b; grad(b) = 2
    """
    if not isinstance(output, Tensor):
        raise TypeError(
            f"stepper() needs one Tensor, the loss, got a {type(output).__name__}; compute a loss "
            "first, and pass it as in stepper(loss, model=network)"
        )
    names_by_identity(names, model)  # refuses what names nothing
    if optimizer is not None:
        check_optimizer(optimizer)
    given: dict[str, object] = dict(names or {})
    for path, parameter in model.named_parameters() if model is not None else ():
        given.setdefault(path, parameter)
    builder = SnapshotBuilder([output], given, contributions=False)
    graph, ids = builder.build(title, max_nodes), builder.ids
    shown = {node.id: node.name for node in graph.tensors}
    manual = by_tensor(compare, [(shown[name], tensor) for tensor, name in ids.items()])
    state = np.random.get_state()  # noqa: NPY002  a hook or an optimiser may draw numbers
    try:
        return _Teller(output, graph, ids).tell(optimizer, manual)
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _with_contributions(graph: Graph, ids: dict[Tensor, str], trace: Trace) -> Graph:
    """Write on each edge what comes back along it in this story."""
    operations = {operation.output: operation.id for operation in graph.operations}
    sent = {
        (operations[ids[one.tensor]], one.position): contribution_text(one.contribution)
        for one in trace.sent
    }
    edges = tuple(
        replace(edge, contribution=sent.get((edge.target, edge.position), ""))
        for edge in graph.edges
    )
    return replace(graph, edges=edges)


def _with_gradients(graph: Graph, ids: dict[Tensor, str], final: dict[Tensor, Any]) -> Graph:
    """Write at each tensor the gradient of this story, whatever its `.grad` is."""
    found: dict[str, dict[str, Any]] = {}
    for tensor, name in ids.items():
        array = None if tensor not in final else np.asarray(final[tensor])
        grad, norm, _ = gradient_text(array, tensor.requires_grad)
        size = euclidean_norm(array) if norm and array is not None else None
        found[name] = {"grad": grad, "grad_norm": norm, "norm": size}
    tensors = tuple(replace(node, **found.get(node.id, {})) for node in graph.tensors)
    return replace(graph, tensors=tensors, has_gradients=True)


class _Teller:
    """Puts the ticks of one story together."""

    def __init__(self, output: Tensor, graph: Graph, ids: dict[Tensor, str]) -> None:
        shown = {node.id: node.name for node in graph.tensors}
        self.trace = Trace(output, {id(tensor): shown[name] for tensor, name in ids.items()})
        self.graph = _with_contributions(graph, ids, self.trace)
        self.output, self.ids = output, ids
        self.names = Names(self.graph, ids, self.trace)
        self.computed = self.trace.order[::-1]

    def tell(self, optimizer: Any, manual: dict[Tensor, Any]) -> Story:
        seed = 1 + len(self.computed)
        backward = Backward(self.names, seed + 1)
        ticks = [*(forward_tick(tensor, self.names) for tensor in self.computed)]
        ticks.append(self._seed())
        ticks += backward.ticks()
        if manual:
            ticks.append(self._check(manual, backward.final))
        if optimizer is not None:
            ticks.append(self._update(optimizer, backward.final))
        ticks.insert(0, self._overview(ticks))
        kept = self._kept(backward.final)
        if kept:
            ticks[-1] = _with_more(ticks[-1], kept)
        values = self._values()
        details, earlier = details_of(self.graph, self.names, backward, values, seed)
        return Story(
            _with_gradients(self.graph, self.ids, backward.final),
            tuple(ticks),
            values,
            self._gradients(backward.stages, backward.final, seed),
            details,
            tuple(self._notes(backward.final, kept)),
            earlier,
        )

    # Before, between and after ------------------------------------------------------------------

    def _overview(self, ticks: list[Tick]) -> Tick:
        forward = _plural(sum(tick.kind == "forward" for tick in ticks), "operation")
        back = len({tick.operation for tick in ticks if tick.kind == "backward"})
        name = self.names.of(self.output)
        order = [
            f"forward: {forward}, each after all that it needs, up to {name}",
            f"then the gradient of {name} by itself, which is 1",
            f"backward: {_plural(back, 'operation')}, the newest first, each to its inputs",
        ]
        order += ["check: gradients by hand beside them"] * any(t.kind == "check" for t in ticks)
        order += ["update: the step of the optimiser"] * any(t.kind == "update" for t in ticks)
        reading = [
            "boxes are tensors, with their value and their gradient; ellipses are operations",
            "solid grey lines carry values forward, dashed orange lines carry gradients back",
            "yellow with a double outline: a parameter; grey: an input or a number",
            "thick outline: the output, where gradients start",
            "a gradient that has not arrived yet is not computed, which is not the same as 0",
        ]
        return Tick(
            "overview",
            one_line(
                f"{counts(self.graph)}: forward through {forward} to {name}, "
                f"then back through {_plural(back, 'operation')}"
            ),
            (
                section("How to read the picture", *([line] for line in reading)),
                section("In what order it goes", *([line] for line in order)),
            ),
        )

    def _seed(self) -> Tick:
        name = self.names.of(self.output)
        why = (
            f"the question is by how much {name} grows when something else grows a little: for "
            f"{name} itself the answer is 1, and the chain rule starts with that"
        )
        return Tick(
            "seed",
            f"d {name} / d {name} = 1: gradients start at {name}, which grows by 1 "
            "when it grows by 1",
            (section("Where gradients start", [code(f"d {name} / d {name} = 1")], [why]),),
            writes=(self.ids[self.output],),
        )

    def _check(self, manual: dict[Tensor, Any], final: dict[Tensor, Any]) -> Tick:
        sections, verdicts = [], {}
        for tensor, array in manual.items():
            automatic = final.get(tensor)
            verdict = verdicts[tensor] = judge(array, automatic)
            lines: list[Line] = [["manual     ", gradient(array)]]
            if automatic is None:
                lines.append(["automatic  not computed: no gradient reaches it"])
            else:
                lines.append(["automatic  ", gradient(automatic)])
                lines += [[line] for line in _verdict_lines(verdict)]
            sections.append(section(self.names.of(tensor), *lines))
        return Tick(
            "check",
            self._check_sentence(verdicts),
            tuple(sections),
            reads=tuple(self.ids[tensor] for tensor in manual),
        )

    def _check_sentence(self, verdicts: dict[Tensor, Verdict]) -> str:
        wrong = [tensor for tensor, verdict in verdicts.items() if not verdict.agree]
        largest = max(verdict.relative for verdict in verdicts.values())
        allowed = max(verdict.tolerance for verdict in verdicts.values())
        count = _plural(len(verdicts), "gradient")
        if not wrong:
            return (
                f"manual and automatic gradients match for {count}: largest relative difference "
                f"{number_text(largest)}, allowed {number_text(allowed)}"
            )
        places = []
        for tensor in wrong:
            verdict, name = verdicts[tensor], self.names.of(tensor)
            where = f" at {list(verdict.index)}" if verdict.index else ""
            places.append(f"{name}{where}" if verdict.agree is not None else f"{name} not computed")
        verb = "differs" if len(wrong) == 1 else "differ"
        return one_line(f"{len(wrong)} of {count} {verb}: {', '.join(places)}")

    def _update(self, optimizer: Any, final: dict[Tensor, Any]) -> Tick:
        parameters = {
            tensor: self.names.of(tensor)
            for tensor in self.ids
            if tensor.node is None and tensor.requires_grad
        }
        steps = trial_step(optimizer, parameters, final)
        return Tick(
            "update",
            one_line(update_sentence(optimizer, steps)),
            tuple(update_sections(optimizer, steps)),
            reads=tuple(self.ids[tensor] for tensor in parameters),
            writes=tuple(
                self.ids[tensor]
                for tensor, step in zip(parameters, steps, strict=True)
                if not step.stays
            ),
        )

    def _kept(self, final: dict[Tensor, Any]) -> Section | None:
        """Say where `.grad` holds something else than what was traced here."""
        lines: list[Line] = []
        for tensor, name in self.ids.items():
            if tensor.node is None and tensor.grad is not None:
                traced = final.get(tensor)
                if traced is None or not np.array_equal(tensor.grad, traced, equal_nan=True):
                    shown = self.names.nodes[name].name
                    lines.append([code(f"{shown}.grad"), " holds ", gradient(tensor.grad)])
        if not lines:
            return None
        reason = "calls of backward() add up until zero_grad(); here gradients start afresh"
        return section(".grad differs from this story", *lines, [reason])

    # What belongs to the parts of the picture ---------------------------------------------------

    def _values(self) -> dict[str, int]:
        known = {node.id: 0 for node in self.graph.tensors}
        return known | {self.ids[tensor]: tick for tick, tensor in enumerate(self.computed, 1)}

    def _gradients(
        self, stages: dict[Tensor, list[Stage]], final: dict[Tensor, Any], seed: int
    ) -> dict[str, tuple[Stage, ...]]:
        told: dict[str, tuple[Stage, ...]] = {
            node.id: (Stage(0, gradient_text(None, False)[0]),) for node in self.graph.tensors
        }
        for tensor, name in self.ids.items():
            found = [Stage(0, gradient_text(None, tensor.requires_grad)[0])]
            if tensor is self.output:
                found.append(Stage(seed, gradient_text(np.asarray(final[tensor]), True)[0]))
            told[name] = (*found, *stages.get(tensor, ()))
        return told

    def _notes(self, final: dict[Tensor, Any], kept: Section | None) -> list[str]:
        notes = []
        missed = [t for t in self.ids if t.requires_grad and t not in final]
        if missed:
            listed = ", ".join(self.names.of(tensor) for tensor in missed)
            notes.append(one_line(f"no gradient reaches {listed}: not computed, which is not 0"))
        strange = [node.name for node in self.graph.tensors if node.warning]
        if strange:
            notes.append(one_line(f"not all numbers are finite in {', '.join(strange)}"))
        if kept is not None:
            notes.append("the .grad of some leaves differs from the gradients that are told here")
        return notes


def _verdict_lines(verdict: Verdict) -> list[str]:
    said = "match" if verdict.agree else "differ"
    at = f", at {list(verdict.index)}" if verdict.index and not verdict.agree else ""
    relative, allowed = number_text(verdict.relative), number_text(verdict.tolerance)
    return [
        f"largest difference {number_text(verdict.difference)}{at}; relative {relative}",
        f"they {said}: up to {allowed} of the largest element counts as the same",
    ]


def _with_more(tick: Tick, more: Section) -> Tick:
    whole = (*tick.whole, more) if tick.whole else ()
    return replace(tick, sections=(*tick.sections, more), whole=whole)


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
