"""The report of a regression: its errors, compared with those of the mean as a prediction.

A report is made of targets and predictions; no network is called here.
"""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.documents import Figure, Section, Shown, Table, as_text
from tinygrad_edu.texts import number_text

from ..figures.predicted import predicted_figure
from ..texts import count_text, percent_text
from .checks import checked_numbers, checked_weights
from .tables import WIDTH

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LargeError", "RegressionReport", "regression_report"]

_MOST_ERRORS = 5
_LOWEST = -sys.float_info.max  # JSON has no infinity


@dataclass(frozen=True, slots=True)
class LargeError:
    """A row whose prediction is far from its target.

    Attributes
    ----------
    row : int
        The row of the data, from 1.
    target, prediction, error : float
        The error is the prediction minus the target.
    """

    row: int
    target: float
    prediction: float
    error: float


@dataclass(frozen=True, eq=False, repr=False)
class RegressionReport(Shown):
    """How far predictions are from their targets.

    Attributes
    ----------
    samples : float
        The number of samples; with weights, the sum of these.
    r2 : float or None
        R²: 1 minus the squared error divided by that of the mean of the targets. 1 is exact, 0 is
        as good as the mean; None if all targets are equal.
    rmse, mae : float
        Root of the mean squared error, and mean absolute error, in the unit of the targets.
    bias : float
        Mean error: positive if predictions are too large on average.
    mean : float
        The mean of the targets.
    rmse_of_mean, mae_of_mean : float
        The errors of always predicting that mean.
    largest_errors : tuple of LargeError
        The rows with the largest errors, at most five.
    targets, predictions : ndarray, shape (N,)
        What was compared.
    """

    samples: float
    r2: float | None
    rmse: float
    mae: float
    bias: float
    mean: float
    rmse_of_mean: float
    mae_of_mean: float
    largest_errors: tuple[LargeError, ...]
    targets: NDArray[np.float64]
    predictions: NDArray[np.float64]

    def __str__(self) -> str:
        return as_text(self.document(), WIDTH)

    def document(self) -> Section:
        """Return the tables, and the picture for a notebook."""
        rows = [
            ["RMSE", number_text(self.rmse), number_text(self.rmse_of_mean)],
            ["mean absolute error", number_text(self.mae), number_text(self.mae_of_mean)],
            ["mean error", number_text(self.bias), "0"],
            ["R²", "-" if self.r2 is None else f"{self.r2:.4g}", "0"],
        ]
        table = Table(["", "this model", "always the mean"], rows, numbers=(1, 2))
        mean = f"The mean of the targets is {number_text(self.mean)}. {self._judgement()}"
        errors = [
            [str(each.row), *map(number_text, (each.target, each.prediction, each.error))]
            for each in self.largest_errors
        ]
        heads = ["row", "target", "prediction", "error"]
        table_of_errors = Table(heads, errors, numbers=range(4))
        exact = "none: all predictions are exact"
        largest = Section("Largest errors", (table_of_errors if errors else exact,))
        draw = partial(predicted_figure, self)
        title = f"Regression of {count_text(self.samples)} samples"
        return Section(title, (table, mean, largest, Figure(draw, "predictions over targets")))

    def _judgement(self) -> str:
        """Say what R² means here."""
        if self.r2 is None:
            return "All targets are equal, so R² is not defined."
        if self.r2 < 0:
            return "R² is negative: the mean is the better prediction."
        return f"The squared error is {percent_text(self.r2)} smaller than that of the mean."

    def to_frame(self) -> pd.DataFrame:
        """Return targets, predictions and errors: a row for each sample, numbered from 1."""
        import pandas as pd

        columns = {
            "target": self.targets,
            "prediction": self.predictions,
            "error": self.predictions - self.targets,
        }
        rows = pd.RangeIndex(1, len(self.targets) + 1, name="row")
        return pd.DataFrame(columns, index=rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the measures and the largest errors, as JSON has them; not all samples."""
        written: dict[str, Any] = {
            key: value for key, value in vars(self).items() if key not in ("targets", "predictions")
        }
        return written | {"largest_errors": [asdict(each) for each in self.largest_errors]}


def regression_report(
    targets: ArrayLike, predictions: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> RegressionReport:
    """Report how far predictions are from their targets.

    Parameters
    ----------
    targets, predictions : array_like, shape (N,)
        The true and the predicted values, in the unit of the data; shape (N, 1) is taken, too.
    sample_weight : array_like, shape (N,), optional
        How often each sample counts: a weight of 2 has the effect of listing a sample twice.

    Returns
    -------
    RegressionReport

    Raises
    ------
    ValueError, TypeError
        For arrays of different lengths, values that are not finite, and weights that are negative
        or all 0.

    Examples
    --------
    >>> report = regression_report([1.0, 2.0, 3.0], [1.0, 2.0, 5.0])
    >>> report.r2, round(report.rmse, 4), round(report.mae, 4), report.largest_errors[0].row
    (-1.0, 1.1547, 0.6667, 3)
    """
    y = checked_numbers("targets", targets)
    predicted = checked_numbers("predictions", predictions, len(y))
    weights = checked_weights(sample_weight, len(y))
    counted = np.ones(len(y)) if weights is None else weights
    mean_of = partial(np.average, weights=weights)
    # Squares of large numbers would overflow, and those of small ones vanish: everything is
    # computed in units near the largest. Powers of two round nothing.
    unit_of_targets, unit = _unit(y), max(_unit(y), _unit(predicted))
    mean = float(mean_of(y / unit_of_targets))
    errors, spread = predicted / unit - y / unit, y / unit_of_targets - mean
    squares, squares_of_mean = float(mean_of(errors**2)), float(mean_of(spread**2))
    ratio = unit / unit_of_targets
    is_constant = np.ptp(y[counted > 0]) == 0 or not squares_of_mean
    order = np.argsort(-np.abs(errors), kind="stable")
    worst = [i for i in order if counted[i] > 0 and errors[i] != 0][:_MOST_ERRORS]
    return RegressionReport(
        samples=float(counted.sum()) if weights is not None else len(y),
        r2=None if is_constant else max(1 - squares / squares_of_mean * ratio * ratio, _LOWEST),
        rmse=squares**0.5 * unit,
        mae=float(mean_of(np.abs(errors))) * unit,
        bias=float(mean_of(errors)) * unit,
        mean=mean * unit_of_targets,
        rmse_of_mean=0.0 if is_constant else squares_of_mean**0.5 * unit_of_targets,
        mae_of_mean=0.0 if is_constant else float(mean_of(np.abs(spread))) * unit_of_targets,
        largest_errors=tuple(
            LargeError(int(i) + 1, float(y[i]), float(predicted[i]), float(predicted[i] - y[i]))
            for i in worst
        ),
        targets=y,
        predictions=predicted,
    )


def _unit(values: NDArray[np.float64]) -> float:
    """Return the power of two above the largest absolute value."""
    return math.ldexp(1.0, math.frexp(float(np.abs(values).max()))[1])
