"""Reports a training to the user: the start, a progress bar on a terminal, a line for each epoch.

The last lines, about the result, are in `session`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..loss import classes_of
from ..mlp import MLP
from .epoch import Epoch
from .options import Plan
from .texts import ACCURACY

if TYPE_CHECKING:
    from ..data.csv import CsvData
    from ..data.known_inputs import KnownInputs

__all__ = ["Progress", "announcement"]


class Progress:
    """A context that reports batches and epochs.

    Parameters
    ----------
    epochs, batches : int
        Number of epochs, and of batches in each.
    verbose : bool
        False reports nothing.
    measure : str
        `History.measure`: what the fields of epochs named ``accuracy`` hold.

    Notes
    -----
    Lines go to standard output. The bar goes to standard error, and only if that is a terminal,
    so that files and notebooks are not flooded.
    """

    def __init__(
        self, epochs: int, batches: int, verbose: bool = True, measure: str = ACCURACY
    ) -> None:
        self.epochs = epochs
        self.batches = batches
        self.verbose = verbose
        self.measure = measure
        self._bar: Any = None

    def __enter__(self) -> Progress:
        # After 2>&- there is no standard error.
        if self.verbose and sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.epochs * self.batches, unit="batch", leave=False)
        return self

    def __exit__(self, *_: object) -> None:
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
        number = f"{epoch.number:>{len(str(self.epochs))}}/{self.epochs}"
        line = f"epoch {number}   {epoch.describe(self.measure)}"
        if self._bar is not None:
            self._bar.write(line, file=sys.stdout)
        else:
            print(line, flush=True)


_LARGE, _TINY = 10.0, 0.05
_UNEQUAL = 1000.0
"""Pixels of 8 bits differ less, even rarely lit ones."""


def announcement(
    network: MLP,
    train: CsvData,
    test: CsvData | None,
    inputs: KnownInputs,
    plan: Plan,
) -> str:
    """Return the lines before a training: network, data, and notes about probable mistakes.

    Parameters
    ----------
    network : MLP
        The network before the training.
    train, test : CsvData
        The data, scaled or not.
    inputs : KnownInputs
        Names, ranges and scale of the features of the training data.
    plan : Plan
        The arguments of `fit`.
    """
    assert train.labels is not None  # read_csv requires them
    rows, features = train.features.shape
    classes = len(np.unique(train.labels))
    lines = [
        repr(network),
        f"{train.path}: {rows:,} rows, {features} features, {classes} classes",
    ]
    if test is not None:
        lines.append(f"{test.path}: {len(test.features):,} rows")
    lines += [f"note: {note}" for note in _notes_on_scale(inputs, plan.options)]
    if classes < classes_of(network.structure[-1]):
        lines.append(f"note: {classes} classes for {network.structure[-1]} outputs")
    if plan.batch_size > rows:
        lines.append(
            f"note: batch_size {plan.batch_size} is more than {rows} rows; one batch an epoch"
        )
    return "\n".join(lines)


def _notes_on_scale(inputs: KnownInputs, options: Mapping[str, str]) -> list[str]:
    """Return notes about features that are too small or too large after scaling."""
    assert inputs.ranges is not None
    assert inputs.names is not None
    sizes = np.abs(inputs.ranges).max(axis=1)
    largest = float(sizes.max())
    if largest == 0:
        return ["all features are 0 in every row"]
    notes = []
    after = largest / inputs.scale
    divided = f"divided by the scale {inputs.scale:g}, " if inputs.scale != 1 else ""
    if after > _LARGE or after < _TINY:
        notes.append(
            f"{divided}features go up to {after:g}; networks learn best from values around 1, so "
            f"{options['scale']}{largest:g} may help"
        )
    small = np.flatnonzero((sizes > 0) & (sizes < largest / _UNEQUAL))
    if len(small):
        first, last = int(small[0]), int(sizes.argmax())
        more = f" and {len(small) - 1} more" if len(small) > 1 else ""
        notes.append(
            f"{inputs.names[first]!r}{more} goes up to {sizes[first]:g}, {inputs.names[last]!r} up "
            f"to {largest:g}; one scale for both hides the small ones, so bring the columns of "
            "the file to a like size"
        )
    return notes
