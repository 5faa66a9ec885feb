"""The story of a computation: what happens at each step, forward and back, in words and numbers.

A story is plain data; making it changes nothing in the computation. How a page shows it is decided
elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..documents import Line, Section, code
from ..drawing.graph import Graph
from ..drawing.snapshot import SnapshotBuilder
from ..drawing.verdicts import Verdict, by_tensor, judge
from ..drawing.words import counts, one_line, plural
from ..explaining.contribution import Trace
from ..explaining.inline import gradient
from ..tensor import Tensor
from ..texts import contribution_text, euclidean_norm, gradient_text, number_text
from .backward import Backward
from .details import details_of
from .forward import NameTable, forward_step
from .forward_again import loss_after, loss_section, loss_text
from .steps import Stage, Step, Story, section
from .updates import (
    check_optimizer,
    predicted_change,
    trial_step,
    update_sections,
    update_sentence,
)

__all__ = ["Stage", "Step", "Story", "build_story"]


def build_story(
    output: Tensor,
    *,
    names: Mapping[str, object] | None = None,
    model: Any = None,
    optimizer: Any = None,
    compare: Mapping[Any, Any] | None = None,
    title: str = "",
    max_nodes: int = 250,
) -> Story:
    """Describe how a number was computed, and how its gradients are computed.

    Gradients are traced anew, whatever `backward` has left in `.grad`; hooks run as in `backward`.
    No value, `.grad`, graph or optimizer is changed.

    Parameters
    ----------
    output : Tensor
        The loss, a single number.
    names : mapping of str to object, optional
        NameTable for tensors and modules, such as ``locals()``.
    model : optional
        An object with `named_parameters`, which names parameters that `names` does not name.
    optimizer : optional
        An object with a method `step`; its next step is tried on copies.
    compare : mapping of (str or Tensor) to array_like, optional
        Gradients derived by hand, to compare with the automatic ones.
    title : str
        The title of the story.
    max_nodes : int
        The largest number of nodes.

    Returns
    -------
    Story

    Raises
    ------
    TypeError
        If the output is not a Tensor, the model has no `named_parameters`, or the optimizer cannot
        make a step on copies.
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
    >>> for step in build_story(c, names={"c": c}).steps[1:]:
    ...     print(step.sentence)
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
    builder = SnapshotBuilder([output], names, model=model, contributions=False)
    if optimizer is not None:
        check_optimizer(optimizer)
    graph, ids = builder.build(title, max_nodes), builder.ids
    shown = {node.id: node for node in graph.tensors}
    named = [(shown[name].name, tensor) for tensor, name in ids.items()]
    words = [(shown[name].symbol, shown[name].grad_name, name) for name in ids.values()]
    others = [(word, tensor) for tensor, three in zip(ids, words, strict=True) for word in three]
    manual = by_tensor(compare, named, others)
    state = np.random.get_state()  # noqa: NPY002  a hook or an optimizer may draw random numbers
    try:
        return _StoryBuilder(output, graph, ids).build(optimizer, manual)
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _with_contributions(graph: Graph, ids: dict[Tensor, str], trace: Trace) -> Graph:
    """Write on each edge the contribution that comes back along it."""
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


