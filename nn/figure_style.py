"""Shared by the figures of `nn`: colours, line styles, empty figures, mosaics of images.

Blue means correct and training data, orange means wrong and test data. Position, marker, line style
or text always repeat what a colour means. Figures at slide size are set in `slides`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.palette import LIGHT
from tinygrad_edu.texts import clean

from .images import image_side
from .slides import (
    MOST_IMAGES_ON_A_SLIDE,
    SLIDE,
    SMALLEST_LETTERS,
    is_slide,
    large_ticks,
    lettering,
    wrapped,
    zoom,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "CLASSES",
    "GRID",
    "LINE",
    "MARKERS",
    "MOST_IMAGES_ON_A_SLIDE",
    "MUTED",
    "ORANGE",
    "SLIDE",
    "SMALLEST_LETTERS",
    "WARNING",
    "balanced_columns",
    "blank_axes",
    "class_labels",
    "draw_line",
    "gaps_on_a_slide",
    "heading",
    "ink_on",
    "is_slide",
    "large_ticks",
    "lettering",
    "mosaic",
    "paint",
    "panels_over_epochs",
    "part_look",
    "plain",
    "required_side",
    "rgb",
    "series_look",
    "stacked_axes",
    "wrapped",
    "zoom",
]

# The same as in pictures of graphs.
BLUE, ORANGE = LIGHT.look("operation").line, LIGHT.gradient
MUTED, LINE, WARNING = LIGHT.muted, LIGHT.line, LIGHT.warning
GRID = "#D9DEE3"

# Okabe and Ito's colours, distinct with every kind of colour vision; yellow is darker here.
CLASSES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7A6A00", "#555555")
MARKERS = ("o", "s", "^", "D", "v", "P")
"""Class ``n`` has colour ``n % 8``; its marker changes with ``n`` and again after eight classes."""

_DASHES = ("-", "--", "-.", ":")
_MOST_MARKERS = 20


def part_look(part: str) -> dict[str, str]:
    """Return colour, marker and dashes of a line about train, validation or test data."""
    number, colour = {"train": (0, BLUE), "test": (1, ORANGE), "validation": (2, CLASSES[2])}[part]
    return {"color": colour, "marker": MARKERS[number], "linestyle": _DASHES[number]}


def series_look(number: int) -> dict[str, str]:
    """Return colour, marker and dashes of the line with this number, from 0."""
    return {
        "color": CLASSES[number % len(CLASSES)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": _DASHES[number % len(_DASHES)],
    }


def _page(width: float, height: float) -> Figure:
    """Return a figure of this size in inches, or of a slide, without pyplot."""
    from matplotlib.figure import Figure

    size, dpi, pad = (SLIDE, 144, 0.16) if is_slide() else ((width, height), 120, 0.08)
    figure = Figure(figsize=size, dpi=dpi, layout="constrained")
    engine = figure.get_layout_engine()
    assert engine is not None  # because of layout=
    engine.set(w_pad=pad, h_pad=pad)  # type: ignore[call-arg]
    return figure


def blank_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of this size in inches with one plot."""
    figure = _page(width, height)
    axes = figure.subplots()
    large_ticks(axes)
    return figure, axes


def stacked_axes(
    width: float, height: float, heights: Sequence[float]
) -> tuple[Figure, list[Axes]]:
    """Return a figure with plots below each other.

    Parameters
    ----------
    width, height : float
        The size of the figure in inches.
    heights : sequence of float
        The heights of the plots, relative to each other.
    """
    figure = _page(width, height)
    rows = figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
    large_ticks(*rows)
    return figure, list(rows)


