"""Draws where gradients by hand differ: a map of errors for each of them.

All maps share one scale of colours, from blue (too small) through the colour of the page to orange
(too large). These colours differ for every kind of colour vision and are equally dark at both
ends. Red, as in matplotlib's "RdBu", means a warning here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..palette import LIGHT
from ..texts import clean, shape_text, value_rows
from .results import GradientRow
from .row_text import element, largest_difference, three_numbers, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

__all__ = ["Blocks", "error_maps", "in_blocks"]

_MAPS = 12
_MOST_ROWS, _MOST_COLUMNS = 64, 64  # of a map: finer ones cannot be seen
_WIDTH, _WIDTH_OF_ONE = 10.5, 6.8
_MAP_HEIGHT, _PROBLEM_HEIGHT, _TILE_HEIGHT = 2.9, 1.3, 0.5
_TILE_WIDTH = 2.6
_LETTERS_IN_AN_INCH = 10.5  # of the heading
_LONGEST_TITLE = 44
_MARKED = 60  # at most so many elements that are not finite get a cross
_WORST: dict[str, Any] = {
    "marker": "s",
    "markersize": 9,
    "markerfacecolor": "none",
    "markeredgecolor": LIGHT.text,
    "markeredgewidth": 1.4,
    "linestyle": "none",
}
_NO_NUMBER: dict[str, Any] = {
    "marker": "x",
    "markersize": 6,
    "color": LIGHT.warning,
    "linestyle": "none",
}


class Blocks(NamedTuple):
    """A matrix, reduced to a size that can be seen.

    Attributes
    ----------
    values : ndarray
        The element of each block that is farthest from 0, with its sign; NaN if one is NaN.
    rows, columns : int
        The size of a block.
    """

    values: NDArray[Any]
    rows: int
    columns: int


def in_blocks(matrix: NDArray[Any], rows: int, columns: int) -> Blocks:
    """Reduce a matrix to so many rows and columns, keeping the largest element of each block.

    An average would hide errors: both signs cancel, and a single wrong element fades.

    Parameters
    ----------
    matrix : ndarray
    rows, columns : int
        The most that the result may have.

    Examples
    --------
    >>> in_blocks(np.array([[1.0, -3.0], [2.0, 0.0], [5.0, 4.0]]), 2, 1).values.tolist()
    [[-3.0], [5.0]]
    """
    high, wide = -(-matrix.shape[0] // rows), -(-matrix.shape[1] // columns)
    if high == wide == 1:
        return Blocks(matrix, 1, 1)
    down, across = -(-matrix.shape[0] // high), -(-matrix.shape[1] // wide)
    missing = (0, down * high - matrix.shape[0]), (0, across * wide - matrix.shape[1])
    blocks = np.pad(matrix, missing).reshape(down, high, across, wide).swapaxes(1, 2)
    flat = blocks.reshape(down, across, high * wide)
    # NaN counts as the largest.
    farthest = np.abs(flat).argmax(axis=2)[..., None]
    return Blocks(np.take_along_axis(flat, farthest, axis=2)[..., 0], high, wide)


def error_maps(rows: Sequence[GradientRow], heading: Sequence[str] = ()) -> Figure:
    """Draw manual minus automatic for each gradient that differs; the others are named below.

    Parameters
    ----------
    rows : sequence of GradientRow
    heading : sequence of str
        Sentences to write above the maps.

    Returns
    -------
    matplotlib.figure.Figure
        It needs no display and no pyplot.
    """
    from matplotlib.figure import Figure

    wrong = [row for row in rows if not row.verdict.agree]
    # The last are nearest to the output, and to be corrected first.
    shown, right = wrong[-_MAPS:], [row for row in rows if row.verdict.agree]
    tiles = right[:_MAPS]
    columns = min(len(shown), 2 if len(shown) in (2, 4) else 3)
    width = _WIDTH_OF_ONE if len(shown) == 1 else _WIDTH
    tiles_in_a_row = int(width / _TILE_WIDTH)
    has_maps = any(row.manual is not None for row in shown)
    map_height = _MAP_HEIGHT if has_maps else _PROBLEM_HEIGHT
    heights, draws = [], []  # of the parts of the figure, from top to bottom
    if shown:
        heights.append(map_height * -(-len(shown) // columns))
        draws.append(partial(_draw_maps, rows=shown, columns=columns))
    if tiles:
        heights.append(_TILE_HEIGHT * -(-len(tiles) // tiles_in_a_row))
        draws.append(partial(_draw_tiles, rows=tiles, columns=tiles_in_a_row))
    lines = _heading(heading, width, len(wrong) - len(shown), len(right) - len(tiles))
    height = sum(heights) + 0.3 + 0.19 * len(lines)
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    if lines:
        text = _drawable("\n".join(lines))
        figure.suptitle(text, x=0.01, ha="left", **_look(10.5, LIGHT.text))
    count = max(len(heights), 1)
    parts = figure.subfigures(count, squeeze=False, height_ratios=heights or None)[:, 0]
    for draw, part in zip(draws, parts, strict=False):
        draw(part)
    return figure


def _heading(sentences: Sequence[str], width: float, maps: int, tiles: int) -> list[str]:
    """Wrap the heading, and add how many gradients are not shown."""
    letters = int(width * _LETTERS_IN_AN_INCH)
    lines = [
        line
        for sentence in sentences
        for line in textwrap.wrap(sentence, letters, subsequent_indent="   ")
    ]
    if maps or tiles:
        more = [f"{maps} that differ"] * bool(maps) + [f"{tiles} that agree"] * bool(tiles)
        lines.append(f"not shown: {' and '.join(more)}")
    return lines


def _look(size: float, colour: str) -> dict[str, Any]:
    # Names must not be typeset as formulas.
    return {"fontsize": size, "color": colour, "parse_math": False}


def _drawable(text: str) -> str:
    """Replace letters that the font does not have, and would warn about."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    return "".join(c if c == "\n" or font.get_char_index(ord(c)) else "\u25a1" for c in text)


