"""A graph in words: one sentence for each part, and a table of all tensors in plain text.

Screen readers speak the sentences; consoles show the table. No picture is made here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..texts import columns, shape_text
from .graph import Edge, Graph, OpNode, TensorNode

if TYPE_CHECKING:
    from .picture import Picture

__all__ = [
    "axes_text",
    "card_rows",
    "counts",
    "full_name",
    "grad_text",
    "heading",
    "numbers_in_a_line",
    "one_line",
    "plural",
    "sentences",
    "table",
    "tensor_rows",
    "value_text",
]


def counts(graph: Graph, parts: Sequence[str] = ()) -> str:
    """Count the nodes: ``3 operations, 6 tensors (2 parameters)``, or `parts` instead of the first.

    Plain numbers such as the 2 of ``x ** 2`` count as tensors, because they are nodes too.
    """
    parameters = sum(tensor.role == "parameter" for tensor in graph.tensors)
    parts = parts or (
        plural(len(graph.operations), "operation"),
        plural(len(graph.tensors), "tensor"),
    )
    return ", ".join(parts) + (f" ({plural(parameters, 'parameter')})" if parameters else "")


def heading(graph: Graph) -> str:
    """Return the title of the picture, or a default."""
    return graph.title or "Computation graph"


def sentences(graph: Graph) -> dict[str, str]:
    """Describe every part in a sentence, by id.

    The edge that brings operand 0 to ``o3`` is ``o3f0``, the gradient on it ``o3b0``; the edge
    from ``o3`` to its result is ``o3f``, the gradient on it ``o3b``.
    """
    alt_texts = {tensor.id: _tensor_sentence(tensor) for tensor in graph.tensors}
    alt_texts |= {operation.id: _operation_sentence(operation) for operation in graph.operations}
    alt_texts |= {call.id: one_line(f"module {call.title}") for call in graph.calls}
    names = {tensor.id: tensor.name for tensor in graph.tensors}
    names |= {operation.id: operation.name for operation in graph.operations}
    for edge in graph.edges:
        source, target = names[edge.source], names[edge.target]
        as_operand = f" as {edge.operand}" if edge.operand else ""
        alt_texts[f"{edge.target}f{edge.position}"] = f"{source} goes into {target}{as_operand}"
        alt_texts[f"{edge.target}b{edge.position}"] = _gradient_sentence(edge, source, target)
    for operation in graph.operations:
        output = names[operation.output]
        alt_texts[f"{operation.id}f"] = f"{operation.name} gives {output}"
        alt_texts[f"{operation.id}b"] = f"gradient of {output} goes into {operation.name}"
    return alt_texts


def table(title: str, rows: Sequence[Sequence[str]]) -> str:
    """Return a table in plain text, below its title; the first row is the header."""
    header, *others = rows
    return "\n".join([title, "", *columns(header, others)])


def tensor_rows(graph: Graph) -> list[tuple[str, ...]]:
    """Return the rows of a table of all tensors, the header first.

    The last column exists if gradients were compared.
    """
    rows: list[tuple[str, ...]] = [("name", "role", "shape", "value", "grad", "manual")]
    for one in graph.tensors:
        shown = numbers_in_a_line(value_text(one)), numbers_in_a_line(grad_text(one))
        rows.append((full_name(one), one.role, shape_text(one.shape), *shown, one.manual))
    return _without_empty_end(rows)


def card_rows(picture: Picture) -> list[tuple[str, ...]]:
    """Return the rows of a table of all cards of a picture by layers, the header first.

    The last column exists if gradients were compared.
    """
    header = ("name", "what", "in → out, or shape", "parameters", "grad", "manual")
    rows: list[tuple[str, ...]] = [header]
    for card in picture.cards:
        found = {row.label: one_line(row.text) for row in card.rows}
        values = found.get("in → out", found.get("shape", found.get("data", "")))
        gradient = next((one_line(row.text) for row in card.rows if row.kind == "gradient"), "")
        frozen = f"{found['frozen']} frozen" if "frozen" in found else ""
        numbers = ", ".join(filter(None, (found.get("parameters", ""), frozen)))
        manual = found.get("manual", "")
        what = card.kind if card.role == "module" else card.role
        rows.append((card.name, what, values, numbers, gradient, manual))
    return _without_empty_end(rows)


def _without_empty_end(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Drop the last column if only its header has text."""
    return rows if any(row[-1] for row in rows[1:]) else [row[:-1] for row in rows]


def _tensor_sentence(tensor: TensorNode) -> str:
    if tensor.role == "constant":
        return f"number {tensor.name}"
    if tensor.shape:
        size = f"shape {' by '.join(map(str, tensor.shape))}"
    else:
        value = dict(tensor.rows).get("data")
        size = f"value {value}" if value else "a single number"
    role = "tensor" if tensor.role == "computed" else tensor.role
    parts = [f"{role} {tensor.title}", size]
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
    text = f"gradient goes from {target} to {source}"
    return f"{text}, {axes_text(edge.summed_axes)}" if edge.summed_axes else text


def axes_text(axes: tuple[int, ...]) -> str:
    """Name the axes over which a gradient is summed: ``sum axis 0``, ``sum axes 0, 1``."""
    return f"sum {'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def value_text(tensor: TensorNode) -> str:
    """Write the value of a tensor, with its warning."""
    rows = [row for row in tensor.rows if row[0] != "shape"]
    text = rows[0][1] if len(rows) == 1 else ", ".join(map(" ".join, rows))
    return f"{text} ({tensor.warning})" if tensor.warning else text


def full_name(tensor: TensorNode) -> str:
    """Return all names of a tensor: ``linear1.weight · W1``, ``z1 · t3``."""
    own = tensor.has_name and tensor.tag.partition(",")[0] == tensor.id
    return f"{tensor.name} · {tensor.id}" if own else tensor.title


def grad_text(tensor: TensorNode) -> str:
    """Write the gradient of a tensor, with its name."""
    return f"{tensor.grad_name} = {tensor.grad}" if tensor.grad_name else tensor.grad


def numbers_in_a_line(text: str) -> str:
    """Write an array in one line, without the blanks that align its columns."""
    return re.sub(r"(?<=\[) | (?=\])", "", one_line(text))


def one_line(text: str) -> str:
    """Join lines, and collapse blanks."""
    return " ".join(text.split())


def plural(count: int, word: str) -> str:
    """Write a count with its noun: ``1 step``, ``2 steps``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
