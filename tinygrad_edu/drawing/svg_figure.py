"""A picture of the built-in painter as a Matplotlib figure: for a PDF, or for pixels.

It reads the part of SVG that the painter writes: groups that are moved and scaled, rectangles,
ellipses, paths of lines and curves, and text on one line. Anything else is an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.path import Path
    from matplotlib.transforms import Transform

__all__ = ["letters_without_glyph", "svg_figure"]

# The fonts that come with Matplotlib: the same on every machine, with Greek letters and signs.
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"
_POINTS = 72.0
_MOVES = re.compile(r"(translate|scale)\(([^)]*)\)")
_PATH = re.compile(r"[A-Za-z]|-?[\d.]+(?:e-?\d+)?")
_ROUND = 0.5523  # how far the control points of a quarter of a circle are, in radii


def svg_figure(root: Element, height: float) -> Figure:
    """Draw an SVG of the built-in painter.

    Parameters
    ----------
    root : Element
        Its view box begins at 0.
    height : float
        Of the figure, in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Its width follows from the view box.

    Raises
    ------
    ValueError
        If there is an element that the painter does not write.

    Examples
    --------
    >>> from xml.etree.ElementTree import fromstring
    >>> root = fromstring('<svg viewBox="0 0 20 10"><rect x="1" y="1" width="5" height="5"/></svg>')
    >>> svg_figure(root, 2.0).get_size_inches().tolist()
    [4.0, 2.0]
    """
    from matplotlib.figure import Figure
    from matplotlib.transforms import Affine2D

    wide, high = (float(size) for size in root.get("viewBox", "").split()[2:])
    figure = Figure(figsize=(wide * height / high, height), facecolor="white", edgecolor="none")
    scale = height / high
    whole = Affine2D().scale(scale, -scale).translate(0, height)
    _Drawer(figure).draw(root, whole, scale)
    return figure


def letters_without_glyph(text: str) -> str:
    """Return the letters that the fonts of these figures do not have.

    Examples
    --------
    >>> letters_without_glyph("δ1 = Σₖ W × 本")
    '本'
    """
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = [
        get_font(findfont(FontProperties(family=family))).get_charmap() for family in (SANS, MONO)
    ]
    letters = sorted({letter for letter in text if letter.isprintable()})
    return "".join(one for one in letters if not all(ord(one) in font for font in known))


class _Drawer:
    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def draw(self, element: Element, place: Transform, scale: float) -> None:
        """Draw an element and what it contains; `place` goes to inches, `scale` is its factor."""
        from matplotlib.transforms import Affine2D

        transform = element.get("transform", "")
        if _MOVES.sub("", transform).strip():
            raise ValueError(f"the built-in painter does not write transform={transform!r}")
        for kind, numbers in _MOVES.findall(transform):
            x, *rest = (float(number) for number in numbers.replace(",", " ").split())
            if kind == "scale":
                place, scale = Affine2D().scale(x) + place, scale * x
            else:
                place = Affine2D().translate(x, rest[0]) + place
        if element.tag in ("svg", "g"):
            for child in element:
                self.draw(child, place, scale)
        elif element.tag == "text":
            self._text(element, place, scale)
        elif element.tag not in ("title", "desc"):
            self._shape(element, place, scale)

    def _shape(self, element: Element, place: Transform, scale: float) -> None:
        from matplotlib.patches import PathPatch

        line, fill = element.get("stroke", "none"), element.get("fill", "none")
        width = float(element.get("stroke-width", 1))
        dashes = [
            float(one) / width for one in element.get("stroke-dasharray", "").split(",") if one
        ]
        patch = PathPatch(
            _outline(element),
            facecolor=fill,
            edgecolor=line,
            linewidth=0 if line == "none" else width * scale * _POINTS,
            linestyle=(0, dashes) if dashes else "-",
            capstyle="round" if element.get("stroke-linecap") == "round" else "butt",
            joinstyle="round" if element.get("stroke-linejoin") == "round" else "miter",
            transform=place + self.figure.dpi_scale_trans,
        )
        self.figure.add_artist(patch)

    def _text(self, element: Element, place: Transform, scale: float) -> None:
        x, y = place.transform((float(element.get("x", 0)), float(element.get("y", 0))))
        anchors = {"middle": "center", "end": "right"}
        self.figure.text(
            x,
            y,
            (element.text or "").replace("\xa0", " "),
            transform=self.figure.dpi_scale_trans,
            fontfamily=MONO if "mono" in element.get("font-family", "") else SANS,
            fontsize=float(element.get("font-size", 10)) * scale * _POINTS,
            fontweight=element.get("font-weight", "normal"),
            color=element.get("fill", "black"),
            horizontalalignment=anchors.get(element.get("text-anchor", ""), "left"),
            verticalalignment="baseline",
            parse_math=False,
        )


def _outline(element: Element) -> Path:
    """Return the path of a rectangle, an ellipse or a path."""
    from matplotlib.path import Path
    from matplotlib.transforms import Affine2D

    def size(name: str) -> float:
        return float(element.get(name, 0))

    if element.tag == "rect":
        return _rectangle(size("x"), size("y"), size("width"), size("height"), size("rx"))
    if element.tag == "ellipse":
        moved = Affine2D().scale(size("rx"), size("ry")).translate(size("cx"), size("cy"))
        return Path.unit_circle().transformed(moved)
    if element.tag == "path":
        return _curves(element.get("d", ""))
    raise ValueError(f"the built-in painter does not write <{element.tag}>")


def _rectangle(x: float, y: float, width: float, height: float, radius: float) -> Path:
    from matplotlib.path import Path

    right, bottom = x + width, y + height
    if not radius:
        return Path([(x, y), (right, y), (right, bottom), (x, bottom), (x, y)], closed=True)
    points: list[tuple[float, float]] = [(x + radius, y)]
    codes: list[Any] = [Path.MOVETO]
    # Each corner: where its arc begins, the corner itself, and where the arc ends.
    for start, corner, end in (
        ((right - radius, y), (right, y), (right, y + radius)),
        ((right, bottom - radius), (right, bottom), (right - radius, bottom)),
        ((x + radius, bottom), (x, bottom), (x, bottom - radius)),
        ((x, y + radius), (x, y), (x + radius, y)),
    ):
        pulls = [
            tuple(a + _ROUND * (b - a) for a, b in zip(point, corner, strict=True))
            for point in (start, end)
        ]
        points += [start, *pulls, end]  # type: ignore[list-item]
        codes += [Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    return Path([*points, points[0]], [*codes, Path.CLOSEPOLY])


def _curves(text: str) -> Path:
    from matplotlib.path import Path

    codes_of = {"M": [Path.MOVETO], "L": [Path.LINETO], "C": [Path.CURVE4] * 3, "Z": []}
    points: list[tuple[float, float]] = []
    codes: list[Any] = []
    tokens = _PATH.findall(text)
    place = 0
    while place < len(tokens):
        command = tokens[place]
        if command not in codes_of:
            raise ValueError(f"the built-in painter does not write {command!r} in a path")
        if command == "Z":
            points.append(points[0])
            codes.append(Path.CLOSEPOLY)
        kinds = codes_of[command]
        numbers = [float(one) for one in tokens[place + 1 : place + 1 + 2 * len(kinds)]]
        points += zip(numbers[::2], numbers[1::2], strict=True)
        codes += kinds
        place += 1 + 2 * len(kinds)
    return Path(points, codes)
