"""Draws predictions of a regression over their targets, with the diagonal where both are equal.

The numbers come from a `RegressionReport`; nothing is measured here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.texts import number_text

from ... import figure_style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..reports.regression import RegressionReport

__all__ = ["predicted_figure"]

_MOST_SAMPLES = 2000
_FEW_SAMPLES = 300
_TOO_CLOSE = 0.06  # of the width of the plot


def predicted_figure(report: RegressionReport, *, data: str = "") -> Figure:
    """Draw predictions over targets: exact predictions are on the diagonal.

    The largest errors have a red ring, and the number of their row. Of more than 2,000 samples,
    2,000 are drawn, with the largest errors; the random choice of the others is fixed.

    Parameters
    ----------
    report : RegressionReport
        From `regression_report`.
    data : str
        The name of the data, for the title.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from nn.training.reports.classification import regression_report
    >>> figure = predicted_figure(regression_report([1.0, 2.0, 3.0], [1.5, 2.0, 2.5]))
    >>> figure.axes[0].get_title()
    'R² 0.75, RMSE 0.4082; the mean alone: RMSE 0.8165'
    """
    targets, predictions = report.targets, report.predictions
    worst = [each.row - 1 for each in report.largest_errors]
    chosen = np.random.default_rng(0).permutation(len(targets))[:_MOST_SAMPLES]
    figure, axes = style.blank_axes(6.4, 6.6)
    both = np.concatenate([targets, predictions])
    low, high = float(both.min()), float(both.max())
    margin = 0.06 * (high - low) or 0.5 * abs(high) or 0.5
    ends = (low - margin, high + margin)
    zoom, line = style.zoom(), {"color": style.LINE, "linestyle": "--"}
    axes.plot(ends, ends, linewidth=1.2 * zoom, label="exact", zorder=1, **line)  # type: ignore[arg-type]
    axes.axhline(
        report.mean, color=style.MUTED, linestyle=":", label="mean of the targets", zorder=1
    )
    few = len(chosen) <= _FEW_SAMPLES
    axes.scatter(
        targets[chosen],
        predictions[chosen],
        s=(26 if few else 12) * zoom**2,
        alpha=0.85 if few else 0.5,
        color=style.BLUE,
        edgecolors="white",
        linewidths=0.4,
        rasterized=not few,
        zorder=2,
    )
    if worst:
        _ring(axes, targets[worst], predictions[worst], worst)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_aspect("equal")
    axes.grid(True, color=style.GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("target")
    axes.set_ylabel("prediction")
    r2 = "not defined" if report.r2 is None else f"{report.r2:.4g}"
    title = f"R² {r2}, RMSE {number_text(report.rmse)}; "
    title += f"the mean alone: RMSE {number_text(report.rmse_of_mean)}"
    if len(chosen) < len(targets):
        title += f"\n{len(chosen):,} of {len(targets):,} samples, and the largest errors"
    axes.set_title(style.heading(data, title), fontsize=style.lettering(10))
    look: dict[str, Any] = {"loc": "outside lower center", "ncols": 3}
    if style.is_slide():
        look = {"loc": "outside right upper", "ncols": 1}
    figure.legend(frameon=False, fontsize=style.lettering(9), **look)
    return figure


def _ring(axes: Axes, x: NDArray[Any], y: NDArray[Any], worst: list[int]) -> None:
    """Draw a ring around the largest errors, and write the number of their row next to it."""
    zoom = style.zoom()
    axes.scatter(x, y, s=14 * zoom**2, color=style.BLUE, zorder=2)
    ring: dict[str, Any] = {"facecolors": "none", "edgecolors": style.WARNING}
    label = style.wrapped("largest errors, with their row", 9, 3.2)
    axes.scatter(x, y, s=90 * zoom**2, linewidths=1.3 * zoom, label=label, zorder=3, **ring)
    left, right = axes.get_xlim()
    named: list[tuple[float, float]] = []
    for row, across, up in zip(worst, x, y, strict=True):
        # Numbers of neighbours would cover each other; those of the largest errors come first.
        near = _TOO_CLOSE * (2 if style.is_slide() else 1) * (right - left)
        if any(math.hypot(across - a, up - b) < near for a, b in named):
            continue
        named.append((across, up))
        is_low = across < left + 0.1 * (right - left)
        is_high = across > right - 0.1 * (right - left)
        on_right = is_low or (up < across and not is_high)  # away from the other samples, inside
        axes.annotate(
            f"{row + 1}",
            (across, up),
            xytext=(8 * zoom if on_right else -8 * zoom, 0),
            textcoords="offset points",
            ha="left" if on_right else "right",
            va="center",
            fontsize=style.lettering(8),
            color=style.WARNING,
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"},
            zorder=4,
        )
