"""Searches for a learning rate: a short training with a rate that grows from step to step.

The caller passes the step; no network is known here. The curve is drawn in `figures.rates`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.documents import Figure, Line, Section, Shown, as_text

from ..checks import check_count, check_positive_number
from .figures.rates import rates_figure
from .figures.saving import save_figure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RateSearch", "search_rates"]

_SMOOTHING = 0.85
"""The weight of the past in running means of the loss."""

_FACTOR = 4.0
"""The search ends where the smoothed loss is so many times its lowest value."""

_LEAST_STEPS = 10
_LEAST_FALL = 0.02
"""A loss that falls by less than this share of its first value has not been learned from."""


@dataclass(frozen=True, eq=False, repr=False)
class RateSearch(Shown):
    """The losses of a search for the learning rate, and what it suggests.

    Attributes
    ----------
    rates, losses : tuple of float
        The learning rate of each step, and the loss before it; only finite losses.
    smoothed : tuple of float
        The losses as a running mean.
    suggestion : float or None
        The suggested learning rate, with two digits; None if the loss did not fall.
    steepest : float or None
        The rate at which the smoothed loss falls fastest, over the logarithm of the rate.
    diverged : float or None
        The rate at which the loss became infinite, NaN or four times its lowest value; None if it
        did not.

    Notes
    -----
    The rule: the suggestion is the geometric mean of two rates, `steepest` and a tenth of
    `diverged`; without divergence it is `steepest`. The first alone is slow on small data, the
    second alone is too fast for Adam. One short training with growing rates is the range test of
    L. N. Smith, "Cyclical learning rates for training neural networks", 2015, arXiv:1506.01186,
    section 3.3.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    steepest: float | None
    diverged: float | None

    def __str__(self) -> str:
        return as_text(self.document(), width=80)

    def document(self) -> Section:
        """Return the suggestion in words, and the curve for a notebook."""
        title = "Learning rate: no suggestion"
        if self.suggestion is not None:
            title = f"Learning rate: {self.suggestion:g} is suggested"
        extent = f"{self.rates[0]:.3g} to {self.rates[-1]:.3g}"
        fall = f"from {self.smoothed[0]:.4g} to {min(self.smoothed):.4g} at best"
        lines: list[Line] = [f"{len(self.rates)} steps, rates {extent}; smoothed loss {fall}."]
        if self.steepest is None:
            lines.append(
                "The loss did not fall. Search larger rates, look for features that are not "
                "standardised, and for labels that do not belong to their rows."
            )
        else:
            lines.append(f"The loss falls fastest at {self.steepest:.3g}.")
        if self.diverged is None:
            lines.append("The loss did not diverge; a search up to a larger rate may find more.")
        else:
            lines.append(f"The loss diverges at {self.diverged:.3g}.")
        if self.steepest is not None and self.diverged is not None:
            lines.append(
                f"{self.suggestion:g} is between {self.steepest:.3g} and a tenth of "
                f"{self.diverged:.3g}, their geometric mean."
            )
        picture = Figure(partial(rates_figure, self), "loss over the learning rate")
        return Section(title, (*lines, picture))

    def to_frame(self) -> pd.DataFrame:
        """Return rate, loss and smoothed loss: a row for each step."""
        import pandas as pd

        columns = {"rate": self.rates, "loss": self.losses, "smoothed": self.smoothed}
        return pd.DataFrame({name: list(values) for name, values in columns.items()})

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Draw the curve into a file.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.png``, ``.svg`` or ``.pdf``; an existing file is replaced.

        Returns
        -------
        Path
            Where it was written.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        return save_figure(rates_figure(self), Path(path).expanduser())


