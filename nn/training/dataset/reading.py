"""Reads one data set of any form: a file, a data frame or arrays.

It passes the options of the user and what a model knows to the readers in `nn.data`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...data.csv import CsvData, list_names
from ...data.files import read_files
from ...data.tables import is_frame, is_path, read_arrays, read_frame
from ...errors import DataWarning
from ...mlp import MLP
from ..knowledge import Knowledge
from ..options import Plan, reading_offers
from .labels import as_codes

__all__ = ["read_for_model", "read_source", "warn_of_ignored"]

_READING = ("label", "id", "drop", "encode", "missing", "unknown", "sep", "decimal", "header")
"""Options that are passed on to the reader."""


def read_source(
    source: Any,
    labels: Any,
    argument: str,
    *,
    plan: Plan,
    task: str,
    dtype: np.dtype[Any],
    names: tuple[str, ...] | None = None,
    values: tuple[tuple[str, ...], ...] = (),
    classes: tuple[str, ...] | None = None,
    label: str | None = None,
    is_first: bool = True,
    required: bool = True,
) -> CsvData:
    """Read files, a data frame or arrays.

    Parameters
    ----------
    source : path, list of paths, data frame or array_like
        The features, and for files and frames perhaps the label.
    labels : array_like or None
        The labels of arrays, or of a data frame without them.
    argument : str
        The name of the source in messages.
    plan : Plan
        The options for reading.
    task : {"classification", "regression"}
        What the labels are.
    dtype : dtype
        The dtype of the features.
    names, values, classes, label
        What the model knows: names of columns, texts of each, names of classes, and the label's
        column.
    is_first : bool
        Whether the data define the columns: those of the first training.
    required : bool
        Whether labels are needed.
    """
    if not is_path(source) and not is_frame(source):
        if names is not None and not all(name.startswith("column ") for name in names):
            _check_count(source, names, argument)
        missing = plan.get("missing") is not None
        data = read_arrays(
            source, labels, argument, task=task, classes=classes, allow_missing=missing
        )
        features = data.features.astype(dtype, copy=False)
        return replace(data, features=features, columns=names or data.columns, values=values)
    offers = reading_offers(plan.options, has_dtype=is_first)
    given = {name: plan.given[name] for name in _READING if name in plan.given}
    if label is not None:
        given.setdefault("label", label)
    if not is_first:
        given.pop("encode", None)
        if any(values):
            given["values"] = values
        if classes is not None:
            given["classes"] = classes
    if task != "classification":
        given["task"] = task
    settings: dict[str, Any] = {"dtype": dtype, "offers": offers, **given, **plan.limits}
    by_position = plan.get("by_position", False) and names is not None
    settings |= {"features": names, "by_position": by_position}
    if is_frame(source):
        data = read_frame(source, argument, **settings)
    else:
        stream, words = plan.get("stream"), plan.options["stream"]
        data = read_files(source, argument, stream=stream, stream_words=words, **settings)
    return data


def _check_count(source: Any, names: tuple[str, ...], argument: str) -> None:
    shape = np.shape(source)
    if len(shape) == 2 and shape[1] != len(names):
        raise ValueError(
            f"{argument} has {shape[1]} columns, expected the {len(names)} features of the "
            f"training: {list_names(names)}"
        )


def read_for_model(
    source: Any,
    labels: Any,
    argument: str,
    knowledge: Knowledge,
    network: MLP,
    *,
    required: bool,
    reading: Mapping[str, Any],
    options: Mapping[str, str],
) -> CsvData:
    """Read rows for a trained model; labels become codes of its classes.

    Parameters
    ----------
    source, labels : object
        As for `read_source`.
    argument : str
        The name of the source in messages.
    knowledge : Knowledge
        What the model knows.
    network : MLP
        Its network.
    required : bool
        Whether labels are needed.
    reading : mapping of str to object
        Options for reading.
    options : mapping of str to str
        How the user writes options.
    """
    given = dict(reading)
    if knowledge.prepare.missing is not None:
        given.setdefault("missing", knowledge.prepare.missing)
    plan = Plan(source, None, labels, given, options, 1, 1, 1.0, "sgd", None, False)
    exact = knowledge.prepare.means is not None
    count = len(knowledge.prepare.values) or network.structure[0]
    names = knowledge.inputs.names or tuple(f"column {i}" for i in range(1, count + 1))
    data = read_source(
        source,
        labels,
        argument,
        plan=plan,
        task=knowledge.task,
        dtype=np.dtype(np.float64) if exact else network.layers[0].weight.dtype,
        names=names,
        values=knowledge.prepare.values,
        classes=knowledge.classes,
        label=knowledge.label_name,
        is_first=False,
        required=required,
    )
    warn_of_ignored(data)
    return data if knowledge.is_regression else as_codes(data, knowledge.classes)


def warn_of_ignored(data: CsvData) -> None:
    """Warn about the columns of a file that are not features of the model."""
    if data.ignored:
        text = f"{data.path}: not used, because the model has no such features: "
        warnings.warn(text + list_names(data.ignored), DataWarning, stacklevel=3)
