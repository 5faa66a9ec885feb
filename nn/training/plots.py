"""Pictures of training, as matplotlib figures that need no display.

Figures are made without pyplot: nothing is kept alive behind the scenes, and no backend is
chosen for the user.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_edu.atomic_file import write_atomically

from .history import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save_figure", "training_curves"]

# Told apart by lightness and line style too, not by colour alone.
_STYLES: dict[str, dict[str, Any]] = {
    "train": {"color": "#0B5394", "linestyle": "-", "marker": "o"},
    "test": {"color": "#A63C00", "linestyle": "--", "marker": "s"},
}


def training_curves(history: History) -> Figure:
    """Draw loss and accuracy over the epochs, on training and test data.

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
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    best = history.best
    figure = Figure(figsize=(9.0, 3.6), dpi=120, layout="constrained")
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    numbers = [epoch.number for epoch in history]
    for axes, quantity in ((loss_axes, "loss"), (accuracy_axes, "accuracy")):
        for part, style in _STYLES.items():
            values = [getattr(epoch, f"{part}_{quantity}") for epoch in history]
            if values[0] is not None:
                axes.plot(numbers, values, label=part, markersize=3.5, linewidth=1.6, **style)
        axes.set_xlabel("epoch")
        axes.set_title(quantity)
        axes.grid(True, color="#D9DEE3", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    loss_axes.set_ylim(bottom=0)
    loss_axes.set_ylabel("mean cross-entropy per sample")
    accuracy_axes.set_ylabel("share of right predictions")
    accuracy_axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    part = "train" if best.test_accuracy is None else "test"
    value = best.train_accuracy if best.test_accuracy is None else best.test_accuracy
    accuracy_axes.axvline(best.number, color="#6B7680", linewidth=1.0, linestyle=":")
    accuracy_axes.plot(
        [best.number],
        [value],
        marker="*",
        markersize=11,
        linestyle="none",
        color=_STYLES[part]["color"],
        label=f"best on {part}: {value:.2%}, epoch {best.number}",
    )
    for axes, place in ((loss_axes, "upper right"), (accuracy_axes, "lower right")):
        # A white ground, for the line of the best epoch may run behind the legend.
        axes.legend(loc=place, frameon=True, framealpha=1.0, edgecolor="white")
    return figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure to a file; the format follows the suffix."""
    from matplotlib import rc_context

    stream = io.BytesIO()
    suffix = path.suffix.lstrip(".") or "png"
    # No date and no random names in the file: the same training gives the same file.
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(suffix)
    with rc_context({"svg.hashsalt": "tinygrad_edu"}):
        figure.savefig(stream, format=suffix, metadata=metadata)
    return write_atomically(path, stream.getvalue())
