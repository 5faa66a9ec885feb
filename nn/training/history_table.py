"""The document of a history: a table of the epochs, and the curves.

Writers in `tinygrad_edu.documents` turn it into HTML or text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_edu.documents import Figure, Section, Table

from .epoch import Epoch
from .figures.curves import training_curves
from .texts import loss_text, measure_text

if TYPE_CHECKING:
    from .history import History

__all__ = ["history_document"]

_MOST, _ENDS = 20, 5  # a longer training is shown by its ends


def history_document(history: History) -> Section:
    """List the epochs and draw the curves; of a long training the first, kept and last epochs."""
    if not history.epochs:
        return Section("History: no epochs; train first")
    best, parts, count = history.best, history.parts(), len(history)
    kept = next(i for i, epoch in enumerate(history.epochs) if epoch is best)
    has_rates = len({epoch.learning_rate for epoch in history}) > 1
    heads = ["epoch", *(f"{part} {word}" for part in parts for word in ("loss", history.measure))]
    heads += [*["learning rate"] * has_rates, "time"]
    shown = sorted({*range(_ENDS), kept, *range(count - _ENDS, count)})
    rows: list[list[str]] = []
    strong, following = [], 0
    for number in range(count) if count <= _MOST else shown:
        if number > following:
            rows.append([f"… {number - following} more", *[""] * (len(heads) - 1)])
        if number == kept:
            strong.append(len(rows))
        rows.append(_cells(history[number], number == kept, parts, history.measure, has_rates))
        following = number + 1
    epochs = "1 epoch" if count == 1 else f"{count:,} epochs"
    title = f"History: {epochs}, ★ {history.kept}"
    epoch_table = Table(heads, rows, numbers=range(len(heads)), strong=strong)
    told = f"loss and {history.measure} over the epochs; the table above has the numbers"
    curves = Figure(lambda: training_curves(history), told)
    return Section(title, (epoch_table, history.note, curves))


def _cells(
    epoch: Epoch, is_kept: bool, parts: list[str], measure: str, has_rates: bool
) -> list[str]:
    texts = []
    for part in parts:
        loss, accuracy = epoch.of(part)
        texts += [loss_text(loss), measure_text(accuracy, measure)]
    if has_rates:
        rate = epoch.learning_rate
        texts.append("-" if rate is None else f"{rate:.4g}")
    return [f"★ kept {epoch.number}" if is_kept else str(epoch.number), *texts, epoch.time]
