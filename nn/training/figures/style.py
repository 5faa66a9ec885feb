"""What the figures of training share: colours, blank figures, and images side by side.

Blue stands for right and orange for wrong; a place, a mark, a line style or a word always says the
same, so that no colour speaks alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "CLASSES",
    "GRID",
    "MARKERS",
    "MUTED",
    "ORANGE",
    "blank_axes",
    "image_side",
    "ink_on",
    "mosaic",
    "paint",
    "rgb",
]

BLUE = "#0B5394"
ORANGE = "#A63C00"
MUTED = "#595959"
GRID = "#D9DEE3"

# Okabe and Ito's colours, told apart with every kind of colour vision; yellow made darker.
CLASSES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7A6A00", "#555555")
MARKERS = ("o", "s", "^", "D", "v", "P")
"""Class ``n`` has colour ``n % 8``; its marker changes with ``n`` and again after eight classes."""


def blank_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """Make a figure of so many inches with one plot in it; pyplot knows nothing of it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    return figure, figure.subplots()


def rgb(colour: str) -> NDArray[np.float64]:
    """Give red, green and blue from 0 to 1.

    Examples
    --------
    >>> rgb("#FF0033").tolist()
    [1.0, 0.0, 0.2]
    """
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def ink_on(ground: NDArray[Any]) -> str:
    """Choose the colour of a text, black or white: the one with more contrast to its ground.

    The brightness is that of the Web Content Accessibility Guidelines, 2.2.
    """
    linear = np.where(ground <= 0.04045, ground / 12.92, ((ground + 0.055) / 1.055) ** 2.4)
    return "black" if linear @ (0.2126, 0.7152, 0.0722) > 0.179 else "white"


def image_side(features: int) -> int | None:
    """Give the side of the square image that so many features form, or None.

    Examples
    --------
    >>> image_side(784), image_side(785)
    (28, None)
    """
    side = math.isqrt(features)
    return side if side * side == features else None


def mosaic(
    axes: Axes,
    images: NDArray[Any],
    columns: int,
    gap: tuple[float, float],
    *,
    colours: str,
    limits: tuple[float, float],
) -> tuple[ScalarMappable, list[tuple[float, float]]]:
    """Lay images side by side as one large image, which is much faster than a plot for each.

    Parameters
    ----------
    axes : Axes
        Where to; its frame is taken away.
    images : ndarray, shape (N, side, side)
        All of one size.
    columns : int
        How many stand in a row.
    gap : tuple of float
        Space to the right of them and above them, as shares of their side.
    colours : str
        A map of colours that matplotlib knows.
    limits : tuple of float
        The values at both ends of it.

    Returns
    -------
    scale : ScalarMappable
        For a bar of the colours.
    places : list of (x, y)
        The middle of the upper edge of each image.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    side = images.shape[-1]
    across, down = (side + math.ceil(share * side) for share in gap)
    rows = -(-len(images) // columns)
    together = np.full((rows * down, columns * across - (across - side)), np.nan, np.float32)
    places = []
    for number, pixels in enumerate(images):
        x, y = number % columns * across, (number // columns + 1) * down - side
        together[y : y + side, x : x + side] = pixels
        places.append((x + side / 2 - 0.5, y - 0.5))
    axes.set_axis_off()
    scale = ScalarMappable(Normalize(*limits), colours)
    paint(axes, np.asarray(scale.to_rgba(together)))
    return scale, places


def paint(axes: Axes, colours: NDArray[Any]) -> None:
    """Show an array of colours, upright and with square pixels, around whole coordinates.

    `imshow` does the same, but takes ten times the memory of the finished picture.
    """
    rows, columns = colours.shape[:2]
    edges = np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5
    axes.pcolormesh(*edges, colours, rasterized=True)
    axes.set_aspect("equal")
    axes.invert_yaxis()
