"""What a model knows about its inputs: names, ranges and scale of its training features.

Columns of other data are matched by these names, and values are compared with these ranges, so
data that were scaled twice, or not at all, are detected before a prediction. Files are not read
here.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataWarning
from ..images import image_side
from .blocks import column_means, column_ranges, row_slices
from .orientation import inverted_rows, looks_transposed

if TYPE_CHECKING:
    from .csv import CsvData

__all__ = ["KnownInputs", "doubts"]

_FAR = 10.0
"""A value is far outside if it is more than this many times the largest of its feature."""
_FAR_SHARE = 0.25
"""A row is far outside if at least this share of its values (except zeros) is, or if one value is
far outside for every feature. Rarely lit pixels and rare words are not a mistake."""
_FAINT = 8.0
"""A few rows are too faint if they are this many times fainter than nearly all training rows."""
_HUNDREDTH = 0.01
_MANY = 5
"""From this many rows on, rows are also too faint if all are within a hundredth of the ranges."""
_USUAL = (10.0, 16.0, 100.0, 255.0, 1000.0, 65535.0)
"""The usual divisors of features."""
_LEAST_STEPS = 16  # of float32, between the smallest and the largest value of a column
_TINY = 1e-3
"""Below that, features have hardly any effect on a network with usual weights."""


@dataclass(frozen=True, eq=False)
class KnownInputs:
    """Names, ranges and scale of the features of a model.

    Attributes
    ----------
    scale : float
        The features are divided by it before the first layer.
    names : tuple of str, or None
        Names of the features in order; None if unknown.
    ranges : ndarray, shape (features, 2), or None
        Smallest and largest value of each feature in the training data, before scaling.
    faintest : float
        The brightness of a row is its largest value, each relative to the largest of its feature.
        99 of 100 training rows were at least this bright.
    classes : int or None
        The number of classes in the training data; None if unknown.
    means : ndarray, shape (features,), or None
        Means of the features in the training data, before scaling; None if unknown.
    """

    scale: float = 1.0
    names: tuple[str, ...] | None = None
    ranges: NDArray[np.float64] | None = None
    faintest: float = _FAINT * _HUNDREDTH
    classes: int | None = None
    means: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, train: CsvData, scale: float) -> KnownInputs:
        """Measure training data as they are in the file, before scaling."""
        assert train.labels is not None  # they are required
        features = train.features
        ranges = column_ranges(features)
        bright = _relative(features, _limits(ranges))[0]
        bright = bright[bright > 0]
        faintest = float(np.quantile(bright, 0.01, method="lower")) if len(bright) else 1.0
        classes = int(train.labels.max()) + 1
        means = column_means(features)
        return cls(scale, tuple(train.columns), ranges, faintest, classes, means)

    def together(self, other: KnownInputs) -> KnownInputs:
        """Combine what is known from this training with a second one that continued it.

        The means are those of the second one, which the model has seen last.
        """
        if self.ranges is None or other.ranges is None:
            return other
        low = np.minimum(self.ranges[:, 0], other.ranges[:, 0])
        high = np.maximum(self.ranges[:, 1], other.ranges[:, 1])
        return KnownInputs(
            other.scale,
            other.names,
            np.stack([low, high], axis=1),
            min(self.faintest, other.faintest),
            max(self.classes or 0, other.classes or 0),
            self.means if other.means is None else other.means,
        )

    # Columns -------------------------------------------------------------------------------

    def matched(self, x: Any, others: Sequence[str | None] = ("label",)) -> Any:
        """Return the columns of a data frame in the model's order; other inputs unchanged.

        Parameters
        ----------
        x : data frame or array_like
            Rows to predict.
        others : sequence of str
            Columns that may be there, such as the label.

        Raises
        ------
        ValueError
            If a column is missing, or occurs twice.

        Warns
        -----
        DataWarning
            If the frame has other columns.
        """
        columns = _column_names(x)
        if self.names is None or columns is None:
            return x
        if list(x.columns) == list(range(len(columns))) and not set(self.names) <= set(columns):
            return x  # pandas numbers the columns of an array, which has no names
        _check_columns(self.names, columns)
        unknown = [name for name in columns if name not in self.names and name not in others]
        if unknown:
            message = f"X: the model has no feature {_listed(unknown)}; ignored"
            warnings.warn(message, DataWarning, stacklevel=4)
        positions = {name: position for position, name in enumerate(columns)}
        found = list(x.columns)
        return x[[found[positions[name]] for name in self.names]]

    # Ranges --------------------------------------------------------------------------------

    def check_ranges(self, x: NDArray[Any], what: str, way_around: str) -> None:
        """Check that features have the same scale and orientation as those of the training.

        Parameters
        ----------
        x : ndarray, shape (N, features)
            Finite numbers, as in the file.
        what : str
            Their name in the message.
        way_around : str
            The option that skips this check, such as ``check_ranges=False``.

        Raises
        ------
        ValueError
            If at least half of the rows are far outside the ranges, or nearly all values are in
            a hundredth of them. The message names the scale that would explain it. Also if at
            least half of the rows look inverted, such as ``255 - x``.

        Warns
        -----
        DataWarning
            If fewer rows are far outside or inverted, and if images look transposed.
        """
        if self.ranges is None or not self.ranges.any():
            return
        bright, far = _relative(x, self._limits)
        lit = bright[bright > 0]
        if not len(lit):  # only zeros, or no rows: they do not show a scale
            return
        if 2 * np.count_nonzero(far) >= len(lit):
            factor = _usual(float(np.median(bright[far])))
            advice = f"Divide it by {factor:g}, or train on data like these"
            found = f"it looks {factor:g} times too large. {advice}"
            raise ValueError(self._refusal(x, what, found, way_around))
        middle = float(np.median(lit))
        within = float(lit.max())
        if middle <= self.faintest / _FAINT or (
            len(lit) >= _MANY and within <= _HUNDREDTH and middle <= self.faintest
        ):
            raise ValueError(self._refusal(x, what, self._faint(within), way_around))
        self._check_orientation(x, what, way_around)
        if far.any():
            row = int(far.argmax())
            count = int(np.count_nonzero(far))
            message = (
                f"{what}: {count} of {len(x)} rows {'goes' if count == 1 else 'go'} far beyond the "
                f"training data, which {_span(self.ranges)}; the first is row {row}, counted from "
                f"0, which {_span(x[row])}"
            )
            warnings.warn(message, DataWarning, stacklevel=4)

    def _check_orientation(self, x: NDArray[Any], what: str, way_around: str) -> None:
        """Check that images are neither negatives of those of the training nor transposed."""
        assert self.ranges is not None  # otherwise nothing is checked
        inverted, mirror = inverted_rows(x, self.ranges, self.means)
        count = int(np.count_nonzero(inverted))
        if 2 * count >= len(x):
            raise ValueError(
                f"{what}: {count} of {len(x)} rows look inverted, light where the training data "
                f"are dark. Pass {mirror:g} - X, or train on data like these; {way_around} skips "
                "this check"
            )
        message = ""
        if count:
            message = (
                f"{what}: {count} of {len(x)} rows look inverted, light where the training data "
                f"are dark; the first is row {int(inverted.argmax())}, counted from 0"
            )
        elif self.means is not None and looks_transposed(x, self.means):
            side = image_side(x.shape[1])
            message = (
                f"{what}: the images look transposed, rows and columns exchanged, compared with "
                f"the training data; if they are, pass X.reshape(-1, {side}, {side})"
                f".swapaxes(1, 2).reshape(-1, {x.shape[1]})"
            )
        if message:
            warnings.warn(message, DataWarning, stacklevel=5)

    def _refusal(self, x: NDArray[Any], what: str, found: str, way_around: str) -> str:
        assert self.ranges is not None  # otherwise nothing is refused
        return (
            f"{what} {_span(x)}, the training data {_span(self.ranges)}: {found}; "
            f"{way_around} skips this check"
        )

    @cached_property
    def _limits(self) -> NDArray[np.float64]:
        assert self.ranges is not None  # otherwise it is not used
        return _limits(self.ranges)

    def _faint(self, within: float) -> str:
        factor = 1 / within
        if self.scale != 1 and 0.5 <= factor / self.scale <= 2:
            return (
                f"it looks divided by {self.scale:g} already. The model does that itself; pass "
                "features as they are in the training file"
            )
        factor = _usual(factor)
        return f"it looks divided by {factor:g}. Multiply it by {factor:g}"


def doubts(
    features: NDArray[Any],
    scale: float = 1.0,
    advice: str = "standardize=True",
    names: Sequence[str] | None = None,
) -> list[str]:
    """Say what makes it doubtful that a network can learn from these features.

    Parameters
    ----------
    features : ndarray, shape (N, features)
        Finite training data, before scaling.
    scale : float
        They will be divided by it.
    advice : str
        How the user asks for standardised features.
    names : sequence of str, optional
        Names of the features. Without them, columns are counted from 0.

    Returns
    -------
    list of str
        A sentence for each doubt: what was found, and what to do. Empty for usual data.

    Examples
    --------
    >>> import numpy as np
    >>> doubts(np.array([[1e-6, 2e-6], [3e-6, 1e-6]]))[0]
    'all values are tiny, from 1e-06 to 3e-06, and hardly move a network; use standardize=True'
    >>> doubts(np.array([[0.0, 1.0], [1.0, 0.0]]))
    []
    """
    if not features.size:
        return []
    low, high = features.min(axis=0).astype(np.float64), features.max(axis=0).astype(np.float64)
    count = len(low)
    if (low == high).all():
        what = "the only column is" if count == 1 else f"all {count:,} columns are"
        rows = "" if len(features) > 1 else ", because there is one row"
        result = "so every row gets the same prediction; check that the file holds the features"
        return [f"{what} constant{rows}, {result}"]
    size = np.maximum(np.abs(low), np.abs(high))
    found = []
    if size.max() / scale < _TINY:
        found.append(
            f"all values are tiny, {_span(features).removeprefix('goes ')}"
            f"{f', before they are divided by {scale:g}' if scale != 1 else ''}, and hardly move a "
            f"network; use {advice}"
        )
    # The dtype of a network: numbers that differ less are one number there.
    with np.errstate(over="ignore"):  # what is beyond float32 has an error of its own
        spacing = np.spacing(size.astype(np.float32)).astype(np.float64)
    lost = (low < high) & (high - low < _LEAST_STEPS * spacing) & np.isfinite(spacing)
    if lost.any():
        column = int(lost.argmax())
        more = f" and {np.count_nonzero(lost) - 1} more" if np.count_nonzero(lost) > 1 else ""
        one = f"column {column}, counted from 0," if names is None else f"{names[column]!r}"
        found.append(
            f"{one}{more} varies by {high[column] - low[column]:.3g} "
            f"around {high[column]:.6g}, which float32 can hardly tell apart; use {advice}"
        )
    return found


def _check_columns(names: tuple[str, ...], columns: list[str]) -> None:
    """Check that each name is that of exactly one column."""
    if missing := [name for name in names if name not in columns]:
        raise ValueError(
            f"X has no column {_listed(missing)}, which the model was trained on; pass "
            "X.to_numpy() to take the columns by their position"
        )
    if double := [name for name in names if columns.count(name) > 1]:
        raise ValueError(f"X has the column {_listed(double)} more than once; drop one")


def _column_names(x: Any) -> list[str] | None:
    """Return the names of the columns of a data frame, as texts; None for anything else."""
    columns = list(getattr(x, "columns", ()))
    if not columns:
        return None
    return [str(column).strip() for column in columns]


def _limits(ranges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest magnitude of each feature; for one that was always 0, that of all."""
    largest: NDArray[np.float64] = np.abs(ranges).max(axis=1)
    largest[largest == 0] = largest.max()
    return largest


