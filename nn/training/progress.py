"""Tells a person how training goes: a bar on a terminal, and one line an epoch anywhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from .history import Epoch

__all__ = ["Progress"]


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
