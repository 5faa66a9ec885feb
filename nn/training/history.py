"""The history of a training: losses and accuracies of each epoch, as text, table, CSV and JSON.

It is recorded in `loop`; figures of it are in `figures`. Which epoch's weights a training keeps is
decided here, in `History.best`.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_edu.atomic_file import write_atomically

from .epoch import PARTS, Epoch
from .texts import ACCURACY, R2

if TYPE_CHECKING:
    import pandas as pd

    from .weight_record import WeightRecord

__all__ = ["Epoch", "History", "LayerRecord"]


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
    measure : {"accuracy", "R²"}
        What the fields of the epochs named ``accuracy`` hold: R² in a regression.
    weights : WeightRecord or None
        The weights after the epochs, for `film`; None, unless `fit` draws the figure ``film``.

    Examples
    --------
    >>> history = History([Epoch(1, 0.9, 0.6, 0.8, 0.7, 0.1), Epoch(2, 0.5, 0.8, 0.9, 0.6, 0.1)])
    >>> len(history), history[-1].train_loss, history.best.number
    (2, 0.5, 2)
    >>> history.kept
    'kept: epoch 2, the last'
    >>> history == History.from_dict(history.to_dict())
    True
    """

    epochs: list[Epoch] = field(default_factory=list)
    layers: LayerRecord = field(default_factory=LayerRecord)
    measure: str = ACCURACY
    weights: WeightRecord | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.measure not in (ACCURACY, R2):
            raise ValueError(f"measure must be {ACCURACY!r} or {R2!r}, got {self.measure!r}")

    def __len__(self) -> int:
        return len(self.epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __getitem__(self, index: int) -> Epoch:
        return self.epochs[index]

    # What is kept ----------------------------------------------------------------------------

    @property
    def best(self) -> Epoch:
        """The epoch whose weights are kept: that with the lowest validation loss.

        Without validation data it is the last epoch. Test data decide nothing: an epoch chosen by
        them would look better on them than on new data. Of equal losses the first counts.
        """
        if not self.epochs:
            raise ValueError("the history has no epochs; train first")
        validated = [epoch for epoch in self.epochs if _is_number(epoch.validation_loss)]
        if not validated:
            return self.epochs[-1]
        return min(validated, key=lambda epoch: epoch.validation_loss or 0.0)

    @property
    def kept(self) -> str:
        """Which epoch's weights are kept, and why, in words."""
        best = self.best
        why = "lowest validation loss" if _is_number(best.validation_loss) else "the last"
        return f"kept: epoch {best.number}, {why}"

    def record_test(self, loss: float, accuracy: float) -> None:
        """Record what the kept weights reach on the test data, measured once after the training.

        Parameters
        ----------
        loss, accuracy : float
            Mean loss per sample; share of correct predictions, or R².

        Examples
        --------
        >>> history = History([Epoch(1, 0.9, 0.6, None, None, 0.1)])
        >>> history.record_test(0.8, 0.7)
        >>> history.best.test_accuracy
        0.7
        """
        best = self.best
        place = next(i for i, epoch in enumerate(self.epochs) if epoch is best)
        self.epochs[place] = replace(best, test_loss=loss, test_accuracy=accuracy)

    def parts(self) -> list[str]:
        """Return the parts of the data on which at least one epoch was measured."""
        return [
            part for part in PARTS if any(epoch.of(part)[0] is not None for epoch in self.epochs)
        ]

    @property
    def note(self) -> str:
        """Why the training data seem to do worse in the first epochs, in one line."""
        means = "train: mean over the epoch, while the weights still improve"
        others = " and ".join(self.parts()[1:])
        if not others:
            return f"{means}; at its end they are a little better"
        return f"{means}; {others}: after it, so better at first"

    # Forms -----------------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """Return the epochs as a pandas DataFrame, one row each; the index is the number.

        In a regression, columns end in ``_r2`` instead of ``_accuracy``.
        """
        import pandas as pd

        names, rows = self._table()
        frame = pd.DataFrame(rows, columns=names).set_index("number")
        return frame.astype(float)  # a column of None alone is not one of numbers

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the epochs to a CSV file, one row each, with all digits.

        Parameters
        ----------
        path : str or path-like
            An existing file is replaced.

        Returns
        -------
        Path
            Where it was written.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        text = io.StringIO()
        names, rows = self._table()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([["NaN" if v != v else v for v in row] for row in rows])
        return write_atomically(Path(path).expanduser(), text.getvalue())

    def _table(self) -> tuple[list[str], list[list[Any]]]:
        """Return the names of the columns, and the values of each epoch."""
        names = [each.name for each in fields(Epoch)]
        rows = [[getattr(epoch, name) for name in names] for epoch in self.epochs]
        if self.measure != ACCURACY:
            names = [name.replace("_accuracy", "_r2") for name in names]
        return names, rows

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dictionaries, lists, numbers and strings, as JSON knows them.

        Numbers that are not finite, which JSON does not know, become ``"NaN"``, ``"Infinity"`` and
        ``"-Infinity"``. `from_dict` makes an equal history of it.
        """
        written: dict[str, Any] = _without_nan(
            {
                "measure": self.measure,
                "epochs": [asdict(epoch) for epoch in self.epochs],
                "layers": asdict(self.layers),
            }
        )
        return written

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> History:
        """Make a history from what `to_dict` returned.

        Parameters
        ----------
        written : mapping
            From `to_dict`, or read from the file of `to_json`.

        Raises
        ------
        ValueError
            If it does not describe a history.
        """
        try:
            epochs = [_epoch(stored) for stored in written["epochs"]]
            stored = written["layers"]
            layers = LayerRecord(
                [str(name) for name in stored["names"]],
                [int(number) for number in stored["epochs"]],
                *([[float(v) for v in row] for row in stored[name]] for name in _LAYER_TABLES),
            )
            measure = written["measure"]
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            raise ValueError(
                f"this is not a history: {type(problem).__name__}: {problem}; expected the "
                "dictionary that History.to_dict() returns"
            ) from None
        return cls(epochs, layers, measure)

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the dictionary of `to_dict` to a JSON file.

        Parameters
        ----------
        path : str or path-like
            An existing file is replaced.

        Returns
        -------
        Path
            Where it was written.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        return write_atomically(Path(path).expanduser(), text + "\n")

    def film(self, path: str | os.PathLike[str], *, frames: str = "png") -> Path:
        """Write the training as a film: what the network predicts, epoch by epoch.

        Next to the regions of the classes, or the predicted numbers, the losses grow. The film
        ends with the weights that are kept. At most 120 epochs are shown, the early ones densely.
        The picture has the size of a slide, 1280 x 720 pixels in an animated file.

        Parameters
        ----------
        path : str or path-like
            A file ``.gif``, ``.webp`` or ``.png`` (an animated PNG); or a folder, which then gets
            single frames ``film-001.png`` and so on, for a slide each.
        frames : {"png", "svg", "pdf"}
            The format of single frames.

        Returns
        -------
        Path
            Where it was written.

        Raises
        ------
        ValueError
            If the weights were not recorded: train with ``figures=["film"]``. They take the memory
            of the parameters for each epoch shown: 120 times 2.4 kB for 600 parameters.
        OSError
            If the file cannot be written, or a single frame would replace a file that no film
            wrote.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from nn import model
        >>> x = np.random.default_rng(0).normal(size=(60, 2))
        >>> y = (x[:, 0] * x[:, 1] > 0).astype(int)
        >>> net = model([2, 8, 2], verbose=False)
        >>> history = net.fit(x, y, epochs=3, learning_rate=0.1, figures=["film"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     history.film(pathlib.Path(folder, "film.gif")).stat().st_size > 10_000
        True
        """
        from .figures.film import Film
        from .figures.film_file import check_film, save_film

        if self.weights is None or not self.weights.states or not self.epochs:
            raise ValueError(
                "the history has no weights to film; train with figures=['film'], on two features "
                "(or one, in a regression)"
            )
        where = Path(path).expanduser()
        check_film(where, frames)
        return save_film(Film(self.weights, self), where, frames)

    def __str__(self) -> str:
        lines = [
            f"epoch {epoch.number:>3}   {epoch.describe(self.measure)}" for epoch in self.epochs
        ]
        return "\n".join([*lines, self.kept, self.note] if lines else lines)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Show itself in a notebook: a table of the epochs, and the curves."""
        from tinygrad_edu.documents import fragment, or_none

        from .history_table import history_document

        page = or_none(lambda: fragment(history_document(self)))
        bundle = {"text/plain": or_none(lambda: str(self)) or repr(self)}
        return bundle if page is None else bundle | {"text/html": page}


_LAYER_TABLES = ("gradient_norms", "ratios")


def _is_number(value: float | None) -> bool:
    return value is not None and value == value


def _without_nan(value: Any) -> Any:
    """Replace numbers of NumPy by those of Python, and what JSON does not know by words."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    number = float(value) if not hasattr(value, "item") else value.item()
    if isinstance(number, int) or math.isfinite(number):
        return number
    return "NaN" if number != number else f"{'-' * (number < 0)}Infinity"


def _epoch(written: Mapping[str, Any]) -> Epoch:
    """Make an epoch from its dictionary."""
    epoch = Epoch(**{name: _number(value) for name, value in written.items()})
    if not isinstance(epoch.number, int):
        raise ValueError(f"epoch number {epoch.number!r}, expected an integer")
    if None in (epoch.train_loss, epoch.train_accuracy, epoch.seconds):
        raise ValueError(f"epoch {epoch.number} has no train loss, train accuracy or seconds")
    return epoch


def _number(value: Any) -> Any:
    """Return a number or None; `_without_nan` made words of some."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    raise ValueError(f"found {value!r}, expected a number or None")
