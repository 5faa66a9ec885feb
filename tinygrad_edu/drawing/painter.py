"""A picture as SVG in our own layout: the same boxes, rows, colours and lines as with Graphviz.

It draws frames, lines and the caption. `layout` decides where boxes go, and `boxes` how each of
them looks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement

from ..palette import LIGHT, Theme
from .boxes import (
    SANS,
    Box,
    BoxText,
    card_box,
    number,
    paint_box,
    paint_label,
    paint_outline,
    paint_text,
    text_width,
)
from .layer_spacing import WIDE, Spacing
from .layout import Layout, Point, lay_out
from .line_labels import LANE, Label, line_labels
from .module_tree import CallNode
from .picture import Picture, Wire

__all__ = ["paint"]


@dataclass(slots=True)
class _Area:
    """A rectangle; by default the empty one."""

    left: float = float("inf")
    top: float = float("inf")
    right: float = float("-inf")
    bottom: float = float("-inf")

    def meets(self, other: _Area) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def include(self, other: _Area) -> None:
        self.left, self.right = min(self.left, other.left), max(self.right, other.right)
        self.top, self.bottom = min(self.top, other.top), max(self.bottom, other.bottom)


def _around(x: float, y: float, width: float, height: float) -> _Area:
    return _Area(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def paint(
    picture: Picture,
    theme: Theme = LIGHT,
    legend: bool = True,
    direction: str = "LR",
    note: str = "",
    spacing: Spacing = WIDE,
) -> Element:
    """Draw a picture as SVG.

    Parameters
    ----------
    picture : Picture
        What to draw.
    theme : Theme
        The colours.
    legend : bool
        Whether a line below explains colours and lines.
    direction : {"LR", "TB"}
        From left to right, or from top to bottom.
    note : str
        The last line of the caption.
    spacing : Spacing
        How far layers are apart.

    Returns
    -------
    xml.etree.ElementTree.Element
        The root of the SVG.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.drawing.picture import operations_picture
    >>> from tinygrad_edu.drawing.snapshot import SnapshotBuilder
    >>> graph = SnapshotBuilder([Tensor(1.0, requires_grad=True) + 1]).build()
    >>> paint(operations_picture(graph, backward=False)).tag
    'svg'
    """
    return _Painter(picture, theme, direction, spacing).paint(legend, note)


class _Painter:
    def __init__(self, picture: Picture, theme: Theme, direction: str, spacing: Spacing) -> None:
        self.spacing = spacing
        self.picture, self.theme = picture, theme
        self.down = direction == "TB"
        self.calls = {call.id: call for call in picture.frames}
        self.boxes: dict[str, Box] = {}
        self.frames: dict[str, tuple[_Area, str]] = {}  # with their titles
        self.labels: list[list[Label]] = []
        self.layout = self._laid_out()
        self.drawing, self.extent = Element("g"), _Area()

    # Layout -------------------------------------------------------------------------------------

    def _laid_out(self) -> Layout:
        """Lay out; a module whose frame would contain other nodes becomes a tag on its nodes."""
        tagged: set[str] = set()
        wires = self.picture.wires
        ends = [(wire.source, wire.target) for wire in wires]
        while True:
            self.boxes = self._measured(tagged)
            sizes = {name: self._turned(box.width, box.height) for name, box in self.boxes.items()}
            groups = {card.id: self._path(card.frame, tagged) for card in self.picture.cards}
            layout = lay_out(sizes, ends, groups, spacing=self.spacing)
            starts = [route[0] for route in layout.routes]
            self.labels, rooms = line_labels(wires, starts, self.down)
            if rooms:  # they only move layers apart
                layout = lay_out(sizes, ends, groups, rooms, self.spacing)
            refused = self._framed(layout, tagged)
            if not refused:
                return layout
            tagged |= refused

    def _measured(self, tagged: set[str]) -> dict[str, Box]:
        operands = Counter(wire.target for wire in self.picture.wires)
        boxes: dict[str, Box] = {}
        for card in self.picture.cards:
            tag = f"in {_short(self.calls[card.frame])}" if card.frame in tagged else ""
            boxes[card.id] = card_box(card, tag, operands[card.id])
        return boxes

    def _path(self, call: str | None, tagged: set[str]) -> tuple[str, ...]:
        path: list[str] = []
        while call is not None:
            if call not in tagged:
                path.insert(0, call)
            call = self.calls[call].parent
        return tuple(path)

    def _turned(self, first: float, second: float) -> Point:
        """Turn (along, across) into (x, y), or back."""
        return (second, first) if self.down else (first, second)

    def _framed(self, layout: Layout, tagged: set[str]) -> set[str]:
        """Draw frames around the modules, inner ones first; return those that do not fit."""
        paths = {card.id: self._path(card.frame, tagged) for card in self.picture.cards}
        areas: dict[str, _Area] = {}
        for name, box in self.boxes.items():
            x, y = self._turned(*layout.centers[name])
            areas[name] = _around(x, y, box.width + 6, box.height + 6)
        self.frames, refused = {}, set()
        for call in self.picture.frames[::-1]:
            inside, outside = _Area(), []
            for name, area in areas.items():
                if call.id in paths[name]:
                    inside.include(area)
                else:
                    outside.append(area)
            if inside == _Area():  # tagged, or no node was made in it
                continue
            paths[call.id] = self._path(call.id, tagged)
            for title in (self._title(call, tagged), _short(call)):
                frame = _Area(inside.left - 9, inside.top - 23, inside.right + 9, inside.bottom + 9)
                frame.right = max(frame.right, frame.left + text_width(title, 11, bold=True) + 18)
                if not any(frame.meets(other) for other in outside):
                    areas[call.id] = frame
                    self.frames[call.id] = frame, title
                    break
            else:
                refused.add(call.id)
        return refused

    def _title(self, call: CallNode, tagged: set[str]) -> str:
        parent_has_no_frame = self._path(call.parent, tagged) != self._path(call.parent, set())
        return f"{call.path}  {call.kind}" if parent_has_no_frame else call.title

    # Painting -----------------------------------------------------------------------------------

    def paint(self, legend: bool, note: str) -> Element:
        for call in self.picture.frames:
            if call.id in self.frames:
                self._paint_frame(call.id)
        for wire, route in zip(self.picture.wires, self.layout.routes, strict=True):
            self._paint_wire(wire, route)
        spans = self._spans()
        for frame, title in self.frames.values():
            self._paint_title(frame, title, spans)
        for name, box in self.boxes.items():
            x, y = self._turned(*self.layout.centers[name])
            paint_box(self.drawing, self.theme, box, x - box.width / 2, y - box.height / 2)
            self.extent.include(_around(x, y, box.width + 8, box.height + 8))
        for labels, route in zip(self.labels, self.layout.routes, strict=True):
            for label in labels:
                x, y = self._turned(route[0][0] - label.ahead, label.across)
                paint_label(self.drawing, self.theme, x, y, label.text, label.ink, label.owner)
                self.extent.include(_around(x, y, text_width(label.text, 10), 16))
        return self._page(*self._caption(legend, note))

    def _page(self, caption: Element, width: float, height: float) -> Element:
        """Put the drawing above its caption, on a background."""
        extent = self.extent
        pictured = extent.right - extent.left
        total = max(pictured, width) + 20
        shift = (total - pictured) / 2 - extent.left, 10 - extent.top
        self.drawing.set("transform", f"translate({number(shift[0])} {number(shift[1])})")
        bottom = 10 + extent.bottom - extent.top
        caption.set("transform", f"translate({number(total / 2)} {number(bottom + 14)})")
        size = number(total), number(bottom + (14 + height if height else 0) + 10)
        root = Element("svg", {"font-family": SANS})
        page = SubElement(root, "g", {"class": "graph"})
        SubElement(page, "title").text = "computation_graph"
        ground = {"x": "0", "y": "0", "fill": self.theme.page, "width": size[0], "height": size[1]}
        SubElement(page, "rect", ground)
        page.extend((self.drawing, caption))
        root.set("viewBox", f"0 0 {size[0]} {size[1]}")
        return root

    def _paint_wire(self, wire: Wire, route: tuple[Point, ...]) -> None:
        side = (-LANE if wire.is_first else LANE) if wire.back_id else 0.0
        points = self._lane(wire, route, side)
        self._paint_path(points, wire.id, "edge fwd", self.theme.line, True)
        if wire.letter:
            along, across = points[-1]
            x, y = self._turned(along - 12, across + (-7 if wire.is_first else 7))
            letter = BoxText(x, y + 3.5, wire.letter, 10, "line", anchor="middle")
            paint_text(self.drawing, self.theme, letter)
        if wire.back_id:
            points = self._lane(wire, route, -side)[::-1]
            self._paint_path(points, wire.back_id, "edge bwd", self.theme.gradient, False)

    def _spans(self) -> list[_Area]:
        """Return the rectangles that the parts of all lines run through."""
        spans = []
        for route in self.layout.routes:
            for start, end in pairwise(route):
                (left, top), (right, bottom) = self._turned(*start), self._turned(*end)
                x, y = sorted((left, right)), sorted((top, bottom))
                spans.append(_Area(x[0] - 5, y[0] - 5, x[1] + 5, y[1] + 5))
        return spans

    def _lane(self, wire: Wire, route: tuple[Point, ...], side: float) -> list[Point]:
        """Shift a route sideways, so that a line and its gradient stay apart on slopes too."""
        shifted: list[Point] = []
        for start, end in zip(route[::2], route[1::2], strict=True):
            slope = max(-1.0, min(1.0, (end[1] - start[1]) / 30))
            shifted += [(along - side * slope, across + side) for along, across in (start, end)]
        for point in shifted:
            self.extent.include(_around(*self._turned(*point), 8, 8))
        first = self._border(wire.source, shifted[0][1], 1)
        return [first, *shifted, self._border(wire.target, shifted[-1][1], -1)]

    def _border(self, name: str, across: float, step: int) -> Point:
        """Find where a line along the picture meets the outline of a box."""
        box = self.boxes[name]
        along, middle = self.layout.centers[name]
        length, height = self._turned(box.width, box.height)
        reach = length / 2
        if box.card.is_round:
            aside = min(abs(across - middle) / (height / 2), 0.97)
            reach *= (1 - aside * aside) ** 0.5
        look = self.theme.look(box.card.role)
        outline = 4 if look.outlines > 1 else look.width / 2
        return along + step * (reach + outline), across

    def _paint_path(self, points: list[Point], id: str, css: str, color: str, filled: bool) -> None:
        last = points[-1]
        ahead = 1 if last[0] > points[-2][0] else -1
        path = [f"M{self._at(points[0])}"]
        for start, there in zip(points[1:-1:2], points[2:-1:2], strict=True):
            middle = (start[0] + there[0]) / 2
            bend = f"C{self._at((middle, start[1]))} {self._at((middle, there[1]))}"
            path.append(f"L{self._at(start)} {bend} {self._at(there)}")
        path.append(f"L{self._at((last[0] - 6 * ahead, last[1]) if filled else last)}")
        wings = [self._at((last[0] - 7 * ahead, last[1] + wing)) for wing in (-3, 3)]
        head = f"M{wings[0]} L{self._at(last)} L{wings[1]}"
        group = SubElement(self.drawing, "g", {"id": id, "class": css})
        SubElement(group, "title").text = id
        line = {"fill": "none", "stroke": color, "d": " ".join(path)}
        SubElement(group, "path", line if filled else {**line, "stroke-dasharray": "5,3"})
        fill, end = (color, f"{head} Z") if filled else ("none", head)
        SubElement(group, "path", {"fill": fill, "stroke": color, "d": end})

    def _at(self, point: Point) -> str:
        x, y = self._turned(*point)
        return f"{number(x)},{number(y)}"

    def _paint_frame(self, name: str) -> None:
        frame, _ = self.frames[name]
        group = SubElement(self.drawing, "g", {"id": name, "class": "cluster module"})
        SubElement(group, "title").text = name
        width, height = frame.right - frame.left, frame.bottom - frame.top
        look = self.theme.look("module")
        paint_outline(group, look, frame.left, frame.top, width, height, False)
        self.extent.include(frame)

    def _paint_title(self, frame: _Area, title: str, lines: list[_Area]) -> None:
        """Write the title of a frame where no line passes, if there is such a place."""
        width = text_width(title, 11, bold=True) + 4
        room = frame.right - frame.left - width - 12
        spots = [
            _Area(left, frame.top + 3, left + width, frame.top + 19)
            for left in (frame.left + 6 + share * room for share in (0.0, 1.0, 0.5))
        ]
        free = (spot for spot in spots if not any(spot.meets(line) for line in lines))
        spot = next(free, spots[0])
        group = SubElement(self.drawing, "g", {"class": "module-title"})
        sizes = {"x": spot.left, "y": spot.top + 1, "width": width, "height": 15.0}
        ground = {name: number(value) for name, value in sizes.items()}
        SubElement(group, "rect", {**ground, "fill": self.theme.look("module").fill})
        paint_text(group, self.theme, BoxText(2, 12, title, 11, bold=True), spot.left, spot.top)

    # The caption --------------------------------------------------------------------------------

    def _caption(self, legend: bool, note: str) -> tuple[Element, float, float]:
        """Write title, counts, legend and note around x = 0; return width and height as well."""
        group = Element("g", {"class": "caption"})
        theme, picture = self.theme, self.picture
        width = height = 0.0
        if legend or picture.has_title:
            rest = f"  ·  {picture.counts}" if legend else ""
            own = text_width(picture.title, 11, bold=True)
            width = own + text_width(rest, 11)
            height += 16
            texts = [BoxText(-width / 2 + own, 11, picture.title, 11, bold=True, anchor="end")]
            texts += [BoxText(-width / 2 + own, 11, rest, 11)] if rest else []
            for text in texts:
                paint_text(group, theme, text)
        if legend:
            width = max(width, self._paint_legend(group, height + 6))
            height += 32
        if note:
            paint_text(group, theme, BoxText(0, height + 12, note, 10, "muted", anchor="middle"))
            width = max(width, text_width(note, 10))
            height += 16
        return group, width, height

    def _paint_legend(self, group: Element, y: float) -> float:
        theme, items = self.theme, self.picture.roles
        arrows = [("value", "line")] + ([("gradient", "gradient")] if self.picture.backward else [])
        widths = [text_width(name, 10) + 14 for _, name in items]
        widths += [text_width(name, 11) + 40 for name, _ in arrows]
        total = sum(widths) + 8 * (len(widths) - 1)
        x = -total / 2
        for (role, name), width in zip(items, widths, strict=False):
            paint_outline(group, theme.look(role), x, y, width, 20, role == "operation")
            paint_text(group, theme, BoxText(x + width / 2, y + 14, name, 10, anchor="middle"))
            x += width + 8
        for (name, ink), width in zip(arrows, widths[len(items) :], strict=True):
            line = {"fill": "none", "stroke": getattr(theme, ink)}
            dashed = {"stroke-dasharray": "5,3"} if ink == "gradient" else {}
            SubElement(group, "path", {**line, "d": f"M{number(x)},{number(y + 10)} h25", **dashed})
            head = f"M{number(x + 20)},{number(y + 7)} l6,3 l-6,3"
            SubElement(group, "path", {**line, "d": head})
            paint_text(group, theme, BoxText(x + 32, y + 14, name, 11, ink))
            x += width + 8
        return total


def _short(call: CallNode) -> str:
    """Name a module without its description."""
    return call.path or call.kind.partition("(")[0]
