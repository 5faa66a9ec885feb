"""What a graph looks like at one moment, as plain data: no arrays, no tensors, only text.

A later backward pass or optimiser step cannot change a snapshot, and all that shows a graph
starts from one. What it looks like on paper is decided elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..autodiff import graph_order
from ..errors import GradientError
from ..primitive import Node
from ..tensor import Tensor
from ..tracing import Contribution, node_of, sent_alone
from .formulas import filled
from .graph import Edge, Graph, OpNode, TensorNode
from .module_tree import CallNode, ModuleTree
from .names import free, names_by_identity
from .operands import (
    operand_name,
    param_texts,
    parameter_word,
    summed_axes,
)
from .text import (
    clean,
    contribution_text,
    dtype_text,
    euclidean_norm,
    gradient_text,
    number_text,
    value_rows,
)
from .verdicts import by_tensor, judge

__all__ = [
    "Edge",
    "Graph",
    "GraphTooLargeError",
    "OpNode",
    "Photographer",
    "TensorNode",
    "photograph",
    "take_snapshot",
]


@dataclass(frozen=True, slots=True)
class _Place:
    """Something that will be a tensor node, and the operation that used it first."""

    id: str
    value: Any  # Tensor or Python number
    user: Node | None
    position: int


class GraphTooLargeError(ValueError):
    """A graph has more nodes than a picture may have."""


def take_snapshot(
    outputs: Sequence[Tensor],
    names: Mapping[str, object] | None = None,
    title: str = "",
    max_nodes: int = 250,
    **options: Any,
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
    **options
        ``model``, ``compare``, ``values`` and ``contributions`` of `Photographer`.

    Raises
    ------
    GraphTooLargeError
        If it has more.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> graph = take_snapshot([x * x])
    >>> [tensor.name for tensor in graph.tensors], graph.operations[0].symbol, len(graph.edges)
    (['x', 't1'], '×', 2)
    """
    return photograph(outputs, names, title, max_nodes, **options)[0]


def photograph(
    outputs: Sequence[Tensor],
    names: Mapping[str, object] | None = None,
    title: str = "",
    max_nodes: int = 250,
    **options: Any,
) -> tuple[Graph, dict[Tensor, str]]:
    """Take a snapshot, and say which live tensor stands behind which id; see `take_snapshot`."""
    photographer = Photographer(outputs, names, **options)
    if photographer.count > max_nodes:
        raise GraphTooLargeError(
            f"the graph has {photographer.count:,} nodes, more than max_nodes={max_nodes}; take an "
            f"earlier tensor in place of the last, or pass max_nodes={photographer.count}"
        )
    return photographer.take(title), photographer.ids


