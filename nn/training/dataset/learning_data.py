"""Reads the data of `fit`, and turns them into what the network learns from.

How a file is read is in `nn.data.csv`; how columns become inputs, in `nn.data.preparation`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...data.blocks import blocks, column_ranges, is_stored, rows_of
from ...data.csv import CsvData, check_pair, list_names
from ...data.forms import is_path
from ...data.known_inputs import KnownInputs
from ...data.preparation import Preparation, inputs_of
from ...data.tables import naming_rows
from ...distributed import Agreement
from ...errors import DataError
from ...images import SMALLEST_SIDE, image_side
from ...loss import classes_of
from ..knowledge import Knowledge
from ..options import Plan
from .comparing import check_same_data, known_to_all
from .labels import as_codes, check_numbers, shortened, with_codes
from .reading import read_source, unknown_texts, warn_of_ignored
from .splitting import split_rows
from .weights import row_weights, with_class_weights, without_missing, without_weightless

__all__ = ["LearningData", "read_learning_data"]


@dataclass
class LearningData:
    """The data of one training.

    Attributes
    ----------
    train, test : CsvData
        As they were read, without rows that were dropped; `test` may be None.
    knowledge : Knowledge
        What a model trained on them knows.
    rows, validation_rows : ndarray of int
        Which rows of `train` are learned from, and which choose the best epoch.
    validation : CsvData or None
        The data to choose by, if they are not rows of `train`.
    weights : ndarray or None
        A weight for each row of `train`.
    notes : list of str
        What the user should know about them.
    """

    train: CsvData
    test: CsvData | None
    knowledge: Knowledge
    rows: NDArray[np.intp] | None = None
    validation_rows: NDArray[np.intp] | None = None
    validation: CsvData | None = None
    weights: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()

    @property
    def has_validation(self) -> bool:
        """Whether there are rows to choose the best epoch by."""
        return self.validation is not None or self.validation_rows is not None

    def samples(self, dtype: np.dtype[Any]) -> tuple[Any, ...]:
        """Return inputs, targets and perhaps weights of the rows to learn from.

        The inputs of a stream are `LazyInputs`, otherwise all of them are arrays.
        """
        features, labels = _parts(self.train, self.rows)
        # The table is not used any more if all its rows are; then it may be overwritten.
        inputs = inputs_of(self.knowledge.prepare, features, dtype, in_place=True)
        targets = self.knowledge.targets(labels, dtype)
        if self.weights is None:
            return inputs, targets
        weights = self.weights if self.rows is None else self.weights[self.rows]
        return inputs, targets, weights.astype(dtype)

    def validation_samples(self, dtype: np.dtype[Any]) -> tuple[Any, ...] | None:
        """Return inputs and targets to choose the best epoch by; None without them."""
        if self.validation is not None:
            return self._prepared(self.validation, None, dtype)
        if self.validation_rows is not None:
            return self._prepared(self.train, self.validation_rows, dtype)
        return None

    def test_samples(self, dtype: np.dtype[Any]) -> tuple[Any, ...] | None:
        """Return inputs and targets of the test data; None without them."""
        return None if self.test is None else self._prepared(self.test, None, dtype)

    def _prepared(
        self, data: CsvData, rows: NDArray[np.intp] | None, dtype: np.dtype[Any]
    ) -> tuple[Any, ...]:
        features, labels = _parts(data, rows)
        inputs = inputs_of(self.knowledge.prepare, features, dtype)
        return inputs, self.knowledge.targets(labels, dtype)


def _parts(data: CsvData, rows: NDArray[np.intp] | None) -> tuple[NDArray[Any], NDArray[Any]]:
    assert data.labels is not None  # training needs them
    if rows is None:
        return data.features, data.labels
    return rows_of(data.features, rows), data.labels[rows]


def read_learning_data(
    plan: Plan,
    known: Knowledge | None,
    structure: tuple[int, ...] | None,
    dtype: np.dtype[Any],
    generator: Generator,
    task: str,
    agreement: Agreement | None = None,
) -> LearningData:
    """Read the data of a training, and check that they match the network and each other.

    Parameters
    ----------
    plan : Plan
        Which data, and how to read them.
    known : Knowledge or None
        What the network knows from an earlier training: columns are matched by its names. None for
        a new network.
    structure : tuple of int or None
        The widths of the network; None if it is made for these data.
    dtype : dtype
        The dtype of the network.
    generator : numpy.random.Generator
        Draws the rows for validation.
    task : {"classification", "regression"}
        What is learned.
    agreement : Agreement, optional
        Of the processes of a distributed training; rank 0 measures what needs all rows.

    Raises
    ------
    OSError
        If a file cannot be read.
    DataError
        If the data cannot be trusted; file, line and column are named.
    ValueError
        If the network has another number of features, or too few classes, or the features are
        scaled differently from those it was trained on.

    Warns
    -----
    DataWarning
        If a file has columns that are not used.
    """
    reader = _Reader(plan, known, task, dtype)
    train = reader.read(plan.train_data, plan.labels, "train_data", required=True)
    train, weights = reader.without_weights(train)
    notes = list(train.notes)
    if task == "regression":
        names = None
        check_numbers(train)
    else:
        with naming_rows(train):
            train, names = with_codes(train, known, structure, plan, notes)
    warn_of_ignored(train)
    weights = row_weights(train, weights, plan)
    train, weights = without_weightless(train, weights, notes)
    train, weights = without_missing(train, weights, plan, notes)
    weights = with_class_weights(train, weights, names, plan)
    _check_complete(train, known)
    reader.follow(train, names)
    test = reader.read_other(plan.test_data, "test_data", train, notes)
    validation, share = None, plan.get("validation")
    rows = validation_rows = None
    if isinstance(share, int | float | np.number):
        assert train.labels is not None  # they are required
        stratify = task == "classification"
        rows, validation_rows = split_rows(train.labels, float(share), generator, stratify=stratify)
    elif share is not None:
        validation = reader.read_other(share, "validation", train, notes)
    agreement = agreement or Agreement()
    check_same_data(agreement, {"training": train, "validation": validation, "test": test}, weights)

    features, labels = _parts(train, rows)
    own = None if weights is None else weights if rows is None else weights[rows]
    measured = (train, features, labels, own, names, known, plan, task)
    knowledge = known_to_all(agreement, lambda: _measured(*measured))
    data = LearningData(
        train, test, knowledge, rows, validation_rows, validation, weights, tuple(notes)
    )
    _check_structure(train, knowledge, structure)
    if plan.get("check_ranges", True) and agreement.is_first:
        way_around = plan.options["check_ranges"]
        if known is not None:
            known.check_ranges(train.features, train.path, way_around)
        for other in filter(None, (test, validation)):
            knowledge.check_ranges(other.features, other.path, way_around)
    if known is not None:
        together = known.inputs.together(knowledge.inputs)
        data.knowledge = replace(knowledge, inputs=together)
    return data


class _Reader:
    """Reads the data sets of one training, the later ones by the columns of the first."""

    def __init__(
        self, plan: Plan, known: Knowledge | None, task: str, dtype: np.dtype[Any]
    ) -> None:
        self.plan, self.known, self.task = plan, known, task
        # A table is read in full precision if it is standardised: a small deviation from a large
        # mean would be lost in float32.
        is_given = plan.get("scale") is not None or plan.get("standardize") is not None
        exact = plan.get("standardize") or plan.get("encode") is not None
        exact = exact or (plan.chosen and not is_given)
        self.dtype = np.dtype(np.float64) if exact else dtype
        self.names = None if known is None else known.inputs.names
        self.values = () if known is None else known.prepare.values
        self.classes = None if known is None else known.classes
        self.label = None if known is None else known.label_name

    def follow(self, train: CsvData, classes: tuple[str, ...] | None) -> None:
        """Read the following data by the columns and classes of the training data."""
        self.names, self.values = train.columns, train.values
        self.classes, self.label = classes, train.label_name

    def read(self, source: Any, labels: Any, argument: str, *, required: bool) -> CsvData:
        """Read a file, a data frame or arrays."""
        return read_source(
            source,
            labels,
            argument,
            plan=self.plan,
            task=self.task,
            dtype=self.dtype,
            names=self.names,
            values=self.values,
            classes=self.classes,
            label=self.label,
            is_first=self.names is None,
            required=required,
        )

    def read_other(
        self, source: Any, argument: str, train: CsvData, notes: list[str]
    ) -> CsvData | None:
        """Read test or validation data, which have the columns of the training data."""
        if source is None:
            return None
        labels = None
        if isinstance(source, tuple) and len(source) == 2 and not is_path(source):
            source, labels = source
        given = dict(self.plan.given)
        unused = [*_not_features(self.plan), given.pop("id", None)]  # these rows need no id
        given["drop"] = tuple(dict.fromkeys(name for name in unused if name is not None))
        self.plan = replace(self.plan, given=given)
        data = self.read(source, labels, argument, required=True)
        if data.labels is None:
            raise DataError(
                f"{argument}: no labels; pass {argument}=(X, y), or a table with them",
                path=data.path,
            )
        notes += [f"{data.path}: {note}" for note in unknown_texts(data)]
        data, _ = self.without_weights(data)
        if self.task == "classification":
            with naming_rows(data):
                data = as_codes(data, self.classes)
                check_pair(train, data)
        warn_of_ignored(data)
        data = without_missing(data, None, self.plan, notes)[0]
        _check_complete(data, self.known)
        return data

    def without_weights(self, data: CsvData) -> tuple[CsvData, NDArray[np.float64] | None]:
        """Separate the column of weights from the features, if there is one."""
        name = self.plan.get("sample_weight")
        if not isinstance(name, str) or name not in data.columns:
            if isinstance(name, str) and self.names is None:
                raise DataError(
                    f"{data.path}: no column {name!r} for sample_weight; the columns are "
                    f"{list_names(data.columns)}",
                    path=data.path,
                )
            return data, None
        at = data.columns.index(name)
        table: Any = data.features
        weights = table[:, at].astype(np.float64)
        columns = data.columns[:at] + data.columns[at + 1 :]
        values = data.values[:at] + data.values[at + 1 :] if data.values else ()
        features = table.without(at) if is_stored(table) else np.delete(table, at, axis=1)
        return replace(data, columns=columns, values=values, features=features), weights


# The network -----------------------------------------------------------------------------------


def _measured(
    train: CsvData,
    features: NDArray[Any],
    labels: NDArray[Any],
    weights: NDArray[np.float64] | None,
    names: tuple[str, ...] | None,
    known: Knowledge | None,
    plan: Plan,
    task: str,
) -> Knowledge:
    """Measure what the model will know; a trained one keeps its preparation."""
    if known is not None:
        prepare = known.prepare
    else:
        scale, standardize = _chosen_preparation(train, features, plan)
        with np.errstate(over="ignore", invalid="ignore"):  # checked below
            prepare = Preparation.measure(
                features,
                train.values,
                missing=plan.get("missing"),
                scale=scale,
                standardize=standardize,
                weights=weights,
            )
        if prepare.deviations is not None and not np.isfinite(prepare.deviations).all():
            column = int(np.argmin(np.isfinite(prepare.deviations)))
            name = prepare.input_names(train.columns)[column]
            raise DataError(
                f"{train.path}: the numbers of the column {name!r} are too large to standardize; "
                "divide them, or take their logarithm",
                path=train.path,
                name=name,
            )
    filled = replace(train, features=prepare.filled(features), labels=labels)
    inputs = KnownInputs.of(filled, prepare.scale)
    if not _has_names(train):
        inputs = replace(inputs, names=None)
    mean, deviation = 0.0, 1.0
    if task == "regression":
        mean, deviation = _moments(train, labels, weights)
    if known is not None:
        return replace(known, inputs=inputs)
    return Knowledge(
        inputs,
        prepare,
        names,
        task,
        train.label_name,
        mean,
        deviation,
        plan.get("id"),
        _not_features(plan),
    )


def _moments(
    train: CsvData, numbers: NDArray[Any], weights: NDArray[np.float64] | None
) -> tuple[float, float]:
    """Return mean and deviation of the numbers to learn."""
    with np.errstate(over="ignore", invalid="ignore"):  # checked below
        mean = float(np.average(numbers, weights=weights))
        deviation = float(np.average((numbers - mean) ** 2, weights=weights)) ** 0.5
    if not np.isfinite(deviation) or (deviation == 0 and np.ptp(numbers) > 0 and weights is None):
        size = float(np.abs(numbers).max())
        raise DataError(
            f"{train.path}: the label {train.label_name!r} has numbers up to {size:.3g}, whose "
            "squares are not numbers of 64 bits; divide them by a power of ten",
            path=train.path,
            name=train.label_name,
        )
    return mean, deviation or 1.0


def _chosen_preparation(train: CsvData, features: NDArray[Any], plan: Plan) -> tuple[float, bool]:
    """Return the scale and whether to standardise: as the user chose, or as suits the data.

    The pixels of an image have one scale. Divided by their own deviations, rarely lit ones would
    become huge.
    """
    scale, standardize = plan.get("scale"), plan.get("standardize")
    if not plan.chosen or scale is not None or standardize is not None:
        return scale or 1.0, bool(standardize)
    if any(train.values) or not _are_pixels(features):
        return 1.0, True
    return float(column_ranges(features).max()), False


def _are_pixels(features: NDArray[Any]) -> bool:
    side = image_side(features.shape[1])
    if side is None or side < SMALLEST_SIDE:
        return False
    for block in blocks(features):
        if not (np.isfinite(block) & (block >= 0) & (block == np.floor(block))).all():
            return False
    return bool(0 < column_ranges(features).max() <= 65535)


def _check_complete(data: CsvData, known: Knowledge | None) -> None:
    """Check that a network which was trained on complete rows gets such rows."""
    if known is None or known.prepare.fills is not None:
        return
    if any(np.isnan(block).any() for block in blocks(data.features)):
        raise DataError(
            f"{data.path} has missing cells, but the weights were trained on complete rows; pass "
            "missing='drop', or make a new model",
            path=data.path,
        )


def _not_features(plan: Plan) -> tuple[str, ...]:
    """Return columns of the training data that later data may have, too."""
    weight = plan.get("sample_weight")
    return (*plan.get("drop", ()), *([weight] if isinstance(weight, str) else []))


def _has_names(data: CsvData) -> bool:
    return data.has_header or not all(name.startswith("column ") for name in data.columns)


def _check_structure(
    train: CsvData, knowledge: Knowledge, structure: tuple[int, ...] | None
) -> None:
    """Check that the network has an input for each feature, and an output for each class."""
    if structure is None:
        return
    found = knowledge.prepare.inputs(train.features.shape[1])
    if found != structure[0]:
        columns = train.features.shape[1]
        inputs = "" if found == columns else f", which become {found} inputs"
        raise ValueError(
            f"{train.path} has {columns} features{inputs}, but the network takes {structure[0]}; "
            f"structure[0] must be {found}. The features are {list_names(train.columns)}"
        )
    outputs = structure[-1]
    if knowledge.is_regression:
        if outputs != 1:
            raise ValueError(
                f"the network has {outputs} outputs, but a regression of one number needs 1; "
                "structure[-1] must be 1"
            )
        return
    assert train.labels is not None  # training needs them
    classes = int(train.labels.max()) + 1
    if classes > classes_of(outputs):
        names = knowledge.class_names(classes)
        listed = f"labels 0..{classes - 1}" if knowledge.classes is None else shortened(names)
        hint = ""
        if outputs == 1 and classes > 10:
            hint = '. For numbers, make the model with task="regression"'
        raise ValueError(
            f"{train.path} has {classes} classes ({listed}), but the network "
            f"with {outputs} output{'s' * (outputs != 1)} distinguishes {classes_of(outputs)}; "
            f"structure[-1] must be the number of classes{hint}"
        )