# Steps at a rate that is too large overflow, which is what the search looks for.
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def search_rates(
    step: Callable[[float], float],
    smallest: float = 1e-6,
    largest: float = 10.0,
    steps: int = 100,
) -> RateSearch:
    """Train with a learning rate that grows from step to step, and suggest one.

    The search ends early where the loss is infinite or NaN, or where the smoothed loss is four
    times its lowest value.

    Parameters
    ----------
    step : callable
        Trains for one step with the learning rate that it is passed, and returns the loss before
        that step, as a number. Save the weights before the search, and restore them after it.
    smallest, largest : float
        The first and the last rate. The logarithm of the rate grows evenly.
    steps : int
        How many rates to try at most; at least 10.

    Returns
    -------
    RateSearch

    Raises
    ------
    ValueError, TypeError
        For rates that are not in order, too few steps, and a loss that is not a number, or not
        finite in the first step.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> x = [1.0]
    >>> def step(rate):  # minimizes 5 (x - noise)²; at rates above 2 / 10 the steps grow
    ...     distance = x[0] - noise.normal(0, 0.1)
    ...     x[0] -= rate * 10 * distance
    ...     return 5 * distance**2
    >>> found = search_rates(step, 1e-4, 1.0)
    >>> found.suggestion < 0.2 < found.diverged
    True
    """
    check_positive_number("smallest", smallest)
    check_positive_number("largest", largest)
    check_count("steps", steps)
    if smallest >= largest:
        raise ValueError(
            f"smallest is {smallest:g} and largest {largest:g}; expected a smaller one"
        )
    if steps < _LEAST_STEPS:
        raise ValueError(f"steps must be at least {_LEAST_STEPS}, got {steps}")
    rates: list[float] = []
    losses: list[float] = []
    means: list[float] = []
    diverged = None
    for rate in np.geomspace(smallest, largest, steps).tolist():
        loss = _as_number(step(rate))
        if not math.isfinite(loss):
            diverged = rate
            break
        rates.append(rate)
        losses.append(loss)
        means.append(_running_means(losses)[-1])
        lowest = min(means)
        if means[-1] - lowest > (_FACTOR - 1) * abs(lowest):  # a loss may be negative
            diverged = rate
            break
    if not rates:
        raise ValueError(
            f"the loss is {loss} at the smallest rate {smallest:g}; the network or the data have "
            "infinite or NaN values before the first step"
        )
    smoothed = _smoothed(losses)
    steepest = _steepest(rates, smoothed)
    return RateSearch(
        rates=tuple(rates),
        losses=tuple(losses),
        smoothed=tuple(smoothed),
        suggestion=_suggestion(steepest, diverged),
        steepest=steepest,
        diverged=diverged,
    )


def _as_number(loss: Any) -> float:
    if isinstance(loss, bool) or not isinstance(loss, int | float | np.number):
        raise TypeError(
            f"step returned {type(loss).__name__}; expected the loss as a number, such as "
            "loss.item()"
        )
    return float(loss)


def _running_means(values: Sequence[float]) -> list[float]:
    """Return exponential running means, without the bias of a mean that starts at 0."""
    means, mean = [], 0.0
    for number, value in enumerate(values, 1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * value
        means.append(mean / (1 - _SMOOTHING**number))
    return means


def _smoothed(losses: list[float]) -> list[float]:
    """Smooth from both ends: running means of one direction lag behind the rate."""
    return _running_means(_running_means(losses)[::-1])[::-1]


def _steepest(rates: list[float], smoothed: list[float]) -> float | None:
    """Return the rate at which the loss falls fastest, where it has fallen by 10 to 90 percent.

    Outside of that, the slopes are those of the noise.
    """
    lowest = int(np.argmin(smoothed))
    start = smoothed[0]
    fall = start - smoothed[lowest]
    if fall <= _LEAST_FALL * abs(start):
        return None
    share = (start - np.array(smoothed[: lowest + 1])) / fall
    last = int(np.argmax(share >= 0.9))
    first = int(np.flatnonzero(share[:last] <= 0.1)[-1])  # share[0] is 0
    slopes = np.gradient(smoothed, np.log(rates))[first : last + 1]
    return rates[first + int(slopes.argmin())]


def _suggestion(steepest: float | None, diverged: float | None) -> float | None:
    if steepest is None:
        return None
    found = steepest if diverged is None else math.sqrt(steepest * diverged / 10)
    return float(f"{found:.2g}")
