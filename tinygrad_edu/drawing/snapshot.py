"""Builds the snapshot of a graph: plain data that describes it at one moment.

A later backward pass or optimizer step cannot change a snapshot, because it holds only text, no
arrays and no tensors. How it is drawn is decided elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..autodiff import graph_order
from ..errors import GradientError
from ..primitive import Node
from ..tensor import Tensor
from ..texts import (
    clean,
    contribution_text,
    dtype_text,
    euclidean_norm,
    gradient_text,
    number_text,
    value_rows,
)
from ..tracing import Contribution, node_of, sent_alone
from .formulas import filled
from .graph import Edge, Graph, OpNode, TensorNode
from .module_tree import CallNode, ModuleTree
from .names import free, names_by_identity
from .operands import derivative_texts, operand_name, param_texts, parameter_word, summed_axes
from .textbook import Symbols, symbols_of
from .verdicts import by_tensor, judge

__all__ = ["GraphTooLargeError", "SnapshotBuilder"]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A tensor or a number that becomes a node, and the operation that used it first."""

    id: str
    value: Any  # Tensor or Python number
    user: Node | None
    position: int


class GraphTooLargeError(ValueError):
    """A graph has more nodes than a picture may have.

    Examples
    --------
    >>> from tinygrad_edu import GraphTooLargeError, Tensor, draw
    >>> x = Tensor(1.0, requires_grad=True)
    >>> try:
    ...     draw(x * x + x, max_nodes=2)
    ... except GraphTooLargeError:
    ...     print("draw less of it")
    draw less of it
    """


