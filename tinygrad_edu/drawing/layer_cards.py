"""The boxes and frames of the picture by layers: what they say of a module, or of several.

What is a box, what folds, and how they are connected is decided in `layers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..texts import number_text, shape_text
from .folding import Run
from .graph import OpNode, TensorNode
from .module_tree import CallNode
from .picture import Card, Row, operation_card, tensor_card

__all__ = [
    "folded_operation_card",
    "folded_tensor_card",
    "module_card",
    "module_frame",
    "run_frame",
]

_WIDEST = 44  # letters of a description in one line


def module_card(
    calls: Sequence[CallNode],
    run: Run | None,
    parameters: Sequence[list[TensorNode]],
    shapes: str,
) -> Card:
    """Show a module: its kind, what goes in and out, and its parameters.

    Parameters
    ----------
    calls : sequence of CallNode
        All calls that the box stands for, the drawn one first.
    run : Run or None
        The repetitions that it is part of.
    parameters : sequence of list of TensorNode
        Those that belong to each call.
    shapes : str
        What goes in and comes out.
    """
    call = calls[0]
    name = _name(calls, run) or call.kind
    rows = [Row("", text, "note") for text in _kind_lines(call, run)] if call.path or run else []
    rows += [Row("in → out", shapes), *_parameter_rows(parameters)]
    tag = f"call {call.number}" if call.number > 1 else ""
    if len({one.path for one in calls}) == 1 < len(calls):
        tag = f"{len(calls)} calls"
    kind = call.kind.partition("(")[0] + (f" × {len(calls)}" if len(calls) > 1 else "")
    return Card(call.id, "module", name, tag=tag, rows=tuple(rows), kind=kind)


def module_frame(
    call: CallNode, calls: Sequence[CallNode], run: Run | None, parameters: Sequence[TensorNode]
) -> CallNode:
    """Return a module for a frame, with the names of all modules that the frame stands for.

    Parameters
    ----------
    call, calls, run
        As for `module_card`.
    parameters : sequence of TensorNode
        Counted in the title.
    """
    kind = call.kind
    if run is not None and run.is_single:
        kind = f"{kind.partition('(')[0]} × {run.count}, {_order(run)}"
    if parameters:
        kind += f", {_size_of(parameters):,} parameters"
    return replace(call, kind=kind, title="  ".join(filter(None, (_name(calls, run), kind))))


def run_frame(run: Run) -> CallNode:
    """Return the frame around the first of several repetitions."""
    title = f"× {run.count}, {_order(run)}"
    return CallNode(run.id, run.frame, "", "", title, 1, title)


def folded_tensor_card(tensors: Sequence[TensorNode]) -> Card:
    """Show a tensor, or the tensors of all repetitions that one card stands for."""
    first = tensors[0]
    if len(tensors) == 1 or first.role == "constant":
        return tensor_card(first)
    rows = [Row("shape", shape_text(first.shape))]
    if first.role == "parameter":
        rows.append(Row("grad", _norm_of(tensors), "gradient"))
    name = _common([tensor.name for tensor in tensors])
    return replace(
        tensor_card(first), name=name, tag=f"{first.role} × {len(tensors)}", rows=tuple(rows)
    )


def folded_operation_card(operations: Sequence[OpNode], run: Run | None, rules: bool) -> Card:
    """Show an operation, or the operations of all repetitions that one card stands for."""
    first, last = operations[0], operations[-1]
    card = operation_card(first, rules)
    if len(operations) == 1:
        return card
    rows = []
    for row, (name, text), (_, other) in zip(card.rows, first.params, last.params, strict=False):
        rows.append(row if text == other else replace(row, text=f"{name}={text} … {other}"))
    rows += card.rows[len(rows) :]
    if run is not None and run.is_single:
        rows.append(Row("", f"× {run.count}", "note"))
    return replace(card, rows=tuple(rows))


def _order(run: Run) -> str:
    return "in a row" if run.in_a_row else "side by side"


def _name(calls: Sequence[CallNode], run: Run | None) -> str:
    paths = list(dict.fromkeys(call.path for call in calls))
    if len(paths) > 1 and run is not None and run.is_single and run.count == len(paths):
        return f"{paths[0]} … {paths[-1]}"
    return _common(paths)


def _common(names: Sequence[str]) -> str:
    """Name several by one pattern: ``blocks.*.norm1``."""
    split = [name.split(".") for name in names]
    if len({*map(len, split)}) > 1:
        return f"{names[0]} … {names[-1]}"
    return ".".join(parts[0] if len({*parts}) == 1 else "*" for parts in zip(*split, strict=True))


def _kind_lines(call: CallNode, run: Run | None) -> list[str]:
    """Write class and description, in lines that are not too wide."""
    if run is not None and run.is_single:
        name, bracket, rest = call.kind.partition("(")
        lines = [f"{name} × {run.count}, {_order(run)}"]
        if rest == ")":
            return lines
        rest = bracket + rest
        lines.append("")
    else:
        rest, lines = call.kind, [""]
    for part in rest.split(", "):
        longer = f"{lines[-1]}, {part}" if lines[-1] else part
        if len(longer) > _WIDEST and lines[-1]:
            lines[-1] += ","
            lines.append(part)
        else:
            lines[-1] = longer
    return lines


def _parameter_rows(groups: Sequence[list[TensorNode]]) -> list[Row]:
    """Count the parameters of several calls, and measure their gradients."""
    frozen = sum(_size_of([one for one in group if one.is_frozen]) for group in groups)
    rows = [Row("frozen", f"{frozen:,}")] if frozen else []
    groups = [[one for one in group if not one.is_frozen] for group in groups]
    groups = [group for group in groups if group]
    parameters = [tensor for group in groups for tensor in group]
    if not parameters:
        return rows
    sizes = [*map(_size_of, groups)]
    count = f"{sum(sizes):,}"
    if len(sizes) > 1 and len({*sizes}) == 1:
        count = f"{len(sizes)} × {sizes[0]:,} = {count}"
    rows = [Row("parameters", count), *rows]
    rows.append(Row("‖∂L/∂θ‖", _norm_of(parameters), "gradient"))
    if len(groups) > 1 and all(tensor.norm for tensor in parameters):
        ends = f"{_norm_of(groups[0])} … {_norm_of(groups[-1])}"
        rows.append(Row("first … last", ends, "gradient"))
    return [*rows, *_verdict_of(parameters)]


def _size_of(parameters: Sequence[TensorNode]) -> int:
    return sum(int(np.prod(tensor.shape)) for tensor in parameters)


def _norm_of(parameters: Sequence[TensorNode]) -> str:
    """Return the norm of all gradients of a module together."""
    unknown = [t.grad for t in parameters if t.norm is None and t.grad != "no elements"]
    if unknown:
        return unknown[0]
    together = float(np.hypot.reduce([t.norm or 0.0 for t in parameters]))
    return number_text(together) if together else "0 (all zero)"


def _verdict_of(parameters: Sequence[TensorNode]) -> list[Row]:
    """List the gradients that differ from those by hand, or say that all agree."""
    compared = [tensor for tensor in parameters if tensor.manual]
    others = [tensor for tensor in compared if not tensor.manual.startswith("✓")]
    if not others:
        text = f"✓ {len(compared)} of {len(compared)}"
        return [Row("manual", text, "match")] if compared else []
    kind = "differ" if any(tensor.manual.startswith("✗") for tensor in others) else "value"
    lines = [f"{tensor.name.rpartition('.')[2]} {tensor.manual}" for tensor in others]
    return [Row("manual", "\n".join(lines), kind)]
