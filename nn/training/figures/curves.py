"""Draws loss and accuracy over the epochs, and marks the epoch whose weights are kept.

The numbers come from a `History`; nothing is measured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import figure_style as style
from ...figure_style import MUTED, draw_line, panels_over_epochs, part_look
from ..epoch import Epoch
from ..texts import ACCURACY, measure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..history import History

__all__ = ["training_curves"]


def training_curves(history: History) -> Figure:
    """Draw loss and accuracy over the epochs, on train, validation and test data.

    A star and a dotted line mark the epoch whose weights are kept: `History.best`. A test that was
    measured once, after the training, is a single point at that epoch.

    Parameters
    ----------
    history : History
        At least one epoch.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are no epochs.

    Examples
    --------
    >>> from nn.training.history import Epoch, History
    >>> figure = training_curves(History([Epoch(1, 0.9, 0.6, 0.8, 0.7, 0.1)]))
    >>> [axes.get_title() for axes in figure.axes]
    ['loss', 'accuracy']
    """
    best, measure = history.best, history.measure
    figure, (loss_axes, measure_axes) = panels_over_epochs("loss", measure, height=4.2)
    starred = _starred_part(history, best)
    for place, axes in enumerate((loss_axes, measure_axes)):
        quantity = measure if place else "loss"
        for part in history.parts():
            pairs = [(epoch.number, epoch.of(part)[place]) for epoch in history]
            measured = [(number, value) for number, value in pairs if value is not None]
            if len(measured) == 1 < len(history):
                _draw_point(axes, *measured[0], part, quantity)
            elif measured:
                numbers, values = zip(*measured, strict=True)
                draw_line(axes, numbers, values, part, part_look(part))
        _draw_star(axes, best.number, best.of(starred)[place], starred, quantity)
        _draw_legend(axes)
    loss_axes.set_ylim(bottom=0)
    if measure == ACCURACY:
        loss_axes.set_ylabel(_short("mean cross-entropy per sample", "mean cross-entropy"))
        _show_shares(measure_axes)
    else:
        loss_axes.set_ylabel("mean squared error")
        measure_axes.set_ylabel(_short("R² (1: exact, 0: as good as the mean)", "R² (1: exact)"))
    meaning = f"★ {history.kept}"
    if not style.is_slide():  # there is no room for two long lines
        meaning += f"\n{history.note}"
    figure.supxlabel(meaning, fontsize=style.lettering(9), color=MUTED)
    return figure


def _short(text: str, on_a_slide: str) -> str:
    return on_a_slide if style.is_slide() else text


def _starred_part(history: History, best: Epoch) -> str:
    """Return on whose curve the star is: validation, which decides, else test, else train."""
    for part in ("validation", "test"):
        measured = [epoch for epoch in history if epoch.of(part)[0] is not None]
        # A star on a single point would hide it.
        if best in measured and (len(measured) > 1 or len(history) == 1):
            return part
    return "train"


def _draw_point(axes: Axes, epoch: int, value: float, part: str, quantity: str) -> None:
    """Draw a value that was measured once; it is open, so that it hides no star."""
    look = part_look(part)
    axes.plot(
        [epoch],
        [value],
        color=look["color"],
        marker=look["marker"],
        markersize=10 * style.zoom(),
        markerfacecolor="none",
        markeredgewidth=1.8 * style.zoom(),
        linestyle="none",
        clip_on=False,
        zorder=5,
        label=f"{part}, once: {measure_text(value, quantity)}",
    )


def _draw_star(axes: Axes, epoch: int, value: float | None, part: str, quantity: str) -> None:
    """Mark the kept epoch, on the curve of a part."""
    axes.axvline(epoch, color=MUTED, linewidth=style.zoom(), linestyle=":")
    axes.plot(
        [epoch],
        [float("nan") if value is None else value],
        color=part_look(part)["color"],
        marker="*",
        markersize=14 * style.zoom(),
        markeredgecolor="white",
        linestyle="none",
        clip_on=False,
        zorder=4,
        label=f"epoch {epoch}: {measure_text(value, quantity)}",
    )


def _draw_legend(axes: Axes) -> None:
    """Name the lines below the plot, because a curve may pass through any place inside."""
    names = axes.get_legend_handles_labels()[1]
    columns, below = (2, -0.22) if style.is_slide() else (3 if len(names) == 3 else 2, -0.17)
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, below),
        ncols=columns,
        frameon=False,
        fontsize=style.lettering(9),
        columnspacing=0.8 if style.is_slide() else 1.2,
        handlelength=1.4 if style.is_slide() else 2.4,
    )


def _show_shares(axes: Axes) -> None:
    """Label the axis in percent, and keep it between 0 and 100 %."""
    from matplotlib.ticker import PercentFormatter

    low, high = axes.get_ylim()
    low = max(low, 0.0)
    axes.set_ylim(low, min(high, 1 + 0.05 * (1 - low)))
    axes.set_ylabel(_short("share of right predictions", "right predictions"))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
