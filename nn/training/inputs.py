"""Reads the data of `fit`, and checks that they match the network and each other.

How a CSV file is read is in `nn.data.csv`.
"""

from __future__ import annotations

import warnings
from typing import Any

from numpy.typing import NDArray

from ..data.csv import MAX_CLASSES, CsvData, check_classes, check_pair, list_names, read_csv
from ..data.known_inputs import KnownInputs
from ..errors import DataWarning
from ..loss import classes_of
from ..mlp import MLP
from .options import Plan, reading_offers

__all__ = ["check_width", "read_samples", "scaled", "warn_of_ignored"]


def read_samples(network: MLP, known: KnownInputs, plan: Plan) -> tuple[CsvData, CsvData | None]:
    """Read the files, in the dtype of the network.

    Parameters
    ----------
    network : MLP
        The network that will be trained.
    known : KnownInputs
        What it knows about its inputs from an earlier training: columns are matched by these
        names.
    plan : Plan
        Which files, and how to read them. The columns of the test data are matched by the names
        of the training data.

    Returns
    -------
    train : CsvData
    test : CsvData or None

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
    offers = reading_offers(plan.options, has_dtype=known.ranges is None)
    dtype = network.layers[0].weight.dtype
    settings: dict[str, Any] = {"dtype": dtype, "offers": offers, **plan.limits}
    train = read_csv(
        plan.train_data,
        features=known.names,
        by_position=plan.by_position and known.names is not None,
        **settings,
    )
    most = plan.limits.get("max_classes", MAX_CLASSES)
    classes = check_classes(train, max_classes=most, offers=offers)
    _check_fit(train, classes, network)
    warn_of_ignored(train)
    way_around = plan.options["check_ranges"]
    if plan.check_ranges:
        known.check_ranges(train.features, train.path, way_around)
    if plan.test_data is None:
        return train, None
    test = read_csv(
        plan.test_data,
        argument="test_data",
        features=train.columns,
        by_position=plan.by_position,
        **settings,
    )
    check_pair(train, test)
    warn_of_ignored(test)
    if plan.check_ranges:
        KnownInputs.of(train, 1.0).check_ranges(test.features, test.path, way_around)
    return train, test


def _check_fit(train: CsvData, classes: int, network: MLP) -> None:
    """Check that the network has an input for each feature, and an output for each class."""
    check_width(train, network, advice="; structure[0] must be the number of feature columns")
    outputs = network.structure[-1]
    if classes > classes_of(outputs):
        raise ValueError(
            f"{train.path} has {classes} classes (labels 0..{classes - 1}), but the network "
            f"with {outputs} output{'s' * (outputs != 1)} distinguishes {classes_of(outputs)}; "
            "structure[-1] must be the number of classes, and labels start at 0"
        )


def check_width(data: CsvData, network: MLP, *, called: str = "network", advice: str = "") -> None:
    """Check that a file has as many features as a network takes.

    Parameters
    ----------
    data : CsvData
        The data from the file.
    network : MLP
        The network.
    called : str
        The name of the network in the message.
    advice : str
        The end of the message.
    """
    found, expected = data.features.shape[1], network.structure[0]
    if found != expected:
        raise ValueError(
            f"{data.path} has {found} features, but the {called} takes {expected}{advice}"
        )


def warn_of_ignored(data: CsvData) -> None:
    """Warn about the columns of a file that are not features of the model."""
    if data.ignored:
        text = f"{data.path}: not used, because the model has no such features: "
        warnings.warn(text + list_names(data.ignored), DataWarning, stacklevel=3)


def scaled(data: CsvData, scale: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return features and labels; the features are divided by the scale in place."""
    assert data.labels is not None  # read_csv requires them
    features = data.features
    if scale != 1.0:
        features /= features.dtype.type(scale)  # in place, because the array is not shared
    return features, data.labels