class SnapshotBuilder:
    """Describes the graph behind some outputs, as it is now.

    Parameters
    ----------
    outputs : sequence of Tensor
        Where to start.
    names : mapping of str to object, optional
        Names for tensors and modules, such as ``locals()``.
    model : optional
        An object with `named_parameters`, which names its parameters.
    compare : mapping of str or Tensor to array_like, optional
        Gradients derived by hand.
    values : str
        How much to show of values; see `value_rows`.
    contributions : bool
        Whether to compute what each operation sends back.

    Attributes
    ----------
    count : int
        The number of nodes.
    ids : dict of Tensor to str
        The id of each tensor in the snapshot.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> graph = SnapshotBuilder([x * x]).build()
    >>> [tensor.name for tensor in graph.tensors], graph.operations[0].symbol, len(graph.edges)
    (['x', 't1'], '×', 2)
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
        self.own = names_by_identity(names)
        self.computed = graph_order(*outputs)[::-1]
        self.operation_ids = {tensor: f"o{number}" for number, tensor in enumerate(self.computed)}
        self.entries: list[_Entry] = []
        self.ids: dict[Tensor, str] = {}
        self.constants: dict[tuple[Node, int], str] = {}
        self.uses: dict[Tensor, int] = {}
        self._assign_ids()
        self.all_entries = tuple(self.entries)  # includes what `leave_out` removes
        self.count = len(self.entries) + len(self.computed)
        self.modules = ModuleTree(map(node_of, self.computed), self.names)
        self.symbols = self._without_taken(symbols_of(model, self.modules, self.computed))
        self.compare = compare
        self.manual: dict[Tensor, NDArray[Any]] = {}

    def _without_taken(self, symbols: Symbols) -> Symbols:
        """Drop names of what the user has named, and names that the user gave to something else.

        A result that the user has named keeps its δ, the name of its gradient.
        """
        taken, found = self._given_names - {""}, {}
        computed = {id(tensor): tensor for tensor in self.computed}
        for key, (name, grad_name) in symbols.items():
            has_own = key in self.own or (key in computed and computed[key].name)
            if {name, grad_name} & taken or (has_own and key not in computed):
                continue
            found[key] = ("" if has_own else name, grad_name)
        return found

    def leave_out(self, max_nodes: int) -> None:
        """Keep only `max_nodes` nodes, those next to the outputs; one node counts the others."""
        shown = {self.ids[tensor] for tensor in self.outputs}
        kept: set[Tensor] = set()
        queue = deque(self.outputs)
        while queue:
            tensor = queue.popleft()
            if tensor.node is None or tensor in kept:
                continue
            operands = set(self._operand_ids(tensor))
            if len(kept) + 1 + len(shown | operands) >= max_nodes:
                break
            kept.add(tensor)
            shown |= operands
            queue.extend(value for value in tensor.node.inputs if isinstance(value, Tensor))
        self.computed = [tensor for tensor in self.computed if tensor in kept]
        self.entries = [entry for entry in self.entries if entry.id in shown]
        self.ids = {tensor: name for tensor, name in self.ids.items() if name in shown}

    def _operand_ids(self, tensor: Tensor) -> list[str]:
        node = node_of(tensor)
        return [
            self.ids[value] if isinstance(value, Tensor) else self.constants[node, position]
            for position, value in enumerate(node.inputs)
        ]

    def _assign_ids(self) -> None:
        """Number tensors in the order of the computation, each leaf just before its first use."""
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
        for tensor in self.outputs:
            if tensor not in self.ids:
                self.ids[tensor] = self._add(tensor)

    def _add(self, value: Any, user: Node | None = None, position: int = 0) -> str:
        entry = _Entry(f"t{len(self.entries)}", value, user, position)
        self.entries.append(entry)
        return entry.id

    def build(self, title: str = "", max_nodes: float = float("inf")) -> Graph:
        """Build the snapshot.

        Raises
        ------
        GraphTooLargeError
            If the graph has more than `max_nodes` nodes.
        TypeError, ValueError
            If gradients to compare with do not fit.
        """
        if self.count > max_nodes:
            raise GraphTooLargeError(
                f"the graph has {self.count:,} nodes, more than max_nodes={max_nodes}; start from "
                f"an earlier tensor, or pass max_nodes={self.count}"
            )
        if self.compare is not None:
            entries = [entry for entry in self.all_entries if isinstance(entry.value, Tensor)]
            named = [(self._name_and_call(entry)[0] or entry.id, entry.value) for entry in entries]
            others = [(word, entry.value) for entry in entries for word in self._shown(entry)]
            self.manual = by_tensor(self.compare, named, others)
        tensors = tuple(map(self._tensor_node, self.entries))
        shown = {tensor.id: tensor.short for tensor in tensors}
        upstream = free("g", {*shown.values(), *(tensor.name for tensor in tensors)})
        arrives = {tensor.id: tensor.grad_name or upstream for tensor in tensors}
        operations = tuple(self._operation(tensor, shown, arrives) for tensor in self.computed)
        given = self._given()  # after the tensors, among which are copies of arrays
        return Graph(
            clean(title, limit=120),
            tensors,
            operations,
            tuple(edge for tensor in self.computed for edge in self._edges(tensor)),
            _calls_of((*tensors, *operations), self.modules.calls, given),
            any(tensor.grad is not None for tensor in self.ids),
            self.count - len(self.entries) - len(self.computed),
            self._cut(),
            tuple(node for node, _ in given.values()),
        )

    def _given(self) -> dict[int, tuple[TensorNode, set[str]]]:
        """Describe the inputs of modules that no operation reads, with the calls they went to."""
        found: dict[int, tuple[TensorNode, set[str]]] = {}
        for call, word, value in self.modules.inputs():
            if isinstance(value, Tensor):
                is_read = value in self.ids or value.node is not None
            else:
                is_read = id(value) in self.modules.copied
            if is_read:
                continue
            if id(value) not in found:
                found[id(value)] = self._input_node(f"i{len(found)}", word, value), set()
            found[id(value)][1].add(call.id)
        return found

    def _input_node(self, label: str, word: str, value: Any) -> TensorNode:
        own = clean(value.name or "") if isinstance(value, Tensor) else ""
        values = value.data if isinstance(value, Tensor) else np.asarray(value)
        name = self.names.get(id(value)) or own or word
        rows, warning = value_rows(values, self.values)
        grad = gradient_text(None, False)[0]
        return TensorNode(
            label,
            "input",
            name or label,
            has_name=bool(name),
            tag="input",
            shape=values.shape,
            dtype=dtype_text(values.dtype),
            rows=rows,
            warning=warning,
            grad=grad,
        )

    def _cut(self) -> tuple[str, ...]:
        made = set(self.computed)
        shown = self.ids.items()
        return tuple(name for tensor, name in shown if tensor.node and tensor not in made)

    def _tensor_node(self, entry: _Entry) -> TensorNode:
        if not isinstance(entry.value, Tensor):
            return self._constant(entry)
        tensor = entry.value
        role = self._role(tensor)
        name, call = self._name_and_call(entry)
        uses = self.uses.get(tensor, 0)
        symbol, grad_name = self.symbols.get(id(tensor), ("", ""))
        tags = [] if role == "computed" else [role]
        if tensor.node is None:
            symbol = symbol or self.own.get(id(tensor), "")
        elif symbol:
            tags = [entry.id, *tags]
        if role == "input" and tensor._requires_grad is not False:
            tags = ["frozen"]  # a parameter that is not trained
        tags += [f"used {uses}×"] if uses > 1 else []
        values = tensor.data
        if entry.user is not None and tensor._version > entry.user.sequence:
            # Shown with the values that the graph was computed with.
            tags.append("changed since")
            values = np.asarray(entry.user.values[entry.position])
        rows, warning = value_rows(values, self.values)
        grad, norm, grad_warning = gradient_text(tensor.grad, tensor.requires_grad)
        warnings = [warning, f"{grad_warning} in grad" if grad_warning else ""]
        return TensorNode(
            entry.id,
            role,
            name or entry.id,
            has_name=bool(name),
            tag=", ".join(tags),
            shape=tensor.shape,
            dtype=dtype_text(tensor.dtype),
            rows=rows,
            warning="; ".join(filter(None, warnings)),
            grad=grad,
            grad_norm=norm,
            norm=euclidean_norm(tensor.grad) if norm and tensor.grad is not None else None,
            manual=str(judge(self.manual[tensor], tensor.grad)) if tensor in self.manual else "",
            uses=uses,
            call=call,
            symbol="" if tensor.node or symbol == name else symbol,
            grad_name=grad_name if self._is_scalar else "",
        )

    @cached_property
    def _is_scalar(self) -> bool:
        """Whether gradients are those of a single number, as a δ is."""
        return all(output.size == 1 for output in self.outputs)

    def _constant(self, entry: _Entry) -> TensorNode:
        text = number_text(entry.value)
        return TensorNode(
            entry.id,
            "constant",
            text,
            dtype=type(entry.value).__name__,
            rows=(("data", text),),
            grad=gradient_text(None, False)[0],
            call=self.modules.id_of(entry.user.module_call) if entry.user else None,
        )

    def _role(self, tensor: Tensor) -> str:
        if tensor.node is None:
            return "parameter" if tensor.requires_grad else "input"
        if tensor in self.outputs:
            return "loss" if tensor.size == 1 else "output"
        return "computed"

    @cached_property
    def _given_names(self) -> set[str]:
        """Names from the user, in contrast to names of operands."""
        tensors = [entry.value for entry in self.all_entries if isinstance(entry.value, Tensor)]
        return {*self.names.values(), *(clean(tensor.name or "") for tensor in tensors)}

    def _name_and_call(self, entry: _Entry) -> tuple[str, str | None]:
        """Find the name of a tensor, and the module call in whose frame it is drawn."""
        tensor, user = entry.value, entry.user
        name = self.names.get(id(tensor)) or clean(tensor.name or "")
        if tensor.node is not None:
            name = name or self.symbols.get(id(tensor), ("", ""))[0]
            return name, self.modules.id_of(tensor.node.module_call)
        if user is None:
            return name, None
        call = user.module_call
        if call is not None:
            path = self.modules.parameter_name(tensor, call)
            if path is not None:
                return clean(path), self.modules.id_of(call)
        word = parameter_word(user.primitive, entry.position)
        made_in = None if name or tensor.requires_grad else self.modules.made_in(tensor, call)
        name = name or ("" if word in self._given_names else word)
        return name, self.modules.id_of(made_in)

    def _shown(self, entry: _Entry) -> tuple[str, ...]:
        """List the id of a tensor, and the textbook's names of it and of its gradient."""
        return entry.id, *filter(None, self.symbols.get(id(entry.value), ()))

    def _operation(
        self, tensor: Tensor, shown: Mapping[str, str], arrives: Mapping[str, str]
    ) -> OpNode:
        node = node_of(tensor)
        primitive = node.primitive
        names = [shown[operand] for operand in self._operand_ids(tensor)]
        others = {"out": shown[self.ids[tensor]], "g": arrives[self.ids[tensor]]}
        texts = derivative_texts(node)
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
            primitive.carries,
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
        """Compute what an operation sends back, from the gradient of its result."""
        if not self.contributions or tensor.grad is None:
            return {}
        try:
            return sent_alone(tensor, tensor.grad)
        except GradientError:  # a value has changed since; the tag of the tensor says so
            return {}


def _calls_of(
    nodes: Iterable[TensorNode | OpNode],
    calls: tuple[CallNode, ...],
    given: Mapping[int, tuple[TensorNode, set[str]]],
) -> tuple[CallNode, ...]:
    """Keep the module calls that contain some of the nodes, and those around them."""
    kept = {node.call for node in nodes}
    for call in reversed(calls):  # parents come before their children
        if call.id in kept:
            kept.add(call.parent)
    return tuple(
        replace(call, given=tuple(node.id for node, users in given.values() if call.id in users))
        for call in calls
        if call.id in kept
    )