class _StoryBuilder:
    """Makes the steps of a story."""

    def __init__(self, output: Tensor, graph: Graph, ids: dict[Tensor, str]) -> None:
        shown = {node.id: node.name for node in graph.tensors}
        self.trace = Trace(output, {id(tensor): shown[name] for tensor, name in ids.items()})
        self.graph = _with_contributions(graph, ids, self.trace)
        self.output, self.ids = output, ids
        self.names = NameTable(self.graph, ids, self.trace)
        self.computed = self.trace.order[::-1]

    def build(self, optimizer: Any, manual: dict[Tensor, Any]) -> Story:
        seed = 1 + len(self.computed)
        backward = Backward(self.names, seed + 1)
        steps = [forward_step(tensor, self.names) for tensor in self.computed]
        steps += [self._seed(), *backward.steps()]
        if manual:
            steps.append(self._check(manual, backward.final))
        if optimizer is not None:
            steps.append(self._update(optimizer, backward.final))
        steps.insert(0, self._overview(steps))
        kept = self._kept(backward.final)
        if kept:
            last = steps[-1]
            whole = (*last.whole, kept) if last.whole else ()
            steps[-1] = replace(last, sections=(*last.sections, kept), whole=whole)
        values = {node.id: 0 for node in self.graph.tensors}
        values |= {self.ids[tensor]: step for step, tensor in enumerate(self.computed, 1)}
        details, earlier = details_of(self.graph, self.names, backward, values, seed)
        return Story(
            _with_gradients(self.graph, self.ids, backward.final),
            tuple(steps),
            values,
            self._gradients(backward, seed),
            details,
            tuple(self._notes(backward.final, kept)),
            earlier,
        )

    # Before, between and after ------------------------------------------------------------------

    def _overview(self, steps: list[Step]) -> Step:
        forward = plural(sum(step.kind == "forward" for step in steps), "operation")
        back = len({step.operation for step in steps if step.kind == "backward"})
        name, kinds = self.names.of(self.output), {step.kind for step in steps}
        order = [
            f"forward: {forward}, each after its inputs, up to {name}",
            f"then the gradient of {name} with respect to itself, which is 1",
            f"backward: {plural(back, 'operation')}, the newest first, each to its inputs",
        ]
        order += ["check: gradients by hand are compared"] if "check" in kinds else []
        order += ["update: the step of the optimizer"] if "update" in kinds else []
        reading = [
            "boxes are tensors, with their value and their gradient; ellipses are operations",
            "solid grey lines carry values forward, dashed orange lines carry gradients back",
            "yellow with a double outline: a parameter; grey: an input or a number",
            "thick outline: the output, where gradients start",
            "a gradient that has not arrived yet is not computed, which is not the same as 0",
        ]
        return Step(
            "overview",
            one_line(
                f"{counts(self.graph)}: forward through {forward} to {name}, "
                f"then back through {plural(back, 'operation')}"
            ),
            (
                section("How to read the picture", *([line] for line in reading)),
                section("The order of the steps", *([line] for line in order)),
            ),
        )

    def _seed(self) -> Step:
        name = self.names.of(self.output)
        why = (
            f"a gradient says by how much {name} grows when something else grows a little: for "
            f"{name} itself the answer is 1, and the chain rule starts with that"
        )
        return Step(
            "seed",
            f"d {name} / d {name} = 1: gradients start at {name}, which grows by 1 "
            "when it grows by 1",
            (section("Where gradients start", [code(f"d {name} / d {name} = 1")], [why]),),
            writes=(self.ids[self.output],),
        )

    def _check(self, manual: dict[Tensor, Any], final: dict[Tensor, Any]) -> Step:
        sections, verdicts = [], {}
        for tensor, array in manual.items():
            name, automatic = self.names.nodes[self.ids[tensor]].name, final.get(tensor)
            verdict = verdicts[name] = judge(array, automatic)
            lines: list[Line] = [["manual     ", gradient(array)]]
            if automatic is None:
                lines.append(["automatic  not computed: no gradient reaches it"])
            else:
                lines.append(["automatic  ", gradient(automatic)])
                lines += [[line] for line in _verdict_lines(verdict)]
            sections.append(section(self.names.title(tensor), *lines))
        reads = tuple(self.ids[tensor] for tensor in manual)
        return Step("check", one_line(_check_sentence(verdicts)), tuple(sections), reads=reads)

    def _update(self, optimizer: Any, final: dict[Tensor, Any]) -> Step:
        leaves = [tensor for tensor in self.ids if tensor.node is None and tensor.requires_grad]
        parameters = {tensor: self.names.title(tensor) for tensor in leaves}
        updates = trial_step(optimizer, parameters, final)
        new = {t: one.new for t, one in zip(parameters, updates, strict=True) if not one.stays}
        moved = list(new)
        sentence, sections = (
            update_sentence(optimizer, updates),
            update_sections(optimizer, updates),
        )
        before, after = float(self.output.item()), loss_after(self.computed, new) if new else None
        if after is not None:
            name, predicted = self.names.of(self.output), predicted_change(optimizer, updates)
            sentence += f"; {name} {loss_text(before, after)}"
            sections.insert(1, loss_section(name, before, after, predicted))
        return Step(
            "update",
            one_line(sentence),
            tuple(sections),
            reads=tuple(self.ids[tensor] for tensor in parameters),
            writes=tuple(self.ids[tensor] for tensor in moved),
        )

    def _kept(self, final: dict[Tensor, Any]) -> Section | None:
        """List the leaves whose `.grad` differs from the gradients of this story."""
        lines: list[Line] = []
        for tensor in self.ids:
            if tensor.node is None and tensor.grad is not None:
                traced = final.get(tensor)
                if traced is None or not np.array_equal(tensor.grad, traced, equal_nan=True):
                    name = self.names.of(tensor)
                    lines.append([code(f"{name}.grad"), " holds ", gradient(tensor.grad)])
        if not lines:
            return None
        reason = "calls of backward() add up until zero_grad(); this story starts from zero"
        return section(".grad differs from this story", *lines, [reason])

    # The parts of the picture -------------------------------------------------------------------

    def _gradients(self, backward: Backward, seed: int) -> dict[str, tuple[Stage, ...]]:
        constant = Stage(0, gradient_text(None, False)[0])
        found: dict[str, tuple[Stage, ...]] = {node.id: (constant,) for node in self.graph.tensors}
        for tensor, name in self.ids.items():
            stages = [Stage(0, gradient_text(None, tensor.requires_grad)[0])]
            if tensor is self.output:
                array = np.asarray(backward.final[tensor])
                stages.append(Stage(seed, gradient_text(array, True)[0]))
            found[name] = (*stages, *backward.stages.get(tensor, ()))
        return found

    def _notes(self, final: dict[Tensor, Any], kept: Section | None) -> list[str]:
        notes = []
        missed = [self.names.of(t) for t in self.ids if t.requires_grad and t not in final]
        if missed:
            notes.append(f"no gradient reaches {', '.join(missed)}: not computed, which is not 0")
        warned = [node.name for node in self.graph.tensors if node.warning]
        if warned:
            notes.append(f"not all numbers are finite in {', '.join(warned)}")
        if kept is not None:
            notes.append("the .grad of some leaves differs from the gradients in this story")
        return list(map(one_line, notes))