def _relative(
    x: NDArray[Any], limits: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool]]:
    """Return the brightness of each row, and whether it is far outside."""
    bright = np.zeros(len(x))
    far = np.zeros(len(x), dtype=bool)
    if not limits.any():
        return bright, far
    is_small = x.dtype == np.float32 and limits.min() > 1e-30  # and fits float32 inverted
    inverted = (1 / limits).astype(np.float32 if is_small else np.float64)
    for rows in row_slices(x):
        block = x[rows]
        with np.errstate(over="ignore"):  # inf is far outside, too
            share = np.abs(block) * inverted
        bright[rows] = share.max(axis=1)
        if bright[rows].max() > _FAR:
            far[rows] = _far_rows(block, share, limits)
    return bright, far


def _far_rows(
    x: NDArray[Any], share: NDArray[Any], limits: NDArray[np.float64]
) -> NDArray[np.bool]:
    outside = np.count_nonzero(share > _FAR, axis=1)
    values = np.maximum(np.count_nonzero(x, axis=1), 1)
    far: NDArray[np.bool] = np.abs(x).max(axis=1) > _FAR * limits.max()
    far |= outside / values >= _FAR_SHARE
    return far


def _usual(factor: float) -> float:
    """Return the usual scale near a factor, or else the factor to two digits."""
    nearest = min(_USUAL, key=lambda scale: abs(np.log(scale / factor)))
    return nearest if 0.75 < nearest / factor < 1.34 else float(f"{factor:.2g}")


def _span(x: NDArray[Any]) -> str:
    return f"goes from {float(x.min()):.4g} to {float(x.max()):.4g}"


def _listed(names: list[Any]) -> str:
    """Name the first one and count the others."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{str(names[0])[:40]!r}{more}"
