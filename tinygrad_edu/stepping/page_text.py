"""The text of the page as HTML: the panel of each step, details, and the table.

All text comes finished from the story; here it is only put in place.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..documents.html import sections as section_html
from ..drawing.picture import Version
from ..drawing.words import full_name
from ..texts import shape_text
from .page_states import OFF, attributes_of, lights, result_versions, version_attributes

if TYPE_CHECKING:
    from ..drawing.graph import TensorNode
    from .steps import Step, Story, TimedSection

__all__ = ["details", "panels", "table_rows"]


def panels(story: Story) -> str:
    """Write the panel of every step; without scripts, the page shows the last one."""
    written = []
    for number, step in enumerate(story.steps):
        if not step.ends_operation:
            written.append(_panel(story, number, step, "edge"))
        elif step.whole:
            written.append(_panel(story, number, step, "edge"))
            written.append(_panel(story, number, step, "op", whole=True))
        else:
            written.append(_panel(story, number, step, "both"))
    return "\n".join(written)


def _panel(story: Story, number: int, step: Step, detail: str, whole: bool = False) -> str:
    sentence = step.whole_sentence if whole else step.sentence
    body = section_html(step.whole if whole else step.sections, 3)
    last = number == len(story.steps) - 1 and detail != "edge"
    names = {operation.id: operation.name for operation in story.graph.operations}
    return (
        f'<section class="panel{"" if last else f" {OFF}"}" data-from="{number}" '
        f'data-to="{number}" data-detail="{detail}" data-kind="{html.escape(step.kind)}" '
        f'data-label="{html.escape(_label(step, names))}">'
        f'<h2 class="sentence">{html.escape(sentence)}</h2>{body}</section>'
    )


def _label(step: Step, names: dict[str, str]) -> str:
    """Return a short name of a step, for the slider."""
    if step.operation is not None and step.kind in ("forward", "backward"):
        return f"{step.kind} through {names[step.operation]}"
    return {"seed": "where gradients start", "check": "comparison"}.get(step.kind, step.kind)


def details(story: Story) -> str:
    """Write the details of each tensor and operation, shown when it is selected."""
    said = {one.id: f"{_role(one)} {full_name(one)}" for one in story.graph.tensors}
    said |= {one.id: f"operation {one.name}" for one in story.graph.operations}
    return "\n".join(
        f'<section class="detail {OFF}" data-node="{html.escape(name)}">'
        f"<h2>{html.escape(said.get(name, name))}</h2>"
        f"{_in_time(sections, story.earlier.get(name, ()))}</section>"
        for name, sections in story.details.items()
    )


def _in_time(sections: Sequence[TimedSection], earlier: Sequence[TimedSection]) -> str:
    """Write sections with their steps, and before each section what is shown until then."""
    written = []
    for whole in sections:
        for each in [one for one in earlier if one.title == whole.title] + [whole]:
            seen = version_attributes(Version(each.start, each.end, ""))
            text = section_html([each], 3)
            written.append(f"<div{seen}>{text}</div>" if seen else text)
    return "".join(written)


def _role(tensor: TensorNode) -> str:
    return {"computed": "tensor", "constant": "number"}.get(tensor.role, tensor.role)


def table_rows(story: Story) -> str:
    """Write the table of all tensors; its cells change with the steps."""
    lit = lights(story)
    rows = []
    for tensor in story.graph.tensors:
        attributes = attributes_of(lit.get(tensor.id, {}))
        value, gradient = (
            _versions(result_versions(story, tensor.id, kind)) for kind in ("value", "gradient")
        )
        name = html.escape(tensor.grad_name)
        named = f"<small>{name}</small> " if name else ""
        rows.append(
            f'<tr data-row="{tensor.id}"{attributes}>'
            f'<th scope="row">{html.escape(full_name(tensor))}</th>'
            f"<td>{html.escape(tensor.role)}</td>"
            f"<td><code>{html.escape(shape_text(tensor.shape))}</code></td>"
            f'<td>{value}</td><td class="gradient">{named}{gradient}</td></tr>'
        )
    return "\n".join(rows)


def _versions(versions: Sequence[Version]) -> str:
    return "".join(
        f"<span{version_attributes(version)}>{html.escape(version.text)}"
        + (f" <small>{html.escape(version.note)}</small>" if version.note else "")
        + "</span>"
        for version in versions
    )
