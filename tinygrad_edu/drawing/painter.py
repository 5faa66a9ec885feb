"""A graph as SVG without Graphviz: the same boxes, rows, colours and lines, in our own layout.

Where the boxes go is decided in `layout`, how each of them looks in `boxes`, what they say in the
snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, tostring

from .boxes import (
    SANS,
    Box,
    Text,
    card_box,
    number,
    paint_box,
    paint_label,
    paint_outline,
    paint_text,
    text_width,
)
from .layout import Layout, Point, lay_out
from .line_labels import LANE, Label, line_labels
from .module_tree import CallNode
from .palette import LIGHT, Theme
from .picture import Picture, Wire

__all__ = ["paint", "painted"]


@dataclass(slots=True)
class _Frame:
    """The rectangle of a module call."""

    left: float
    top: float
    right: float
    bottom: float
    title: str = ""
    members: set[str] = field(default_factory=set)

    def meets(self, other: _Frame) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def paint(
    picture: Picture,
    *,
    theme: Theme = LIGHT,
    legend: bool = True,
    direction: str = "LR",
    note: str = "",
) -> bytes:
    """Draw a picture as SVG.

    Parameters
    ----------
    picture : Picture
        What to draw.
    theme : Theme
        In which colours.
    legend : bool
        Whether a line below explains colours and lines.
    direction : {"LR", "TB"}
        From left to right, or from top to bottom.
    note : str
        A last line of the caption.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.drawing.picture import operations_picture
    >>> from tinygrad_edu.drawing.snapshot import take_snapshot
    >>> paint(operations_picture(take_snapshot([Tensor(1.0) + 1]), backward=False))[:4]
    b'<svg'
    """
    return tostring(painted(picture, theme, legend, direction, note))


def painted(
    picture: Picture, theme: Theme, legend: bool = True, direction: str = "LR", note: str = ""
) -> Element:
    """Do the work of `paint`, and give the root of the SVG."""
    return _Painter(picture, theme, direction).paint(legend, note)


class _Painter:
    def __init__(self, picture: Picture, theme: Theme, direction: str) -> None:
        self.picture, self.theme = picture, theme
        self.down = direction == "TB"
        self.calls = {call.id: call for call in picture.frames}
        self.nodes = {card.id: card for card in picture.cards}
        self.lines = picture.wires
        self.boxes: dict[str, Box] = {}
        self.frames: dict[str, _Frame] = {}
        self.labels: list[list[Label]] = []
        self.layout = self._laid_out()

    def _laid_out(self) -> Layout:
        """Lay out; a module whose frame would hold a stranger becomes a tag on its nodes."""
        tagged: set[str] = set()
        while True:
            self.boxes = self._measured(tagged)
            sizes = {name: self._turned(box.width, box.height) for name, box in self.boxes.items()}
            groups = {name: self._path(node.frame, tagged) for name, node in self.nodes.items()}
            ends = [(line.source, line.target) for line in self.lines]
            layout = lay_out(sizes, ends, groups)
            starts = [route[0] for route in layout.routes]
            self.labels, rooms = line_labels(self.lines, starts, self.down)
            if rooms:  # which only moves layers apart
                layout = lay_out(sizes, ends, groups, rooms)
            refused = self._framed(layout, tagged)
            if not refused:
                return layout
            tagged |= refused

    def _measured(self, tagged: set[str]) -> dict[str, Box]:
        operands: dict[str, int] = {}
        for line in self.lines:
            operands[line.target] = operands.get(line.target, 0) + 1
        boxes: dict[str, Box] = {}
        for name, node in self.nodes.items():
            call = node.frame
            tag = f"in {_short(self.calls[call])}" if call in tagged and call is not None else ""
            boxes[name] = card_box(node, tag, operands.get(name, 0))
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
        """Draw frames around the modules, inner ones first; give those that do not fit."""
        rectangles: dict[str, _Frame] = {}
        for name, box in self.boxes.items():
            x, y = self._turned(*layout.centers[name])
            half, height = box.width / 2 + 3, box.height / 2 + 3
            rectangles[name] = _Frame(x - half, y - height, x + half, y + height)
        self.frames, refused = {}, set()
        for call in self.picture.frames[::-1]:
            members = {
                name
                for name, node in self.nodes.items()
                if call.id in self._path(node.frame, tagged)
            }
            if not members:  # tagged, or nothing of the graph was made in it
                continue
            inner = [frame for frame in self.frames.values() if frame.members <= members]
            parts = [*(rectangles[name] for name in members), *inner]
            strangers = [rectangles[name] for name in self.nodes if name not in members]
            strangers += [frame for frame in self.frames.values() if frame not in inner]
            own = call.title
            if len(self._path(call.id, tagged)) < len(self._path(call.id, set())):
                own = f"{call.path}  {call.kind}"  # what it stands in has no frame to say so
            fitting = None
            for title in (own, _short(call)):
                width = text_width(title, 11, bold=True) + 18
                left = min(part.left for part in parts) - 9
                right = max(max(part.right for part in parts) + 9, left + width)
                top = min(part.top for part in parts) - 23
                bottom = max(part.bottom for part in parts) + 9
                frame = _Frame(left, top, right, bottom, title, members)
                if fitting is None and not any(frame.meets(other) for other in strangers):
                    fitting = frame
            if fitting is None:
                refused.add(call.id)
            else:
                self.frames[call.id] = fitting
        return refused

    def paint(self, legend: bool, note: str) -> Element:
        theme = self.theme
        root = Element("svg", {"font-family": SANS})
        page = SubElement(root, "g", {"class": "graph"})
        SubElement(page, "title").text = "computation_graph"
        ground = SubElement(page, "rect", {"x": "0", "y": "0", "fill": theme.page})
        drawing = SubElement(page, "g")
        extent = _Extent()
        for call in self.picture.frames:
            if call.id in self.frames:
                self._paint_frame(drawing, call.id, self.frames[call.id])
                extent.include(self.frames[call.id])
        for line, route in zip(self.lines, self.layout.routes, strict=True):
            self._paint_line(drawing, line, route, extent)
        spans = self._spans()
        for frame in self.frames.values():
            self._paint_title(drawing, frame, spans)
        for name, box in self.boxes.items():
            x, y = self._turned(*self.layout.centers[name])
            left, top = x - box.width / 2, y - box.height / 2
            paint_box(drawing, theme, box, left, top)
            extent.include(_Frame(left - 4, top - 4, left + box.width + 4, top + box.height + 4))
        for labels, route in zip(self.labels, self.layout.routes, strict=True):
            for label in labels:
                x, y = self._turned(route[0][0] - label.ahead, label.across)
                paint_label(drawing, theme, x, y, label.text, label.ink)
                half = text_width(label.text, 10) / 2
                extent.include(_Frame(x - half, y - 8, x + half, y + 8))
        pictured = extent.right - extent.left
        caption, width, height = self._caption(legend, note)
        total = max(pictured, width) + 20
        shift = (total - pictured) / 2 - extent.left, 10 - extent.top
        drawing.set("transform", f"translate({number(shift[0])} {number(shift[1])})")
        bottom = 10 + extent.bottom - extent.top
        caption.set("transform", f"translate({number(total / 2)} {number(bottom + 14)})")
        page.append(caption)
        size = (number(total), number(bottom + (14 + height if height else 0) + 10))
        ground.set("width", size[0])
        ground.set("height", size[1])
        root.set("viewBox", f"0 0 {size[0]} {size[1]}")
        return root

    def _paint_line(
        self, drawing: Element, line: Wire, route: tuple[Point, ...], extent: _Extent
    ) -> None:
        side = (-LANE if line.is_first else LANE) if line.back_id else 0.0
        points = self._lane(line, route, side, extent)
        self._paint_path(drawing, points, line.id, "edge fwd", self.theme.line, True)
        if line.letter:
            along, across = points[-1]
            away = -7 if line.is_first else 7
            x, y = self._turned(along - 12, across + away)
            letter = Text(x, y + 3.5, line.letter, 10, "line", anchor="middle")
            paint_text(drawing, self.theme, letter, 0, 0)
        if line.back_id:
            points = self._lane(line, route, -side, extent)
            color = self.theme.gradient
            self._paint_path(drawing, points[::-1], line.back_id, "edge bwd", color, False)

    def _spans(self) -> list[_Frame]:
        """Give the rectangles that the parts of all lines run through."""
        spans = []
        for route in self.layout.routes:
            for start, end in pairwise(route):
                (left, top), (right, bottom) = self._turned(*start), self._turned(*end)
                x, y = sorted((left, right)), sorted((top, bottom))
                spans.append(_Frame(x[0] - 5, y[0] - 5, x[1] + 5, y[1] + 5))
        return spans

    def _lane(
        self, line: Wire, route: tuple[Point, ...], side: float, extent: _Extent
    ) -> list[Point]:
        """Shift a route sideways, so that a line and its gradient keep apart on slopes too."""
        shifted: list[Point] = []
        for start, end in zip(route[::2], route[1::2], strict=True):
            slope = max(-1.0, min(1.0, (end[1] - start[1]) / 30))
            for along, across in (start, end):
                shifted.append((along - side * slope, across + side))
        first = self._border(line.source, shifted[0][1], 1)
        last = self._border(line.target, shifted[-1][1], -1)
        for along, across in shifted:
            x, y = self._turned(along, across)
            extent.include(_Frame(x - 4, y - 4, x + 4, y + 4))
        return [first, *shifted, last]

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

    def _paint_path(
        self, drawing: Element, points: list[Point], id: str, css: str, color: str, filled: bool
    ) -> None:
        last, before = points[-1], points[-2]
        ahead = 1 if last[0] > before[0] else -1
        end = (last[0] - 6 * ahead, last[1]) if filled else last
        path = [f"M{self._at(points[0])}"]
        for start, there in zip(points[1:-1:2], points[2:-1:2], strict=True):
            middle = (start[0] + there[0]) / 2
            bend = f"C{self._at((middle, start[1]))} {self._at((middle, there[1]))}"
            path.append(f"L{self._at(start)} {bend} {self._at(there)}")
        path.append(f"L{self._at(end)}")
        group = SubElement(drawing, "g", {"id": id, "class": css})
        SubElement(group, "title").text = id
        attributes = {"fill": "none", "stroke": color, "d": " ".join(path)}
        if not filled:
            attributes["stroke-dasharray"] = "5,3"
        SubElement(group, "path", attributes)
        back = last[0] - 7 * ahead
        wings = [self._at((back, last[1] + wing)) for wing in (-3, 3)]
        head = f"M{wings[0]} L{self._at(last)} L{wings[1]}"
        attributes = {"fill": "none", "stroke": color, "d": head}
        if filled:
            attributes.update(fill=color, d=f"{head} Z")
        SubElement(group, "path", attributes)

    def _at(self, point: Point) -> str:
        x, y = self._turned(*point)
        return f"{number(x)},{number(y)}"

    def _caption(self, legend: bool, note: str) -> tuple[Element, float, float]:
        """Write title, counts, legend and note around x = 0; give its width and height too."""
        group = Element("g", {"class": "caption"})
        theme, picture = self.theme, self.picture
        width = height = 0.0
        if legend or picture.has_title:
            title = picture.title
            rest = f"  ·  {picture.counts}" if legend else ""
            own = text_width(title, 11, bold=True)
            width = own + text_width(rest, 11)
            height += 16
            texts = [Text(-width / 2 + own, 11, title, 11, bold=True, anchor="end")]
            texts += [Text(-width / 2 + own, 11, rest, 11)] if rest else []
            for text in texts:
                paint_text(group, theme, text, 0, 0)
        if legend:
            width = max(width, self._paint_legend(group, height + 6))
            height += 32
        if note:
            line = Text(0, height + 12, note, 10, "muted", anchor="middle")
            paint_text(group, theme, line, 0, 0)
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
            text = Text(x + width / 2, y + 14, name, 10, anchor="middle")
            paint_text(group, theme, text, 0, 0)
            x += width + 8
        for (name, ink), width in zip(arrows, widths[len(items) :], strict=True):
            dashed = {"stroke-dasharray": "5,3"} if ink == "gradient" else {}
            head = f"M{number(x + 20)},{number(y + 7)} l6,3 l-6,3"
            color = getattr(theme, ink)
            for path in (f"M{number(x)},{number(y + 10)} h25", head):
                SubElement(group, "path", {"fill": "none", "stroke": color, "d": path, **dashed})
                dashed = {}
            paint_text(group, theme, Text(x + 32, y + 14, name, 11, ink), 0, 0)
            x += width + 8
        return total

    def _paint_frame(self, drawing: Element, name: str, frame: _Frame) -> None:
        group = SubElement(drawing, "g", {"id": name, "class": "cluster module"})
        SubElement(group, "title").text = name
        width, height = frame.right - frame.left, frame.bottom - frame.top
        look = self.theme.look("module")
        paint_outline(group, look, frame.left, frame.top, width, height, False)

    def _paint_title(self, drawing: Element, frame: _Frame, lines: list[_Frame]) -> None:
        """Write the title of a frame where no line passes, or else on a ground of its own."""
        width = text_width(frame.title, 11, bold=True) + 4
        room = frame.right - frame.left - width - 12
        spots = [
            _Frame(left, frame.top + 3, left + width, frame.top + 19)
            for left in (frame.left + 6 + share * room for share in (0.0, 1.0, 0.5))
        ]
        free = [spot for spot in spots if not any(spot.meets(line) for line in lines)]
        spot = (free or spots)[0]
        group = SubElement(drawing, "g", {"class": "module-title"})
        sizes = {"x": spot.left, "y": spot.top + 1, "width": width, "height": 15.0}
        ground = {
            **{k: number(v) for k, v in sizes.items()},
            "fill": self.theme.look("module").fill,
        }
        SubElement(group, "rect", ground)
        title = Text(2, 12, frame.title, 11, bold=True)
        paint_text(group, self.theme, title, spot.left, spot.top)


class _Extent(_Frame):
    """The rectangle around all that was painted."""

    def __init__(self) -> None:
        super().__init__(float("inf"), float("inf"), float("-inf"), float("-inf"))

    def include(self, part: _Frame) -> None:
        self.left, self.right = min(self.left, part.left), max(self.right, part.right)
        self.top, self.bottom = min(self.top, part.top), max(self.bottom, part.bottom)


def _short(call: CallNode) -> str:
    """Name a module without what it says of itself."""
    return call.path or call.kind.partition("(")[0]
