"""What a model knows besides its weights: its columns, their preparation, and its classes.

It is measured by a training and stored in the model file; later data are read, prepared and
reported with it. Files are read and written in `nn.files`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.blocks import changed_rows
from ..data.known_inputs import KnownInputs
from ..data.preparation import Preparation

if TYPE_CHECKING:
    from ..files import SavedNetwork

__all__ = ["Knowledge", "are_numbers"]

_is_whole = re.compile(r"-?(?:0|[1-9][0-9]{0,17})").fullmatch


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What a model knows besides its weights.

    Attributes
    ----------
    inputs : KnownInputs
        Names and ranges of the columns.
    prepare : Preparation
        How columns become inputs of the network.
    classes : tuple of str, or None
        Names of the classes; None if they are 0..K-1, and in a regression.
    task : {"classification", "regression"}
        What the outputs mean.
    label_name : str or None
        The column that is predicted.
    target_mean, target_deviation : float
        The prediction of a regression is ``output * deviation + mean``.
    id_name : str or None
        The column that names the rows.
    dropped : tuple of str
        Columns of the training data that are not used.
    """

    inputs: KnownInputs = field(default_factory=KnownInputs)
    prepare: Preparation = field(default_factory=Preparation)
    classes: tuple[str, ...] | None = None
    task: str = "classification"
    label_name: str | None = None
    target_mean: float = 0.0
    target_deviation: float = 1.0
    id_name: str | None = None
    dropped: tuple[str, ...] = ()

    @property
    def is_regression(self) -> bool:
        """Whether the model predicts numbers."""
        return self.task == "regression"

    @property
    def other_columns(self) -> tuple[str | None, ...]:
        """Columns of the training data that are not features."""
        return (self.label_name or "label", self.id_name, *self.dropped)

    def class_names(self, count: int) -> tuple[str, ...]:
        """Return the names of the classes of a network that distinguishes `count`."""
        names = self.classes or ()
        return (*names, *(str(i) for i in range(len(names), count)))

    def named(self, codes: NDArray[np.int64]) -> NDArray[Any]:
        """Return the classes of some codes as they were in the data: numbers or texts."""
        if self.classes is None:
            return codes
        kind = np.int64 if are_numbers(self.classes) else np.str_
        return np.array(self.classes, dtype=kind)[codes]

    def targets(self, labels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return what the network learns: codes, or standardised numbers in a regression.

        Parameters
        ----------
        labels : ndarray, shape (rows,)
            Codes of classes, or numbers.
        dtype : dtype
            The dtype of the network.
        """
        if not self.is_regression:
            return labels
        return ((labels - self.target_mean) / self.target_deviation).astype(dtype)

    def predictions(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return the numbers that a regression predicts, from the outputs of its network."""
        values = outputs[:, 0].astype(np.float64)
        return np.asarray(values * self.target_deviation + self.target_mean)

    def check_ranges(self, features: NDArray[Any], what: str, way_around: str) -> None:
        """Compare the columns of numbers with those of the training.

        Parameters
        ----------
        features, what, way_around
            As for `KnownInputs.check_ranges`.
        """
        features = self.prepare.filled(features)
        if self.prepare.values:  # codes have no range
            is_number = self.prepare.is_number(features.shape[1])
            zero = features.dtype.type(0)
            features = changed_rows(features, lambda rows: np.where(is_number, rows, zero))
        self.inputs.check_ranges(features, what, way_around)

    # Other processes ---------------------------------------------------------------------------

    def as_plain(self) -> dict[str, Any]:
        """Return everything as dictionaries, tuples, arrays, numbers and texts."""
        return vars(self) | {"inputs": dict(vars(self.inputs)), "prepare": dict(vars(self.prepare))}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Knowledge:
        """Return what `as_plain` was made of."""
        parts = {
            "inputs": KnownInputs(**plain["inputs"]),
            "prepare": Preparation(**plain["prepare"]),
        }
        return cls(**{**plain, **parts})

    # Files -----------------------------------------------------------------------------------

    @classmethod
    def of(cls, saved: SavedNetwork) -> Knowledge:
        """Return what a model from a file knows."""
        inputs = KnownInputs(
            saved.scale,
            saved.feature_names,
            saved.feature_ranges,
            KnownInputs.faintest if saved.faintest_row is None else saved.faintest_row,
            None if saved.classes is None else len(saved.classes),
            saved.feature_means,
        )
        prepare = Preparation(
            saved.feature_values or (),
            saved.feature_fills,
            saved.scale,
            saved.input_means,
            saved.input_deviations,
            saved.missing,
        )
        classes = saved.classes
        if classes == tuple(map(str, range(len(classes or ())))):
            classes = None
        return cls(
            inputs,
            prepare,
            classes,
            saved.task,
            saved.label_name,
            saved.target_mean,
            saved.target_deviation,
            saved.id_name,
            saved.dropped_names or (),
        )

    def fields(self) -> dict[str, Any]:
        """Return what a model file holds of it, as arguments of `SavedNetwork`."""
        inputs, prepare = self.inputs, self.prepare
        classes = self.classes
        if classes is None and inputs.classes is not None and not self.is_regression:
            classes = tuple(map(str, range(inputs.classes)))
        return {
            "scale": prepare.scale,
            "feature_names": inputs.names,
            "feature_ranges": inputs.ranges,
            "faintest_row": None if inputs.ranges is None else inputs.faintest,
            "classes": classes,
            "task": self.task,
            "feature_values": prepare.values or None,
            "feature_fills": prepare.fills,
            "feature_means": inputs.means,
            "missing": prepare.missing,
            "input_means": prepare.means,
            "input_deviations": prepare.deviations,
            "target_mean": self.target_mean,
            "target_deviation": self.target_deviation,
            "label_name": self.label_name,
            "id_name": self.id_name,
            "dropped_names": self.dropped or None,
        }


def are_numbers(names: tuple[str, ...]) -> bool:
    """Return whether all names of classes are whole numbers."""
    return all(map(_is_whole, names))
