"""A graph as SVG without Graphviz: the same boxes, rows, colours and lines, in our own layout.

Where the boxes go is decided in `layout`, how each of them looks in `boxes`, what they say in the
snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, tostring

from .boxes import (
    Box,
    Text,
    number,
    operation_box,
    paint_box,
    paint_label,
    paint_outline,
    paint_text,
    tensor_box,
    text_width,
)
from .layout import Layout, Point, lay_out
from .module_tree import CallNode
from .palette import GRADIENT, LINE, MODULE, MUTED, OPERATION, PAGE, ROLES
from .snapshot import Graph, OpNode, TensorNode
from .words import axes_text, counts, heading

__all__ = ["paint"]

_LANE = 4.0  # from the middle to a line, where a gradient runs beside it
_LEGEND_NAMES = {"computed": "computed tensor"}


@dataclass(frozen=True, slots=True)
class _Line:
    """An edge, and the gradient that comes back along it."""

    source: str
    target: str
    id: str
    back_id: str = ""
    letter: str = ""
    label: str = ""
    first: bool = True


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
    graph: Graph, *, backward: bool, legend: bool = True, direction: str = "LR", note: str = ""
) -> bytes:
    """Draw a graph as SVG.

    Parameters
    ----------
    graph : Graph
        What to draw.
    backward : bool
        Whether the way of the gradients is drawn beside the way of the values.
    legend : bool
        Whether a line below explains colours and lines.
    direction : {"LR", "TB"}
        From left to right, or from top to bottom.
    note : str
        A last line of the caption.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.drawing.snapshot import take_snapshot
    >>> paint(take_snapshot([Tensor(1.0) + 1]), backward=False)[:4]
    b'<svg'
    """
    return _Painter(graph, backward, direction).paint(legend, note)


class _Painter:
    def __init__(self, graph: Graph, backward: bool, direction: str) -> None:
        self.graph = graph
        self.backward = backward
        self.down = direction == "TB"
        self.calls = {call.id: call for call in graph.calls}
        self.nodes: dict[str, TensorNode | OpNode] = {tensor.id: tensor for tensor in graph.tensors}
        self.nodes |= {operation.id: operation for operation in graph.operations}
        self.lines = self._lines()
        self.boxes: dict[str, Box] = {}
        self.frames: dict[str, _Frame] = {}
        self.layout = self._laid_out()

    def _lines(self) -> list[_Line]:
        by_target: dict[str, list[_Line]] = {
            operation.id: [] for operation in self.graph.operations
        }
        lettered: dict[str, bool] = {}
        for edge in self.graph.edges:
            fits = 0 < len(edge.operand) <= 2
            lettered[edge.target] = lettered.get(edge.target, True) and fits
        for edge in self.graph.edges:
            returns = self.backward and edge.has_gradient
            by_target[edge.target].append(
                _Line(
                    edge.source,
                    edge.target,
                    f"{edge.target}f{edge.position}",
                    f"{edge.target}b{edge.position}" if returns else "",
                    edge.operand if lettered[edge.target] else "",
                    axes_text(edge.summed_axes) if returns and edge.summed_axes else "",
                    edge.position == 0,
                )
            )
        lines = []
        for operation in self.graph.operations:
            here, lines_in = operation.id, by_target[operation.id]
            back = f"{here}b" if self.backward else ""
            lines += [*lines_in, _Line(here, operation.output, f"{here}f", back)]
        return lines

    def _laid_out(self) -> Layout:
        """Lay out; a module whose frame would hold a stranger becomes a tag on its nodes."""
        tagged: set[str] = set()
        while True:
            self.boxes = self._measured(tagged)
            sizes = {name: self._turned(box.width, box.height) for name, box in self.boxes.items()}
            groups = {name: self._path(node.call, tagged) for name, node in self.nodes.items()}
            labels = {
                place: text_width(line.label, 10) + 10 if not self.down else 16
                for place, line in enumerate(self.lines)
                if line.label
            }
            ends = [(line.source, line.target) for line in self.lines]
            layout = lay_out(sizes, ends, groups, labels)
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
            call = node.call
            tag = f"in {_short(self.calls[call])}" if call in tagged and call is not None else ""
            if isinstance(node, OpNode):
                boxes[name] = operation_box(node, operands.get(name, 0), tag)
            else:
                boxes[name] = tensor_box(node, tag)
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
        for call in self.graph.calls[::-1]:
            members = {
                name
                for name, node in self.nodes.items()
                if call.id in self._path(node.call, tagged)
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

    def paint(self, legend: bool, note: str) -> bytes:
        root = Element("svg")
        page = SubElement(root, "g", {"class": "graph"})
        SubElement(page, "title").text = "computation_graph"
        ground = SubElement(page, "rect", {"x": "0", "y": "0", "fill": PAGE})
        drawing = SubElement(page, "g")
        extent = _Extent()
        for call in self.graph.calls:
            if call.id in self.frames:
                _paint_frame(drawing, call.id, self.frames[call.id])
                extent.include(self.frames[call.id])
        labels: list[tuple[Point, str]] = []
        for line, route in zip(self.lines, self.layout.routes, strict=True):
            self._paint_line(drawing, line, route, labels, extent)
        spans = self._spans()
        for frame in self.frames.values():
            _paint_title(drawing, frame, spans)
        for name, box in self.boxes.items():
            x, y = self._turned(*self.layout.centers[name])
            left, top = x - box.width / 2, y - box.height / 2
            paint_box(drawing, name, box, left, top)
            extent.include(_Frame(left - 4, top - 4, left + box.width + 4, top + box.height + 4))
        for (x, y), label in labels:
            paint_label(drawing, x, y, label)
            half = text_width(label, 10) / 2
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
        return tostring(root)

    def _paint_line(
        self,
        drawing: Element,
        line: _Line,
        route: tuple[Point, ...],
        labels: list[tuple[Point, str]],
        extent: _Extent,
    ) -> None:
        side = (-_LANE if line.first else _LANE) if line.back_id else 0.0
        points = self._lane(line, route, side, extent)
        self._paint_path(drawing, points, line.id, "edge fwd", LINE, True)
        if line.letter:
            along, across = points[-1]
            away = -7 if line.first else 7
            x, y = self._turned(along - 12, across + away)
            letter = Text(x, y + 3.5, line.letter, 10, LINE, anchor="middle")
            paint_text(drawing, letter, 0, 0)
        if line.back_id:
            points = self._lane(line, route, -side, extent)
            self._paint_path(drawing, points[::-1], line.back_id, "edge bwd", GRADIENT, False)
            if line.label:
                along, across = route[0][0], points[0][1]
                half = text_width(line.label, 10) / 2 if not self.down else 8
                labels.append((self._turned(along - half - 6, across), line.label))

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
        self, line: _Line, route: tuple[Point, ...], side: float, extent: _Extent
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
        if box.round:
            aside = min(abs(across - middle) / (height / 2), 0.97)
            reach *= (1 - aside * aside) ** 0.5
        outline = 4 if box.look.outlines > 1 else box.look.width / 2
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
        width = height = 0.0
        if legend or self.graph.title:
            title = heading(self.graph)
            rest = f"  ·  {counts(self.graph)}" if legend else ""
            own = text_width(title, 11, bold=True)
            width = own + text_width(rest, 11)
            height += 16
            texts = [Text(-width / 2 + own, 11, title, 11, bold=True, anchor="end")]
            texts += [Text(-width / 2 + own, 11, rest, 11)] if rest else []
            for text in texts:
                paint_text(group, text, 0, 0)
        if legend:
            width = max(width, self._paint_legend(group, height + 6))
            height += 32
        if note:
            paint_text(group, Text(0, height + 12, note, 10, MUTED, anchor="middle"), 0, 0)
            width = max(width, text_width(note, 10))
            height += 16
        return group, width, height

    def _paint_legend(self, group: Element, y: float) -> float:
        roles = {tensor.role for tensor in self.graph.tensors} - {"constant"}
        items = [
            (_LEGEND_NAMES.get(role, role), look) for role, look in ROLES.items() if role in roles
        ]
        items += [("operation", OPERATION)] if self.graph.operations else []
        items += [("module", MODULE)] if self.graph.calls else []
        arrows = [("value", LINE)] + ([("gradient", GRADIENT)] if self.backward else [])
        widths = [text_width(name, 10) + 14 for name, _ in items]
        widths += [text_width(name, 11) + 40 for name, _ in arrows]
        total = sum(widths) + 8 * (len(widths) - 1)
        x = -total / 2
        for (name, look), width in zip(items, widths, strict=False):
            paint_outline(group, look, x, y, width, 20, look is OPERATION)
            paint_text(group, Text(x + width / 2, y + 14, name, 10, anchor="middle"), 0, 0)
            x += width + 8
        for (name, color), width in zip(arrows, widths[len(items) :], strict=True):
            dashed = {"stroke-dasharray": "5,3"} if color == GRADIENT else {}
            head = f"M{number(x + 20)},{number(y + 7)} l6,3 l-6,3"
            for path in (f"M{number(x)},{number(y + 10)} h25", head):
                SubElement(group, "path", {"fill": "none", "stroke": color, "d": path, **dashed})
                dashed = {}
            paint_text(group, Text(x + 32, y + 14, name, 11, color), 0, 0)
            x += width + 8
        return total


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


def _paint_frame(drawing: Element, name: str, frame: _Frame) -> None:
    group = SubElement(drawing, "g", {"id": name, "class": "cluster module"})
    SubElement(group, "title").text = name
    width, height = frame.right - frame.left, frame.bottom - frame.top
    paint_outline(group, MODULE, frame.left, frame.top, width, height, False)


def _paint_title(drawing: Element, frame: _Frame, lines: list[_Frame]) -> None:
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
    SubElement(group, "rect", {**{k: number(v) for k, v in sizes.items()}, "fill": MODULE.fill})
    paint_text(group, Text(2, 12, frame.title, 11, bold=True), spot.left, spot.top)
