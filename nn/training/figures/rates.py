"""Draws the loss over the learning rate, and marks the rate that is suggested.

The numbers come from a `RateSearch`; nothing is trained here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import figure_style as style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..learning_rate import RateSearch

__all__ = ["rates_figure"]


def rates_figure(search: RateSearch) -> Figure:
    """Draw the loss of each step over its learning rate, and the smoothed loss.

    Vertical lines mark the suggested rate, and the rate at which the loss diverges.

    Parameters
    ----------
    search : RateSearch
        From `search_rates`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from nn.training.learning_rate import search_rates
    >>> losses = iter([1.0, 1.0, 0.8, 0.5, 0.3, 0.25, 0.25, 0.3, 0.6, 5.0])
    >>> figure = rates_figure(search_rates(lambda rate: next(losses), 1e-3, 1.0, 10))
    >>> figure.axes[0].get_xscale(), figure.axes[0].get_title()
    ('log', 'suggested learning rate: 0.0046')
    """
    figure, axes = style.blank_axes(7.0, 4.6)
    axes.plot(
        search.rates,
        search.losses,
        color=style.MUTED,
        marker=".",
        markersize=4 * style.zoom(),
        linestyle="none",
        label="loss of a step",
    )
    zoom = style.zoom()
    line: dict[str, Any] = {"color": style.BLUE, "linewidth": 2.0 * zoom}
    axes.plot(search.rates, search.smoothed, label="smoothed loss", **line)
    if search.diverged is not None:
        label = f"diverges: {search.diverged:.3g}"
        axes.axvline(search.diverged, color=style.WARNING, linestyle=":", label=label)
    title = "no learning rate is suggested: the loss did not fall"
    if search.suggestion is not None:
        title = f"suggested learning rate: {search.suggestion:g}"
        height = np.interp(np.log(search.suggestion), np.log(search.rates), search.smoothed)
        axes.axvline(search.suggestion, color=style.ORANGE, linestyle="--", linewidth=1.2 * zoom)
        axes.plot(
            [search.suggestion],
            [height],
            color=style.ORANGE,
            marker="*",
            markersize=15 * zoom,
            markeredgecolor="white",
            linestyle="none",
            zorder=4,
            label=f"suggested: {search.suggestion:g}",
        )
    axes.set_xscale("log")
    axes.set_ylim(*_limits(search))
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss before the step")
    axes.grid(True, color=style.GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, fontsize=style.lettering(11))
    columns = 2 if style.is_slide() else 4
    look: dict[str, Any] = {"frameon": False, "fontsize": style.lettering(9)}
    figure.legend(loc="outside lower center", ncols=columns, **look)
    return figure


def _limits(search: RateSearch) -> tuple[float, float]:
    """Return the ends of the axis: a loss that diverges leaves it, and hides nothing else."""
    lowest = int(np.argmin(search.smoothed))
    low = min(search.losses)
    high = max(search.losses[: lowest + 1])
    margin = 0.2 * (high - low) or 0.1 * abs(high) or 1.0
    return low - 0.3 * margin, high + margin
