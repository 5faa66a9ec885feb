"""The rules of the linter that are about the graph itself: what an operation was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff import graph_order
from ..drawing.module_tree import ModuleTree
from ..source_lines import made_at
from ..tensor import Tensor
from ..tracing import node_of
from .findings import LintFinding
from .patterns import is_sigmoid, is_softmax, made_by, unmoved, users_of

__all__ = ["RULES", "Graph"]

_FLATTEST = 1e-3  # share of the steepest slope that counts as saturated
_SATURATED = 0.9  # share of the elements
_FEWEST_NUMBERS = 16
_FEWEST_SAMPLES = 4


class Graph:
    """The graph of a loss, and how its parts are called.

    Attributes
    ----------
    loss : Tensor
    order : list of Tensor
        As `graph_order` gives it.
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


def double_softmax(graph: Graph) -> list[LintFinding]:
    """Find a softmax or sigmoid before a loss that has its own."""
    found = []
    for tensor in graph.order:
        node = node_of(tensor)
        loss = node.primitive.name
        given: Any = node.inputs[0]
        first = ""
        if loss == "softmax_cross_entropy":
            source = unmoved(given)
            if _along_last_axis(source, given):
                first = "softmax" if is_softmax(source) else node_of(source).primitive.name
        elif loss == "log_softmax" and made_by(given, "softmax", "log_softmax"):
            axes = [_axis(given), _axis(tensor)]
            first = node_of(given).primitive.name if axes[0] == axes[1] else ""
        elif loss == "binary_cross_entropy_with_logits" and is_sigmoid(unmoved(given)):
            first = "sigmoid"
        if not first:
            continue
        kind = "double sigmoid" if first == "sigmoid" else "double softmax"
        own = "log_softmax" if loss == "log_softmax" else first.removeprefix("log_")
        why = "the second pass flattens the probabilities, so that training is slow and never sure"
        if first == "log_softmax":
            why = "the numbers stay the same, and are computed twice"
        does = "does the same again" if own == "log_softmax" else f"applies {own} itself"
        found.append(
            LintFinding(
                kind,
                f"{loss} is given the result of {first}, and {does}",
                graph.place(tensor),
                why,
                f"give it the logits: leave {first} out, and use it for predictions alone",
            )
        )
    return found


def _axis(tensor: Tensor) -> int:
    return int(node_of(tensor).params.get("axis", -1)) % max(tensor.ndim, 1)


def _along_last_axis(source: Any, given: Any) -> bool:
    """Whether it is a softmax or its logarithm, over the classes of what a loss is given."""
    if not (is_softmax(source) or made_by(source, "log_softmax")):
        return False
    if not made_by(source, "divide"):
        axis = _axis(source)
    else:
        axes = node_of(unmoved(node_of(source).inputs[1])).params.get("axis")
        if not isinstance(axes, int):
            return False
        axis = axes % source.ndim
    return bool(axis == source.ndim - 1 and source.shape[-1] == given.shape[-1])


def all_against_all(graph: Graph) -> list[LintFinding]:
    """Find a difference of shapes (N, 1) and (N,) that is squared and averaged."""
    found = []
    for tensor in graph.order:
        if not made_by(tensor, "subtract"):
            continue
        shapes = sorted((np.shape(value) for value in node_of(tensor).inputs), key=len)
        size = shapes[0][0] if shapes[0] else 0
        constant = any(not getattr(v, "requires_grad", False) for v in node_of(tensor).inputs)
        if shapes != [(size,), (size, 1)] or size < 2 or not constant:
            continue
        averaged = any(
            made_by(total, "mean", "sum") and total.size == 1
            for distance, _ in users_of(tensor, graph.order)
            if made_by(distance, "power", "multiply", "absolute")
            for total, _ in users_of(distance, graph.order)
        )
        if averaged:
            found.append(
                LintFinding(
                    "broadcast loss",
                    f"a difference of shapes {shapes[1]} and {shapes[0]} has shape {tensor.shape}",
                    graph.place(tensor),
                    "every prediction is compared with every target, not with its own",
                    f"give both one shape, targets.reshape({size}, 1); mse_loss checks that",
                )
            )
    return found


def dead_relu(graph: Graph) -> list[LintFinding]:
    """Find relu layers that give 0 everywhere."""
    return [
        LintFinding(
            "dead relu",
            f"all {tensor.size} outputs of a relu layer are 0, for all {len(tensor)} samples",
            graph.place(tensor),
            "no gradient flows through it: nothing before it learns from this batch",
            "lower the learning rate, scale the inputs, start from he_normal, or use leaky_relu",
        )
        for tensor in graph.order
        if _is_relu(tensor)
        and tensor.ndim > 1
        and len(tensor) >= _FEWEST_SAMPLES
        and tensor.size >= _FEWEST_NUMBERS
        and not np.any(tensor._data)
        # A relu at the end of a loss, as of margins that are all met, is to give 0.
        and _is_hidden(tensor, graph)
    ]


def _is_hidden(tensor: Tensor, graph: Graph) -> bool:
    """Whether the next layer of a network takes it in."""
    return any(
        made_by(user, "linear", "matmul") and position == 0
        for user, position in users_of(tensor, graph.order)
    )


def _is_relu(tensor: Tensor) -> bool:
    """Whether it is a `relu`, or ``maximum(x, 0)``."""
    if not made_by(tensor, "maximum"):
        return made_by(tensor, "relu")
    return any(
        not getattr(value, "requires_grad", False) and not np.any(getattr(value, "_data", value))
        for value in node_of(tensor).inputs
    )


def saturated(graph: Graph) -> list[LintFinding]:
    """Find sigmoid and tanh layers, inside of a network, that are nearly flat nearly everywhere."""
    found = []
    for tensor in graph.order:
        name = "tanh" if made_by(tensor, "tanh") else "sigmoid"
        if not (name == "tanh" or is_sigmoid(tensor)) or tensor.size < _FEWEST_NUMBERS:
            continue
        if not _is_hidden(tensor, graph) or len(tensor) < _FEWEST_SAMPLES:
            continue
        out = tensor._data
        slope = 1 - out * out if name == "tanh" else 4 * out * (1 - out)
        share = float(np.mean(slope < _FLATTEST))
        if share >= _SATURATED:
            found.append(
                LintFinding(
                    f"saturated {name}",
                    f"{share:.0%} of {tensor.size} outputs of {name} have less than "
                    f"{_FLATTEST:g} of its steepest slope",
                    graph.place(tensor),
                    "hardly any gradient flows through it: what is before it learns nothing",
                    "scale the inputs (mean 0, deviation 1), start from smaller weights such as "
                    "glorot_uniform, or lower the learning rate",
                )
            )
    return found


RULES: tuple[Callable[[Graph], list[LintFinding]], ...] = (
    double_softmax,
    all_against_all,
    dead_relu,
    saturated,
)
"""In the order in which findings are reported."""


def rests_on(tensor: Tensor) -> set[int]:
    """Give the ids of the leaves that a tensor was computed from."""
    return {
        id(value)
        for one in graph_order(tensor)
        for value in node_of(one).inputs
        if isinstance(value, Tensor) and value.node is None
    }
