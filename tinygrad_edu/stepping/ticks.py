"""What a story consists of: plain data, without arrays and tensors, that no later step changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..documents import Line, Section
from ..drawing.graph import Graph

__all__ = ["Stage", "Story", "Tick", "TimedSection", "section"]


@dataclass(frozen=True, slots=True)
class TimedSection(Section):
    """A section that is true from tick `start` to tick `end`; to the last one if that is None."""

    start: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Tick:
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
        At the last tick of an operation that sends gradients to several inputs: what the whole
        operation sends; else empty.
    whole_sentence : str
        The sentence that goes with it; else empty.
    operation : str or None
        The id of the operation at work.
    reads, writes : tuple of str
        The ids of the tensors that it reads, and of those whose value or gradient changes.
    edges : tuple of str
        The ids of the edges that are travelled; see `drawing.words.sentences`.
    ends_operation : bool
        Whether it is a step where one step is a whole operation.
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
    """What the gradient of a tensor is from a tick on; `count` is ``1 of 2`` where it is a part."""

    tick: int
    text: str
    count: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """A computation and its gradients, tick by tick.

    Attributes
    ----------
    graph : Graph
    ticks : tuple of Tick
    values : dict of str to int
        From which tick on the value of a tensor is known.
    gradients : dict of str to tuple of Stage
        What the gradient of a tensor reads, from which tick on.
    details : dict of str to tuple of TimedSection
        What there is to say about each tensor and each operation.
    earlier : dict of str to tuple of TimedSection
        What is shown instead before that.
    notes : tuple of str
        What a reader should know besides.
    """

    graph: Graph
    ticks: tuple[Tick, ...]
    values: dict[str, int]
    gradients: dict[str, tuple[Stage, ...]]
    details: dict[str, tuple[TimedSection, ...]]
    notes: tuple[str, ...]
    earlier: dict[str, tuple[TimedSection, ...]] = field(default_factory=dict)


def section(title: str, *lines: Line) -> Section:
    """Make a section of lines."""
    return Section(title, lines)
