"""When a part of the page is shown and when it is lit, as attributes that the script reads.

``data-from`` and ``data-to`` are the first and last step at which a part is shown; ``data-lit`` and
``data-ring`` list the steps at which it is lit or ringed. What is not shown at the last step has
the class `off`, so that a page without scripts shows the finished figure.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..drawing.picture import Version
from ..drawing.words import value_text

if TYPE_CHECKING:
    from .steps import Step, Story

__all__ = [
    "NOT_YET",
    "OFF",
    "as_ranges",
    "attributes_of",
    "first_lit",
    "lights",
    "lit_and_ringed",
    "result_versions",
    "version_attributes",
]

OFF = "off"
NOT_YET = {"value": "not yet", "gradient": "not computed"}


def as_ranges(steps: Iterable[int]) -> str:
    """Write a list of steps, with runs as ranges.

    Examples
    --------
    >>> as_ranges({7, 8, 9, 3})
    '3 7-9'
    """
    runs: list[list[int]] = []
    for step in sorted(steps):
        if runs and runs[-1][-1] == step - 1:
            runs[-1][1:] = [step]
        else:
            runs.append([step])
    return " ".join("-".join(map(str, run)) for run in runs)


def lit_and_ringed(step: Step) -> tuple[set[str], set[str]]:
    """Return the ids of the parts that a step lights: what it changes, and what it only reads."""
    lit = {*step.writes, *step.edges} | ({step.operation} if step.operation else set())
    return lit, set(step.reads) - lit


def lights(story: Story) -> dict[str, dict[str, str]]:
    """Return for each part of the graph when it is lit and ringed, as attributes by id.

    In the mode where one step is a whole operation, its last step lights everything that its steps
    light: ``data-lit-op`` and ``data-ring-op`` list those steps if they differ.
    """
    found: dict[str, dict[str, set[int]]] = {}
    all_lit: set[str] = set()
    all_ringed: set[str] = set()
    for number, step in enumerate(story.steps):
        lit, ringed = lit_and_ringed(step)
        all_lit |= lit
        all_ringed |= ringed
        collected = {"data-lit": lit, "data-ring": ringed}
        if step.ends_operation:
            collected |= {"data-lit-op": all_lit, "data-ring-op": all_ringed - all_lit}
            all_lit, all_ringed = set(), set()
        for attribute, parts in collected.items():
            for part in parts:
                found.setdefault(part, {}).setdefault(attribute, set()).add(number)
    ends = {number for number, step in enumerate(story.steps) if step.ends_operation}
    for states in found.values():
        for plain in ("data-lit", "data-ring"):
            if states.get(plain, set()) & ends == states.get(f"{plain}-op", set()):
                states.pop(f"{plain}-op", None)
            else:
                states.setdefault(f"{plain}-op", set())
    return {
        part: {name: as_ranges(steps) for name, steps in sorted(states.items())}
        for part, states in found.items()
    }


def first_lit(story: Story) -> dict[str, int]:
    """Return the first step at which something moves along each edge."""
    first: dict[str, int] = {}
    for number, step in enumerate(story.steps):
        for edge in step.edges:
            first.setdefault(edge, number)
    return first


def result_versions(story: Story, name: str, kind: str) -> tuple[Version, ...]:
    """Return what is known of the value or the gradient of a tensor, from step to step."""
    graph = story.graph
    tensor = next(one for one in (*graph.tensors, *graph.given) if one.id == name)
    if kind == "value":
        stages = [(story.values.get(name, 0), value_text(tensor), "")]
    else:
        stages = [(one.step, one.text, one.count) for one in story.gradients.get(name, ())]
        stages = stages or [(0, tensor.grad, "")]
    if stages[0][0] > 0:
        stages.insert(0, (0, NOT_YET[kind], ""))
    ends = [first - 1 for first, _, _ in stages[1:]]
    return tuple(
        Version(first, last, text, count)
        for (first, text, count), last in zip(stages, [*ends, None], strict=True)
    )


def version_attributes(version: Version) -> str:
    """Write when a text is shown, with a blank before each attribute."""
    hidden = {} if version.last is None else {"class": OFF}  # at the last step
    return attributes_of(version.attributes | hidden)


def attributes_of(attributes: Mapping[str, str]) -> str:
    """Write attributes, with a blank before each."""
    return "".join(f' {name}="{html.escape(value)}"' for name, value in sorted(attributes.items()))
