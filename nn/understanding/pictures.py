"""Pictures that several answers share: signed bars with names, heat maps, rows of images.

Blue is for what raises a number, orange for what lowers it, and the sign repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.texts import clean

from .. import figure_style as style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["bars_figure", "heat_maps_figure", "images_figure"]

_WIDTH = 5.6
_LONGEST_NAME = 34
_MOST_LINES_ON_A_SLIDE = 12


def bars_figure(
    names: Sequence[str],
    values: NDArray[Any],
    *,
    title: str,
    xlabel: str,
    points: NDArray[Any] | None = None,
    note: str = "",
    lines: int = 1,
) -> Figure:
    """Draw horizontal bars, the first at the top.

    Parameters
    ----------
    names : sequence of str
        Next to each bar; a slide shows the first 12 lines of them.
    values : ndarray, shape (bars,)
        Their lengths; NaN is drawn as no bar.
    title, xlabel : str
        Texts above and below.
    points : ndarray, shape (bars, repeats), optional
        Single measurements, drawn on each bar.
    note : str
        A small line at the bottom.
    lines : int
        Lines of text in a name.

    Returns
    -------
    matplotlib.figure.Figure
    """
    values = np.asarray(values, dtype=np.float64)
    if style.is_slide():
        most = _MOST_LINES_ON_A_SLIDE // lines
        if len(values) > most:
            note = _shown_note(most, len(values), note)
        names, values = names[:most], values[:most]
        points = None if points is None else points[:most]
    figure, axes = style.blank_axes(_WIDTH, (0.12 + 0.15 * lines) * max(len(values), 2) + 1.35)
    places = np.arange(len(values))
    colours = [style.BLUE if value >= 0 else style.ORANGE for value in values]
    strength = 1.0 if points is None else 0.55  # the points must be visible on the bar
    axes.barh(places, np.nan_to_num(values), color=colours, height=0.72, alpha=strength, zorder=2)
    if points is not None:
        axes.plot(
            points.ravel(),
            np.repeat(places, points.shape[1]),
            "|",
            color="black",
            markersize=6 * style.zoom(),
            markeredgewidth=style.zoom(),
            zorder=3,
        )
    axes.axvline(0, color=style.LINE, linewidth=0.8 * style.zoom(), zorder=5)
    axes.set_yticks(places, [_safe(name) for name in names])
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.margins(x=0.06)
    axes.grid(True, axis="x", color=style.GRID, linewidth=0.6, zorder=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(xlabel)
    _write_around(figure, title, note)
    return figure


def heat_maps_figure(
    maps: Sequence[NDArray[Any]],
    names: Sequence[str],
    *,
    title: str,
    label: str,
    image: NDArray[Any] | None = None,
    note: str = "",
) -> Figure:
    """Draw square maps around 0, next to the image that they belong to.

    Parameters
    ----------
    maps : sequence of ndarray, shape (side, side)
        All in one scale: orange below 0, white at 0, blue above.
    names : sequence of str
        Above each map.
    title, label : str
        Above all, and at the colour bar.
    image : ndarray, shape (side, side), optional
        Drawn in grey on the left.
    note : str
        A small line at the bottom.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    panels = len(maps) + (image is not None)
    width, height = (_WIDTH, 3.5) if panels > 1 else (4.4, 4.2)
    figure = style.blank_axes(width, height)[0]
    figure.clear()
    axes = list(np.ravel(figure.subplots(1, panels)))
    style.large_ticks(*axes)
    largest = max((float(np.abs(one).max(initial=0.0)) for one in maps), default=0.0) or 1.0
    colours = LinearSegmentedColormap.from_list("signed", [style.ORANGE, "white", style.BLUE])
    scale = ScalarMappable(Normalize(-largest, largest), colours)
    if image is not None:
        low, high = float(image.min()), float(image.max())
        grey = (image - low) / ((high - low) or 1.0)
        style.paint(axes[0], np.repeat(grey[..., np.newaxis], 3, axis=-1))
        axes[0].set_title("the row", fontsize=style.lettering(9))
    for panel, one, name in zip(axes[panels - len(maps) :], maps, names, strict=True):
        style.paint(panel, np.asarray(scale.to_rgba(one))[..., :3])
        panel.set_title(_safe(name), fontsize=style.lettering(9))
    for panel in axes:
        panel.set_xticks([])
        panel.set_yticks([])
        for spine in panel.spines.values():
            spine.set_color(style.GRID)
    bar = figure.colorbar(scale, ax=axes, shrink=0.72, aspect=24, label=label)
    style.large_ticks(bar.ax)
    _write_around(figure, title, note)
    return figure


def images_figure(
    images: NDArray[Any], names: Sequence[str], *, title: str, note: str = ""
) -> Figure:
    """Draw images in rows, each with a text of up to two lines above it.

    Parameters
    ----------
    images : ndarray, shape (N, side, side)
        All in one scale; a slide shows the first 8.
    names : sequence of str
        One for each image.
    title, note : str
        Above all, and a small line at the bottom.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if style.is_slide():
        if len(images) > style.MOST_IMAGES_ON_A_SLIDE:
            note = _shown_note(style.MOST_IMAGES_ON_A_SLIDE, len(images), note)
        images, names = (
            images[: style.MOST_IMAGES_ON_A_SLIDE],
            names[: style.MOST_IMAGES_ON_A_SLIDE],
        )
    columns = style.balanced_columns(len(images), 4)
    rows = -(-len(images) // columns)
    figure, axes = style.blank_axes(1.45 * max(columns, 3) + 0.2, 1.72 * rows + 0.85)
    texts = [_safe(name, 60) for name in names]
    finite = images[np.isfinite(images)]
    limits = float(finite.min(initial=0.0)), float(finite.max(initial=1e-300))
    style.mosaic(
        axes,
        images,
        texts,
        columns,
        style.gaps_on_a_slide(columns, rows, texts) if style.is_slide() else (0.28, 0.46),
        colours="gray",
        limits=limits,
        fontsize=8,
    )
    _write_around(figure, title, note)
    return figure


def _write_around(figure: Figure, title: str, note: str) -> None:
    figure.suptitle(style.wrapped(_safe(title, 200), 10), fontsize=style.lettering(10))
    if note:
        note = style.wrapped(_safe(note, 200), 8)
        figure.supxlabel(note, fontsize=style.lettering(8), color=style.MUTED)


def _shown_note(shown: int, count: int, note: str) -> str:
    """Return a note that begins with how many of them a slide shows."""
    return f"{shown} of {count} shown" + (f"; {note}" if note else "")


def _safe(text: str, limit: int = _LONGEST_NAME) -> str:
    """Make a text printable line by line; a dollar sign does not start a formula."""
    return "\n".join(clean(line, limit) for line in text.split("\n")).replace("$", r"\$")