def _check_sentence(verdicts: dict[str, Verdict]) -> str:
    wrong = {name: verdict for name, verdict in verdicts.items() if not verdict.agree}
    count = plural(len(verdicts), "gradient")
    if not wrong:
        largest = max(verdict.relative for verdict in verdicts.values())
        allowed = max(verdict.tolerance for verdict in verdicts.values())
        return (
            f"manual and automatic gradients match for {count}: largest relative difference "
            f"{number_text(largest)}, allowed {number_text(allowed)}"
        )
    places = [
        f"{name} not computed" if verdict.agree is None else f"{name}{_at(verdict, ' at ')}"
        for name, verdict in wrong.items()
    ]
    verb = "differs" if len(wrong) == 1 else "differ"
    return f"{len(wrong)} of {count} {verb}: {', '.join(places)}"


def _verdict_lines(verdict: Verdict) -> list[str]:
    result = "match" if verdict.agree else "differ"
    at = "" if verdict.agree else _at(verdict, ", at ")
    relative, allowed = number_text(verdict.relative), number_text(verdict.tolerance)
    return [
        f"largest difference {number_text(verdict.difference)}{at}; relative {relative}",
        f"they {result}: differences up to {allowed} of the largest element are allowed",
    ]


def _at(verdict: Verdict, before: str) -> str:
    return f"{before}{list(verdict.index)}" if verdict.index else ""
