"""A graph in words: one sentence for each part, and a table of all tensors in plain text.

This is what a screen reader speaks, what a text console shows, and what remains where no picture
can be drawn.
"""

from __future__ import annotations

from .snapshot import Edge, Graph, OpNode, TensorNode
from .text import shape_text

__all__ = ["counts", "heading", "sentences", "table"]


def counts(graph: Graph) -> str:
    """Say how much there is: ``3 operations, 6 tensors (2 parameters)``.

    Plain numbers such as the 2 of ``x ** 2`` count as tensors here: they are nodes.
    """
    parameters = sum(tensor.role == "parameter" for tensor in graph.tensors)
    parts = [_plural(len(graph.operations), "operation"), _plural(len(graph.tensors), "tensor")]
    return ", ".join(parts) + (f" ({_plural(parameters, 'parameter')})" if parameters else "")


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
    said |= {call.id: _one_line(f"module {call.title}") for call in graph.calls}
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
    columns = [
        ["name", *(tensor.name for tensor in graph.tensors)],
        ["role", *(tensor.role for tensor in graph.tensors)],
        ["shape", *(shape_text(tensor.shape) for tensor in graph.tensors)],
        ["value", *map(_value, graph.tensors)],
        ["grad", *(_one_line(tensor.grad) for tensor in graph.tensors)],
    ]
    widths = [max(map(len, column)) for column in columns]
    rows = list(zip(*columns, strict=True))
    rows.insert(1, tuple("-" * width for width in widths))
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([f"{heading(graph)}: {counts(graph)}", "", *lines])


def _tensor_sentence(tensor: TensorNode) -> str:
    if tensor.role == "constant":
        return f"number {tensor.name}"
    if tensor.shape:
        size = f"shape {' by '.join(map(str, tensor.shape))}"
    else:
        size = f"value {tensor.rows[0][1]}"
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
    return _one_line(f"{text} ({tensor.warning})" if tensor.warning else text)


def _one_line(text: str) -> str:
    """Join lines, and close the gaps that only serve columns."""
    return " ".join(text.split())


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