# Maps -----------------------------------------------------------------------------------------


def _errors(row: GradientRow) -> NDArray[Any] | None:
    """Subtract automatic from manual; NaN where the difference is not finite."""
    if row.manual is None:
        return None
    manual, automatic = np.asarray(row.manual, np.float64), np.asarray(row.automatic, np.float64)
    same = (manual == automatic) | (np.isnan(manual) & np.isnan(automatic))
    with np.errstate(all="ignore"):
        errors = np.where(same, 0.0, manual - automatic)
    return np.where(np.isfinite(errors), errors, np.nan)


def _draw_maps(part: Any, rows: list[GradientRow], columns: int) -> None:
    """Draw the maps of what differs, with their common scale and a legend of the marks."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    errors = [_errors(row) for row in rows]
    sizes = [np.abs(e[np.isfinite(e)]).max(initial=0.0) for e in errors if e is not None]
    limit = max(sizes, default=0.0)
    ends = [LIGHT.look("operation").line, LIGHT.page, LIGHT.gradient]
    colours = LinearSegmentedColormap.from_list("errors", ends)
    # Shares of the largest error: neither the largest nor the smallest numbers overflow then.
    scale = ScalarMappable(Normalize(-1.0, 1.0), colours)
    panels = part.subplots(-(-len(rows) // columns), columns, squeeze=False)
    for axes, row, found in zip(panels.flat, rows, errors, strict=False):
        _title(axes, row)
        if found is None:
            _write_problem(axes, row)
        elif found.ndim < 2:
            _draw_bars(axes, row, found.reshape(-1) / (limit or 1.0), scale, limit)
        else:
            _draw_map(axes, row, found / (limit or 1.0), scale)
    for axes in panels.flat[len(rows) :]:
        axes.set_axis_off()
    if limit:
        aspect = 22 * len(panels)
        bar = part.colorbar(scale, ax=panels, ticks=[-1, 0, 1], aspect=aspect, pad=0.02)
        bar.ax.set_yticklabels([f"{-limit:.2g}", "0", f"+{limit:.2g}"], fontsize=8.5)
        bar.set_label("by hand − automatic", fontsize=8.5)
    _draw_legend(part, [error for error in errors if error is not None])


def _draw_legend(part: Any, errors: list[NDArray[Any]]) -> None:
    """Explain the marks that the maps have."""
    from matplotlib.lines import Line2D

    handles = []
    if errors:
        handles.append(Line2D([], [], label="differs most", **_WORST))
    if any(np.isnan(error).any() for error in errors):
        handles.append(Line2D([], [], label="NaN or infinite", **_NO_NUMBER))
    if handles:
        part.legend(
            handles=handles, loc="outside lower right", ncols=2, frameon=False, fontsize=8.5
        )


def _title(axes: Axes, row: GradientRow) -> None:
    """Name the gradient and the element that differs most."""
    name = f"✗ {clean(row.name, 24)} {shape_text(row.shape)}"
    pad = 6 if row.manual is None else 20
    axes.set_title(_drawable(name), loc="left", pad=pad, **_look(9.5, LIGHT.differ))
    if row.manual is not None:
        manual, automatic, _ = three_numbers(row)
        text = f"{element(row)} is {manual}, not {automatic}".strip()
        count = value_rows(row.manual, "stats")[1]
        text += f"; {count}" if count else ""
        if len(text) > _LONGEST_TITLE:  # it would run into the next map
            text = f"{element(row)} is off by {largest_difference(row)}"
        axes.annotate(
            text,
            (0, 1),
            (0, 6),
            xycoords="axes fraction",
            textcoords="offset points",
            **_look(8.5, LIGHT.text),
        )
    axes.tick_params(labelsize=8, colors=LIGHT.muted)


def _write_problem(axes: Axes, row: GradientRow) -> None:
    axes.set(xticks=[], yticks=[])
    text = "\n".join([*textwrap.wrap(row.problem, 30), "so there is no map"])
    axes.text(0.5, 0.5, text, ha="center", va="center", **_look(9.5, LIGHT.text))


def _draw_map(axes: Axes, row: GradientRow, errors: NDArray[Any], scale: ScalarMappable) -> None:
    """Draw the errors of a matrix as an image; of more axes, all but the last are one."""
    from matplotlib.colors import to_rgba

    matrix = errors.reshape(-1, errors.shape[-1])
    blocks = in_blocks(matrix, _MOST_ROWS, _MOST_COLUMNS)
    down, across = blocks.values.shape[0] * blocks.rows, blocks.values.shape[1] * blocks.columns
    pixels = np.asarray(scale.to_rgba(np.nan_to_num(blocks.values)))
    pixels[np.isnan(blocks.values)] = to_rgba(LIGHT.look("input").fill)
    axes.imshow(
        pixels,
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, across - 0.5, down - 0.5, -0.5),
    )
    axes.set(xlim=(-0.5, matrix.shape[1] - 0.5), ylim=(matrix.shape[0] - 0.5, -0.5))
    words = [f"leading {errors.ndim - 1} axes as one"] * (errors.ndim > 2)
    if blocks.rows > 1 or blocks.columns > 1:
        words.append(f"a cell: the largest error of {blocks.rows} × {blocks.columns} elements")
    axes.set_xlabel("; ".join(words), fontsize=8.5, color=LIGHT.muted)
    _whole_ticks(axes.xaxis)
    _whole_ticks(axes.yaxis)
    for place in np.argwhere(np.isnan(matrix))[:_MARKED]:
        axes.plot(place[1], place[0], **_NO_NUMBER)
    number = int(np.ravel_multi_index(row.verdict.index, errors.shape))
    worst_row, worst_column = divmod(number, errors.shape[-1])
    _mark(axes, worst_column, worst_row)


def _draw_bars(
    axes: Axes, row: GradientRow, errors: NDArray[Any], scale: ScalarMappable, limit: float
) -> None:
    """Draw the errors of a vector as bars, on the scale of the colours."""
    blocks = in_blocks(errors[None], 1, 2 * _MOST_COLUMNS)
    values, width = np.nan_to_num(blocks.values[0]), blocks.columns
    places = np.arange(len(values)) * width + (width - 1) / 2
    colours = list(map(tuple, np.asarray(scale.to_rgba(values))))
    outline = 0.6 if len(values) <= 32 else 0.0
    axes.bar(places, values, 0.8 * width, color=colours, edgecolor=LIGHT.line, linewidth=outline)
    axes.axhline(0.0, color=LIGHT.line, linewidth=0.8)
    axes.set(xlim=(-0.7, max(errors.size, 2) - 0.3), ylim=(-1.2, 1.2), yticks=[-1, 0, 1])
    if errors.size == 1:
        axes.set(xlim=(-1.5, 1.5), xticks=[])
    else:
        _whole_ticks(axes.xaxis)
    axes.set_yticklabels([f"{-limit:.2g}", "0", f"+{limit:.2g}"] if limit else ["", "0", ""])
    if width > 1:
        text = f"a bar: the largest error of {width} elements"
        axes.set_xlabel(text, fontsize=8.5, color=LIGHT.muted)
    for place in np.flatnonzero(np.isnan(errors))[:_MARKED]:
        axes.plot(place, 0.0, **_NO_NUMBER)
    worst = int(row.verdict.index[0]) if row.verdict.index else 0
    _mark(axes, worst, float(np.nan_to_num(errors[worst])))


def _mark(axes: Axes, x: float, y: float) -> None:
    """Mark the element that differs most, on light and dark colours alike."""
    ground = _WORST | {"markeredgecolor": LIGHT.page, "markeredgewidth": 3.2}
    for look in (ground, _WORST):
        axes.plot(x, y, clip_on=False, zorder=5, **look)


def _whole_ticks(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))


def _draw_tiles(part: Any, rows: list[GradientRow], columns: int) -> None:
    """Name what agrees, in small print: there is nothing to see."""
    panels = part.subplots(-(-len(rows) // columns), columns, squeeze=False)
    for axes, row in zip(panels.flat, rows, strict=False):
        axes.set(xticks=[], yticks=[])
        colour = LIGHT.match if row.agree else LIGHT.differ
        axes.spines[:].set_color(colour)
        name = f"{clean(row.name, 18)} {shape_text(row.shape)}"
        name = f"✓ {name} agrees" if row.agree else f"{name} {verdict(row)}"
        text = f"{name}\nmax |manual-auto| {largest_difference(row)}"
        axes.text(0.03, 0.5, _drawable(text), va="center", **_look(8.5, colour))
    for axes in panels.flat[len(rows) :]:
        axes.set_axis_off()