def panels_over_epochs(*titles: str, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with a plot over the epochs for each title, side by side."""
    from matplotlib.ticker import MaxNLocator

    figure = _page(9.0, height)
    panels = list(figure.subplots(1, len(titles)))
    large_ticks(*panels)
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(True, which="both", color=GRID, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        ticks = 5 if is_slide() else 10
        axes.xaxis.set_major_locator(MaxNLocator(ticks, integer=True, min_n_ticks=1))
    return figure, panels


def plain(name: str, limit: int = 40) -> str:
    r"""Return a name as matplotlib can draw it: one line, at most this long, and no formula.

    Characters that the font lacks become question marks; otherwise matplotlib would warn at each
    of them, and draw boxes.

    Examples
    --------
    >>> print(plain("price in $ and tax in $", 12))
    price… in \$
    """
    return "".join(c if _can_draw(c) else "?" for c in clean(name, limit)).replace("$", r"\$")


def class_labels(names: Sequence[str] | None, classes: int, limit: int) -> list[str]:
    """Return the names of classes as matplotlib can draw them.

    A class without a name has its number; so has one whose name is empty or not in the font.

    Parameters
    ----------
    names : sequence of str or None
        The names; None for numbers.
    classes : int
        The number of classes.
    limit : int
        The most letters of a name.

    Examples
    --------
    >>> class_labels(["cat", "猫"], 2, 10)
    ['cat', 'class 1']
    """
    if names is None:
        return [str(number) for number in range(classes)]
    shown = [clean(name, limit) for name in names]
    return [
        plain(name, limit) if name and all(map(_can_draw, name)) else f"class {number}"
        for number, name in enumerate(shown)
    ]


def _can_draw(character: str) -> bool:
    """Return whether one of the fonts that matplotlib is set to has this character."""
    from matplotlib.font_manager import FontProperties

    return ord(character) in _characters(tuple(FontProperties().get_family()))


@cache
def _characters(families: tuple[str, ...]) -> frozenset[int]:
    """Return the characters that the fonts of these families have."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    fonts = [findfont(FontProperties(family=[family])) for family in families]
    return frozenset().union(*(get_font(font).get_charmap() for font in fonts))


def heading(data: str, title: str) -> str:
    """Return a title with the name of the data above it, if there is one."""
    return f"{data}\n{title}" if data else title


def draw_line(
    axes: Axes, epochs: Sequence[int], values: ArrayLike, label: str, look: dict[str, str]
) -> None:
    """Draw values over the epochs; of many epochs only some have a marker.

    The line is not clipped at the edges, where accuracies of 0 and 100 % are.

    Parameters
    ----------
    axes : Axes
        The plot.
    epochs : sequence of int
        Numbers of the epochs.
    values : array_like
        One value for each epoch.
    label : str
        The name of the line in the legend.
    look : dict of str to str
        From `part_look` or `series_look`.
    """
    every = -(-len(epochs) // _MOST_MARKERS)
    axes.plot(
        epochs,
        values,
        label=label,
        markevery=every,
        markersize=4 * zoom(),
        linewidth=1.6 * zoom(),
        clip_on=False,
        zorder=3,
        **look,  # type: ignore[arg-type]
    )


def rgb(colour: str) -> NDArray[np.float64]:
    """Return red, green and blue from 0 to 1.

    Examples
    --------
    >>> rgb("#FF0033").tolist()
    [1.0, 0.0, 0.2]
    """
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def ink_on(ground: NDArray[Any]) -> str:
    """Return black or white, whichever has more contrast with the background.

    The brightness is defined in the Web Content Accessibility Guidelines, 2.2.
    """
    linear = np.where(ground <= 0.04045, ground / 12.92, ((ground + 0.055) / 1.055) ** 2.4)
    return "black" if linear @ (0.2126, 0.7152, 0.0722) > 0.179 else "white"


def required_side(features: int, called: str) -> int:
    """Return the side of the square image; other numbers of features are an error."""
    side = image_side(features)
    if side is None:
        raise ValueError(
            f"{features} {called} do not form a square image; expected 64 for 8x8, 784 for 28x28"
        )
    return side


def balanced_columns(images: int, most: int) -> int:
    """Return how many images to put in a row, so that the last row is nearly full.

    Examples
    --------
    >>> [balanced_columns(images, most=8) for images in (3, 8, 10, 64)]
    [3, 8, 5, 8]
    """
    rows = -(-images // most)
    return -(-images // rows)


def mosaic(
    axes: Axes,
    images: NDArray[Any],
    names: Sequence[str],
    columns: int,
    gap: tuple[float, float],
    *,
    colours: str,
    limits: tuple[float, float],
    fontsize: float,
    ink: str = "black",
) -> ScalarMappable:
    """Combine images into one large image, which is much faster than a plot for each.

    Infinite values and NaN are red.

    Parameters
    ----------
    axes : Axes
        The plot; its frame is removed.
    images : ndarray, shape (N, side, side)
        The images.
    names : sequence of str
        The text above each image.
    columns : int
        Number of images in a row.
    gap : tuple of float
        Space to the right of and above each image, relative to its side.
    colours : str
        The name of a matplotlib colour map.
    limits : tuple of float
        The values at both ends of the colour map.
    fontsize, ink
        Size of the names in points on a page, and their colour.

    Returns
    -------
    ScalarMappable
        For a colour bar.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    side = images.shape[-1]
    across, down = (side + math.ceil(share * side) for share in gap)
    rows = -(-len(images) // columns)
    together = np.zeros((rows * down, columns * across - (across - side), 4))
    scale = ScalarMappable(Normalize(*limits), colours)
    for number, (pixels, name) in enumerate(zip(images, names, strict=True)):
        x, y = number % columns * across, (number // columns + 1) * down - side
        tile = np.asarray(scale.to_rgba(pixels))
        tile[~np.isfinite(pixels)] = (*rgb(WARNING), 1.0)
        together[y : y + side, x : x + side] = tile
        axes.text(
            x + side / 2 - 0.5,
            y - 0.5 - 0.03 * side,
            name,
            ha="center",
            va="bottom",
            fontsize=lettering(fontsize),
            linespacing=1.1,
            color=ink,
            in_layout=False,  # it is inside the plot, so the layout can skip it
        )
    axes.set_axis_off()
    paint(axes, together)
    return scale


def gaps_on_a_slide(columns: int, rows: int, names: Sequence[str]) -> tuple[float, float]:
    """Return the gaps of a `mosaic` that fills a slide, with room for the texts above the images.

    Parameters
    ----------
    columns, rows : int
        The number of images next to and above each other.
    names : sequence of str
        The texts.

    Returns
    -------
    tuple of float
        Space to the right and above, relative to the side of an image.
    """
    wide, high = (SLIDE[0] - 0.8) / columns, (SLIDE[1] - 1.5) / rows
    lines = [name.split("\n") for name in names]
    letters = max(len(line) for name in lines for line in name)
    text = max(map(len, lines)) * 1.3 * SMALLEST_LETTERS / 72 + 0.06
    side = min(high - text, 0.92 * wide)
    needed = letters * 0.62 * SMALLEST_LETTERS / 72
    return max(needed / side - 1, 0.08), text / side


def paint(axes: Axes, colours: NDArray[Any]) -> None:
    """Show an array of colours with square pixels, centred at integer coordinates.

    `imshow` does the same, but needs ten times as much memory.
    """
    rows, columns = colours.shape[:2]
    edges = np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5
    axes.pcolormesh(*edges, colours, rasterized=True)
    axes.set_aspect("equal")
    axes.invert_yaxis()
