"""One node of a picture: its rows are measured, placed, and written as SVG.

The width of text is estimated, on the wide side, because the fonts of the reader are unknown.
Where a node goes, and what it shows, is decided elsewhere.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from ..palette import Look, Theme
from .picture import Card, Row, Version

__all__ = [
    "SANS",
    "Box",
    "BoxText",
    "card_box",
    "number",
    "paint_box",
    "paint_label",
    "paint_outline",
    "paint_text",
    "text_width",
]

SANS = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_MONO = "Courier, 'Courier New', 'Liberation Mono', monospace"
_BESIDE = 16.0  # between a matrix and its gradient
# In ems, for a wide sans-serif font; other characters have the width of most letters.
_WIDTHS = {
    **dict.fromkeys("ijl'|!.,:; []()ft/I\\", 0.36),
    **dict.fromkeys("mwMW%@—…", 0.98),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ+=<>~×", 0.76),
}


@dataclass(frozen=True, slots=True)
class BoxText:
    """One piece of text in a box; `x` and `y` from its upper left corner.

    `ink` names a colour of the theme, and `version` the steps of a story at which it is shown.
    """

    x: float
    y: float
    text: str
    size: float
    ink: str = "text"
    bold: bool = False
    mono: bool = False
    anchor: str = "start"
    version: Version | None = None


@dataclass(slots=True)
class Box:
    """The texts of a node, and its size."""

    card: Card
    width: float
    height: float
    texts: list[BoxText]
    bands: list[tuple[float, float, float]]  # backgrounds of gradients: left, top, bottom


def card_box(card: Card, tag: str = "", operands: int = 0) -> Box:
    """Measure a card.

    Parameters
    ----------
    card : Card
    tag : str
        An additional line, such as the module that it belongs to.
    operands : int
        How many lines arrive at it.

    Examples
    --------
    >>> [text.text for text in card_box(Card("t0", "input", "x")).texts]
    ['x']
    """
    if card.is_round:
        return _ellipse(card, tag, operands)
    if not card.rows:
        width = max(text_width(card.name, 11, mono=True), text_width(tag, 9)) + 16
        texts = [BoxText(width / 2, 16, card.name, 11, mono=True, anchor="middle")]
        texts += [BoxText(width / 2, 28, tag, 9, "muted", anchor="middle")] if tag else []
        return Box(card, width, 36 if tag else 24, texts, [])
    return _table(card, tag)


def _table(card: Card, tag: str) -> Box:
    """Place the rows of a box: labels at the left, numbers at the right."""
    labels = max(text_width(row.label, 10) for row in card.rows) + 8
    head = text_width(card.name, 11, bold=card.is_named)
    wide = [head + (16 + text_width(card.tag, 9) if card.tag else 0), text_width(tag, 9)]
    widths = [_row_width(row) for row in card.rows]
    beside = _beside(card)
    for row, own in zip(card.rows, widths, strict=True):
        wide.append(own if row.kind in ("warning", "note") else labels + own)
    gradient = 0.0  # the width of one that is written to the right of its matrix
    if beside:
        matrix, gradient = (
            text_width(card.rows[place].label, 10) + 8 + widths[place]
            for place in (beside - 1, beside)
        )
        wide[beside + 1 : beside + 3] = [matrix + _BESIDE + gradient]
    width = max(wide) + 18
    name = "text" if card.is_named else "muted"
    texts = [BoxText(9, 16, card.name, 11, name, card.is_named)]
    texts += [BoxText(width - 9, 16, card.tag, 9, "muted", anchor="end")] if card.tag else []
    y = start = 22.0
    bands = []
    if tag:
        texts.append(BoxText(9, y + 9, tag, 9, "muted"))
        y += 13
    for place, (row, own) in enumerate(zip(card.rows, widths, strict=True)):
        if row.kind == "warning":
            texts.append(BoxText(9, y + 12, row.text, 11, "warning", bold=True))
            y += 16
        elif row.kind == "note":
            texts.append(BoxText(9, y + 11, row.text, 10, "muted"))
            y += 15
        else:
            left, right = 9.0, width - 9
            if beside and place == beside - 1:
                right -= gradient + _BESIDE
            elif beside and place == beside:
                y, left = start, right - gradient
            start = y
            y += 12 * _row_lines(row) + 4
            texts.append(BoxText(left, (start + y) / 2 + 3.5, row.label, 10, "muted"))
            texts += _row_texts(row, right - own, start)
            bands += [(left - 4, start, y)] if row.kind == "gradient" else []
    return Box(card, width, y + 6, texts, bands)


def _beside(card: Card) -> int:
    """Return the number of the gradient that fits to the right of a matrix; 0 if there is none."""
    rows = card.rows
    for place in range(1, len(rows)) if card.is_broad else ():
        both = rows[place - 1 : place + 1]
        if [row.kind for row in both] == ["value", "gradient"] and min(map(_row_lines, both)) > 1:
            return place
    return 0


def _texts_of(row: Row) -> list[tuple[str, Version | None]]:
    return [(version.text, version) for version in row.versions] or [(row.text, None)]


def _row_width(row: Row) -> float:
    if row.kind == "warning":
        return text_width(row.text, 11, bold=True)
    mono = row.kind != "note"
    lines = [line for text, _ in _texts_of(row) for line in text.split("\n")]
    return max(text_width(line, 10, mono=mono) for line in lines)


def _row_lines(row: Row) -> int:
    return max(text.count("\n") + 1 for text, _ in _texts_of(row))


def _row_texts(row: Row, x: float, y: float) -> list[BoxText]:
    ink = row.kind if row.kind in ("gradient", "match", "differ") else "text"
    high, texts = _row_lines(row), []
    for text, version in _texts_of(row):
        lines = text.split("\n")
        middle = 6 * (high - len(lines))
        texts += [
            BoxText(x, y + middle + 12 * place, line, 10, ink, mono=True, version=version)
            for place, line in enumerate(lines, 1)
            if line
        ]
    return texts


def _ellipse(card: Card, tag: str, operands: int) -> Box:
    """Write symbol, name and metadata of an operation below each other."""
    rows = [(text, size, "text", bold, False) for text, size, bold in card.heading]
    inks = {"gradient": "gradient"}
    rows += [(row.text, 9, inks.get(row.kind, "text"), False, True) for row in card.rows]
    rows += [(tag, 9, "muted", False, False)] if tag else []
    wide = max(text_width(text, size, bold, mono) for text, size, _, bold, mono in rows)
    high = sum(row[1] + 3 for row in rows)
    width, height = 1.3 * wide + 14, max(1.3 * high + 8, 22.0 * min(operands, 8))
    y, texts = (height - high) / 2, []
    for text, size, ink, bold, mono in rows:
        y += size + 3
        texts.append(BoxText(width / 2, y - 4, text, size, ink, bold, mono, "middle"))
    return Box(card, width, height, texts, [])


def text_width(text: str, size: float, bold: bool = False, mono: bool = False) -> float:
    """Estimate the width of a text in pixels, on the wide side.

    Examples
    --------
    >>> text_width("mm", 10) > text_width("ii", 10)
    True
    """
    ems = 0.0
    for character in text:
        if unicodedata.east_asian_width(character) in "WF":
            ems += 1.1
        else:
            ems += 0.605 if mono else _WIDTHS.get(character, 0.63)
    return ems * size * (1.08 if bold else 1.0)


def number(value: float) -> str:
    """Write a length, rounded to a tenth of a pixel."""
    return f"{round(value, 1) + 0.0:g}"  # adding 0 turns -0 into 0


def paint_box(drawing: Element, theme: Theme, box: Box, left: float, top: float) -> None:
    """Write a node with its upper left corner at (left, top)."""
    card = box.card
    group = SubElement(drawing, "g", {"id": card.id, "class": f"node {card.css}"})
    SubElement(group, "title").text = card.id
    look = theme.look(card.role)
    if card.is_warned:
        look = Look(look.fill, theme.warning, look.style, 3.0, look.outlines)
    paint_outline(group, look, left, top, box.width, box.height, card.is_round)
    for aside, start, end in box.bands:
        size = box.width - 5 - aside, end - start
        _rectangle(group, left + aside, top + start, *size, theme.gradient_fill, "none")
    for text in box.texts:
        paint_text(group, theme, text, left, top)


def paint_outline(
    group: Element, look: Look, x: float, y: float, width: float, height: float, ellipse: bool
) -> None:
    """Write the outline of a node or a frame."""
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
    if "dashed" in look.style:
        shape.set("stroke-dasharray", "5,3")
    if look.width != 1:
        shape.set("stroke-width", f"{look.width:g}")


def _rectangle(
    group: Element, x: float, y: float, width: float, height: float, fill: str, line: str
) -> Element:
    sizes = {"x": x, "y": y, "width": width, "height": height}
    attributes = {name: number(value) for name, value in sizes.items()}
    return SubElement(group, "rect", {**attributes, "fill": fill, "stroke": line})


def paint_label(
    drawing: Element, theme: Theme, x: float, y: float, label: str, ink: str, owner: str
) -> None:
    """Write a label of a line, on a background that keeps the line off the text."""
    group = SubElement(drawing, "g", {"class": "label", "data-of": owner})
    width = text_width(label, 10) + 4
    _rectangle(group, x - width / 2, y - 6.5, width, 13, theme.page, "none")
    paint_text(group, theme, BoxText(x, y + 3.5, label, 10, ink, anchor="middle"))


def paint_text(
    group: Element, theme: Theme, text: BoxText, left: float = 0.0, top: float = 0.0
) -> None:
    """Write one piece of text; the root of the SVG has the sans-serif font."""
    attributes = {
        "x": number(left + text.x),
        "y": number(top + text.y),
        "font-size": f"{text.size:g}",
        "fill": getattr(theme, text.ink),
    }
    if text.mono:
        attributes["font-family"] = _MONO
    if text.bold:
        attributes["font-weight"] = "bold"
    if text.anchor != "start":
        attributes["text-anchor"] = text.anchor
    if text.version is not None:
        attributes |= text.version.attributes
    # Keeps the blanks between columns, which SVG would collapse.
    SubElement(group, "text", attributes).text = text.text.replace(" ", "\xa0")
