"""The graph of a loss, as the rules of the linter see it: its layers, functions and names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..autodiff import graph_order
from ..calls import Call, called_in
from ..drawing.module_tree import ModuleTree
from ..recognising import Recognised, recognised
from ..recognising.ancestry import Ancestry
from ..source_lines import made_at
from ..tensor import Tensor
from ..tracing import node_of
from .patterns import unmoved

__all__ = ["Graph", "Layer", "rests_on"]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A product of values and a weight.

    Attributes
    ----------
    product, values : Tensor
    weight : Tensor
        A leaf that requires gradients; it may have been transposed.
    rows : bool
        Whether samples are rows of the values; else columns.
    """

    product: Tensor
    values: Tensor
    weight: Tensor
    rows: bool

    @property
    def unit_axis(self) -> int:
        """The axis of the product, and of the values, along which the units of a layer are."""
        return -1 if self.rows else 0


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
        self.ancestry = Ancestry(order)
        nodes = [node_of(tensor) for tensor in reversed(order)]
        self._modules = ModuleTree(nodes, {})
        self._by_id = {call.id: call for call in self._modules.calls}

    @cached_property
    def calls(self) -> dict[Tensor, Call]:
        """The composed functions that computed its tensors."""
        return called_in(self.order)

    @cached_property
    def recognised(self) -> list[Recognised]:
        """The functions in the graph, in every spelling."""
        return recognised(self.order)

    def results_of(self, tensor: Any) -> list[Recognised]:
        """List the functions that a tensor is the result of."""
        source = unmoved(tensor)
        return [one for one in self.recognised if one.result is source]

    @cached_property
    def layers(self) -> list[Layer]:
        """The products of values and a weight, from the input of a network to its output."""
        found = []
        for tensor in reversed(self.order):
            node = node_of(tensor)
            if not node.primitive.matrix_product:
                continue
            # Samples in rows are multiplied by a weight from the right, columns from the left.
            for values, weight, rows in ((*node.inputs[:2], True), (*node.inputs[1::-1], False)):
                leaf = unmoved(weight)
                if _is_weight(leaf) and not _is_weight(unmoved(values)):
                    found.append(Layer(tensor, values, leaf, rows))
                    break
        return found

    @cached_property
    def users(self) -> dict[int, list[Tensor]]:
        """The results that were computed from each tensor, by its id."""
        found: dict[int, list[Tensor]] = {}
        for tensor in self.order:
            for value in {id(value): value for value in node_of(tensor).inputs}:
                found.setdefault(value, []).append(tensor)
        return found

    @cached_property
    def integers(self) -> list[NDArray[Any]]:
        """The arrays of integers that are operands or metadata, such as tokens."""
        nodes = [node_of(tensor) for tensor in self.order]
        values = [value for node in nodes for value in (*node.values, *node.params.values())]
        flat = [part for v in values for part in (v if isinstance(v, tuple) else (v,))]
        return [one for one in flat if isinstance(one, np.ndarray) and one.dtype.kind in "iu"]

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
        called = self.calls.get(tensor)
        parts = [
            called.name if called else node.primitive.name,
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


def _is_weight(value: Any) -> bool:
    is_leaf = isinstance(value, Tensor) and value.node is None and value.requires_grad
    return is_leaf and value.ndim == 2


def rests_on(tensor: Tensor) -> set[int]:
    """Return the ids of the leaves that a tensor was computed from."""
    return {
        id(value)
        for one in graph_order(tensor)
        for value in node_of(one).inputs
        if isinstance(value, Tensor) and value.node is None
    }
