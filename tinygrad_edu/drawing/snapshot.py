"""What a graph looks like at one moment, as plain data: no arrays, no tensors, only text.

A later backward pass or optimiser step cannot change a snapshot, and all that shows a graph
starts from one. What it looks like on paper is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autodiff import graph_order
from ..primitive import Node
from ..tensor import Tensor
from .module_tree import CallNode, ModuleTree
from .operands import operand_name, param_texts, parameter_word, summed_axes
from .text import clean, dtype_text, gradient_text, number_text, value_rows

__all__ = ["Edge", "Graph", "OpNode", "TensorNode", "take_snapshot"]

# The engine's symbol for it says which operators it is made of; in a picture, the equation of a
# layer is read more easily.
_SYMBOLS = {"linear": "x @ W + b"}


@dataclass(frozen=True, slots=True)
class TensorNode:
    """A tensor, or a plain number that took part in the computation.

    Attributes
    ----------
    id : str
        ``t0``, ``t1``, in the order of the computation.
    role : str
        ``loss`` or ``output`` for what was drawn, ``parameter`` for a leaf that requires
        gradients, ``input`` for one that does not, ``constant`` for a number, else ``computed``.
    name : str
        Its name; its id where it has none.
    has_name : bool
    tag : str
        What stands beside the name: ``parameter, used 3×``.
    shape : tuple of int
    dtype : str
    rows : tuple of (label, text)
        Its values.
    warning : str
        How many numbers are not finite; empty where all are.
    grad, grad_norm : str
        Its gradient; the norm is empty where none was computed.
    uses : int
        How often it is an operand in this graph.
    call : str or None
        The module call that it belongs to.
    """

    id: str
    role: str
    name: str
    has_name: bool
    tag: str
    shape: tuple[int, ...]
    dtype: str
    rows: tuple[tuple[str, str], ...]
    warning: str
    grad: str
    grad_norm: str
    uses: int
    call: str | None


@dataclass(frozen=True, slots=True)
class OpNode:
    """One call of an operation; `output` is the id of the tensor that it gave."""

    id: str
    name: str
    symbol: str
    formula: str
    params: tuple[tuple[str, str], ...]
    output: str
    call: str | None


@dataclass(frozen=True, slots=True)
class Edge:
    """One use of a tensor as an operand.

    Attributes
    ----------
    source, target : str
        The tensor, and the operation that uses it.
    position : int
        Which operand it is, from 0.
    operand : str
        What to call the operand where its place matters; empty where it does not.
    has_gradient : bool
        Whether a gradient flows back along it.
    summed_axes : tuple of int
        The axes of the output over which that gradient is summed, because the operand was
        stretched along them.
    """

    source: str
    target: str
    position: int
    operand: str
    has_gradient: bool
    summed_axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole graph; everything is in the order of the computation."""

    title: str
    tensors: tuple[TensorNode, ...]
    operations: tuple[OpNode, ...]
    edges: tuple[Edge, ...]
    calls: tuple[CallNode, ...]
    has_gradients: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Something that will be a tensor node, and the operation that used it first."""

    id: str
    value: Any  # Tensor or Python number
    user: Node | None
    position: int


def take_snapshot(
    outputs: Sequence[Tensor],
    names: Mapping[str, object] | None = None,
    title: str = "",
    max_nodes: int = 250,
) -> Graph:
    """Describe the graph behind some outputs, as it is now.

    Parameters
    ----------
    outputs : sequence of Tensor
        Where to start.
    names : mapping of str to object, optional
        What to call tensors and modules, such as ``locals()``.
    title : str
        What the picture shows.
    max_nodes : int
        How many nodes it may have.

    Raises
    ------
    ValueError
        If it has more.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> graph = take_snapshot([x * x])
    >>> [tensor.name for tensor in graph.tensors], graph.operations[0].symbol, len(graph.edges)
    (['x', 't1'], '×', 2)
    """
    return _Photographer(outputs, names or {}, max_nodes).take(title)


class _Photographer:
    """Holds the live tensors while they are described; nothing of it reaches the snapshot."""

    def __init__(
        self, outputs: Sequence[Tensor], names: Mapping[str, object], max_nodes: int
    ) -> None:
        self.outputs = set(outputs)
        self.computed = graph_order(*outputs)[::-1]
        self.places: list[_Place] = []
        self.ids: dict[Tensor, str] = {}
        self.constants: dict[tuple[Node, int], str] = {}
        self.uses: dict[Tensor, int] = {}
        self._number(outputs)
        _check_size(len(self.places) + len(self.computed), max_nodes)
        self.names = _by_identity(names)
        self.modules = ModuleTree(map(_node, self.computed), self.names)

    def _number(self, outputs: Sequence[Tensor]) -> None:
        """Give ids in the order of the computation; a leaf comes just before its first use."""
        for tensor in self.computed:
            node = _node(tensor)
            for position, value in enumerate(node.inputs):
                if not isinstance(value, Tensor):
                    self.constants[node, position] = self._add(value, node, position)
                    continue
                self.uses[value] = self.uses.get(value, 0) + 1
                if value not in self.ids:
                    self.ids[value] = self._add(value, node, position)
            self.ids[tensor] = self._add(tensor)
        for tensor in outputs:
            if tensor not in self.ids:
                self.ids[tensor] = self._add(tensor)

    def _add(self, value: Any, user: Node | None = None, position: int = 0) -> str:
        place = _Place(f"t{len(self.places)}", value, user, position)
        self.places.append(place)
        return place.id

    def take(self, title: str) -> Graph:
        operations, edges = [], []
        for number, tensor in enumerate(self.computed):
            operations.append(self._operation(f"o{number}", tensor))
            edges += self._edges(f"o{number}", tensor)
        tensors = tuple(
            self._tensor(place) if isinstance(place.value, Tensor) else self._constant(place)
            for place in self.places
        )
        has_gradients = any(tensor.grad is not None for tensor in self.ids)
        return Graph(
            clean(title, limit=120),
            tensors,
            tuple(operations),
            tuple(edges),
            self.modules.calls,
            has_gradients,
        )

    def _tensor(self, place: _Place) -> TensorNode:
        tensor: Tensor = place.value
        role = self._role(tensor)
        name, call = self._name_and_call(place)
        uses = self.uses.get(tensor, 0)
        tags = [] if role == "computed" else [role]
        tags += [f"used {uses}×"] if uses > 1 else []
        values = tensor.data
        if place.user is not None and tensor._written > place.user.sequence:
            # Shown with the values that the graph has computed with.
            tags.append("changed since")
            values = np.asarray(place.user.values[place.position])
        rows, warning = value_rows(values)
        grad, norm, grad_warning = gradient_text(tensor.grad, tensor.requires_grad)
        warnings = [warning] if warning else []
        warnings += [f"{grad_warning} in grad"] if grad_warning else []
        return TensorNode(
            place.id,
            role,
            name or place.id,
            bool(name),
            ", ".join(tags),
            tensor.shape,
            dtype_text(tensor.dtype),
            rows,
            "; ".join(warnings),
            grad,
            norm,
            uses,
            call,
        )

    def _constant(self, place: _Place) -> TensorNode:
        text = number_text(place.value)
        call = self.modules.id_of(place.user.module_call) if place.user else None
        return TensorNode(
            place.id,
            "constant",
            text,
            True,
            "",
            (),
            type(place.value).__name__,
            (("data", text),),
            "",
            gradient_text(None, False)[0],
            "",
            1,
            call,
        )

    def _role(self, tensor: Tensor) -> str:
        if tensor.node is None:
            return "parameter" if tensor.requires_grad else "input"
        if tensor in self.outputs:
            return "loss" if tensor.size == 1 else "output"
        return "computed"

    def _name_and_call(self, place: _Place) -> tuple[str, str | None]:
        """Find what a tensor is called, and the module call whose box it belongs in."""
        tensor: Tensor = place.value
        if tensor.node is not None:
            call = self.modules.id_of(tensor.node.module_call)
            return self.names.get(id(tensor)) or clean(tensor.name or ""), call
        if tensor.requires_grad and place.user is not None and place.user.module_call is not None:
            path = self.modules.parameter_name(tensor, place.user.module_call)
            if path is not None:
                return clean(path), self.modules.id_of(place.user.module_call)
        name = self.names.get(id(tensor)) or clean(tensor.name or "")
        if not name and place.user is not None:
            name = parameter_word(place.user.primitive, place.position)
        return name, None

    def _operation(self, identifier: str, tensor: Tensor) -> OpNode:
        node = _node(tensor)
        primitive = node.primitive
        return OpNode(
            identifier,
            clean(primitive.name),
            clean(_SYMBOLS.get(primitive.name, primitive.symbol)),
            clean(primitive.formula, limit=80),
            param_texts(node),
            self.ids[tensor],
            self.modules.id_of(node.module_call),
        )

    def _edges(self, identifier: str, tensor: Tensor) -> list[Edge]:
        node = _node(tensor)
        rules = node.primitive.rules_for(len(node.inputs))
        edges = []
        for position, (value, rule) in enumerate(zip(node.inputs, rules, strict=True)):
            is_tensor = isinstance(value, Tensor)
            has_gradient = is_tensor and value.requires_grad and rule is not None
            edges.append(
                Edge(
                    self.ids[value] if is_tensor else self.constants[node, position],
                    identifier,
                    position,
                    operand_name(node.primitive, position, len(node.inputs)),
                    has_gradient,
                    summed_axes(node, position, tensor.shape) if has_gradient else (),
                )
            )
        return edges


def _node(tensor: Tensor) -> Node:
    assert tensor.node is not None  # the order of a graph holds computed tensors only
    return tensor.node


def _check_size(count: int, max_nodes: int) -> None:
    if count > max_nodes:
        raise ValueError(
            f"the graph has {count:,} nodes, which is more than max_nodes={max_nodes}; pass "
            f"max_nodes={count} to draw it all, or draw a part of it: an earlier tensor in place "
            "of the loss, a smaller network, or fewer repetitions of a loop"
        )


def _by_identity(names: Mapping[str, object]) -> dict[int, str]:
    """Turn names around; of several for one object the first counts, and ``_`` the least.

    A notebook keeps results in variables such as ``_`` and ``_12``.
    """
    if not isinstance(names, Mapping) or not all(isinstance(name, str) for name in names):
        raise TypeError('names maps text to tensors: names={"W": W}, or names=locals()')
    found: dict[int, str] = {}
    for name in sorted(names, key=lambda name: str(name).startswith("_")):
        shown = clean(name)
        if shown:
            found.setdefault(id(names[name]), shown)
    return found
