"""How a value comes about, told in words, formula and numbers; and the names all ticks share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..drawing.formulas import call_text, filled, forward_formula, is_plain, settings_beside
from ..drawing.graph import Edge, Graph, OpNode
from ..drawing.names import free
from ..drawing.text import number_text, shape_text
from ..explaining.account import Account
from ..explaining.passage import Trace
from ..explaining.wording import Line, Part, code, values
from ..primitive import Node
from ..tensor import Tensor
from ..tracing import node_of
from .ticks import Tick, one_line, section
from .worked_softmax import OPERATION, forward_row

__all__ = ["Names", "forward_tick"]


class Names:
    """What tensors, operations and edges are called in the picture.

    Parameters
    ----------
    graph : Graph
    ids : dict of Tensor to str
        As `photograph` gives them.
    trace : Trace

    Attributes
    ----------
    upstream : str
        What the gradient that arrives at an operation is called: ``g``, if no tensor is.
    """

    def __init__(self, graph: Graph, ids: dict[Tensor, str], trace: Trace) -> None:
        self.ids, self.trace = ids, trace
        self.nodes = {node.id: node for node in graph.tensors}
        self._operations = {node.output: node for node in graph.operations}
        self._operands: dict[str, list[str]] = {}
        for edge in sorted(graph.edges, key=_position):
            self._operands.setdefault(edge.target, []).append(edge.source)
        self.upstream = free("g", {node.name for node in graph.tensors})
        self.by_identity = {id(tensor): self.nodes[name].name for tensor, name in ids.items()}

    def of(self, tensor: Tensor) -> str:
        """Give the name of a tensor; its id where it has none."""
        return self.nodes[self.ids[tensor]].name

    def operation(self, tensor: Tensor) -> OpNode:
        """Give the operation that made a tensor."""
        return self._operations[self.ids[tensor]]

    def operands(self, tensor: Tensor) -> list[str]:
        """Give the ids of the operands of that operation."""
        return self._operands[self.operation(tensor).id]

    def texts(self, tensor: Tensor) -> list[str]:
        """Give the names of these operands."""
        return [self.nodes[operand].name for operand in self.operands(tensor)]

    def account(self, tensor: Tensor) -> Account:
        """Give the account of a tensor, with the gradients that were followed already."""
        return Account(tensor, self.trace.output, self.by_identity, self.trace)


def _position(edge: Edge) -> int:
    return edge.position


def forward_tick(tensor: Tensor, names: Names) -> Tick:
    """Tell how one operation makes its result."""
    node, operation = node_of(tensor), names.operation(tensor)
    operands = names.operands(tensor)
    lines: list[Line] = [[code(_equation(tensor, names))]]
    lines += [[code(text)] for text in filter(None, [_in_numbers(tensor)])]
    shapes = _shapes(node, tensor)
    if shapes:
        lines.append(["shapes ", code(shapes)])
    lines += [["with ", code(text)] for text in settings_beside(node)]
    lines += names.account(tensor).place()
    inputs: dict[str, Line] = {}
    for operand, value in zip(operands, node.values, strict=True):
        shown = names.nodes[operand]
        told = [", a number"] if shown.role == "constant" else [": ", values(value)]
        inputs[operand] = [code(shown.name), *told]
    result: list[Part | str] = [code(names.of(tensor)), ": ", values(tensor.data)]
    sections = [
        section(operation.name, *lines),
        section("Inputs", *inputs.values()),
        section("Result", result),
    ]
    if node.primitive is OPERATION:
        sections += forward_row(tensor)
    return Tick(
        "forward",
        _sentence(tensor, names),
        tuple(sections),
        operation=operation.id,
        reads=tuple(dict.fromkeys(operands)),
        writes=(names.ids[tensor],),
        edges=(
            *(f"{operation.id}f{position}" for position in range(len(operands))),
            f"{operation.id}f",
        ),
    )


def _equation(tensor: Tensor, names: Names) -> str:
    """Write ``c = a × b``."""
    node = node_of(tensor)
    expression, texts = forward_formula(node), names.texts(tensor)
    right = filled(expression, node, texts) if expression else call_text(node, texts)
    return f"{names.of(tensor)} = {right}"


def _sentence(tensor: Tensor, names: Names) -> str:
    node = node_of(tensor)
    expression = forward_formula(node)
    name = names.operation(tensor).name
    said = _equation(tensor, names)
    if expression and not is_plain(expression) and not expression.startswith(f"{name}("):
        said = f"{name}: {said}"
    said = " ".join(filter(None, [said, _in_numbers(tensor)]))
    shapes = _shapes(node, tensor)
    if _is_single(tensor) or not shapes:
        return one_line(said)
    shapes = _shapes(node, tensor)
    strange = _not_finite(tensor)
    return one_line(f"{said}, shapes {shapes}{f'; it holds {strange}' if strange else ''}")


def _is_single(tensor: Tensor) -> bool:
    """Tell whether an operation makes one number of single numbers."""
    return tensor.size == 1 and all(np.size(value) == 1 for value in node_of(tensor).values)


def _in_numbers(tensor: Tensor) -> str:
    """Write ``= 2 × (-3) = -6``, or ``= -6`` where numbers do not fit the formula."""
    if tensor.size != 1:
        return ""
    node, result = node_of(tensor), f"= {number_text(tensor.data.reshape(-1)[0])}"
    expression = forward_formula(node)
    if not expression or not _is_single(tensor) or "." in expression or "[" in expression:
        return result
    written = f"= {filled(expression, node, _numbers(node.values))}"
    return result if written == result else f"{written} {result}"


def _not_finite(tensor: Tensor) -> str:
    """Count what is no number, in words."""
    counts = {"NaN": np.isnan(tensor.data).sum(), "inf": np.isinf(tensor.data).sum()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _numbers(arrays: Sequence[Any]) -> list[str]:
    return [number_text(np.reshape(array, -1)[0]) for array in arrays]


def _shapes(node: Node, tensor: Tensor) -> str:
    """Write ``(4, 2) @ (2, 3) -> (4, 3)``; "" where there are only single numbers."""
    if all(np.ndim(value) == 0 for value in (*node.values, tensor.data)):
        return ""
    texts = [
        number_text(value)
        if not isinstance(source, Tensor)
        else (shape_text(source.shape) if source.ndim else "number")
        for source, value in zip(node.inputs, node.values, strict=True)
    ]
    expression = forward_formula(node)
    several = len(texts) > 1 and is_plain(expression)
    left = filled(expression, node, texts) if several else ", ".join(texts)
    return f"{left} -> {shape_text(tensor.shape) if tensor.ndim else 'number'}"
