"""When a part of the page is seen and when it is lit, as attributes that the script reads.

``data-from`` and ``data-to`` say from which tick to which a part is seen, ``data-lit`` and
``data-ring`` at which ticks it is lit or ringed. What is not seen at the last tick carries the
class `off`, so that a page whose script does not run shows the finished figure.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ticks import Story

__all__ = [
    "NOT_YET",
    "OFF",
    "Span",
    "as_ranges",
    "attributes_of",
    "first_lit",
    "lights",
    "result_spans",
    "span_attributes",
]

OFF = "off"
NOT_YET = {"value": "not yet", "gradient": "not computed"}


@dataclass(frozen=True, slots=True)
class Span:
    """A text, the first and the last tick at which it is seen, and a note such as ``1 of 2``."""

    text: str
    start: int | None
    end: int | None
    count: str = ""


def as_ranges(ticks: Iterable[int]) -> str:
    """Write a list of ticks, runs of them as ranges.

    Examples
    --------
    >>> as_ranges({7, 8, 9, 3})
    '3 7-9'
    """
    written: list[list[int]] = []
    for tick in sorted(ticks):
        if written and written[-1][-1] == tick - 1:
            written[-1][1:] = [tick]
        else:
            written.append([tick])
    return " ".join("-".join(map(str, run)) for run in written)


def lights(story: Story) -> dict[str, dict[str, str]]:
    """Say of every part of the graph when it is lit and ringed, as attributes by id.

    Where one step is a whole operation, its last tick lights what all its ticks light:
    ``data-lit-op`` and ``data-ring-op`` say so where that differs.
    """
    found: dict[str, dict[str, set[int]]] = {}
    lit_so_far: set[str] = set()
    ringed_so_far: set[str] = set()
    for number, tick in enumerate(story.ticks):
        lit = {*tick.writes, *tick.edges} | ({tick.operation} if tick.operation else set())
        ringed = set(tick.reads) - lit
        lit_so_far |= lit
        ringed_so_far |= ringed
        collected = {"data-lit": lit, "data-ring": ringed}
        if tick.ends_operation:
            collected["data-lit-op"] = lit_so_far
            collected["data-ring-op"] = ringed_so_far - lit_so_far
            lit_so_far, ringed_so_far = set(), set()
        for attribute, parts in collected.items():
            for part in parts:
                found.setdefault(part, {}).setdefault(attribute, set()).add(number)
    steps = {number for number, tick in enumerate(story.ticks) if tick.ends_operation}
    written: dict[str, dict[str, str]] = {}
    for part, states in found.items():
        for plain in ("data-lit", "data-ring"):
            if states.get(plain, set()) & steps == states.get(f"{plain}-op", set()):
                states.pop(f"{plain}-op", None)
            else:
                states.setdefault(f"{plain}-op", set())
        written[part] = {name: as_ranges(ticks) for name, ticks in sorted(states.items())}
    return written


def first_lit(story: Story) -> dict[str, int]:
    """Give the first tick that travels along each edge."""
    first: dict[str, int] = {}
    for number, tick in enumerate(story.ticks):
        for edge in tick.edges:
            first.setdefault(edge, number)
    return first


def result_spans(story: Story, name: str, kind: str) -> tuple[Span, ...]:
    """Say what is known of a tensor's value, or of its gradient, from tick to tick."""
    tensor = next(tensor for tensor in story.graph.tensors if tensor.id == name)
    if kind == "value":
        rows = [(label, text) for label, text in tensor.rows if label != "shape"]
        text = rows[0][1] if len(rows) == 1 else ", ".join(map(" ".join, rows))
        text = f"{text} ({tensor.warning})" if tensor.warning else text
        stages = [(story.values.get(name, 0), text, "")]
    else:
        stages = [(stage.tick, stage.text, stage.count) for stage in story.gradients.get(name, ())]
        if not stages:
            return (Span(tensor.grad, None, None),)
    if stages[0][0] > 0:
        stages.insert(0, (0, NOT_YET[kind], ""))
    spans = []
    for (start, text, count), (following, _, _) in pairwise([*stages, (None, "", "")]):
        end = None if following is None else following - 1
        spans.append(Span(text, start or None, end, count))
    return tuple(spans)


def span_attributes(span: Span) -> str:
    """Write from when to when a text is seen, with a blank before; nothing where it always is."""
    attributes = {}
    if span.start is not None:
        attributes["data-from"] = str(span.start)
    if span.end is not None:
        attributes["class"] = OFF  # something else stands there at the last tick
        attributes["data-to"] = str(span.end)
    return attributes_of(attributes)


def attributes_of(attributes: Mapping[str, str]) -> str:
    """Write attributes, each with a blank before it."""
    return "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
