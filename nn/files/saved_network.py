"""A saved network: its arrays, and the names of its features and classes.

It checks that the parts match. It neither reads nor writes files.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataWarning
from .saved_parts import (
    checked_choice,
    checked_history,
    checked_names,
    checked_number,
    checked_numbers,
    checked_ranges,
    checked_values,
)

ACTIVATIONS = ("relu", "tanh", "sigmoid")
TASKS = ("classification", "regression")
MISSING = ("drop", "mean", "median")  # as in nn.data.missing; files know nothing of data

# float32 holds all of their values exactly.
_SMALL = ("bool", "int8", "uint8", "int16", "uint16", "float16")


@dataclass(frozen=True, eq=False)
class SavedNetwork:
    """A trained network, independent of the layout of its file. Invalid networks are rejected.

    Layer by layer, `y = x @ weights[i] + biases[i]`, with the activation after every layer but
    the last. float16, booleans and integers of at most 16 bits become float32, which holds them
    exactly; larger integers become float64. Biases of shape (1, outputs) lose the first axis.

    Parameters
    ----------
    weights : sequence of numpy.ndarray
        One matrix a layer, shape (inputs, outputs).
    biases : sequence of numpy.ndarray
        One vector a layer, shape (outputs,) or (1, outputs).
    activation : {"relu", "tanh", "sigmoid"}, optional
        Activation of the hidden layers.
    scale : float, optional
        Features are divided by it before the first layer.
    feature_names : sequence of str, optional
        Names of the columns, all different, in the order of the rows of ``weights[0]``; a column
        of text has several rows. None if unknown, as in files of version 0.1.0.
    feature_ranges : array_like, shape (features, 2), optional
        Smallest and largest value of each feature in the training file, before scaling.
    faintest_row : float, optional
        The size of a row is its largest value, each relative to the largest of its feature in
        training. All but a hundredth of the training rows have at least this size, 0..1.
    learned : bool, optional
        False if the training did not make it better than guessing. Such a model may be replaced
        by another one like it.
    classes : sequence of str, optional
        Names of the classes, all different: at most one for each output, and at most two for a
        single output.
    task : {"classification", "regression"}, optional
        What the outputs mean.
    feature_values : sequence of sequences of str, optional
        For each column, the values of a column of text in the order of their inputs: an input is 1
        for its value and 0 for the others. Empty for a column of numbers, which is a single input.
        None if all columns are numbers.
    feature_fills : array_like, shape (features,), optional
        What replaces a missing cell: a number, for a column of text the index of a value. NaN: a
        missing cell is an error.
    feature_means : array_like, shape (features,), optional
        Mean of each column of the training file, 0 for a column of text.
    missing : {"drop", "mean", "median"}, optional
        What the training did about missing cells.
    input_means, input_deviations : array_like, shape (inputs,), optional
        The first layer receives ``(input - mean) / deviation``. Only with ``scale=1``.
    target_mean, target_deviation : float, optional
        The prediction of a regression is ``output * target_deviation + target_mean``.
    id_name : str, optional
        Name of the column that names the rows; it is not a feature.
    dropped_names : sequence of str, optional
        Names of columns of the data that are not used.
    label_name : str, optional
        Name of the column that is predicted.
    dropout : float, optional
        Probability with which the training dropped a hidden unit. It plays no part in predictions.
    history : sequence of sequences of float or None, optional
        The numbers of each epoch of the training; None where one was not measured. A history of
        more than 250,000 numbers is thinned to every second, third ... epoch and the last one.
    history_columns : sequence of str, optional
        Names of these numbers.

    Raises
    ------
    TypeError
        If a name is not a `str`.
    ValueError
        If the arrays do not form a network, the activation or the scale is invalid, or names and
        ranges do not match.

    Examples
    --------
    >>> import numpy as np
    >>> network = SavedNetwork([np.ones((2, 2))], [np.zeros((1, 2))], feature_names=["a", "b"])
    >>> network.structure, network.biases[0].shape, network.feature_names
    ((2, 2), (2,), ('a', 'b'))
    """

    weights: tuple[NDArray[Any], ...]
    biases: tuple[NDArray[Any], ...]
    activation: str = "relu"
    scale: float = 1.0
    feature_names: tuple[str, ...] | None = None
    feature_ranges: NDArray[np.float64] | None = None
    classes: tuple[str, ...] | None = None
    faintest_row: float | None = None
    learned: bool = True
    task: str = "classification"
    feature_values: tuple[tuple[str, ...], ...] | None = None
    feature_fills: NDArray[np.float64] | None = None
    feature_means: NDArray[np.float64] | None = None
    missing: str | None = None
    input_means: NDArray[np.float64] | None = None
    input_deviations: NDArray[np.float64] | None = None
    target_mean: float = 0.0
    target_deviation: float = 1.0
    label_name: str | None = None
    dropout: float = 0.0
    history: tuple[tuple[float | None, ...], ...] | None = None
    history_columns: tuple[str, ...] | None = None
    id_name: str | None = None
    dropped_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Check the parts, and convert them to one form."""
        weights, biases = _checked_layers(self.weights, self.biases)
        self._keep(weights=weights, biases=biases)
        checked_choice("activation", self.activation, ACTIVATIONS)
        scale = float(self.scale)
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"scale is {scale}, expected a positive number such as 255")
        self._keep(scale=scale)
        self._check_columns()
        self._check_preparation()
        self._check_outputs()
        self._check_training()

    def _keep(self, **parts: Any) -> None:
        """Set checked parts: the dataclass is frozen for its users, not while it is made."""
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    def _check_columns(self) -> None:
        """Check what is known about the columns of the data."""
        if self.feature_values is not None:
            values = checked_values("feature_values", self.feature_values)
            count = sum(len(column) or 1 for column in values)
            if count != self.structure[0]:
                raise ValueError(
                    f"feature_values makes {count} inputs, the network takes {self.structure[0]}: "
                    "one for each column of numbers, one for each value of a column of text"
                )
            self._keep(feature_values=values if any(values) else None)
        features = self.feature_count
        if self.feature_names is not None:
            names = checked_names("feature_names", self.feature_names)
            if len(names) != features:
                raise ValueError(
                    f"feature_names has {len(names)} names, the network takes {features} features"
                )
            self._keep(feature_names=names)
        if self.feature_ranges is not None:
            self._keep(feature_ranges=checked_ranges(self.feature_ranges, features))
        if self.feature_means is not None:
            means = checked_numbers("feature_means", self.feature_means, features)
            self._keep(feature_means=means)
        if self.faintest_row is not None:
            size = float(self.faintest_row)
            if not 0 <= size <= 1:
                raise ValueError(f"faintest_row is {size}, expected a number from 0 to 1")
            self._keep(faintest_row=size)
        for field in ("label_name", "id_name"):
            name = getattr(self, field)
            if name is not None and not isinstance(name, str):
                raise TypeError(f"{field} is a {type(name).__name__}, expected a str")
        if self.dropped_names is not None:
            self._keep(dropped_names=checked_names("dropped_names", self.dropped_names) or None)

    def _check_preparation(self) -> None:
        """Check how columns become inputs."""
        if self.missing is not None:
            checked_choice("missing", self.missing, MISSING)
        if self.feature_fills is not None:
            fills = checked_numbers(
                "feature_fills", self.feature_fills, self.feature_count, nan=True
            )
            for index, column in enumerate(self.feature_values or ()):
                if column and not np.isnan(fills[index]) and fills[index] not in range(len(column)):
                    raise ValueError(
                        f"feature_fills[{index}] is {fills[index]}, expected the code of one of "
                        f"{len(column)} values, or NaN"
                    )
            self._keep(feature_fills=None if np.isnan(fills).all() else fills)
        if (self.input_means is None) != (self.input_deviations is None):
            raise ValueError("only one of input_means and input_deviations is given; pass both")
        if self.input_means is not None:
            if self.scale != 1:
                raise ValueError(f"scale is {self.scale}, expected 1 for standardised inputs")
            inputs = self.structure[0]
            self._keep(
                input_means=checked_numbers("input_means", self.input_means, inputs),
                input_deviations=checked_numbers(
                    "input_deviations", self.input_deviations, inputs, positive=True
                ),
            )

    def _check_outputs(self) -> None:
        """Check what the outputs mean."""
        checked_choice("task", self.task, TASKS)
        outputs = self.structure[-1]
        mean, deviation = float(self.target_mean), float(self.target_deviation)
        if not math.isfinite(mean):
            raise ValueError(f"target_mean is {mean}, expected a finite number")
        if not (math.isfinite(deviation) and deviation > 0):
            raise ValueError(f"target_deviation is {deviation}, expected a positive number")
        self._keep(target_mean=mean, target_deviation=deviation)
        if self.task == "classification" and (mean, deviation) != (0, 1):
            raise ValueError(
                f"target_mean is {mean} and target_deviation {deviation}, expected 0 and 1: only "
                "a regression predicts numbers"
            )
        if self.classes is not None:
            if self.task == "regression":
                raise ValueError("classes has names, expected None: a regression has no classes")
            classes = checked_names("classes", self.classes)
            if not 1 <= len(classes) <= max(outputs, 2):
                raise ValueError(
                    f"classes has {len(classes)} names, a network of {outputs} outputs has 1 to "
                    f"{max(outputs, 2)} classes"
                )
            self._keep(classes=classes)

    def _check_training(self) -> None:
        """Check what is kept about the training."""
        dropout = checked_number("dropout", self.dropout, "0 or more, below 1", 0, 1)
        self._keep(dropout=dropout)
        if (self.history is None) != (self.history_columns is None):
            raise ValueError("only one of history and history_columns is given; pass both")
        if self.history_columns is not None:
            columns = checked_names("history_columns", self.history_columns)
            self._keep(history_columns=columns, history=checked_history(self.history, columns))

    @property
    def structure(self) -> tuple[int, ...]:
        """The number of features, of units in each hidden layer, and of outputs."""
        return (self.weights[0].shape[0], *(weight.shape[1] for weight in self.weights))

    @property
    def feature_count(self) -> int:
        """The number of columns of the data: a column of text becomes several inputs."""
        return self.structure[0] if self.feature_values is None else len(self.feature_values)

    @property
    def needs_version_2(self) -> bool:
        """Whether a program of format version 1, which skips unknown texts, would predict wrong."""
        return (
            self.task != "classification"
            or self.feature_values is not None
            or self.input_means is not None
        )


