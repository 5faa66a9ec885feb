"""Turns the columns of a table into the inputs of a network: fill, encode, standardise or scale.

Everything is measured on the training rows and stored in the model, so that later data are prepared
in exactly the same way. Files are not read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .blocks import changed_rows, columns_of, is_stored, row_slices, rows_of
from .missing import MISSING

if TYPE_CHECKING:
    from .streaming.stored import ReadAhead

__all__ = ["MISSING", "LazyInputs", "Preparation", "inputs_of", "rows_of_inputs"]

_NOISE = 10 * np.finfo(np.float64).eps
"""A column whose deviation is this small compared with its mean is constant, up to rounding."""


@dataclass(frozen=True, eq=False)
class Preparation:
    """How the columns of a table become the inputs of a network.

    A column of numbers becomes one input. A column of text, which is read as codes, becomes one
    input for each of its values: 1 for the value of the row, and 0 for the others (one-hot).

    Attributes
    ----------
    values : tuple of tuple of str
        The values of each column of text, in the order of their codes; an empty tuple for a column
        of numbers. Empty altogether if all columns hold numbers.
    fills : ndarray, shape (columns,), or None
        What replaces a missing cell, which is NaN in a table; a code in a column of text.
    scale : float
        Columns of numbers are divided by it, unless they are standardised.
    means, deviations : ndarray, shape (inputs,), or None
        A standardised input is ``(x - mean) / deviation``.
    missing : {"drop", "mean", "median"}, optional
        What was done about missing cells in the training.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.array([[2.0, 0], [4.0, 1], [np.nan, 1]])  # a number, and a text with two values
    >>> prepare = Preparation.measure(table, ((), ("no", "yes")), missing="mean")
    >>> prepare(table, "float32")
    array([[2., 1., 0.],
           [4., 0., 1.],
           [3., 0., 1.]], dtype=float32)
    >>> prepare.input_names(["size", "fresh"])
    ('size', 'fresh=no', 'fresh=yes')
    """

    values: tuple[tuple[str, ...], ...] = ()
    fills: NDArray[np.float64] | None = None
    scale: float = 1.0
    means: NDArray[np.float64] | None = None
    deviations: NDArray[np.float64] | None = None
    missing: str | None = None

    @classmethod
    def measure(
        cls,
        features: NDArray[Any],
        values: Sequence[tuple[str, ...]] = (),
        *,
        missing: str | None = None,
        scale: float = 1.0,
        standardize: bool = False,
        weights: NDArray[Any] | None = None,
    ) -> Preparation:
        """Measure training rows.

        Parameters
        ----------
        features : ndarray, shape (rows, columns)
            The table: numbers, and codes for columns of text. NaN is a missing cell.
        values : sequence of tuple of str
            As the attribute.
        missing : {"drop", "mean", "median"}, optional
            What replaces missing cells. Columns of text get their most frequent value.
        scale : float
            Divides columns of numbers.
        standardize : bool
            Bring each column of numbers to mean 0 and deviation 1.
        weights : ndarray, shape (rows,), optional
            Of the rows in these means and deviations: weight 2 counts like the row twice.
        """
        values = tuple(values) if any(values) else ()
        fills = _measured_fills(features, values, missing) if missing in MISSING[1:] else None
        plain = cls(values, fills, scale, missing=missing)
        if not standardize:
            return plain
        means, deviations = _moments(features, plain, weights)
        texts = np.repeat(*plain._widths(features.shape[1]))
        means[texts], deviations[texts] = 0.0, 1.0  # they are 0 and 1 already
        deviations[deviations <= _NOISE * np.abs(means)] = 1.0
        return cls(values, fills, 1.0, means, deviations, missing)

    @property
    def is_plain(self) -> bool:
        """Whether columns are inputs as they are, or divided by the scale."""
        return not self.values and self.fills is None and self.means is None

    def inputs(self, columns: int) -> int:
        """Return the number of inputs for this many columns."""
        return sum(len(one) or 1 for one in self.values) if self.values else columns

    def input_names(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return a name for each input: ``"Age"``, or ``"Sex=male"`` for a value of a text."""
        if not self.values:
            return tuple(names)
        pairs = zip(names, self.values, strict=True)
        return tuple(
            text
            for name, texts in pairs
            for text in ([f"{name}={one}" for one in texts] if texts else [name])
        )

    def groups(self, columns: int) -> list[slice]:
        """Return the inputs that each column becomes."""
        widths = self._widths(columns)[1]
        ends = np.cumsum(widths)
        return [slice(int(end - n), int(end)) for end, n in zip(ends, widths, strict=True)]

    def is_number(self, columns: int) -> NDArray[np.bool]:
        """Return which columns hold numbers."""
        return ~self._widths(columns)[0]

    def filled(self, features: NDArray[Any]) -> NDArray[Any]:
        """Return the columns with missing cells replaced; the same array if none is missing."""
        if self.fills is None:
            return features
        filled: NDArray[Any] = changed_rows(features, self._filled_rows)
        return filled

    def _filled_rows(self, features: NDArray[Any]) -> NDArray[Any]:
        assert self.fills is not None  # the caller checks it
        fills, filled = self.fills.astype(features.dtype), features
        for rows in row_slices(features):
            lacking = np.nonzero(np.isnan(features[rows]))
            if len(lacking[0]):
                filled = features.copy() if filled is features else filled
                filled[rows][lacking] = fills[lacking[1]]
        return filled

    def __call__(
        self, features: NDArray[Any], dtype: DTypeLike, *, in_place: bool = False
    ) -> NDArray[Any]:
        """Return the inputs of the network for some rows.

        Parameters
        ----------
        features : ndarray, shape (rows, columns)
            Rows of the table.
        dtype : dtype
            The dtype of the network.
        in_place : bool
            Whether the rows may be overwritten, which saves memory.

        Returns
        -------
        ndarray, shape (rows, inputs)
        """
        dtype = np.dtype(dtype)
        with np.errstate(over="ignore"):  # infinite numbers show in the loss
            return self._prepared(features, dtype, in_place)

    def _prepared(
        self, features: NDArray[Any], dtype: np.dtype[Any], in_place: bool
    ) -> NDArray[Any]:
        if self.is_plain:
            if features.dtype != dtype:
                features, in_place = features.astype(dtype), True
            if self.scale == 1.0:
                return features
            divisor = dtype.type(self.scale)
            scaled: NDArray[Any] = np.divide(features, divisor, out=features if in_place else None)
            return scaled
        result = np.empty((len(features), self.inputs(features.shape[1])), dtype)
        for rows in row_slices(features):
            result[rows] = self._standardized(self._encoded(features[rows]))
        return result

    def _widths(self, columns: int) -> tuple[NDArray[np.bool], NDArray[np.intp]]:
        """Return whether each column is text, and how many inputs it becomes."""
        if not self.values:
            return np.zeros(columns, bool), np.ones(columns, np.intp)
        widths = np.array([len(one) for one in self.values])
        return widths > 0, np.maximum(widths, 1)

    def _encoded(self, features: NDArray[Any]) -> NDArray[Any]:
        """Return some rows with missing cells replaced, and texts as ones and zeros."""
        features = self.filled(features).astype(np.float64, copy=False)
        if not self.values:
            return features / self.scale if self.scale != 1.0 else features
        columns: list[NDArray[Any]] = []
        for i, texts in enumerate(self.values):
            column = features[:, i : i + 1]
            columns.append(column == np.arange(len(texts)) if texts else column / self.scale)
        return np.concatenate(columns, axis=1)

    def _standardized(self, inputs: NDArray[Any]) -> NDArray[Any]:
        if self.means is None or self.deviations is None:
            return inputs
        return (inputs - self.means) / self.deviations


