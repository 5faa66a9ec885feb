"""The forward steps of a story, in words, formula and numbers; and the names in the picture.

Values are read from the graph; nothing is computed again.
"""

from __future__ import annotations

import numpy as np

from ..documents import Inline, Line, code
from ..drawing.formulas import call_text, filled, forward_formula, is_plain, settings_beside
from ..drawing.graph import Graph, OpNode
from ..drawing.names import free
from ..drawing.words import full_name, one_line
from ..explaining.builder import ExplanationBuilder
from ..explaining.contribution import Trace
from ..explaining.inline import values
from ..tensor import Tensor
from ..texts import number_text, shape_text
from ..tracing import node_of
from .steps import Step, section
from .worked_softmax import OPERATION, forward_row

__all__ = ["NameTable", "forward_step"]


class NameTable:
    """The names of tensors and operations in the picture.

    Parameters
    ----------
    graph : Graph
    ids : dict of Tensor to str
        From `SnapshotBuilder`.
    trace : Trace
    """

    def __init__(self, graph: Graph, ids: dict[Tensor, str], trace: Trace) -> None:
        self.ids, self.trace = ids, trace
        self.nodes = {node.id: node for node in graph.tensors}
        self._operations = {node.output: node for node in graph.operations}
        self._operands: dict[str, list[str]] = {}
        for edge in sorted(graph.edges, key=lambda edge: edge.position):
            self._operands.setdefault(edge.target, []).append(edge.source)
        taken = {node.name for node in graph.tensors} | {node.short for node in graph.tensors}
        self._upstream = free("g", taken)
        self.by_identity = {id(tensor): self.nodes[name].short for tensor, name in ids.items()}

    def of(self, tensor: Tensor) -> str:
        """Return the short name of a tensor, or else its id."""
        return self.nodes[self.ids[tensor]].short

    def title(self, tensor: Tensor) -> str:
        """Return all names of a tensor."""
        return full_name(self.nodes[self.ids[tensor]])

    def upstream(self, tensor: Tensor) -> str:
        """Return the name of the gradient of a result: ``δ1``, or else ``g``."""
        return self.nodes[self.ids[tensor]].grad_name or self._upstream

    def has_gradient_name(self, tensor: Tensor) -> bool:
        """Return whether the gradient of an operand has a name."""
        return bool(self.nodes[self.ids[tensor]].grad_name)

    def gradient(self, tensor: Tensor) -> str:
        """Return the name of the gradient of an operand: ``dW1``, or else ``grad(W1)``."""
        return self.nodes[self.ids[tensor]].grad_name or f"grad({self.of(tensor)})"

    def operation(self, tensor: Tensor) -> OpNode:
        """Return the operation that made a tensor."""
        return self._operations[self.ids[tensor]]

    def operands(self, tensor: Tensor) -> list[str]:
        """Return the ids of the operands of that operation."""
        return self._operands[self.operation(tensor).id]

    def texts(self, tensor: Tensor) -> list[str]:
        """Return the names of these operands."""
        return [self.nodes[operand].short for operand in self.operands(tensor)]

    def explanation(self, tensor: Tensor) -> ExplanationBuilder:
        """Return the builder of an explanation, with the gradients traced already."""
        return ExplanationBuilder(tensor, self.trace.output, self.by_identity, self.trace)


def forward_step(tensor: Tensor, names: NameTable) -> Step:
    """Describe how one operation computes its result."""
    node, operation = node_of(tensor), names.operation(tensor)
    operands, shapes = names.operands(tensor), _shapes(tensor)
    lines: list[Line] = [[code(_equation(tensor, names))]]
    numbers = _in_numbers(tensor)
    lines += [[code(numbers)]] if numbers else []
    lines += [["shapes ", code(shapes)]] if shapes else []
    lines += [["with ", code(text)] for text in settings_beside(node)]
    lines += names.explanation(tensor).place()
    inputs: dict[str, Line] = {}  # by id, because each is shown once
    for operand, value in zip(operands, node.values, strict=True):
        shown = names.nodes[operand]
        described = [", a number"] if shown.role == "constant" else [": ", values(value)]
        inputs[operand] = [code(full_name(shown)), *described]
    result: list[Inline | str] = [code(names.title(tensor)), ": ", values(tensor.data)]
    sections = [
        section(operation.name, *lines),
        section("Inputs", *inputs.values()),
        section("Result", result),
    ]
    if node.primitive is OPERATION:
        sections += forward_row(tensor)
    edges = [f"{operation.id}f{position}" for position in range(len(operands))]
    return Step(
        "forward",
        one_line(_sentence(tensor, names)),
        tuple(sections),
        operation=operation.id,
        reads=tuple(dict.fromkeys(operands)),
        writes=(names.ids[tensor],),
        edges=(*edges, f"{operation.id}f"),
    )


def _equation(tensor: Tensor, names: NameTable) -> str:
    """Write ``c = a × b``."""
    node = node_of(tensor)
    expression, texts = forward_formula(node), names.texts(tensor)
    right = filled(expression, node, texts) if expression else call_text(node, texts)
    return f"{names.of(tensor)} = {right}"


def _sentence(tensor: Tensor, names: NameTable) -> str:
    expression, name = forward_formula(node_of(tensor)), names.operation(tensor).name
    sentence, shapes = f"{_equation(tensor, names)} {_in_numbers(tensor)}".rstrip(), _shapes(tensor)
    if expression and not is_plain(expression) and not expression.startswith(f"{name}("):
        sentence = f"{name}: {sentence}"
    if _is_single(tensor) or not shapes:
        return sentence
    counts = {"NaN": np.isnan(tensor.data).sum(), "inf": np.isinf(tensor.data).sum()}
    warning = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{sentence}, shapes {shapes}{f'; it holds {warning}' if warning else ''}"


def _is_single(tensor: Tensor) -> bool:
    """Return whether an operation makes one number from single numbers."""
    return tensor.size == 1 and all(np.size(value) == 1 for value in node_of(tensor).values)


def _in_numbers(tensor: Tensor) -> str:
    """Write ``= 2 × (-3) = -6``, or ``= -6`` if the numbers do not fit the formula."""
    if tensor.size != 1:
        return ""
    node, result = node_of(tensor), f"= {number_text(tensor.data.reshape(-1)[0])}"
    expression = forward_formula(node)
    if not expression or not _is_single(tensor) or "." in expression or "[" in expression:
        return result
    numbers = [number_text(np.reshape(value, -1)[0]) for value in node.values]
    written = f"= {filled(expression, node, numbers)}"
    return result if written == result else f"{written} {result}"


def _shapes(tensor: Tensor) -> str:
    """Write ``(4, 2) @ (2, 3) -> (4, 3)``; "" if there are only single numbers."""
    node = node_of(tensor)
    if all(np.ndim(value) == 0 for value in (*node.values, tensor.data)):
        return ""
    texts = [
        _shape(source) if isinstance(source, Tensor) else number_text(value)
        for source, value in zip(node.inputs, node.values, strict=True)
    ]
    expression = forward_formula(node)
    several = len(texts) > 1 and is_plain(expression)
    left = filled(expression, node, texts) if several else ", ".join(texts)
    return f"{left} -> {_shape(tensor)}"


def _shape(tensor: Tensor) -> str:
    return shape_text(tensor.shape) if tensor.ndim else "number"