def floating_dtype(dtype: np.dtype[Any], name: str) -> np.dtype[Any]:
    """Return float32 or float64: the dtype in which an array of this dtype is kept.

    Parameters
    ----------
    dtype : dtype
        The dtype of the array.
    name : str
        The name of the array in errors.

    Raises
    ------
    ValueError
        If it is not a dtype of real numbers, or has more than 64 bits.

    Warns
    -----
    DataWarning
        For integers and booleans, which a trained network does not have.
    """
    native = dtype.newbyteorder("=")
    if native in (np.float32, np.float64):
        return native
    if native.name not in _SMALL and native.kind not in "iu":
        raise ValueError(f"{name} is of dtype {dtype}, expected float32 or float64")
    kept = np.dtype(np.float32 if native.name in _SMALL else np.float64)
    if native.kind != "f":
        message = f"{name} holds {dtype}, not floating numbers; converted to {kept}"
        warnings.warn(message, DataWarning, stacklevel=6)
    return kept


def check_pairs(weights: Sequence[Any], biases: Sequence[Any]) -> None:
    """Check that there are layers, and that each has weights and biases."""
    if len(weights) != len(biases):
        raise ValueError(
            f"found {len(weights)} weight matrices and {len(biases)} biases, expected as many"
        )
    if not weights:
        raise ValueError("no layers: the lists of weights and biases are empty")


