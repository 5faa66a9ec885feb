"""What a trained model can be asked: predictions, and how good they are.

It is the part of `Classifier` that does not change anything. Data are read in `dataset`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.blocks import is_stored, row_slices
from ..data.features import check_features
from ..data.forms import is_frame, is_path
from ..data.preparation import inputs_of
from ..errors import DataError, NotFittedError
from ..loss import classes_of, predicted_labels, probabilities
from ..mlp import MLP
from .knowledge import Knowledge
from .options import COMMAND, check_options, check_reading, first_row
from .prediction import Estimate, Prediction

if TYPE_CHECKING:
    from ..data.csv import CsvData
    from ..understanding.trained import Trained
    from .reports import ClassificationReport, RegressionReport

__all__ = ["AsksModel"]


class AsksModel:
    """The questions of a `Classifier`."""

    network: MLP
    knowledge: Knowledge
    _fitted: bool
    _options: Mapping[str, str]

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes, in the order of the probabilities; None in a regression."""
        if self.knowledge.is_regression:
            return None
        return self.knowledge.class_names(classes_of(self.network.structure[-1]))

    def predict_proba(self, x: Any, *, check_ranges: bool = True, **reading: Any) -> NDArray[Any]:
        """Return the probability of each class for each row.

        Parameters
        ----------
        x : array_like, data frame or path
            Features as they are in the training file, not scaled. The columns of a file or a data
            frame are matched by their names, in any order; those of an array by their position. A
            label may be there or not.
        check_ranges : bool
            Refuse features far outside the ranges of the training, or in a small part of them, as
            if they were scaled twice or not at all.
        **reading : object
            Options of `fit` for reading a file, such as ``sep=";"``.

        Returns
        -------
        numpy.ndarray, shape (N, classes)
            In the order of `class_names`.

        Raises
        ------
        NotFittedError
            Before `fit` or `load`.
        TypeError, ValueError
            For features that do not match, are not finite numbers, or are scaled differently from
            those of the training.
        """
        if self.knowledge.is_regression:
            raise TypeError("a regression has no classes, so no probabilities; call predict")
        check_reading(reading, self.predict_proba)
        return probabilities(self._outputs(x, check_ranges, **reading))

    def predict(self, x: Any, *, check_ranges: bool = True, **reading: Any) -> NDArray[Any]:
        """Return the most probable class for each row, or the number of a regression.

        Parameters
        ----------
        x, check_ranges, **reading
            As for `predict_proba`.

        Returns
        -------
        numpy.ndarray, shape (N,)
            Classes as they are in the training data: numbers or texts.
        """
        check_reading(reading, self.predict)
        outputs = self._outputs(x, check_ranges, **reading)
        if self.knowledge.is_regression:
            return self.knowledge.predictions(outputs)
        return self.knowledge.named(predicted_labels(outputs))

    def score(
        self, data: Any, y: Any = None, *, check_ranges: bool = True, **reading: Any
    ) -> float:
        """Return the share of correct predictions, or R² in a regression.

        Parameters
        ----------
        data : path, data frame or array_like
            Rows with their labels.
        y : array_like, optional
            The labels of an array.
        check_ranges, **reading
            As for `predict_proba`.
        """
        check_reading(reading, self.score)
        report: Any = self.report(data, y, check_ranges=check_ranges, **reading)
        score = report.r2 if self.knowledge.is_regression else report.accuracy
        return float("nan") if score is None else float(score)

    def report(
        self, data: Any, y: Any = None, *, check_ranges: bool = True, **reading: Any
    ) -> ClassificationReport | RegressionReport:
        """Measure the model: for each class, which classes it confuses, and how sure it is.

        Parameters
        ----------
        data, y, check_ranges, **reading
            As for `score`.

        Returns
        -------
        ClassificationReport or RegressionReport
            Prints as a table; see `nn.training.reports`.
        """
        from .reports import classification_report, regression_report

        check_reading(reading, self.report)
        rows = self._read(data, y, required=True, **reading)
        outputs = self._checked_outputs(rows.features, rows.path, check_ranges)
        assert rows.labels is not None  # they are required
        if self.knowledge.is_regression:
            return regression_report(rows.labels, self.knowledge.predictions(outputs))
        return classification_report(rows.labels, probabilities(outputs), self.class_names)

    def understand(
        self, data: Any, y: Any = None, *, check_ranges: bool = True, **reading: Any
    ) -> Trained:
        """Ask what the model looks at, where it errs, and which rows taught it that.

        Parameters
        ----------
        data, y, check_ranges, **reading
            As for `score`: rows with labels.

        Returns
        -------
        nn.understanding.trained.Trained
            Its methods answer: ``important_features()``, ``explain(row)``, ``mistakes()``,
            ``influential_rows(row)`` and ``mislabelled()``.

        Examples
        --------
        >>> import numpy as np
        >>> from nn import model
        >>> X = np.random.default_rng(0).normal(size=(80, 2))
        >>> net = model(verbose=False)
        >>> history = net.fit(X, (X[:, 0] > 0).astype(int), epochs=20)
        >>> answer = net.understand(X, (X[:, 0] > 0).astype(int)).important_features()
        >>> int(answer.order[0])  # the first column decides
        0
        """
        from ..understanding.trained import Trained

        check_reading(reading, self.understand)
        reading.pop("stream", None)  # explanations look at all rows at once
        rows = self._read(data, y, required=True, **reading)
        if is_stored(rows.features):
            raise DataError(
                f"{rows.path}: {len(rows.features):,} rows are too many to explain in memory; pass "
                "a file with some of them",
                path=rows.path,
                kind="too large for memory",
            )
        knowledge, dtype = self.knowledge, self._dtype()
        if check_ranges:
            knowledge.check_ranges(rows.features, rows.path, self._options["check_ranges"])
        self._check_complete(rows.features, rows.path)
        labels = rows.labels
        if labels is None:
            raise DataError(f"{rows.path}: no labels; pass rows with their labels", path=rows.path)
        return Trained(
            self.network,
            knowledge.prepare.filled(rows.features),
            labels,
            rows.columns,
            self.class_names or (),
            lambda raw: knowledge.prepare(raw, dtype),
            knowledge.task,
            knowledge.prepare.values or None,
            knowledge.target_mean,
            knowledge.target_deviation,
            rows.path,
            first_row=first_row(self._options),
        )

    def run(
        self, path: str | os.PathLike[str], x: ArrayLike, *, check_ranges: bool = True
    ) -> Prediction | Estimate:
        """Load a saved model, predict one sample, print the prediction and return it.

        Parameters
        ----------
        path : str or path-like
            A ``model.pkl`` or a native file. The network of this object does not change.
        x : array_like
            The features of one sample, as they are in a CSV file: in a row, or as an image with
            as many pixels as the model has features. A row of a data frame is matched by name.
        check_ranges : bool
            As in `predict_proba`.

        Returns
        -------
        Prediction or Estimate
            With ``label``, ``confidence`` and ``probabilities``; a regression has a ``value``.

        Raises
        ------
        ModelFileError
            If the file is not a valid model.
        TypeError, ValueError
            If `x` does not match the model.
        """
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"path must be that of a model file, got a {type(path).__name__}")
        loaded: Any = type(self).load(path)  # type: ignore[attr-defined]
        prediction: Prediction | Estimate = loaded._predict_one(x, check_ranges)
        self._say(str(prediction))  # type: ignore[attr-defined]
        return prediction

    def _predict_one(self, x: Any, check_ranges: bool) -> Prediction | Estimate:
        features = self._columns()
        if hasattr(x, "to_frame") and hasattr(x, "index"):  # a row of a data frame
            x = x.to_frame().T.infer_objects()
        if not is_frame(x):
            sample = np.asarray(x)
            if sample.size != features:
                raise ValueError(
                    f"x has {sample.size} features (shape {sample.shape}), expected {features}: "
                    "run predicts one sample; use load(path).predict(rows) for several"
                )
            x = sample.reshape(1, -1)
        elif len(x) != 1:
            raise ValueError(
                f"x has {len(x)} rows: run predicts one sample; use load(path).predict(rows) for "
                "several"
            )
        outputs = self._outputs(x, check_ranges, "x")
        if self.knowledge.is_regression:
            return Estimate(float(self.knowledge.predictions(outputs)[0]))
        p = probabilities(outputs)[0]
        code = int(p.argmax())
        label = self.knowledge.named(np.array([code]))[0]
        return Prediction(label.item(), float(p[code]), p)

    # Data ----------------------------------------------------------------------------------

    def _columns(self) -> int:
        """Return the number of columns that a row has."""
        values = self.knowledge.prepare.values
        return len(values) if values else self.network.structure[0]

    def _outputs(self, x: Any, check_ranges: bool, what: str = "X", **reading: Any) -> NDArray[Any]:
        """Return the outputs of the network for rows of any form."""
        self._check_fitted()
        knowledge = self.knowledge
        has_texts = bool(knowledge.prepare.values)
        if has_texts and not is_path(x) and not len(x):
            return np.empty((0, self.network.structure[-1]), self._dtype())
        if is_path(x) or has_texts or (is_frame(x) and not _has_only_numbers(x)):
            rows = self._read(x, None, required=False, argument=what, **reading)
            return self._checked_outputs(rows.features, rows.path, check_ranges)
        dtype = np.dtype(np.float64) if knowledge.prepare.means is not None else self._dtype()
        features = check_features(
            knowledge.inputs.matched(x, knowledge.other_columns),
            self._columns(),
            dtype,
            allow_missing=knowledge.prepare.fills is not None,
        )
        return self._checked_outputs(features, what, check_ranges)

    def _checked_outputs(
        self, features: NDArray[Any], what: str, check_ranges: bool
    ) -> NDArray[Any]:
        from .metrics import logits_of

        if check_ranges:
            self.knowledge.check_ranges(features, what, self._options["check_ranges"])
        self._check_complete(features, what)
        return logits_of(self.network, inputs_of(self.knowledge.prepare, features, self._dtype()))

    def _dtype(self) -> np.dtype[Any]:
        return self.network.layers[0].weight.dtype

    def _check_fitted(self) -> None:
        if not self._fitted:
            raise NotFittedError("this network was never trained; call fit or load first")

    def _read(
        self, source: Any, y: Any, *, required: bool, argument: str = "data", **reading: Any
    ) -> CsvData:
        """Read rows by the columns and classes of the model."""
        from .dataset.reading import read_for_model

        self._check_fitted()
        check_options(reading)
        return read_for_model(
            source,
            y,
            argument,
            self.knowledge,
            self.network,
            required=required,
            reading=reading,
            options=self._options,
        )

    def _check_complete(self, features: Any, what: str) -> None:
        """Check that no cell is missing, unless the model fills it in."""
        if self.knowledge.prepare.fills is not None:
            return
        first = first_row(self._options)
        for rows in row_slices(features):
            lacking = np.isnan(features[rows]).any(axis=1)
            if lacking.any():
                row = rows.start + int(lacking.argmax())
                raise DataError(
                    f"{what}: row {row + first} (counted from {first}) has a missing cell, and "
                    "this model was trained on complete rows; fill it in, or train with "
                    + ("--missing mean" if self._options is COMMAND else "missing='mean'"),
                    path=what,
                    line=row,
                )


def _has_only_numbers(frame: Any) -> bool:
    """Return whether all columns are numbers of NumPy; truth values and others are read as text."""
    return all(isinstance(one, np.dtype) and one.kind in "fiu" for one in frame.dtypes)
