"""One node of a picture at a time: its rows measured and placed, and written as SVG.

Text is measured by a table of widths, generously, since the fonts of the reader are not known.
Where a node stands, and what it says, is decided elsewhere.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from .palette import GRADIENT, GRADIENT_FILL, MUTED, OPERATION, PAGE, ROLES, TEXT, WARNING, Look
from .snapshot import OpNode, TensorNode

__all__ = [
    "Box",
    "Text",
    "number",
    "operation_box",
    "paint_box",
    "paint_label",
    "paint_outline",
    "paint_text",
    "tensor_box",
    "text_width",
]

_SANS = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_MONO = "Courier, 'Courier New', 'Liberation Mono', monospace"
# In ems, for a sans-serif font on the wide side; all others are as wide as most letters are.
_WIDTHS = {
    **dict.fromkeys("ijl'|!.,:; []()ft/I\\", 0.36),
    **dict.fromkeys("mwMW%@—…", 0.98),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ+=<>~×", 0.76),
}


@dataclass(frozen=True, slots=True)
class Text:
    """One piece of text in a box; `x` and `y` from its upper left corner."""

    x: float
    y: float
    text: str
    size: float
    color: str = TEXT
    bold: bool = False
    mono: bool = False
    anchor: str = "start"


@dataclass(slots=True)
class Box:
    """What a node shows, and how much room that takes."""

    width: float
    height: float
    texts: list[Text]
    look: Look
    css: str
    warned: bool = False
    band: tuple[float, float] | None = None  # the ground of the gradient: from, to
    round: bool = False


def tensor_box(tensor: TensorNode, tag: str) -> Box:
    look = ROLES[tensor.role]
    css = f"node tensor {'param' if tensor.role == 'parameter' else tensor.role}"
    if tensor.role == "constant":
        width = max(text_width(tensor.name, 11, mono=True), text_width(tag, 9)) + 16
        texts = [Text(width / 2, 16, tensor.name, 11, mono=True, anchor="middle")]
        texts += [Text(width / 2, 28, tag, 9, MUTED, anchor="middle")] if tag else []
        return Box(width, 36 if tag else 24, texts, look, css)
    head = text_width(tensor.name, 11, bold=tensor.has_name)
    width = head + (16 + text_width(tensor.tag, 9) if tensor.tag else 0)
    rows = [(label, text.split("\n"), TEXT) for label, text in tensor.rows]
    rows.append(("grad", tensor.grad.split("\n"), GRADIENT))
    numbers = [max(text_width(line, 10, mono=True) for line in lines) for _, lines, _ in rows]
    labels = max(text_width(label, 10) for label, _, _ in rows) + 8
    warning = f"⚠ {tensor.warning}" if tensor.warning else ""
    width = (
        max(width, labels + max(numbers), text_width(warning, 11, bold=True), text_width(tag, 9))
        + 18
    )
    texts = [Text(9, 16, tensor.name, 11, TEXT if tensor.has_name else MUTED, tensor.has_name)]
    texts += [Text(width - 9, 16, tensor.tag, 9, MUTED, anchor="end")] if tensor.tag else []
    y = 22.0
    if tag:
        texts.append(Text(9, y + 9, tag, 9, MUTED))
        y += 13
    for (label, lines, color), number in zip(rows, numbers, strict=True):
        if label == "grad" and warning:
            texts.append(Text(9, y + 12, warning, 11, WARNING, bold=True))
            y += 16
        height = 12 * len(lines) + 4
        texts.append(Text(9, y + height / 2 + 3.5, label, 10, MUTED))
        for line in lines:
            y += 12
            texts.append(Text(width - 9 - number, y, line, 10, color, mono=True))
        y += 4
    band = (y - height, y)
    return Box(width, y + 6, texts, look, css, bool(warning), band)


def operation_box(operation: OpNode, operands: int, tag: str) -> Box:
    rows: list[tuple[str, float, bool, bool]] = []
    if operation.symbol and operation.symbol != operation.name:
        rows += [(operation.symbol, 15, True, False), (operation.name, 10, False, False)]
    else:
        rows.append((operation.name, 12, True, False))
    rows += [(f"{name}={value}", 9, False, True) for name, value in operation.params]
    rows += [(tag, 9, False, False)] if tag else []
    wide = max(text_width(text, size, bold, mono) for text, size, bold, mono in rows)
    high = sum(size + 3 for _, size, _, _ in rows)
    width, height = 1.3 * wide + 14, max(1.3 * high + 8, 22.0 * min(operands, 8))
    y, texts = (height - high) / 2, []
    for text, size, bold, mono in rows:
        y += size + 3
        color = MUTED if text == tag else TEXT
        texts.append(Text(width / 2, y - 4, text, size, color, bold, mono, "middle"))
    return Box(width, height, texts, OPERATION, "node op", round=True)


def text_width(text: str, size: float, bold: bool = False, mono: bool = False) -> float:
    ems = 0.0
    for character in text:
        if unicodedata.east_asian_width(character) in "WF":
            ems += 1.1
        else:
            ems += 0.605 if mono else _WIDTHS.get(character, 0.63)
    return ems * size * (1.08 if bold else 1.0)


def number(value: float) -> str:
    """Write a length to a tenth of a pixel."""
    return f"{round(value, 1) + 0.0:g}"  # adding 0 turns -0 into 0


def paint_box(drawing: Element, name: str, box: Box, left: float, top: float) -> None:
    group = SubElement(drawing, "g", {"id": name, "class": box.css})
    SubElement(group, "title").text = name
    look = box.look
    if box.warned:
        look = Look(look.fill, WARNING, look.style, 3.0, look.outlines)
    paint_outline(group, look, left, top, box.width, box.height, box.round)
    if box.band:
        start, end = box.band
        _rectangle(group, left + 5, top + start, box.width - 10, end - start, GRADIENT_FILL, "none")
    for text in box.texts:
        paint_text(group, text, left, top)


def paint_outline(
    group: Element, look: Look, x: float, y: float, width: float, height: float, ellipse: bool
) -> None:
    if ellipse:
        attributes = {"cx": x + width / 2, "cy": y + height / 2, "rx": width / 2, "ry": height / 2}
        shape = SubElement(group, "ellipse", {k: number(v) for k, v in attributes.items()})
        shape.attrib.update(fill=look.fill, stroke=look.line)
        return
    if look.outlines > 1:
        _rectangle(group, x - 3, y - 3, width + 6, height + 6, look.fill, look.line)
    shape = _rectangle(group, x, y, width, height, look.fill, look.line)
    if "rounded" in look.style:
        shape.set("rx", "8")
    if look.width != 1:
        shape.set("stroke-width", f"{look.width:g}")


def _rectangle(
    group: Element, x: float, y: float, width: float, height: float, fill: str, line: str
) -> Element:
    sizes = {"x": x, "y": y, "width": width, "height": height}
    attributes = {name: number(value) for name, value in sizes.items()}
    return SubElement(group, "rect", {**attributes, "fill": fill, "stroke": line})


def paint_label(drawing: Element, x: float, y: float, label: str) -> None:
    """Write beside a line, on a ground of its own that keeps the line off the text."""
    width = text_width(label, 10) + 4
    _rectangle(drawing, x - width / 2, y - 6.5, width, 13, PAGE, "none")
    paint_text(drawing, Text(x, y + 3.5, label, 10, GRADIENT, anchor="middle"), 0, 0)


def paint_text(group: Element, text: Text, left: float, top: float) -> None:
    attributes = {
        "x": number(left + text.x),
        "y": number(top + text.y),
        "font-family": _MONO if text.mono else _SANS,
        "font-size": f"{text.size:g}",
        "fill": text.color,
    }
    if text.bold:
        attributes["font-weight"] = "bold"
    if text.anchor != "start":
        attributes["text-anchor"] = text.anchor
    # Blanks that keep columns apart, and those between two parts of a line, are to stay.
    SubElement(group, "text", attributes).text = text.text.replace(" ", "\xa0")
