"""Completes the options of a training: what the caller did not pass is chosen here.

With a learning rate or an optimizer, everything else is as in the original: gradient descent, ten
epochs, features as they are. Without both, the choices suit tables of a few columns and images.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.features import check_scale
from ..data.forms import is_frame, is_labels, is_path
from .choices import usual_rate
from .options import Plan, check_options

if TYPE_CHECKING:
    from .classifier import Classifier

__all__ = ["checked_options", "planned"]

_EPOCHS, _BATCH = 10, 64
_MOST_EPOCHS, _PATIENCE = 200, 10


def planned(
    train_data: Any, y: Any, test_data: Any, given: Mapping[str, Any], net: Classifier
) -> Plan:
    """Return the plan of a training.

    Parameters
    ----------
    train_data, y, test_data : object
        As `Classifier.fit` takes them.
    given : mapping of str to object
        The options that the caller passed.
    net : Classifier
        What is trained.

    Raises
    ------
    TypeError
        If labels are missing, or are passed with a file.
    """
    train_data, test_data, labels = _data(train_data, y, test_data)
    optimizer, rate = given.get("optimizer"), given.get("learning_rate")
    chosen = optimizer is None and rate is None
    if optimizer is None:
        optimizer = "adam" if chosen else "sgd"
    if rate is None:
        rate = usual_rate(optimizer)
    epochs, patience = given.get("epochs"), given.get("patience")
    if epochs is None:
        epochs = _MOST_EPOCHS if chosen or patience is not None else _EPOCHS
        if chosen and patience is None:
            patience = _PATIENCE
    return Plan(
        train_data,
        test_data,
        labels,
        dict(given),
        net._options,
        int(epochs),
        int(given.get("batch_size", _BATCH)),
        float(rate),
        optimizer,
        patience,
        chosen,
    )


def _are_texts_for(y: Any, train_data: Any) -> bool:
    """Return whether a list of texts is one label for each row, and not a list of files."""
    is_list = isinstance(y, list | tuple) and all(isinstance(one, str) for one in y)
    return is_list and not is_path(train_data) and len(y) == len(train_data)


def _data(train_data: Any, y: Any, test_data: Any) -> tuple[Any, Any, Any]:
    """Separate training data, test data and labels."""
    if train_data is None or (np.isscalar(train_data) and not isinstance(train_data, str)):
        raise TypeError(
            "train_data must be a path, a data frame, or an array with its labels, got "
            f"{train_data!r} ({type(train_data).__name__})"
        )
    if isinstance(train_data, tuple) and len(train_data) == 2 and not is_path(train_data):
        if is_labels(y) or (y is not None and test_data is not None):
            raise TypeError("labels are passed twice: in the tuple (X, y), and as y")
        if y is not None:
            test_data = y  # as in fit("train.csv", "test.csv")
        train_data, y = train_data
    if _are_texts_for(y, train_data):
        y = np.array(y)
    if is_labels(y):
        _check_label_source(train_data)
    if y is None or is_labels(y) or _is_wrong_shape(y, train_data):
        return train_data, test_data, y
    _check_other_data(y, train_data, test_data)
    return train_data, y, None


def _check_label_source(train_data: Any) -> None:
    if is_path(train_data):
        raise TypeError(
            "y has labels, but train_data is a path; the label of a file is one of its columns: "
            "label="
        )


def _is_wrong_shape(y: Any, train_data: Any) -> bool:
    """Return whether labels of an array have another shape; the reader says what is wrong."""
    is_array = not is_path(train_data) and not is_frame(train_data)
    return is_array and not is_path(y) and not isinstance(y, tuple)


def _check_other_data(y: Any, train_data: Any, test_data: Any) -> None:
    """Check that the second argument can be test data."""
    if isinstance(y, str) and not is_path(train_data) and not os.path.exists(y):
        raise TypeError(f"y is {y!r}; pass the labels, or the name of their column: label={y!r}")
    if test_data is not None:
        raise TypeError(f"y must be one label for each row, got a {type(y).__name__}")


def checked_options(passed: Mapping[str, Any], net: Classifier) -> dict[str, Any]:
    """Return options of `fit` by their names, checked, without those that are None.

    Parameters
    ----------
    passed : mapping of str to object
        The arguments of the caller.
    net : Classifier
        What is trained.

    Raises
    ------
    TypeError, ValueError
        For a value that cannot be used, and options that contradict each other or the model.
    """
    given = {name: value for name, value in passed.items() if value is not None}
    names = {}
    for former, name in (("epoch", "epochs"), ("alpha", "learning_rate")):
        if former in given:
            if name in given:
                raise TypeError(f"give {name} or {former}, not both: they are the same option")
            given[name], names[name] = given.pop(former), former
    check_options(given, names)
    if "scale" in given:
        given["scale"] = _checked_scale(given["scale"], net)
    _check_standardize(given.get("standardize"), net)
    return given


def _checked_scale(scale: float, net: Classifier) -> float:
    checked = check_scale(scale, net.dtype)
    if net._fitted and checked != net.scale:
        raise ValueError(
            f"scale is {scale}, but the weights were trained with {net.scale:g}; omit it to "
            "go on with them, or make a new model"
        )
    return checked


def _check_standardize(standardize: bool | None, net: Classifier) -> None:
    is_standardized = net.knowledge.prepare.means is not None
    if net._fitted and standardize is not None and standardize != is_standardized:
        raise ValueError(
            f"standardize is {standardize}, but the weights were trained "
            f"{'with' if is_standardized else 'without'} it; omit it to go on with them, or "
            "make a new model"
        )
