"""The data of `fit`: read from the files, and refused if they do not fit network or each other."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..data.csv import CsvData, check_classes, check_pair, list_names, read_csv
from ..data.known_inputs import KnownInputs
from ..errors import DataWarning
from ..loss import classes_of
from ..mlp import MLP
from .options import reading_offers

__all__ = ["Reading", "read_samples", "scaled", "warn_of_ignored"]

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Reading:
    """How the files of a training are read.

    Attributes
    ----------
    by_position : bool
        Take columns by their position, whatever their names.
    check_ranges : bool
        Refuse features that are scaled otherwise than those of the training.
    limits : mapping of str to int
        Limits of `read_csv`, such as ``max_columns``.
    options : mapping of str to str
        How the user writes these options, from `nn.training.options`.
    """

    by_position: bool
    check_ranges: bool
    limits: Mapping[str, int]
    options: Mapping[str, str]


def read_samples(
    network: MLP,
    known: KnownInputs,
    train_data: PathLike,
    test_data: PathLike | None,
    reading: Reading,
) -> tuple[CsvData, CsvData | None]:
    """Read the files, in the dtype of the network.

    Parameters
    ----------
    network : MLP
        What is going to be trained.
    known : KnownInputs
        What it knows of its inputs from a training before: columns are matched by these names.
    train_data, test_data : str or path-like
        The files. The columns of the test data are matched by the names of the training data.
    reading : Reading
        How they are read.

    Raises
    ------
    OSError
        If a file cannot be read.
    DataError
        If the data cannot be trusted; file, line and column are named.
    ValueError
        If the network has another number of features, or too few classes, or the features are
        scaled otherwise than those it was trained on.

    Warns
    -----
    DataWarning
        If a file has columns that are not used.
    """
    settings: dict[str, Any] = {
        "dtype": network.layers[0].weight.dtype,
        "offers": reading_offers(reading.options, has_dtype=known.ranges is None),
        **reading.limits,
    }
    train = read_csv(
        train_data,
        argument="train_data",
        features=known.names,
        by_position=reading.by_position and known.names is not None,
        **settings,
    )
    limits = {key: value for key, value in settings.items() if key in ("max_classes", "offers")}
    classes = check_classes(train, **limits)
    features, outputs = network.structure[0], network.structure[-1]
    if train.features.shape[1] != features:
        raise ValueError(
            f"{train.path} has {train.features.shape[1]} features, but the network takes "
            f"{features}; structure[0] must be the number of feature columns"
        )
    if classes > classes_of(outputs):
        raise ValueError(
            f"{train.path} has {classes} classes (labels 0..{classes - 1}), but the network "
            f"with {outputs} output{'s' * (outputs != 1)} tells {classes_of(outputs)} apart; "
            "structure[-1] must be the number of classes, and labels start at 0"
        )
    warn_of_ignored(train)
    way_around = reading.options["check_ranges"]
    if reading.check_ranges:
        known.check_ranges(train.features, train.path, way_around)
    if test_data is None:
        return train, None
    test = read_csv(
        test_data,
        argument="test_data",
        features=train.columns,
        by_position=reading.by_position,
        **settings,
    )
    check_pair(train, test)
    warn_of_ignored(test)
    if reading.check_ranges:
        KnownInputs.of(train, 1.0).check_ranges(test.features, test.path, way_around)
    return train, test


def warn_of_ignored(data: CsvData) -> None:
    """Name the columns of a file that are not features of the model."""
    if data.ignored:
        text = f"{data.path}: not used, because the model has no such features: "
        warnings.warn(text + list_names(data.ignored), DataWarning, stacklevel=3)


def scaled(data: CsvData, scale: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return features, divided by the scale in place, and labels."""
    assert data.labels is not None  # they were asked for
    features = data.features
    if scale != 1.0:
        features /= features.dtype.type(scale)  # ours alone, so in place
    return features, data.labels
