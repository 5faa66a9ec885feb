"""Draws the reliability diagram: how often a classifier is correct, over its confidence.

The bins come from `nn.training.reports.calibration`; nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ... import figure_style as style
from ..texts import count_text, percent_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..reports.calibration import CalibrationBin

__all__ = ["calibration_figure"]


def calibration_figure(bins: Sequence[CalibrationBin], *, data: str = "") -> Figure:
    """Draw how often predictions are correct, over their confidence, and how many there are.

    On the diagonal, a model is correct as often as its confidence says; below it, it is too
    confident, which is drawn in orange.

    Parameters
    ----------
    bins : sequence of CalibrationBin
        From `reliability`; at least one with samples.
    data : str
        The name of the data, for the title.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If all bins are empty.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.training.reports.calibration import reliability
    >>> bins = reliability(np.array([0.95, 0.95, 0.6]), np.array([True, False, True]))
    >>> figure = calibration_figure(bins)
    >>> print(figure.get_suptitle())
    Expected calibration error 43.33%
    Confidence is on average 16.67 points too high
    """
    from matplotlib.ticker import PercentFormatter

    from ..reports.calibration import calibration_error, gap_words  # its package imports this file

    filled = [each for each in bins if each.confidence is not None and each.accuracy is not None]
    if not filled:
        raise ValueError("all bins are empty; measure the model on at least one sample")
    figure, (axes, counts) = style.stacked_axes(6.0, 5.6, heights=(3.2, 1.0))
    zoom = style.zoom()
    axes.plot([0, 1], [0, 1], color=style.MUTED, linestyle=":", linewidth=1.2 * zoom, zorder=1)
    for each in filled:
        assert each.confidence is not None  # because of `filled`
        assert each.accuracy is not None
        over = each.accuracy < each.confidence
        colour = style.ORANGE if over else style.BLUE
        ends = [each.confidence, each.accuracy]
        axes.plot([each.confidence] * 2, ends, color=colour, linewidth=1.2 * zoom, zorder=2)
        axes.plot(
            [each.confidence],
            [each.accuracy],
            color=colour,
            marker="v" if over else "^",
            markersize=8 * zoom,
            markeredgecolor="white",
            linestyle="none",
            clip_on=False,
            zorder=3,
        )
    _draw_counts(counts, bins)
    for each_axes in (axes, counts):
        each_axes.set_xlim(0, 1)
        each_axes.grid(True, color=style.GRID, linewidth=0.6)
        each_axes.set_axisbelow(True)
        each_axes.spines[["top", "right"]].set_visible(False)
        each_axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylabel("correct predictions")
    counts.set_ylabel("samples")
    counts.set_xlabel("confidence: probability of the predicted class")
    title = f"Expected calibration error {percent_text(calibration_error(bins))}\n{gap_words(bins)}"
    figure.suptitle(style.heading(data, title), fontsize=style.lettering(10))
    meaning = "orange, down: too confident; blue, up: correct more often than its confidence says"
    meaning = style.wrapped(meaning, 8)
    figure.supxlabel(meaning, fontsize=style.lettering(8), color=style.MUTED)
    return figure


def _draw_counts(axes: Axes, bins: Sequence[CalibrationBin]) -> None:
    """Draw a bar for the samples of each bin, with their number above it."""
    samples = [each.samples for each in bins]
    axes.bar(
        [each.low for each in bins],
        samples,
        width=[each.high - each.low for each in bins],
        align="edge",
        color=style.GRID,
        edgecolor="white",
    )
    axes.set_ylim(0, max(samples) * 1.25)
    for each in bins:
        if each.samples:
            axes.text(
                (each.low + each.high) / 2,
                each.samples,
                count_text(each.samples),
                ha="center",
                va="bottom",
                fontsize=style.lettering(8),
                in_layout=False,
            )