def _checked_layers(
    weights: Sequence[Any], biases: Sequence[Any]
) -> tuple[tuple[NDArray[Any], ...], tuple[NDArray[Any], ...]]:
    """Check that the arrays form a network, and convert them to one form."""
    check_pairs(weights, biases)
    matrices = []
    for index, weight in enumerate(weights):
        matrix = _floating(weight, f"weights[{index}]")
        if matrix.ndim != 2 or 0 in matrix.shape:
            raise ValueError(
                f"weights[{index}] has {matrix.ndim} dimensions, shape {matrix.shape}; "
                "expected 2, (inputs, outputs), none of them 0"
            )
        matrices.append(matrix)
    for index in range(1, len(matrices)):
        columns, rows = matrices[index - 1].shape[1], matrices[index].shape[0]
        if columns != rows:
            raise ValueError(
                f"weights[{index - 1}] has {columns} columns, weights[{index}] {rows} rows; "
                "the outputs of a layer must be the inputs of the next"
            )
    vectors = []
    for index, (bias, matrix) in enumerate(zip(biases, matrices, strict=True)):
        vector = _floating(bias, f"bias[{index}]")
        outputs = matrix.shape[1]
        fitting = [(outputs,), (1, outputs), *([()] if outputs == 1 else [])]
        if vector.shape not in fitting:
            raise ValueError(
                f"bias[{index}] has shape {vector.shape}, expected {(outputs,)} or {(1, outputs)}, "
                f"for weights[{index}] has shape {matrix.shape}"
            )
        vectors.append(vector.reshape(outputs))
    return tuple(matrices), tuple(vectors)


def _floating(array: Any, name: str) -> NDArray[Any]:
    """Return an array as float32 or float64, which the native layout can store."""
    found = np.asarray(array)
    return np.asarray(found, dtype=floating_dtype(found.dtype, name), order="C")