class LazyInputs:
    """The inputs of a table that is too large for memory: rows are prepared when they are taken.

    Parameters
    ----------
    features : ndarray, shape (rows, columns)
        The table, usually mapped from a file.
    prepare : Preparation
        What turns rows into inputs.
    dtype : dtype
        The dtype of the network.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = np.array([[0, 255], [51, 0]], np.uint8)
    >>> rows = LazyInputs(pixels, Preparation(scale=255), "float64")
    >>> len(rows), rows[[1]].tolist()
    (2, [[0.2, 0.0]])
    """

    def __init__(self, features: NDArray[Any], prepare: Preparation, dtype: DTypeLike) -> None:
        self.features, self.prepare, self.dtype = features, prepare, np.dtype(dtype)
        self._ahead: ReadAhead | None = None

    def expect(self, order: NDArray[Any]) -> None:
        """Prepare for rows that will be taken in this order; others can be taken, too."""
        table: Any = self.features
        if is_stored(table):
            from .streaming.stored import ReadAhead  # few trainings need it

            self._ahead = ReadAhead(table, order, self._prepared)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and inputs."""
        rows, columns = self.features.shape
        return rows, self.prepare.inputs(columns)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        if self._ahead is not None and (inputs := self._ahead.take(rows)) is not None:
            return inputs
        taken = self.features[rows]
        if not is_stored(self.features):
            taken = np.array(taken)  # the table itself stays as it is
        return self._prepared(taken)

    def _prepared(self, rows: NDArray[Any]) -> NDArray[Any]:
        return self.prepare(rows, self.dtype, in_place=True)


def rows_of_inputs(inputs: Any, start: int, count: int) -> Any:
    """Return some consecutive rows of inputs; those of `LazyInputs` are not read.

    Parameters
    ----------
    inputs : ndarray or LazyInputs
        The inputs.
    start, count : int
        The first row, and how many.
    """
    if not isinstance(inputs, LazyInputs):
        return inputs[start : start + count]
    rows = rows_of(inputs.features, np.arange(start, start + count))
    return LazyInputs(rows, inputs.prepare, inputs.dtype)


def inputs_of(
    prepare: Preparation, features: Any, dtype: DTypeLike, *, in_place: bool = False
) -> NDArray[Any] | LazyInputs:
    """Return the inputs for all rows of a table: an array, or `LazyInputs` of a stored one.

    Parameters
    ----------
    prepare : Preparation
        What turns rows into inputs.
    features : ndarray or StoredTable, shape (rows, columns)
        The table.
    dtype : dtype
        The dtype of the network.
    in_place : bool
        Whether an array may be overwritten.
    """
    if is_stored(features):
        return LazyInputs(features, prepare, dtype)
    return prepare(features, dtype, in_place=in_place)


def _moments(
    features: NDArray[Any], prepare: Preparation, weights: NDArray[Any] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and deviation of each input, in two passes, which is the exact way."""
    if weights is None:
        weights = np.ones(len(features))
    total = weights.sum()
    parts = [(rows, weights[rows]) for rows in row_slices(features)]
    means = sum(w @ prepare._encoded(features[rows]) for rows, w in parts) / total
    squares = sum(w @ (prepare._encoded(features[rows]) - means) ** 2 for rows, w in parts)
    return np.asarray(means), np.sqrt(squares / total)


def _measured_fills(
    features: NDArray[Any], values: tuple[tuple[str, ...], ...], missing: str | None
) -> NDArray[np.float64]:
    """Return what replaces a missing cell of each column."""
    fills = np.zeros(features.shape[1])
    for i, found in columns_of(features):
        column = np.asarray(found, np.float64)
        known = column[~np.isnan(column)]
        if not len(known):
            continue  # a column without any value: 0
        if values and values[i]:
            fills[i] = np.bincount(known[known >= 0].astype(np.intp), minlength=1).argmax()
        else:
            fills[i] = known.mean() if missing == "mean" else np.median(known)
    return fills
