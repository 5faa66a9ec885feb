"""The history of a training: losses and accuracies of each epoch.

It is recorded in `loop`; figures of it are in `figures`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from tinygrad_edu.documents import Section

__all__ = ["Epoch", "History", "LayerRecord"]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training data.

    Attributes
    ----------
    number : int
        Number of the epoch, from 1.
    train_loss, train_accuracy : float
        Mean loss per sample and share of correct predictions (0..1), measured on each batch just
        before its step; so they are those of a slightly earlier network.
    test_loss, test_accuracy : float or None
        The same on the test data, after the epoch; None without test data.
    seconds : float
        Duration of the epoch.
    """

    number: int
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    seconds: float

    def __str__(self) -> str:
        text = f"train loss {self.train_loss:.4f}  accuracy {self.train_accuracy:6.2%}"
        if self.test_loss is not None and self.test_accuracy is not None:
            text += f"   test loss {self.test_loss:.4f}  accuracy {self.test_accuracy:6.2%}"
        return f"{text}   {_time(self)}"


def _time(epoch: Epoch) -> str:
    seconds = epoch.seconds
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.0f} ms"


@dataclass
class LayerRecord:
    """The size of gradients and updates of each layer; only recorded on request.

    Attributes
    ----------
    names : list of str
        Names of the layers, such as ``linear1``.
    epochs : list of int
        The epochs after which it was measured.
    gradient_norms : list of list of float
        For each of these epochs and each layer, the norm of the gradient of its weights.
    ratios : list of list of float
        In the same way, the norm of an update divided by the norm of the weights.
    """

    names: list[str] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    gradient_norms: list[list[float]] = field(default_factory=list)
    ratios: list[list[float]] = field(default_factory=list)


@dataclass
class History:
    """All epochs of a training run, in order.

    Attributes
    ----------
    epochs : list of Epoch
        The finished epochs.
    layers : LayerRecord
        Empty, unless `fit` draws the figure ``gradients``.

    Examples
    --------
    >>> history = History([Epoch(1, 0.9, 0.6, 0.8, 0.7, 0.1), Epoch(2, 0.5, 0.8, 0.9, 0.6, 0.1)])
    >>> len(history), history[-1].train_loss, history.best.number
    (2, 0.5, 1)
    """

    epochs: list[Epoch] = field(default_factory=list)
    layers: LayerRecord = field(default_factory=LayerRecord)

    def __len__(self) -> int:
        return len(self.epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __getitem__(self, index: int) -> Epoch:
        return self.epochs[index]

    @property
    def best(self) -> Epoch:
        """The epoch with the highest accuracy, on the test data if there are any."""
        if not self.epochs:
            raise ValueError("the history has no epochs; train first")
        return max(
            self.epochs,
            key=lambda e: e.train_accuracy if e.test_accuracy is None else e.test_accuracy,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the epochs as a pandas DataFrame, one row each."""
        import pandas as pd

        names = [field.name for field in fields(Epoch)]
        return pd.DataFrame(map(vars, self.epochs), columns=names).set_index("number")

    def __str__(self) -> str:
        return "\n".join(f"epoch {epoch.number:>3}   {epoch}" for epoch in self.epochs)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Show itself in a notebook: a table of the epochs, and the curves."""
        from tinygrad_edu.documents import fragment, or_none

        page = or_none(lambda: fragment(_history_document(self)))
        bundle = {"text/plain": or_none(lambda: str(self)) or repr(self)}
        return bundle if page is None else bundle | {"text/html": page}


_MOST, _ENDS = 20, 5  # a longer training is shown by its ends


def _history_document(history: History) -> Section:
    """List the epochs and draw the curves; of a long training the first, last and best epochs."""
    from tinygrad_edu.documents import Figure, Section, Table

    from .figures.curves import training_curves

    if not history.epochs:
        return Section("History: no epochs; train first")
    best, count = history.epochs.index(history.best), len(history)
    has_test = any(epoch.test_loss is not None for epoch in history)
    heads = ["epoch", "train loss", "train accuracy"]
    heads += [*["test loss", "test accuracy"] * has_test, "time"]
    shown = sorted({*range(_ENDS), best, *range(count - _ENDS, count)})
    rows: list[list[str]] = []
    strong, following = [], 0
    for number in range(count) if count <= _MOST else shown:
        if number > following:
            rows.append([f"… {number - following} more", *[""] * (len(heads) - 1)])
        if number == best:
            strong.append(len(rows))
        rows.append(_cells(history[number], number == best, has_test))
        following = number + 1
    measured = "train" if history.best.test_accuracy is None else "test"
    epochs = "1 epoch" if count == 1 else f"{count:,} epochs"
    title = f"History: {epochs}, ★ marks the best by {measured} accuracy"
    epoch_table = Table(heads, rows, numbers=range(len(heads)), strong=strong)
    told = "loss and accuracy over the epochs; the table above gives the numbers"
    return Section(title, (epoch_table, Figure(lambda: training_curves(history), told)))


def _cells(epoch: Epoch, is_best: bool, has_test: bool) -> list[str]:
    values: list[float | None] = [epoch.train_loss, epoch.train_accuracy]
    values += [epoch.test_loss, epoch.test_accuracy] * has_test
    texts = [
        "-" if value is None else "NaN" if value != value else format(value, form)
        for value, form in zip(values, (".4f", ".2%") * (1 + has_test), strict=True)
    ]
    return [f"★ best {epoch.number}" if is_best else str(epoch.number), *texts, _time(epoch)]
