"""Draws loss and accuracy over the epochs, and marks the best epoch.

The numbers come from a `History`; nothing is measured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...figure_style import MUTED, draw_line, panels_over_epochs, part_look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..history import History

__all__ = ["training_curves"]


def training_curves(history: History) -> Figure:
    """Draw loss and accuracy over the epochs, on training and test data.

    A star and a dotted line mark the epoch of the highest accuracy, on the test data if there are
    any.

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
    from matplotlib.ticker import PercentFormatter

    best = history.best
    figure, (loss_axes, accuracy_axes) = panels_over_epochs("loss", "accuracy", height=3.9)
    numbers = [epoch.number for epoch in history]
    marked = "train" if best.test_accuracy is None else "test"
    for axes, quantity, label in (
        (loss_axes, "loss", "{part} loss in epoch {epoch}: {value:.4g}"),
        (accuracy_axes, "accuracy", "best on {part}: {value:.2%}, epoch {epoch}"),
    ):
        for part in ("train", "test"):
            values = [getattr(epoch, f"{part}_{quantity}") for epoch in history]
            if values[0] is not None:
                draw_line(axes, numbers, values, part, part_look(part))
        value = getattr(best, f"{marked}_{quantity}")
        axes.axvline(best.number, color=MUTED, linewidth=1.0, linestyle=":")
        axes.plot(
            [best.number],
            [value],
            color=part_look(marked)["color"],
            marker="*",
            markersize=14,
            markeredgecolor="white",
            linestyle="none",
            clip_on=False,
            zorder=4,
            label=label.format(part=marked, epoch=best.number, value=value),
        )
        # Below the plot: a curve may pass through any place inside.
        axes.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.17),
            ncols=3,
            frameon=False,
            fontsize=9,
            columnspacing=1.2,
            handlelength=2.4,
        )
    loss_axes.set_ylim(bottom=0)
    loss_axes.set_ylabel("mean cross-entropy per sample")
    low, high = accuracy_axes.get_ylim()  # shares are between 0 and 1
    low = max(low, 0.0)
    accuracy_axes.set_ylim(low, min(high, 1 + 0.05 * (1 - low)))
    accuracy_axes.set_ylabel("share of right predictions")
    accuracy_axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    return figure
