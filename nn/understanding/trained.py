"""A trained network together with the rows that questions about it are answered with.

It prepares raw rows, calls the network and names columns and classes. It reads no files, and
changes neither weights nor modes of the network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu import Tensor, no_grad
from tinygrad_edu.texts import clean, number_text

from ..images import SMALLEST_SIDE, image_side
from ..loss import classes_of, predicted_labels, probabilities
from ..module import Module
from .modes import evaluating
from .result import share_text

if TYPE_CHECKING:
    from .explanation import Explanation
    from .importance import Importance
    from .influence import Influence
    from .mislabelled import Mislabelled, Refit
    from .mistakes import Mistakes

__all__ = ["Array", "Trained"]

Array: TypeAlias = NDArray[Any]

_ROWS = 4096  # per batch, to limit the memory for hidden layers


def _as_they_are(features: Array) -> Array:
    return features


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and rows of data, with names.

    Attributes
    ----------
    network : Module
        Returns logits of shape (N, outputs), or for regression a number for each row, (N, 1).
    features : ndarray, shape (N, columns)
        Raw rows, as in a file. A column of texts holds codes, a missing cell is NaN.
    labels : ndarray, shape (N,)
        Integers from 0 for classification, numbers for regression.
    feature_names : tuple of str
        One name for each raw column; by default ``column 0``, ``column 1`` and so on.
    class_names : tuple of str
        One name for each class; by default their numbers.
    prepare : callable
        Turns raw rows, shape (N, columns), into inputs of the network, column by column. By
        default the rows are the inputs.
    task : {"classification", "regression"}
        What the outputs mean.
    feature_values : tuple of tuple of str, or None
        For each raw column the texts that its codes mean, which are as many one-hot inputs; empty
        for a column of numbers, which is one input. None if all columns are numbers.
    target_mean, target_deviation : float
        For regression: the prediction is the output times the deviation plus the mean.
    data : str
        What the rows are called in texts, such as ``"test data"``.
    is_image : bool or None
        Whether a row is a square image. By default it is, if the names of its columns differ only
        in numbers, and there are 25 or another square number of them.
    first_row : int
        The number of the first row in texts, tables and pictures. The methods take rows counted
        from 0, whatever it is, and arrays of row numbers hold such.

    Raises
    ------
    ValueError
        If lengths do not fit, there are no rows, or labels are not classes of the network.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MLP
    >>> X, y = np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([0, 1])
    >>> trained = Trained(MLP([2, 3], dtype="float64", seed=0), X, y, ("width", "height"))
    >>> trained.probabilities().shape, trained.class_name(2), trained.is_image
    ((2, 3), '2', False)
    """

    network: Module
    features: Array
    labels: Array
    feature_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    prepare: Callable[[Array], Array] = _as_they_are
    task: str = "classification"
    feature_values: tuple[tuple[str, ...], ...] | None = None
    target_mean: float = 0.0
    target_deviation: float = 1.0
    data: str = "the data"
    is_image: bool | None = None
    first_row: int = 0

    def __post_init__(self) -> None:
        features, labels = np.asarray(self.features), np.asarray(self.labels)
        if features.ndim != 2 or not features.size:
            raise ValueError(
                f"features have shape {features.shape}, expected (rows, columns) with at least one "
                "of each"
            )
        if labels.shape != features.shape[:1]:
            raise ValueError(
                f"labels have shape {labels.shape}, expected ({len(features)},), one for each row"
            )
        if self.task not in ("classification", "regression"):
            raise ValueError(f"task must be 'classification' or 'regression', got {self.task!r}")
        if labels.dtype.kind == "b" and self.task == "classification":
            labels = labels.astype(np.int64)  # as an index, a boolean is a mask and not a class
        columns = features.shape[1]
        names = tuple(self.feature_names) or tuple(f"column {i}" for i in range(columns))
        for what, entries in (("feature_names", names), ("feature_values", self.feature_values)):
            if entries is not None and len(entries) != columns:
                raise ValueError(
                    f"{what} has {len(entries)} entries, expected one for each of the {columns} "
                    "columns"
                )
        is_image = self._looks_like_images(names) if self.is_image is None else self.is_image
        if is_image and image_side(columns) is None:
            raise ValueError(f"{columns} columns are not a square image; pass is_image=False")
        for name, value in (("features", features), ("labels", labels), ("feature_names", names)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "is_image", is_image)
        if self.task == "classification":
            self._check_classes()

    def _looks_like_images(self, names: tuple[str, ...]) -> bool:
        side = image_side(len(names))
        stems = {re.sub(r"\d+", "", name) for name in names}
        has_texts = any(self.feature_values or ())
        return side is not None and side >= SMALLEST_SIDE and len(stems) == 1 and not has_texts

    def _check_classes(self) -> None:
        if self.labels.dtype.kind not in "iu":
            raise ValueError(
                f"labels have dtype {self.labels.dtype}, expected integers; for numbers to predict "
                "pass task='regression'"
            )
        wrong = self.labels[(self.labels < 0) | (self.labels >= self.classes)]
        if len(wrong):
            raise ValueError(
                f"label {wrong[0]} is out of range; the network has {self.classes} classes, "
                f"0..{self.classes - 1}"
            )
        if self.class_names and len(self.class_names) != self.classes:
            raise ValueError(
                f"class_names has {len(self.class_names)} entries, expected one for each of the "
                f"{self.classes} classes"
            )

    # The network ---------------------------------------------------------------------------

    @property
    def is_regression(self) -> bool:
        """Whether the network predicts numbers, not classes."""
        return self.task == "regression"

    @property
    def classes(self) -> int:
        """The number of classes; 1 for regression."""
        outputs = int(self.outputs(self.features[:1]).shape[-1])
        return outputs if self.is_regression else classes_of(outputs)

    def inputs(self, features: ArrayLike | None = None, first: int = 0) -> Array:
        """Prepare raw rows, by default all, in the dtype of the network.

        An error names a row by its place among them, to which `first` is added: the number of the
        first of these rows, from 0, where they are a part of others.
        """
        raw = self.features if features is None else np.asarray(features)
        dtype = next((p.dtype for p in self.network.parameters()), np.dtype(np.float64))
        prepared = np.asarray(self.prepare(raw))
        if len(prepared) != len(raw):
            raise ValueError(
                f"prepare returned {len(prepared)} rows of {len(raw)}; it must keep every row"
            )
        inputs = prepared.astype(dtype, copy=False)
        if not np.isfinite(inputs).all():
            row = int((~np.isfinite(inputs.reshape(len(inputs), -1))).any(axis=1).argmax())
            raise ValueError(
                f"the prepared row {first + row + self.first_row}, counted from {self.first_row}, "
                "has NaN or inf; prepare must fill missing cells"
            )
        return inputs

    def parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the inputs of all rows in parts, because prepared rows are a second copy."""
        for start in range(0, len(self.features), _ROWS):
            rows = slice(start, start + _ROWS)
            yield rows, self.inputs(self.features[rows], start)

    def outputs(self, features: ArrayLike | None = None) -> Array:
        """Compute logits, or for regression predictions, of raw rows; by default of all."""
        raw = self.features if features is None else np.asarray(features)
        with evaluating(self.network), no_grad():
            parts = [
                np.asarray(self.network(Tensor(self.inputs(raw[start : start + _ROWS], start))))
                for start in range(0, len(raw), _ROWS)
            ]
        outputs = np.concatenate(parts)
        if outputs.ndim != 2 or (self.is_regression and outputs.shape[1] != 1):
            expected = "(N, 1)" if self.is_regression else "(N, outputs)"
            raise ValueError(
                f"the network returned shape {outputs.shape}, expected {expected} for {self.task}"
            )
        return outputs * self.target_deviation + self.target_mean if self.is_regression else outputs

    def probabilities(self, features: ArrayLike | None = None) -> Array:
        """Compute the probability of each class, shape (N, classes)."""
        return self.probabilities_of(self.outputs(features))

    def predictions(self, features: ArrayLike | None = None) -> Array:
        """Predict a class, or for regression a number, for each row; shape (N,)."""
        return self.predicted(self.outputs(features))

    def probabilities_of(self, outputs: Array) -> Array:
        """Turn logits into probabilities."""
        if self.is_regression:
            raise ValueError("a regression has no probabilities; its predictions are outputs()")
        return probabilities(outputs)

    def predicted(self, outputs: Array) -> Array:
        """Read the predictions from outputs."""
        return outputs[:, 0] if self.is_regression else predicted_labels(outputs)

    # Names ---------------------------------------------------------------------------------

    @property
    def side(self) -> int | None:
        """The side of the images; None for a table."""
        return image_side(self.features.shape[1]) if self.is_image else None

    def class_name(self, label: Any, limit: int = 22) -> str:
        """Return the name of a class, at most `limit` characters, or for regression the number."""
        if self.is_regression:
            return number_text(label)
        return clean(self.class_names[int(label)], limit) if self.class_names else str(int(label))

    def class_number(self, label: Any, what: str) -> int:
        """Return the number of a class that is given by its number or its name."""
        if self.is_regression:
            raise ValueError(f"{what} is a class; a regression has none")
        if isinstance(label, str) and label in self.class_names:
            return self.class_names.index(label)
        count, is_number = self.classes, isinstance(label, int | np.integer)
        if isinstance(label, bool) or not is_number or not 0 <= label < count:
            names = f", or one of {', '.join(self.class_names[:5])}" if self.class_names else ""
            raise ValueError(
                f"{what} {label!r} is not a class; the network has {count}, 0..{count - 1}{names}"
            )
        return int(label)

    def value_text(self, column: int, value: float) -> str:
        """Write the cell of a raw column as a reader knows it."""
        texts = self.feature_values[column] if self.feature_values else ()
        if np.isnan(value):
            return "missing"
        if texts and float(value).is_integer() and 0 <= value < len(texts):
            return clean(texts[int(value)], limit=16)
        return number_text(value)

    def row(self, row: int) -> Array:
        """Return a raw row by its number from 0, shape (1, columns)."""
        if isinstance(row, bool) or not isinstance(row, int | np.integer):
            raise TypeError(f"row must be the number of a row, from 0, got {row!r}")
        if not 0 <= row < len(self.features):
            raise ValueError(
                f"row {row} does not exist; {self.data} has {len(self.features)} rows, "
                f"0..{len(self.features) - 1}"
            )
        return self.features[row : row + 1]

    def one_row(self, row: ArrayLike, what: str = "row") -> Array:
        """Return a given raw row as an array of shape (1, columns)."""
        raw = np.asarray(row)
        columns = self.features.shape[1]
        if raw.size != columns or raw.dtype.kind not in "fiu":
            raise ValueError(
                f"{what} has shape {raw.shape} and dtype {raw.dtype}, expected {columns} numbers"
            )
        return raw.reshape(1, columns)

    def verdict(self, raw: Array) -> str:
        """Write the prediction of one raw row, with its probability."""
        if self.is_regression:
            return f"prediction {number_text(self.predictions(raw)[0])}"
        p = self.probabilities(raw)[0]
        label = int(p.argmax())
        return f"predicted {self.class_name(label)!r} with {share_text(p[label])} confidence"

    # Questions -----------------------------------------------------------------------------

    def important_features(self, **options: Any) -> Importance:
        """Measure which columns matter; see `importance.important_features`."""
        from .importance import important_features

        return important_features(self, **options)

    def explain(self, row: int | ArrayLike, **options: Any) -> Explanation:
        """Explain one prediction by the contributions of its columns; see `explanation`."""
        from .explanation import explain_row

        return explain_row(self, row, **options)

    def mistakes(self, **options: Any) -> Mistakes:
        """Find the most confident mistakes; see `mistakes.find_mistakes`."""
        from .mistakes import find_mistakes

        return find_mistakes(self, **options)

    def influential_rows(self, row: int | ArrayLike, **options: Any) -> Influence:
        """Measure which rows pulled one prediction; see `influence.influential_rows`."""
        from .influence import influential_rows

        return influential_rows(self, row, **options)

    def mislabelled(self, refit: Refit | None = None, **options: Any) -> Mislabelled:
        """Order the rows by how wrong their labels look; see `mislabelled.find_mislabelled`."""
        from .mislabelled import find_mislabelled

        return find_mislabelled(self, refit, **options)
