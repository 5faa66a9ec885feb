"""The rules of the linter about the graph itself: which inputs an operation was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff import graph_order
from ..drawing.module_tree import ModuleTree
from ..drawing.operands import declared
from ..leaving import values_of
from ..primitive import PRIMITIVES, Primitive
from ..source_lines import made_at
from ..tensor import Tensor
from ..tracing import node_of
from .findings import LintFinding
from .patterns import computed_by, matched, unmoved, users_of

__all__ = ["RULES", "Graph"]

_FLATTEST = 1e-3  # share of the steepest slope that counts as saturated
_SATURATED = 0.9  # share of the elements
_FEWEST_NUMBERS = 16
_FEWEST_SAMPLES = 4


class Graph:
    """The graph of a loss, and the names of its parts.

    Attributes
    ----------
    loss : Tensor
    order : list of Tensor
        As `graph_order` returns it.
    """

    def __init__(self, order: list[Tensor], loss: Tensor) -> None:
        self.order, self.loss = order, loss
        nodes = [node_of(tensor) for tensor in reversed(order)]
        self._modules = ModuleTree(nodes, {})
        self._by_id = {call.id: call for call in self._modules.calls}

    def leaves(self) -> list[Tensor]:
        """List the leaves and constants, each once."""
        inputs = [value for tensor in self.order for value in node_of(tensor).inputs]
        found = {id(v): v for v in (*inputs, self.loss) if isinstance(v, Tensor) and v.node is None}
        return list(found.values())

    def place(self, tensor: Tensor) -> str:
        """Say where a tensor was computed."""
        node = node_of(tensor)
        call = self._by_id.get(self._modules.id_of(node.module_call) or "")
        module = (call.path or call.kind) if call else ""
        line = made_at(tensor)
        parts = [
            node.primitive.name,
            f"in {module}" if module else "",
            f"at {line}" if line else "",
        ]
        return " ".join(filter(None, parts))

    def parameter_path(self, tensor: Tensor) -> str:
        """Name a parameter by its path in a module of this graph; empty if none owns it."""
        for one in self.order:
            call = node_of(one).module_call
            path = self._modules.parameter_name(tensor, call) if call else None
            if path:
                return path
        return ""


def double_activation(graph: Graph) -> list[LintFinding]:
    """Find a softmax or sigmoid before an operation that applies the same one itself."""
    found = []
    for tensor in graph.order:
        applied = node_of(tensor).primitive.applies
        first = _applied_before(tensor, applied) if applied else ""
        if not first:
            continue
        why = "the second pass flattens the probabilities: training is slow and never becomes sure"
        if first != applied:  # it was the logarithm
            why = "the numbers do not change, but are computed twice"
        found.append(
            LintFinding(
                f"double {applied}",
                f"{node_of(tensor).primitive.name} is given the result of {first}, and applies "
                f"{applied} itself",
                graph.place(tensor),
                why,
                f"give it the logits: omit {first}, and use it only for predictions",
            )
        )
    return found


def _applied_before(tensor: Tensor, applied: str) -> str:
    """Name the operation that already applied the activation; empty if there is none."""
    given: Any = node_of(tensor).inputs[0]
    source = unmoved(given)
    made = computed_by(source)
    if made is None:
        return ""
    if matched(source, f"{applied}(x)") is not None:
        first = applied
    elif made.applies == applied and not made.averages:
        first = made.name
    else:
        return ""
    if PRIMITIVES[applied].elementwise:
        return first
    axis, own = _axis_inside(source), _axis(tensor)
    return first if axis == own and source.shape[axis:][:1] == given.shape[own:][:1] else ""


def _axis(tensor: Tensor) -> int | None:
    """Return the axis that a call works along, counted from the end; None for several."""
    node = node_of(tensor)
    parameter = declared(node.primitive).get("axis")
    axis = -1 if parameter is None else node.params.get("axis", parameter.default)
    ndim = max(np.ndim(node.values[0]), 1)
    return axis % ndim - ndim if isinstance(axis, int) else None


def _axis_inside(tensor: Tensor) -> int | None:
    """Like `_axis`; in a formula written out, return the axis of its sum."""
    node = node_of(tensor)
    if "axis" not in declared(node.primitive):
        for inner in map(unmoved, node.inputs):
            made = computed_by(inner)
            if made is not None and "axis" in declared(made):
                return _axis(inner)
    return _axis(tensor)


_DISTANCES = (
    "sum((x - y)**2)",
    "mean((x - y)**2)",
    "sum((x - y) * (x - y))",
    "mean((x - y) * (x - y))",
    "sum(abs(x - y))",
    "mean(abs(x - y))",
)


def all_against_all(graph: Graph) -> list[LintFinding]:
    """Find a difference of shapes (N, 1) and (N,) that is squared and averaged."""
    found = []
    for total in graph.order:
        if total.size != 1 or np.ndim(node_of(total).values[0]) != 2:
            continue
        bound = next(filter(None, (matched(total, formula) for formula in _DISTANCES)), None)
        if bound is None:
            continue
        operands = bound["x"], bound["y"]
        shapes = sorted(map(np.shape, operands), key=len)
        size = shapes[0][0] if shapes[0] else 0
        constant = any(not getattr(value, "requires_grad", False) for value in operands)
        if shapes != [(size,), (size, 1)] or size < 2 or not constant:
            continue
        difference = _first_with(operands, graph)
        found.append(
            LintFinding(
                "broadcast loss",
                f"a difference of shapes {shapes[1]} and {shapes[0]} has shape {(size, size)}",
                graph.place(difference),
                "each prediction is compared with all targets, not with its own",
                f"give both one shape, targets.reshape({size}, 1); mse_loss checks that",
            )
        )
    return found


def _first_with(operands: tuple[Any, ...], graph: Graph) -> Tensor:
    """Find the first operation that takes all these operands."""
    ids = {id(value) for value in operands}
    return next(t for t in graph.order if ids <= {id(value) for value in node_of(t).inputs})


# Activations ----------------------------------------------------------------------------------


def dead_activation(graph: Graph) -> list[LintFinding]:
    """Find layers of activations such as relu that are 0 everywhere."""
    found = []
    for tensor in _hidden(graph):
        if np.any(tensor._data):
            continue
        name = next((made.name for made, _ in _activations(tensor) if made.kink), "")
        if name:
            found.append(
                LintFinding(
                    f"dead {name}",
                    f"all {tensor.size} outputs of a {name} layer are 0, for all {len(tensor)} "
                    "samples",
                    graph.place(tensor),
                    "no gradient flows through it: layers before it learn nothing from this batch",
                    "lower the learning rate, scale the inputs, start from he_normal, or use "
                    "leaky_relu",
                )
            )
    return found


def saturated_activation(graph: Graph) -> list[LintFinding]:
    """Find layers of smooth activations that are nearly flat nearly everywhere."""
    found = []
    for tensor in _hidden(graph):
        for made, x in _activations(tensor):
            steepest = float(_slopes(made, np.linspace(-8, 8, 257)).max())
            share = float(np.mean(_slopes(made, x) < _FLATTEST * steepest))
            if made.kink or share < _SATURATED:
                continue
            found.append(
                LintFinding(
                    f"saturated {made.name}",
                    f"{share:.0%} of {tensor.size} outputs of {made.name} have less than "
                    f"{_FLATTEST:g} of its steepest slope",
                    graph.place(tensor),
                    "hardly any gradient flows through it: the layers before it do not learn",
                    "scale the inputs (mean 0, deviation 1), start from smaller weights such as "
                    "glorot_uniform, or lower the learning rate",
                )
            )
    return found


def _hidden(graph: Graph) -> list[Tensor]:
    """List the inputs of the next layer that have enough numbers to judge.

    A relu at the end of a hinge loss is left out: it should return 0.
    """
    return [
        tensor
        for tensor in graph.order
        if tensor.ndim > 1
        and len(tensor) >= _FEWEST_SAMPLES
        and tensor.size >= _FEWEST_NUMBERS
        and any(
            node_of(user).primitive.matrix_product and position == 0
            for user, position in users_of(tensor, graph.order)
        )
    ]


def _activations(tensor: Tensor) -> list[tuple[Primitive, Any]]:
    """List the activations that may have computed a tensor, each with its operand."""
    if unmoved(tensor) is not tensor:
        return []
    return [
        (made, np.asarray(values_of(bound["x"])))
        for made in PRIMITIVES.values()
        if made.activation and (bound := matched(tensor, f"{made.name}(x)")) is not None
    ]


def _slopes(made: Primitive, x: Any) -> Any:
    """Return the absolute derivative of an activation."""
    out = made.forward(x)
    if made.residual:
        out = out[0]
    (rule,) = made.rules_for(1)
    assert rule is not None  # activations have derivatives
    return np.abs(rule(np.ones_like(out), out, x))


RULES: tuple[Callable[[Graph], list[LintFinding]], ...] = (
    double_activation,
    all_against_all,
    dead_activation,
    saturated_activation,
)
"""The rules, in the order in which their findings are reported."""


def rests_on(tensor: Tensor) -> set[int]:
    """Return the ids of the leaves that a tensor was computed from."""
    return {
        id(value)
        for one in graph_order(tensor)
        for value in node_of(one).inputs
        if isinstance(value, Tensor) and value.node is None
    }
