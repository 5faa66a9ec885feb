"""Draws the regions of the classes and the samples, for networks with two features.

A function passed by the caller predicts the classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...figure_style import (
    CLASSES,
    LINE,
    MARKERS,
    WARNING,
    blank_axes,
    class_labels,
    heading,
    plain,
    rgb,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["regions_figure"]

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
    grid = _grid_around(samples)
    p = judge(grid.reshape(-1, 2)).reshape(_POINTS, _POINTS, -1)
    classes = p.shape[-1]
    figure, axes = blank_axes(6.6 if classes <= 12 else 7.4, 5.2)
    _draw_regions(axes, grid, p)
    # A fixed random choice, because every n-th sample could miss whole classes.
    shown = np.random.default_rng(0).permutation(len(right))[:_MOST_SAMPLES]
    said = judge(samples).argmax(axis=1)
    called = [f"class {number}" for number in range(classes)]
    if class_names is not None:
        called = class_labels(class_names, classes, 24)
        if classes > len(CLASSES):
            called = [f"{number}: {name}" for number, name in enumerate(called)]
    _draw_samples(axes, samples[shown], right[shown], said[shown] != right[shown], called)
    # Numbers are only needed above eight classes, where colours repeat.
    for number in range(classes if classes > len(CLASSES) else 0):
        _name_region(axes, grid, p.argmax(axis=-1) == number, str(number))
    axes.set_xlim(grid[0, 0, 0], grid[-1, -1, 0])
    axes.set_ylim(grid[0, 0, 1], grid[-1, -1, 1])
    axes.set_xlabel(plain(names[0]))
    axes.set_ylabel(plain(names[1]))
    inside = int(np.count_nonzero(said == right))
    title = f"{inside:,} of {len(right):,} samples are in the region of their class"
    if len(shown) < len(right):
        title += f"; {len(shown):,} drawn"
    axes.set_title(heading(data, title), fontsize=10)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8, ncols=1 + (classes > 24))
    return figure


def _grid_around(samples: NDArray[Any]) -> NDArray[Any]:
    """Return a grid of points around the samples, with a margin."""
    low, high = samples.min(axis=0), samples.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1.0)
    across, up = np.linspace(low - margin, high + margin, _POINTS).T
    return np.stack(np.meshgrid(across, up), axis=-1)


def _draw_regions(axes: Axes, grid: NDArray[Any], p: NDArray[Any]) -> None:
    """Tint the plane by the most probable class, and draw the borders of the regions."""
    across, up = grid[0, :, 0], grid[:, 0, 1]
    classes, winner = p.shape[-1], p.argmax(axis=-1)
    colours = np.array([rgb(CLASSES[number % len(CLASSES)]) for number in range(classes)])
    # From white for a guess to a third of the colour for certainty, so that samples are visible.
    # NaN, from weights about to diverge, counts as a guess.
    sureness = np.nan_to_num(p.max(axis=-1, keepdims=True) - 1 / classes) / (1 - 1 / classes)
    tints = 1 - (0.08 + 0.3 * sureness) * (1 - colours[winner])
    axes.pcolormesh(across, up, tints, rasterized=True)  # less memory than imshow takes
    for number in range(classes):
        here = winner == number
        if here.any() and not here.all():
            lead = p[..., number] - np.delete(p, number, axis=-1).max(axis=-1)
            axes.contour(across, up, lead, levels=[0.0], colors=LINE, linewidths=0.8)


def _draw_samples(
    axes: Axes,
    samples: NDArray[Any],
    right: NDArray[Any],
    wrong: NDArray[np.bool],
    called: Sequence[str],
) -> None:
    """Draw the samples of each class, and a ring around those that are predicted wrongly."""
    for number in np.unique(right):
        look: dict[str, Any] = {"color": CLASSES[number % len(CLASSES)], "marker": _marker(number)}
        x, y = samples[right == number].T
        label = called[number]
        axes.scatter(x, y, s=18, edgecolors="white", linewidths=0.5, label=label, **look)
    if wrong.any():
        x, y = samples[wrong].T
        ring: dict[str, Any] = {"facecolors": "none", "edgecolors": WARNING}
        axes.scatter(x, y, s=52, marker="o", linewidths=1.0, label="wrong", **ring)


def _name_region(axes: Axes, grid: NDArray[Any], here: NDArray[Any], name: str) -> None:
    """Write the number of a class into its region, near the middle."""
    points = grid[here]
    if len(points):
        distance = np.square((points - points.mean(axis=0)) / np.ptp(grid, axis=(0, 1))).sum(axis=1)
        x, y = points[distance.argmin()]
        box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
        axes.text(x, y, name, ha="center", va="center", weight="bold", fontsize=9, bbox=box)


def _marker(number: int) -> str:
    return MARKERS[(number % len(CLASSES) + number // len(CLASSES)) % len(MARKERS)]
