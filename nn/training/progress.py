"""Reports a training to the user: a progress bar on a terminal, a line for each epoch.

The first lines are in `announcing`, the last ones, about the result, in `session`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from .epoch import Epoch
from .texts import ACCURACY

__all__ = ["Progress", "say"]


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
            from tqdm import TqdmMonitorWarning, tqdm

            with warnings.catch_warnings():
                # Without threads nothing redraws a bar that waits, which needs no warning.
                warnings.simplefilter("ignore", TqdmMonitorWarning)
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
            with _going_on_without_reader():
                self._bar.write(line, file=sys.stdout)
        else:
            say(line)


def say(text: str) -> None:
    """Print a line of a training.

    Parameters
    ----------
    text : str
        The line.
    """
    with _going_on_without_reader():
        print(text, flush=True)


@contextlib.contextmanager
def _going_on_without_reader() -> Iterator[None]:
    """Continue when the reader of a pipe has closed it, as in ``| head``: a training must not be
    lost because nobody reads its lines. Later output is discarded.
    """
    try:
        yield
    except BrokenPipeError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        with contextlib.suppress(OSError, ValueError):  # not a real stream
            os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
