"""The parts of a story: plain data that no later computation changes.

There are no arrays and no tensors in it, so a story can be written as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..documents import Line, Section
from ..drawing.graph import Graph

__all__ = ["Stage", "Step", "Story", "TimedSection", "section"]


@dataclass(frozen=True, slots=True)
class TimedSection(Section):
    """A section that is shown from step `start` to step `end`; to the last one if that is None."""

    start: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The finest step of a story.

    Attributes
    ----------
    kind : str
        ``overview``, ``forward``, ``seed``, ``backward``, ``check`` or ``update``.
    sentence : str
        What happens, in one line of plain text.
    sections : tuple of Section
        The same at length, with the numbers.
    whole : tuple of Section
        At the last step of an operation that sends gradients to several inputs: everything that
        it sends; else empty.
    whole_sentence : str
        Its sentence; else empty.
    operation : str or None
        The id of the running operation.
    reads, writes : tuple of str
        The ids of the tensors that it reads, and of those whose value or gradient changes.
    edges : tuple of str
        The ids of the edges along which something moves; see `drawing.words.sentences`.
    ends_operation : bool
        Whether the page also stops here when one stop is a whole operation.
    """

    kind: str
    sentence: str
    sections: tuple[Section, ...]
    whole: tuple[Section, ...] = ()
    whole_sentence: str = ""
    operation: str | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()
    ends_operation: bool = True


@dataclass(frozen=True, slots=True)
class Stage:
    """The gradient of a tensor from some step on; `count` is ``1 of 2`` for a partial sum."""

    step: int
    text: str
    count: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """A computation and its gradients, step by step.

    Attributes
    ----------
    graph : Graph
    steps : tuple of Step
    values : dict of str to int
        The step at which the value of a tensor becomes known.
    gradients : dict of str to tuple of Stage
        The gradients of a tensor after each step that changes them.
    details : dict of str to tuple of TimedSection
        Descriptions of each tensor and each operation.
    earlier : dict of str to tuple of TimedSection
        What is shown instead before.
    notes : tuple of str
        Further remarks for the reader.
    """

    graph: Graph
    steps: tuple[Step, ...]
    values: dict[str, int]
    gradients: dict[str, tuple[Stage, ...]]
    details: dict[str, tuple[TimedSection, ...]]
    notes: tuple[str, ...]
    earlier: dict[str, tuple[TimedSection, ...]] = field(default_factory=dict)


def section(title: str, *lines: Line) -> Section:
    """Return a section with these lines."""
    return Section(title, lines)
