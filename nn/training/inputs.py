"""The data of `fit`: read from the files, and refused if they do not fit network or each other."""

from __future__ import annotations

import os
from typing import Any

from numpy.typing import NDArray

from ..csv_data import CsvData, check_classes, check_pair, read_csv
from ..loss import classes_of
from ..mlp import MLP

__all__ = ["read_samples", "scaled"]

PathLike = str | os.PathLike[str]


def read_samples(
    network: MLP, train_data: PathLike, test_data: PathLike | None
) -> tuple[CsvData, CsvData | None]:
    """Read the files, in the dtype of the network.

    Raises
    ------
    OSError
        If a file cannot be read.
    DataError
        If the data cannot be trusted; file, line and column are named.
    ValueError
        If the network has another number of features, or too few classes.
    """
    dtype = network.layers[0].weight.dtype
    train = read_csv(train_data, dtype=dtype, argument="train_data")
    classes = check_classes(train)
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
    if test_data is None:
        return train, None
    test = read_csv(test_data, dtype=dtype, argument="test_data")
    check_pair(train, test)
    return train, test


def scaled(data: CsvData, scale: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give features, divided by the scale in place, and labels."""
    assert data.labels is not None  # they were asked for
    features = data.features
    if scale != 1.0:
        features /= features.dtype.type(scale)  # ours alone, so in place
    return features, data.labels
