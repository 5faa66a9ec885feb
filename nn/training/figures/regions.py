"""Draws the regions of the classes and the samples, for networks with two features.

A function passed by the caller predicts the classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import figure_style as style
from ...figure_style import CLASSES, LINE, MARKERS, WARNING, rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "class_look",
    "draw_borders",
    "grid_around",
    "region_colours",
    "regions_figure",
    "ring_look",
]

_POINTS = 200  # of the grid, along each side
_MOST_SAMPLES = 1000


def regions_figure(
    judge: Callable[[NDArray[Any]], NDArray[Any]],
    features: ArrayLike,
    labels: ArrayLike,
    *,
    names: Sequence[str] = ("feature 1", "feature 2"),
    data: str = "",
    class_names: Sequence[str] | None = None,
) -> Figure:
    """Draw the regions of the classes and the samples.

    Regions are darker where the confidence is higher. Wrongly predicted samples have a red ring. Of
    more than 1,000 samples, 1,000 are drawn; their random choice is fixed.

    Parameters
    ----------
    judge : callable
        Returns probabilities (N, classes) for features (N, 2): `Classifier.predict_proba`.
    features : array_like, shape (N, 2)
        The samples, as `judge` takes them.
    labels : array_like of int, shape (N,)
        Their classes.
    names : sequence of str
        Names of the two features.
    data : str
        The name of the samples, for the title.
    class_names : sequence of str, optional
        The names of the classes; by default ``class 0`` and so on. Above eight classes a name comes
        with the number that is in the region.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are not two features.

    Examples
    --------
    >>> import numpy as np
    >>> def left_or_right(x):
    ...     p = 1 / (1 + np.exp(-x[:, :1]))
    ...     return np.hstack([1 - p, p])
    >>> figure = regions_figure(left_or_right, [[-1, 0], [1, 0], [2, 1]], [0, 1, 0])
    >>> figure.axes[0].get_title()
    '2 of 3 samples are in the region of their class'
    """
    samples, right = np.asarray(features), np.asarray(labels)
    if samples.ndim != 2 or samples.shape[1] != 2:
        raise ValueError(f"features of shape {samples.shape}; expected (N, 2), a plane to draw on")
    grid = grid_around(samples, _POINTS)
    p = judge(grid.reshape(-1, 2)).reshape(_POINTS, _POINTS, -1)
    classes = p.shape[-1]
    figure, axes = style.blank_axes(6.6 if classes <= 12 else 7.4, 5.2)
    _draw_regions(axes, grid, p)
    # A fixed random choice, because every n-th sample could miss whole classes.
    shown = np.random.default_rng(0).permutation(len(right))[:_MOST_SAMPLES]
    said = judge(samples).argmax(axis=1)
    called = [f"class {number}" for number in range(classes)]
    if class_names is not None:
        called = style.class_labels(class_names, classes, 24)
        if classes > len(CLASSES):
            called = [f"{number}: {name}" for number, name in enumerate(called)]
    _draw_samples(axes, samples[shown], right[shown], said[shown] != right[shown], called)
    # Numbers are only needed above eight classes, where colours repeat.
    for number in range(classes if classes > len(CLASSES) else 0):
        _name_region(axes, grid, p.argmax(axis=-1) == number, str(number))
    axes.set_xlim(grid[0, 0, 0], grid[-1, -1, 0])
    axes.set_ylim(grid[0, 0, 1], grid[-1, -1, 1])
    axes.set_xlabel(style.plain(names[0]))
    axes.set_ylabel(style.plain(names[1]))
    inside = int(np.count_nonzero(said == right))
    title = f"{inside:,} of {len(right):,} samples are in the region of their class"
    if len(shown) < len(right):
        title += f"; {len(shown):,} drawn"
    title = style.wrapped(style.heading(data, title), 10, 9.5)
    axes.set_title(title, fontsize=style.lettering(10))
    figure.legend(
        loc="outside right upper",
        frameon=False,
        fontsize=style.lettering(8),
        markerscale=1.4 if style.is_slide() else 1.0,
        ncols=1 + (classes > (18 if style.is_slide() else 24)),
    )
    return figure


def grid_around(samples: NDArray[Any], points: int) -> NDArray[Any]:
    """Return a grid around the samples, with a margin and so many points along each side."""
    low, high = samples.min(axis=0), samples.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1.0)
    across, up = np.linspace(low - margin, high + margin, points).T
    return np.stack(np.meshgrid(across, up), axis=-1)


def region_colours(p: NDArray[Any], levels: int | None = None) -> NDArray[Any]:
    """Return a tint of the most probable class for each point of a plane.

    From nearly white for a guess to a third of the colour for certainty, so that samples are
    visible. NaN, from weights about to diverge, counts as a guess.

    Parameters
    ----------
    p : ndarray, shape (rows, columns, classes)
        Probabilities.
    levels : int, optional
        Into so many tints the confidence is rounded: a film is smaller then.
    """
    classes = p.shape[-1]
    colours = np.array([rgb(CLASSES[number % len(CLASSES)]) for number in range(classes)])
    sureness = np.nan_to_num(p.max(axis=-1, keepdims=True) - 1 / classes) / (1 - 1 / classes)
    if levels is not None:
        sureness = np.round(sureness * levels) / levels
    return np.asarray(1 - (0.08 + 0.3 * sureness) * (1 - colours[p.argmax(axis=-1)]))


def draw_borders(axes: Axes, grid: NDArray[Any], p: NDArray[Any]) -> list[Any]:
    """Draw the borders of the regions.

    Parameters
    ----------
    axes : Axes
        The plot.
    grid : ndarray, shape (rows, columns, 2)
        Points of the plane.
    p : ndarray, shape (rows, columns, classes)
        The probabilities there.

    Returns
    -------
    list of Artist
        One for each class that has a border.
    """
    winner, borders = p.argmax(axis=-1), []
    for number in range(p.shape[-1]):
        here = winner == number
        if here.any() and not here.all():
            lead = p[..., number] - np.delete(p, number, axis=-1).max(axis=-1)
            across, up, width = grid[0, :, 0], grid[:, 0, 1], 0.8 * style.zoom()
            looks: dict[str, Any] = {"levels": [0.0], "colors": LINE, "linewidths": width}
            borders.append(axes.contour(across, up, lead, **looks))
    return borders


def _draw_regions(axes: Axes, grid: NDArray[Any], p: NDArray[Any]) -> None:
    """Tint the plane by the most probable class, and draw the borders of the regions."""
    # Less memory than imshow takes.
    axes.pcolormesh(grid[0, :, 0], grid[:, 0, 1], region_colours(p), rasterized=True)
    draw_borders(axes, grid, p)


def class_look(number: int) -> dict[str, Any]:
    """Return colour, marker, size and edge of the samples of a class."""
    return {
        "color": CLASSES[number % len(CLASSES)],
        "marker": _marker(number),
        "s": 18 * style.zoom() ** 2,
        "edgecolors": "white",
        "linewidths": 0.5 * style.zoom(),
    }


def _draw_samples(
    axes: Axes,
    samples: NDArray[Any],
    right: NDArray[Any],
    wrong: NDArray[np.bool],
    called: Sequence[str],
) -> None:
    """Draw the samples of each class, and a ring around those that are predicted wrongly."""
    for number in np.unique(right):
        axes.scatter(*samples[right == number].T, label=called[number], **class_look(number))
    if wrong.any():
        axes.scatter(*samples[wrong].T, label="wrong", **ring_look())


def ring_look() -> dict[str, Any]:
    """Return the look of the ring around a wrongly predicted sample."""
    zoom = style.zoom()
    ring: dict[str, Any] = {"facecolors": "none", "edgecolors": WARNING, "marker": "o"}
    return {**ring, "s": 52 * zoom**2, "linewidths": zoom}


def _name_region(axes: Axes, grid: NDArray[Any], here: NDArray[Any], name: str) -> None:
    """Write the number of a class into its region, near the middle."""
    points = grid[here]
    if len(points):
        distance = np.square((points - points.mean(axis=0)) / np.ptp(grid, axis=(0, 1))).sum(axis=1)
        x, y = points[distance.argmin()]
        box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
        look: dict[str, Any] = {"ha": "center", "va": "center", "weight": "bold", "bbox": box}
        axes.text(x, y, name, fontsize=style.lettering(9), **look)


def _marker(number: int) -> str:
    return MARKERS[(number % len(CLASSES) + number // len(CLASSES)) % len(MARKERS)]
