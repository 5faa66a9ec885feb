"""The text of the page as HTML: the panel of each step, details, and the table.

All text comes finished from the story; here it is only escaped and set, formulas without LaTeX,
because the page is read offline.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..drawing.picture import Version
from ..drawing.text import shape_text
from .page_states import OFF, attributes_of, lights, result_versions, version_attributes

if TYPE_CHECKING:
    from ..drawing.graph import TensorNode
    from ..explaining.wording import Part, Section
    from .steps import Step, Story

__all__ = ["details", "formula_html", "panels", "table_rows"]

_NAME = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r"\.T\b|[^\W\d]\w*|\d[\w.]*|.", re.DOTALL)


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
    body = _sections(step.whole if whole else step.sections, "h3")
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
    said = {tensor.id: f"{_role(tensor)} {tensor.name}" for tensor in story.graph.tensors}
    said |= {one.id: f"operation {one.name}" for one in story.graph.operations}
    return "\n".join(
        f'<section class="detail {OFF}" data-node="{html.escape(name)}">'
        f"<h2>{html.escape(said.get(name, name))}</h2>"
        f"{_in_time(sections, story.earlier.get(name, ()))}</section>"
        for name, sections in story.details.items()
    )


def _in_time(sections: Sequence[Section], earlier: Sequence[Section]) -> str:
    """Write sections with their steps, and before each section what is shown until then."""
    written = []
    for whole in sections:
        for each in [one for one in earlier if one.title == whole.title] + [whole]:
            seen = version_attributes(Version(each.start, each.end, ""))
            text = _sections([each], "h3")
            written.append(f"<div{seen}>{text}</div>" if seen else text)
    return "".join(written)


def _role(tensor: TensorNode) -> str:
    return {"computed": "tensor", "constant": "number"}.get(tensor.role, tensor.role)


def _sections(sections: Iterable[Section], tag: str) -> str:
    written = []
    for section in sections:
        if section.title:
            written.append(f"<{tag}>{html.escape(section.title)}</{tag}>")
        written += map(_line, section.lines)
    return "".join(written)


def _line(line: Sequence[Part | str]) -> str:
    """Write a line; blanks at its start indent it, and those after a label make a column."""
    parts = list(line)
    start = "".join(part if isinstance(part, str) else part.text for part in parts)
    depth = min((len(start) - len(start.lstrip(" "))) // 2, 4)
    label = ""
    for place, part in enumerate(parts):
        if not isinstance(part, str) or not part.strip():
            continue
        found = re.match(r"\s*(\S(?:.*?\S)?)\s{2,}$", part)
        if found and place + 1 < len(parts) and all(isinstance(p, str) for p in parts[:place]):
            label = "".join(str(p) for p in parts[: place + 1]).strip()
            parts = parts[place + 1 :]
        break
    inside = "".join(_part(part) for part in parts).strip()
    css = f"line in{depth}" if depth else "line"
    if label:
        return f'<div class="{css} pair"><span>{html.escape(label)}</span><div>{inside}</div></div>'
    return f'<div class="{css}">{inside}</div>'


def _part(part: Part | str) -> str:
    if isinstance(part, str):
        return html.escape(part)
    if part.latex:
        return f'<span class="formula">{formula_html(part.text)}</span>'
    if "\n" in part.text:
        # A shape goes before the numbers, which then need not be indented by its length.
        shape = re.match(r"(shape \([^)]*\)): ", part.text)
        if shape is None:
            return f"<pre>{html.escape(part.text)}</pre>"
        numbers = part.text[shape.end() :].replace("\n" + " " * shape.end(), "\n")
        return f"<code>{html.escape(shape[1])}</code><pre>{html.escape(numbers)}</pre>"
    return f"<code>{html.escape(part.text)}</code>"


def formula_html(text: str) -> str:
    """Set a formula: names in italics, names of functions upright, ``.T`` as a raised T.

    Examples
    --------
    >>> formula_html("g @ W.T")
    '<i>g</i> @ <i>W</i><sup>T</sup>'
    >>> formula_html("exp(x)")
    'exp(<i>x</i>)'
    """
    written, tokens = [], _TOKEN.findall(text)
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if token == ".T":
            written.append("<sup>T</sup>")
        elif _NAME.fullmatch(token) and following != "(":
            written.append(f"<i>{html.escape(token)}</i>")
        else:
            written.append(html.escape(token))
    return "".join(written)


def table_rows(story: Story) -> str:
    """Write the table of all tensors; its cells change with the steps."""
    lit = lights(story)
    rows = []
    for tensor in story.graph.tensors:
        attributes = attributes_of(lit.get(tensor.id, {}))
        value, gradient = (
            _versions(result_versions(story, tensor.id, kind)) for kind in ("value", "gradient")
        )
        rows.append(
            f'<tr data-row="{tensor.id}"{attributes}>'
            f'<th scope="row">{html.escape(tensor.name)}</th><td>{html.escape(tensor.role)}</td>'
            f"<td><code>{html.escape(shape_text(tensor.shape))}</code></td>"
            f'<td>{value}</td><td class="gradient">{gradient}</td></tr>'
        )
    return "\n".join(rows)


def _versions(versions: Sequence[Version]) -> str:
    return "".join(
        f"<span{version_attributes(version)}>{html.escape(version.text)}"
        + (f" <small>{html.escape(version.note)}</small>" if version.note else "")
        + "</span>"
        for version in versions
    )
