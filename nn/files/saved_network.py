"""A saved network: its arrays, and the names of its features and classes.

It checks that the parts match. It neither reads nor writes files.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataWarning

ACTIVATIONS = ("relu", "tanh", "sigmoid")

# float32 holds all of their values exactly.
_SMALL = ("bool", "int8", "uint8", "int16", "uint16", "float16")

# The limit on names: a file with more could not be written, see `native`.
_MOST_CHARACTERS = 32 * 1024**2


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
        Names of the columns, in the order of the rows of ``weights[0]``; all different. None if
        unknown, as in files of version 0.1.0.
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

    def __post_init__(self) -> None:
        """Check the parts, and convert them to one form."""
        weights, biases = _checked_layers(self.weights, self.biases)
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation is {str(self.activation)[:40]!r}, expected one of {list(ACTIVATIONS)}"
            )
        scale = float(self.scale)
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"scale is {scale}, expected a positive number such as 255")
        # The dataclass is frozen for its users; we are still constructing it.
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)
        object.__setattr__(self, "scale", scale)
        features, outputs = self.structure[0], self.structure[-1]
        if self.feature_names is not None:
            names = _checked_names("feature_names", self.feature_names)
            if len(names) != features:
                raise ValueError(
                    f"feature_names has {len(names)} names, the network takes {features} features"
                )
            object.__setattr__(self, "feature_names", names)
        if self.feature_ranges is not None:
            ranges = _checked_ranges(self.feature_ranges, features)
            object.__setattr__(self, "feature_ranges", ranges)
        if self.faintest_row is not None:
            size = float(self.faintest_row)
            if not 0 <= size <= 1:
                raise ValueError(f"faintest_row is {size}, expected a number from 0 to 1")
            object.__setattr__(self, "faintest_row", size)
        if self.classes is not None:
            classes = _checked_names("classes", self.classes)
            if not 1 <= len(classes) <= max(outputs, 2):
                raise ValueError(
                    f"classes has {len(classes)} names, a network of {outputs} outputs has 1 to "
                    f"{max(outputs, 2)} classes"
                )
            object.__setattr__(self, "classes", classes)

    @property
    def structure(self) -> tuple[int, ...]:
        """The number of features, of units in each hidden layer, and of outputs."""
        return (self.weights[0].shape[0], *(weight.shape[1] for weight in self.weights))


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


def _checked_names(argument: str, names: Any) -> tuple[str, ...]:
    """Check that names are of type str and all different."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"{argument} is {str(names)[:40]!r}; expected a list of names")
    checked = tuple(names)
    for index, name in enumerate(checked):
        if not isinstance(name, str):
            raise TypeError(f"{argument}[{index}] is a {type(name).__name__}, expected a str")
    if len(set(checked)) < len(checked):
        twice = Counter(checked).most_common(1)[0][0]
        raise ValueError(f"{argument} holds {twice[:40]!r} twice; names must differ")
    length = sum(map(len, checked))
    if length > _MOST_CHARACTERS:
        raise ValueError(
            f"{argument} has {length} characters in all, the limit is {_MOST_CHARACTERS}; "
            "shorten the names"
        )
    return checked


def _checked_ranges(ranges: Any, features: int) -> NDArray[np.float64]:
    """Check that there is one pair for each feature, the smaller number first."""
    try:
        checked = np.array(ranges, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise ValueError(
            "feature_ranges cannot be converted to numbers; expected a smallest and a largest "
            "value for each feature"
        ) from None
    if checked.shape != (features, 2):
        raise ValueError(
            f"feature_ranges has shape {checked.shape}, expected {(features, 2)}: smallest and "
            "largest value of each feature"
        )
    # NaN compares false with everything.
    wrong = ~(np.isfinite(checked).all(axis=1) & (checked[:, 0] <= checked[:, 1]))
    if wrong.any():
        index = int(wrong.argmax())
        raise ValueError(
            f"feature_ranges[{index}] is {checked[index].tolist()}, expected two finite numbers, "
            "the smaller one first"
        )
    return checked
