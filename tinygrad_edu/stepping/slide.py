"""Slides of a story: the same picture for every step, with what is known and lit at that step.

What a step shows comes from the story and from the states of the page; here it is only arranged for
a wide canvas and large letters: values and gradients below each other, no frames of modules.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

from ..drawing.boxes import BoxText, number, paint_text, text_width
from ..drawing.layer_spacing import CLOSE
from ..drawing.painter import paint
from ..drawing.picture import Card, Picture, Row, Version
from ..drawing.render import describe_svg
from ..drawing.words import heading
from ..palette import Theme
from ..texts import printable
from .page_figure import timed_picture
from .page_states import NOT_YET, first_lit, lit_and_ringed
from .slide_text import LINE, in_columns, wrapped

if TYPE_CHECKING:
    from .steps import Step, Story

__all__ = ["HEIGHT", "SMALLEST", "Slides"]

HEIGHT = 1080.0
"""The height of the canvas, in its own units."""
SMALLEST = 24.0
"""The height of most letters outside the graph, at least."""
LEAST_LETTERS = 7.5  # in the graph; smaller ones cannot be read in the first row either
_MARGIN, _TOP, _FOOT = 48.0, 26.0, 62.0
_TEXT_HEIGHT = 250.0  # at least, for the text of the step
_MOST_ZOOM = 3.6
_SENTENCE_SIZES = (44.0, 40.0, 36.0, 32.0, 28.0)
_TEXT_SIZES = (30.0, 28.0, 26.0, SMALLEST, 22.0, 20.0)
# From the last row, Courier is too thin.
_MONO = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
_NOTHING_YET = {word for text in NOT_YET.values() for word in (text, *text.split())}
_PHASES = {
    "overview": "Overview",
    "forward": "Forward",
    "seed": "Backward",
    "backward": "Backward",
    "check": "Check",
    "update": "Update",
}


@dataclass(frozen=True, slots=True)
class _Ink:
    """The colour of the lit parts of a phase, and that of the ground below them."""

    line: str
    ground: str


class Slides:
    """The slides of a story.

    Parameters
    ----------
    story : Story
    view : {"ops", "layers"}
    theme : Theme
    ratio : float
        Width of the canvas, divided by its height.

    Raises
    ------
    ValueError
        If there are no modules to show as layers, or if the graph is so large that its letters
        could not be read.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.palette import LIGHT
    >>> from tinygrad_edu.stepping import stepper
    >>> page = stepper(Tensor(3.0, requires_grad=True) * 2)
    >>> slides = Slides(page.story, "ops", LIGHT, 16 / 9)
    >>> slides.slide(1).get("viewBox")
    '0 0 1920 1080'
    """

    def __init__(self, story: Story, view: str, theme: Theme, ratio: float) -> None:
        found = timed_picture(story, view)
        if found is None:
            raise ValueError("view='layers' needs modules, and this graph has none; use view='ops'")
        self.picture, self.story = found
        self.theme, self.width = theme, HEIGHT * ratio
        self.travelled = first_lit(self.story)
        drawn = [self._drawn(narrow) for narrow in (False, True)]
        self.zoom, self.graph = max(drawn, key=lambda one: one[0])
        self.graph_width, self.graph_height = _size(self.graph)
        if self.letters * HEIGHT < LEAST_LETTERS:
            remedy = "view='layers'" if view == "ops" and story.graph.calls else "a smaller graph"
            raise ValueError(
                f"the graph is too large for a slide: its letters would have "
                f"{self.letters:.1%} of the height, at least {LEAST_LETTERS / HEIGHT:.1%} "
                f"can be read; use {remedy}, or step through an earlier tensor"
            )

    def _drawn(self, narrow: bool) -> tuple[float, Element]:
        """Draw the graph; return how much it can be enlarged, too."""
        picture = _compact(self.picture, narrow)
        graph = paint(picture, self.theme, legend=False, direction="LR", spacing=CLOSE)
        width, height = _size(graph)
        room = HEIGHT - self._graph_top - _TEXT_HEIGHT - _FOOT
        return min(self._inside / width, room / height, _MOST_ZOOM), graph

    @cached_property
    def letters(self) -> float:
        """The height of the smallest letters in the graph, as a share of the canvas."""
        sizes = (float(text.get("font-size", 0)) for text in self.graph.iter("text"))
        return min(sizes) * self.zoom / HEIGHT

    @property
    def _inside(self) -> float:
        return self.width - 2 * _MARGIN

    @cached_property
    def _sentence_size(self) -> float:
        """The largest size in which every sentence has at most two lines, or else the smallest."""
        for size in _SENTENCE_SIZES:
            if all(len(self._sentence(step, size)) <= 2 for step in self.story.steps):
                return size
        return SMALLEST

    def _sentence(self, step: Step, size: float) -> list[str]:
        """Break a sentence into lines: two between its parts, or else equally long."""
        text = printable(step.sentence)
        lines = wrapped(text, self._inside, size, bold=True)
        if len(lines) != 2:
            return lines
        for mark in ("; ", ": ", ", "):
            first, found, second = text.rpartition(mark)
            parts = [f"{first}{mark[0]}", second]
            if found and all(text_width(part, size, True) <= self._inside for part in parts):
                return parts
        for share in (0.55, 0.65, 0.75, 0.85):
            shorter = wrapped(text, share * self._inside, size, bold=True)
            if len(shorter) == 2:
                return shorter
        return lines

    @cached_property
    def _graph_top(self) -> float:
        return _TOP + 2 * LINE * self._sentence_size + 12

    @cached_property
    def _text_top(self) -> float:
        """Where the text of a step begins: below the graph, which gets the room that is left."""
        high = self.graph_height * self.zoom
        spare = HEIGHT - self._graph_top - high - _TEXT_HEIGHT - _FOOT
        return self._graph_top + high + min(max(spare, 0), 0.55 * max(spare, 0) + 12)

    def _columns(self, step: Step) -> tuple[list[BoxText], int]:
        """Place the text of a step in the largest size in which all of it fits."""
        high = HEIGHT - _FOOT - self._text_top
        for size in _TEXT_SIZES:
            words, left_out = in_columns(step.sections, self._inside, high, size)
            if not left_out:
                break
        return words, left_out

    # One slide ----------------------------------------------------------------------------------

    def slide(self, step: int) -> Element:
        """Draw the slide of a step, by its number from 0."""
        own = self.story.steps[step]
        ink = self._ink(own)
        root = Element("svg", {"font-family": self.graph.get("font-family", "")})
        root.set("viewBox", f"0 0 {number(self.width)} {number(HEIGHT)}")
        size = {"width": number(self.width), "height": number(HEIGHT)}
        SubElement(root, "rect", {"x": "0", "y": "0", **size, "fill": self.theme.page})
        self._paint_head(root, step, own, ink)
        root.append(self._graph_at(step, own, ink))
        left_out = self._paint_text(root, own)
        self._paint_foot(root, step, own, ink, left_out)
        for text in root.iter("text"):
            if "mono" in text.get("font-family", ""):
                text.set("font-family", _MONO)
        describe_svg(root, f"frame-{step + 1}", self._name(step), own.sentence)
        return root

    def _name(self, step: int) -> str:
        return f"{heading(self.story.graph)}: step {step + 1} of {len(self.story.steps)}"

    def _ink(self, step: Step) -> _Ink:
        theme = self.theme
        if step.kind in ("seed", "backward"):
            return _Ink(theme.gradient, theme.gradient_fill)
        fill, line = theme.roles["operation"]
        return _Ink(line, fill)

    def _paint_head(self, root: Element, number_of: int, step: Step, ink: _Ink) -> None:
        """Write the sentence, below a bar that is as long as the story is far."""
        many = len(self.story.steps)
        bar = {"x": "0", "y": "0", "height": "10", "fill": ink.line}
        SubElement(root, "rect", {**bar, "width": number(self.width * (number_of + 1) / many)})
        group = SubElement(root, "g", {"class": "head"})
        size = self._sentence_size
        lines = self._sentence(step, size)
        if len(lines) > 2:
            lines = [lines[0], f"{lines[1][:-2]} …"]
        y = _TOP + size
        for line in lines:
            paint_text(group, self.theme, BoxText(_MARGIN, y, line, size, bold=True))
            y += LINE * size

    def _paint_text(self, root: Element, step: Step) -> int:
        """Write the sections of a step; return how many do not fit."""
        words, left_out = self._columns(step)
        group = SubElement(root, "g", {"class": "text"})
        for text in words:
            paint_text(group, self.theme, text, _MARGIN, self._text_top)
        return left_out

    def _paint_foot(self, root: Element, place: int, step: Step, ink: _Ink, left_out: int) -> None:
        """Write the title, what is left out, the phase and the number of the step."""
        group = SubElement(root, "g", {"class": "foot"})
        y = HEIGHT - 24
        count = f"step {place + 1} of {len(self.story.steps)}"
        at_end = self.width - _MARGIN
        paint_text(group, self.theme, BoxText(at_end, y, count, 28, "muted", anchor="end"))
        at_end -= text_width(count, 28) + 18
        phase = _PHASES[step.kind]
        paint_text(group, self.theme, BoxText(at_end, y, phase, 28, bold=True, anchor="end"))
        group[-1].set("fill", ink.line)
        rest = f"  ·  … {left_out} more on the page" if left_out else ""
        room = at_end - text_width(phase, 28, bold=True) - _MARGIN - text_width(rest, SMALLEST) - 30
        lines = wrapped(heading(self.story.graph), room, SMALLEST)
        shown = lines[0] + (" …" if len(lines) > 1 else "") + rest
        paint_text(group, self.theme, BoxText(_MARGIN, y, shown, SMALLEST, "muted"))

    # The graph ----------------------------------------------------------------------------------

    def _graph_at(self, step: int, own: Step, ink: _Ink) -> Element:
        """Return the graph as it is at a step."""
        drawing = deepcopy(self.graph[0].find("g"))
        assert drawing is not None  # the painter writes one
        wide, high = self.graph_width * self.zoom, self.graph_height * self.zoom
        x = (self.width - wide) / 2
        y = self._graph_top + (self._text_top - 12 - self._graph_top - high) / 2
        outer = Element("g", {"transform": f"translate({number(x)} {number(y)})"})
        scaled = SubElement(outer, "g", {"transform": f"scale({self.zoom:.4f})"})
        lit, ringed = lit_and_ringed(own)
        below = SubElement(scaled, "g", {"transform": drawing.get("transform", "")})
        scaled.append(drawing)
        for parent in list(drawing.iter()):
            for part in list(parent):
                if part.tag == "title" or not self._seen(part, step):
                    parent.remove(part)
        for part in drawing.iter("g"):
            identifier = part.get("id", "")
            if identifier:
                part.set("id", f"frame-{step + 1}-{identifier}")
            if identifier in lit and "node" in part.get("class", ""):
                _light(part, ink, below)
            elif identifier in lit:
                for path in part.iter("path"):
                    path.attrib |= {"stroke": ink.line, "stroke-width": "3"}
                    if path.get("fill") != "none":
                        path.set("fill", ink.line)
            elif identifier in ringed:
                look = {"stroke": ink.line, "stroke-width": "2.5", "stroke-dasharray": "2,4"}
                _outline_of(part).attrib |= {**look, "stroke-linecap": "round"}
        return outer

    def _seen(self, part: Element, step: int) -> bool:
        """Whether a part is shown at a step; takes the marks of versions away."""
        first, last = part.attrib.pop("data-from", ""), part.attrib.pop("data-to", "")
        if last and not first and (part.text or "").replace("\xa0", " ").strip() in _NOTHING_YET:
            part.set("fill", self.theme.muted)
        if "bwd" in part.get("class", ""):
            return self.travelled.get(part.get("id", ""), step + 1) <= step
        return int(first or 0) <= step <= int(last or step)


def _outline_of(node: Element) -> Element:
    return next(part for part in node if part.tag in ("rect", "ellipse"))


def _light(node: Element, ink: _Ink, below: Element) -> None:
    """Draw a thick outline in the colour of the phase, and a wide border below all lines."""
    outline = _outline_of(node)
    around = deepcopy(outline)
    around.attrib |= {"stroke": ink.ground, "stroke-width": "15", "stroke-linejoin": "round"}
    below.append(around)
    outline.attrib |= {"stroke": ink.line, "stroke-width": "3.5"}


def _size(graph: Element) -> tuple[float, float]:
    width, height = graph.get("viewBox", "").split()[2:]
    return float(width), float(height)


# A compact picture ------------------------------------------------------------------------------


def _compact(picture: Picture, narrow: bool) -> Picture:
    """Leave out what costs room: frames, labels of lines, and words that every box repeats."""
    return replace(
        picture,
        has_title=False,
        frames=(),
        cards=tuple(_compact_card(card, narrow) for card in picture.cards),
        wires=tuple(
            replace(wire, label="" if narrow else wire.label, back_label="", letter="")
            for wire in picture.wires
        ),
    )


def _compact_card(card: Card, narrow: bool) -> Card:
    if card.role == "operation":
        return replace(card, name=card.symbol or card.name, symbol="", rows=(), frame=None)
    if card.role == "module":
        rows = [row for row in card.rows if row.kind == "gradient" or not narrow]
        return replace(card, frame=None, rows=tuple(map(_narrow, rows)) if narrow else card.rows)
    rows = []
    for row in card.rows:
        if row.kind != "gradient":
            if narrow and row.label == "range":
                continue  # the text of a step has it
            rows.append(replace(row, label="" if row.label == "data" else row.label))
        elif card.role != "input":  # an input has no gradient at any step
            row = replace(row, label=row.label.removeprefix("grad").strip())
            rows.append(_narrow(row) if narrow else row)
    # The textbook name is the short one: W1 of "linear1.weight · W1".
    name = card.name.rpartition(" · ")[2]
    return replace(card, name=name, tag="", rows=tuple(rows), frame=None, is_broad=False)


def _narrow(row: Row) -> Row:
    """Write ``not computed`` on two lines where it is wider than the numbers that follow."""
    texts = [version.text.strip() for version in row.versions]
    others = [text for text in texts if text != NOT_YET["gradient"]]
    if len(others) == len(texts) or not others or any("\n" in text for text in texts):
        return row
    broken = NOT_YET["gradient"].replace(" ", "\n")
    texts = [broken if text == NOT_YET["gradient"] else text for text in texts]
    widest = max(len(line) for text in texts for line in text.split("\n"))
    versions = [
        Version(
            one.first,
            one.last,
            "\n".join(line.rjust(widest) for line in text.split("\n")),
            one.note,
        )
        for one, text in zip(row.versions, texts, strict=True)
    ]
    return replace(row, versions=tuple(versions))
