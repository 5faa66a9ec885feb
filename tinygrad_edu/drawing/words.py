"""A graph in words: one sentence for each part, and a table of all tensors in plain text.

This is what a screen reader speaks, what a text console shows, and what remains where no picture
can be drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .graph import Edge, Graph, OpNode, TensorNode
from .text import shape_text

if TYPE_CHECKING:
    from .picture import Picture

__all__ = [
    "axes_text",
    "card_rows",
    "columns",
    "counts",
    "heading",
    "one_line",
    "plural",
    "sentences",
    "table",
    "tensor_rows",
]


def counts(graph: Graph) -> str:
    """Say how much there is: ``3 operations, 6 tensors (2 parameters)``.

    Plain numbers such as the 2 of ``x ** 2`` count as tensors here: they are nodes.
    """
    parameters = sum(tensor.role == "parameter" for tensor in graph.tensors)
    parts = [plural(len(graph.operations), "operation"), plural(len(graph.tensors), "tensor")]
    return ", ".join(parts) + (f" ({plural(parameters, 'parameter')})" if parameters else "")


def heading(graph: Graph) -> str:
    """Name the picture: its title, or what it is a picture of."""
    return graph.title or "Computation graph"


def sentences(graph: Graph) -> dict[str, str]:
    """Describe every part in a sentence, by its id.

    The edge that brings operand 0 to ``o3`` is ``o3f0``, the gradient on it ``o3b0``; the edge
    from ``o3`` to its result is ``o3f``, the gradient on it ``o3b``.
    """
    said = {tensor.id: _tensor_sentence(tensor) for tensor in graph.tensors}
    said |= {operation.id: _operation_sentence(operation) for operation in graph.operations}
    said |= {call.id: one_line(f"module {call.title}") for call in graph.calls}
    names = {tensor.id: tensor.name for tensor in graph.tensors}
    names |= {operation.id: operation.name for operation in graph.operations}
    for edge in graph.edges:
        source, target = names[edge.source], names[edge.target]
        as_operand = f" as {edge.operand}" if edge.operand else ""
        said[f"{edge.target}f{edge.position}"] = f"{source} goes into {target}{as_operand}"
        said[f"{edge.target}b{edge.position}"] = _gradient_sentence(edge, source, target)
    for operation in graph.operations:
        output = names[operation.output]
        said[f"{operation.id}f"] = f"{operation.name} gives {output}"
        said[f"{operation.id}b"] = f"gradient of {output} goes into {operation.name}"
    return said


def table(graph: Graph) -> str:
    """Lay out all tensors as text, in columns."""
    header, *rows = tensor_rows(graph)
    return "\n".join([f"{heading(graph)}: {counts(graph)}", "", *columns(header, rows)])


def tensor_rows(graph: Graph) -> list[tuple[str, ...]]:
    """Give the cells of the table of all tensors, those of its head first.

    The last column is there if gradients were compared.
    """
    compared = any(tensor.manual for tensor in graph.tensors)
    rows: list[tuple[str, ...]] = [("name", "role", "shape", "value", "grad")]
    rows += [
        (
            tensor.name,
            tensor.role,
            shape_text(tensor.shape),
            _value(tensor),
            one_line(tensor.grad),
        )
        for tensor in graph.tensors
    ]
    if compared:
        verdicts = ["manual", *(tensor.manual for tensor in graph.tensors)]
        rows = [(*row, verdict) for row, verdict in zip(rows, verdicts, strict=True)]
    return rows


def card_rows(picture: Picture) -> list[tuple[str, ...]]:
    """Give the cells of the table of all boxes of a picture by layers, those of its head first.

    The last column is there if gradients were compared.
    """
    cells = [{row.label: one_line(row.text) for row in card.rows} for card in picture.cards]
    compared = any("manual" in found for found in cells)
    header: tuple[str, ...] = ("name", "what", "in → out, or shape", "parameters", "grad")
    rows = [(*header, "manual") if compared else header]
    for card, found in zip(picture.cards, cells, strict=True):
        values = found.get("in → out", found.get("shape", found.get("data", "")))
        gradient = next((row.text for row in card.rows if row.kind == "gradient"), "")
        row = (card.name, card.role, values, found.get("parameters", ""), one_line(gradient))
        rows.append((*row, found.get("manual", "")) if compared else row)
    return rows


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Set a table in plain text, a line for each row."""
    cells = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _tensor_sentence(tensor: TensorNode) -> str:
    if tensor.role == "constant":
        return f"number {tensor.name}"
    if tensor.shape:
        size = f"shape {' by '.join(map(str, tensor.shape))}"
    else:
        value = dict(tensor.rows).get("data")
        size = f"value {value}" if value else "a single number"
    role = "tensor" if tensor.role == "computed" else tensor.role
    parts = [f"{role} {tensor.name}", size]
    parts += [tensor.warning] if tensor.warning else []
    if tensor.grad_norm and tensor.grad_norm != "0":
        parts.append(
            f"gradient norm {tensor.grad_norm}" if tensor.shape else f"gradient {tensor.grad}"
        )
    else:
        parts.append(f"gradient {tensor.grad}")
    return ", ".join(parts)


def _operation_sentence(operation: OpNode) -> str:
    parts = [f"operation {operation.name}"]
    parts += [operation.formula] if operation.formula else []
    parts += [f"{name} {value}" for name, value in operation.params]
    return ", ".join(parts)


def _gradient_sentence(edge: Edge, source: str, target: str) -> str:
    said = f"gradient goes from {target} to {source}"
    return f"{said}, {axes_text(edge.summed_axes)}" if edge.summed_axes else said


def axes_text(axes: tuple[int, ...]) -> str:
    """Say over which axes a gradient is summed: ``sum axis 0``, ``sum axes 0, 1``."""
    return f"sum {'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def _value(tensor: TensorNode) -> str:
    rows = [(label, text) for label, text in tensor.rows if label != "shape"]
    text = rows[0][1] if len(rows) == 1 else ", ".join(map(" ".join, rows))
    return one_line(f"{text} ({tensor.warning})" if tensor.warning else text)


def one_line(text: str) -> str:
    """Join lines, and close the gaps that only serve columns."""
    return " ".join(text.split())


def plural(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
