"""Tells a person how training goes: what it starts from, a bar on a terminal, a line an epoch."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..loss import classes_of
from ..mlp import MLP
from .history import Epoch

if TYPE_CHECKING:
    from ..csv_data import CsvData

__all__ = ["Progress", "announcement"]


class Progress:
    """A context in which batches and epochs are reported.

    Parameters
    ----------
    epochs, batches : int
        How many epochs, and how many batches each has.
    verbose : bool
        False says nothing at all.

    Notes
    -----
    The lines go to standard output. The bar goes to standard error, and only where that is a
    terminal, so that files and notebooks are not flooded.
    """

    def __init__(self, epochs: int, batches: int, verbose: bool = True) -> None:
        self.epochs = epochs
        self.batches = batches
        self.verbose = verbose
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if self.verbose and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.epochs * self.batches, unit="batch", leave=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def batch(self) -> None:
        """Count a batch."""
        if self._bar is not None:
            self._bar.update()

    def epoch(self, epoch: Epoch) -> None:
        """Report an epoch."""
        if not self.verbose:
            return
        line = f"epoch {epoch.number:>{len(str(self.epochs))}}/{self.epochs}   {epoch}"
        if self._bar is not None:
            self._bar.write(line, file=sys.stdout)
        else:
            print(line, flush=True)


def announcement(
    network: MLP, train: CsvData, test: CsvData | None, batch_size: int, scale: float
) -> str:
    """Say what is going to be trained on what, and what looks as if it was not meant.

    The features are those that training sees, divided by the scale.
    """
    assert train.labels is not None  # they were asked for
    rows, features = train.features.shape
    classes = len(np.unique(train.labels))
    lines = [
        repr(network),
        f"{train.path}: {rows:,} rows, {features} features, {classes} classes",
    ]
    if test is not None:
        lines.append(f"{test.path}: {len(test.features):,} rows")
    largest = float(np.abs(train.features).max())
    if largest > 10:
        lines.append(
            f"note: features go up to {largest:g}; networks learn best from values around 1, so "
            f"scale={largest * scale:g} may help"
        )
    if classes < classes_of(network.structure[-1]):
        lines.append(f"note: {classes} classes for {network.structure[-1]} outputs")
    if batch_size > rows:
        lines.append(f"note: batch_size {batch_size} is more than {rows} rows; one batch an epoch")
    return "\n".join(lines)