class Photographer:
    """Holds the live tensors while they are described; nothing of it reaches the snapshot.

    Parameters
    ----------
    outputs : sequence of Tensor
    names : mapping of str to object, optional
        What to call tensors and modules.
    model : optional
        Something with `named_parameters`, which names its parameters.
    compare : mapping of str or Tensor to array_like, optional
        Gradients derived by hand.
    values : str
        How much is said of values; see `value_rows`.
    contributions : bool
        Whether it is worked out what each operation sends back.
    """

    def __init__(
        self,
        outputs: Sequence[Tensor],
        names: Mapping[str, object] | None = None,
        *,
        model: Any = None,
        compare: Mapping[Any, Any] | None = None,
        values: str = "auto",
        contributions: bool = True,
    ) -> None:
        self.outputs = dict.fromkeys(outputs)
        self.values, self.contributions = values, contributions
        self.names = names_by_identity(names, model)
        self.computed = graph_order(*outputs)[::-1]
        self.operation_ids = {tensor: f"o{number}" for number, tensor in enumerate(self.computed)}
        self.places: list[_Place] = []
        self.ids: dict[Tensor, str] = {}
        self.constants: dict[tuple[Node, int], str] = {}
        self.uses: dict[Tensor, int] = {}
        self._number(outputs)
        self.everything = tuple(self.places)  # also what `leave_out` takes away
        self.count = len(self.places) + len(self.computed)
        self.modules = ModuleTree(map(node_of, self.computed), self.names)
        self.compare = compare
        self.manual: dict[Tensor, NDArray[Any]] = {}

    def leave_out(self, max_nodes: int) -> None:
        """Keep as many nodes as there may be, those next to the outputs; one says what is gone."""
        shown = {self.ids[tensor] for tensor in self.outputs}
        kept: set[Tensor] = set()
        queue = deque(tensor for tensor in self.outputs if tensor.node is not None)
        met = set(queue)
        while queue:
            tensor = queue.popleft()
            operands = set(self._operand_ids(tensor))
            if len(kept) + 1 + len(shown | operands) >= max_nodes:
                break
            kept.add(tensor)
            shown |= operands
            for value in node_of(tensor).inputs:
                if isinstance(value, Tensor) and value.node is not None and value not in met:
                    met.add(value)
                    queue.append(value)
        self.computed = [tensor for tensor in self.computed if tensor in kept]
        self.places = [place for place in self.places if place.id in shown]
        self.ids = {tensor: name for tensor, name in self.ids.items() if name in shown}

    def _operand_ids(self, tensor: Tensor) -> list[str]:
        node = node_of(tensor)
        return [
            self.ids[value] if isinstance(value, Tensor) else self.constants[node, position]
            for position, value in enumerate(node.inputs)
        ]

    def _number(self, outputs: Sequence[Tensor]) -> None:
        """Give ids in the order of the computation; a leaf comes just before its first use."""
        for tensor in self.computed:
            node = node_of(tensor)
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
        """Describe what there is.

        Raises
        ------
        TypeError, ValueError
            If gradients to compare with do not fit.
        """
        if self.compare is not None:
            places = [place for place in self.everything if isinstance(place.value, Tensor)]
            named = [(self._name_and_call(place)[0] or place.id, place.value) for place in places]
            self.manual = by_tensor(self.compare, named)
        tensors = tuple(
            self._tensor(place) if isinstance(place.value, Tensor) else self._constant(place)
            for place in self.places
        )
        shown = {tensor.id: tensor.name for tensor in tensors}
        operations, edges = [], []
        upstream = free("g", set(shown.values()))
        for tensor in self.computed:
            operations.append(self._operation(tensor, shown, upstream))
            edges += self._edges(tensor)
        made = set(self.computed)
        return Graph(
            clean(title, limit=120),
            tensors,
            tuple(operations),
            tuple(edges),
            _calls_of((*tensors, *operations), self.modules.calls),
            any(tensor.grad is not None for tensor in self.ids),
            self.count - len(self.places) - len(self.computed),
            tuple(
                name
                for tensor, name in self.ids.items()
                if tensor.node is not None and tensor not in made
            ),
        )

    def _tensor(self, place: _Place) -> TensorNode:
        tensor: Tensor = place.value
        role = self._role(tensor)
        name, call = self._name_and_call(place)
        uses = self.uses.get(tensor, 0)
        tags = [] if role == "computed" else [role]
        tags += [f"used {uses}×"] if uses > 1 else []
        values = tensor.data
        if place.user is not None and tensor._version > place.user.sequence:
            # Shown with the values that the graph has computed with.
            tags.append("changed since")
            values = np.asarray(place.user.values[place.position])
        rows, warning = value_rows(values, self.values)
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
            euclidean_norm(tensor.grad) if norm and tensor.grad is not None else None,
            str(judge(self.manual[tensor], tensor.grad)) if tensor in self.manual else "",
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
            None,
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

    @cached_property
    def _given(self) -> set[str]:
        """Names that people gave: a word for the part that an operand plays is none of them."""
        tensors = [place.value for place in self.everything if isinstance(place.value, Tensor)]
        return {*self.names.values(), *(clean(tensor.name or "") for tensor in tensors)}

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
            word = parameter_word(place.user.primitive, place.position)
            name = "" if word in self._given else word
        return name, None

    def _operation(self, tensor: Tensor, shown: Mapping[str, str], upstream: str) -> OpNode:
        node = node_of(tensor)
        primitive = node.primitive
        names = [shown[operand] for operand in self._operand_ids(tensor)]
        others = {"out": shown[self.ids[tensor]], "g": upstream}
        texts = primitive.derivatives if primitive.each is None else ()
        wanted = [
            position
            for position, (value, rule) in enumerate(self._operands(node))
            if rule is not None and isinstance(value, Tensor) and value.requires_grad
        ]
        return OpNode(
            self.operation_ids[tensor],
            clean(primitive.name),
            clean(primitive.symbol),
            clean(filled(primitive.formula, node, names, times="*"), limit=80),
            tuple(
                (
                    names[position],
                    clean(filled(texts[position], node, names, times="*", **others), limit=60),
                )
                for position in wanted
                if position < len(texts)
            ),
            param_texts(node),
            self.ids[tensor],
            self.modules.id_of(node.module_call),
        )

    def _operands(self, node: Node) -> Iterable[tuple[Any, Any]]:
        return zip(node.inputs, node.primitive.rules_for(len(node.inputs)), strict=True)

    def _edges(self, tensor: Tensor) -> list[Edge]:
        node = node_of(tensor)
        sent = self._sent(tensor)
        edges = []
        operands = zip(self._operands(node), self._operand_ids(tensor), strict=True)
        for position, ((value, rule), source) in enumerate(operands):
            flows = isinstance(value, Tensor) and value.requires_grad and rule is not None
            edges.append(
                Edge(
                    source,
                    self.operation_ids[tensor],
                    position,
                    operand_name(node.primitive, position, len(node.inputs)),
                    flows,
                    summed_axes(node, position, tensor.shape) if flows else (),
                    contribution_text(sent[position].contribution) if position in sent else "",
                )
            )
        return edges

    def _sent(self, tensor: Tensor) -> dict[int, Contribution]:
        """Work out what an operation sends back, from the gradient that its result shows."""
        if not self.contributions or tensor.grad is None:
            return {}
        try:
            return sent_alone(tensor, tensor.grad)
        except GradientError:  # a value was changed since; the picture says so at the tensor
            return {}


def _calls_of(
    nodes: Iterable[TensorNode | OpNode], calls: tuple[CallNode, ...]
) -> tuple[CallNode, ...]:
    """Keep the module calls that some nodes are in, and those around them."""
    kept = {node.call for node in nodes}
    for call in reversed(calls):  # parents stand before their children
        if call.id in kept:
            kept.add(call.parent)
    return tuple(call for call in calls if call.id in kept)
