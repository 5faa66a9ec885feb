"""Reads one data set of any form: a file, a data frame or arrays.

It passes the options of the user and what a model knows to the readers in `nn.data`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...data.csv import CsvData, list_names, list_some
from ...data.files import read_files
from ...data.forms import is_frame, is_path
from ...data.tables import as_frame, naming_rows, read_arrays, read_frame
from ...errors import DataError, DataWarning
from ...loss import classes_of
from ...mlp import MLP
from ..knowledge import Knowledge
from ..options import Plan, reading_offers
from .labels import as_codes
from .weights import without_missing

__all__ = ["read_for_model", "read_source", "unknown_texts", "warn_of_ignored"]

_READING = ("label", "id", "drop", "encode", "missing", "unknown", "sep", "decimal", "header")
"""Options that are passed on to the reader."""
_BY_NAME = ("label", "id", "drop", "encode")


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
    if not is_first and classes is None and task == "classification":
        classes = ()  # the labels are integers, also where they are written as texts
    if not is_path(source) and not is_frame(source):
        if names is None or not any(values):
            return _from_arrays(source, labels, argument, plan, task, dtype, names, classes)
        source = as_frame(source, names, argument)
    given = {name: plan.given[name] for name in _READING if name in plan.given}
    if label is not None:
        given.setdefault("label", label)
    if not is_first:
        given.pop("encode", None)
        given |= {"values": values or None, "classes": classes}
    settings: dict[str, Any] = {
        "dtype": dtype,
        "offers": reading_offers(plan.options, has_dtype=is_first),
        "features": names,
        "by_position": plan.get("by_position", False) and names is not None,
        "task": task,
        "required": required and labels is None,
        **given,
        **plan.limits,
    }
    if is_frame(source):
        return read_frame(source, labels, argument, **settings)
    stream, words = plan.get("stream"), plan.options["stream"]
    return read_files(source, argument, stream=stream, stream_words=words, **settings)


def _from_arrays(
    source: Any,
    labels: Any,
    argument: str,
    plan: Plan,
    task: str,
    dtype: np.dtype[Any],
    names: tuple[str, ...] | None,
    classes: tuple[str, ...] | None,
) -> CsvData:
    """Read arrays of numbers, whose columns have no names of their own."""
    if names is None:
        for option in _BY_NAME:
            if plan.get(option) not in (None, "onehot"):
                raise ValueError(
                    f"{option}= names a column, but {argument} is an array, whose columns have no "
                    "names; pass a pandas DataFrame"
                )
    elif not all(name.startswith("column ") for name in names):
        _check_count(source, names, argument)
    allow_missing = plan.get("missing") is not None
    data = read_arrays(
        source, labels, argument, task=task, classes=classes, allow_missing=allow_missing
    )
    features = data.features.astype(dtype, copy=False)
    return replace(data, features=features, columns=names or data.columns)


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
    given = {"drop": knowledge.dropped, **reading, "missing": knowledge.prepare.missing}
    if knowledge.inputs.names is None:
        given.setdefault("by_position", True)
    exact = knowledge.prepare.means is not None
    count = len(knowledge.prepare.values) or network.structure[0]

    def plan_of(settings: Mapping[str, Any]) -> Plan:
        return Plan(source, None, labels, settings, options, 1, 1, 1.0, "sgd", None, False)

    def read(**more: Any) -> CsvData:
        return read_source(
            source,
            labels,
            argument,
            plan=plan_of({**given, **more}),
            task=knowledge.task,
            dtype=np.dtype(np.float64) if exact else network.layers[0].weight.dtype,
            names=knowledge.inputs.names or tuple(f"column {i}" for i in range(1, count + 1)),
            values=knowledge.prepare.values,
            classes=knowledge.classes,
            label=knowledge.label_name,
            is_first=False,
            required=required,
        )

    if knowledge.id_name is None or "id" in given:
        data = read()
    else:
        try:
            data = read(id=knowledge.id_name)
        except DataError as error:  # rows to predict need no id
            if error.kind != "unknown column in id":
                raise
            data = read()
    warn_of_ignored(data)
    notes: list[str] = []
    if required and knowledge.prepare.missing == "drop":  # each row to predict needs an answer
        data, _ = without_missing(data, None, plan_of(given), notes)
    for note in notes:
        warnings.warn(note, DataWarning, stacklevel=2)
    for sentence in unknown_texts(data):
        warnings.warn(f"{data.path}: {sentence}", DataWarning, stacklevel=2)
    if knowledge.is_regression or data.labels is None:
        return data
    with naming_rows(data):
        data = as_codes(data, knowledge.classes)
    _check_known(data, knowledge, classes_of(network.structure[-1]), required)
    return data


def _check_known(data: CsvData, knowledge: Knowledge, outputs: int, required: bool) -> None:
    """Refuse labels that the model cannot predict, or warn if only predictions are wanted."""
    assert data.labels is not None  # the caller checks it
    known = knowledge.inputs.classes or outputs
    unknown = data.labels >= known
    if not unknown.any():
        return
    names = list_some(np.unique(data.labels[unknown]))
    count = int(np.count_nonzero(unknown))
    text = f"{data.path}: the model has no class {names}, only 0 to {known - 1}; {count} row"
    text += "s" * (count != 1)
    if required:
        row = int(unknown.argmax())
        raise DataError(
            f"{text} with such a label; remove them, or train with them",
            path=data.path,
            line=data.line_of(row),
            kind="unknown class",
        )
    warnings.warn(f"{text} with such a label count as wrong", DataWarning, stacklevel=2)


def unknown_texts(data: CsvData) -> list[str]:
    """Return a sentence for each column with texts that the training did not have."""
    return [
        f"{count} cell{'s' * (count != 1)} of {name!r} "
        f"{'has a text' if count == 1 else 'have texts'} that the training lacks, and "
        f"{'counts' if count == 1 else 'count'} as none of its values"
        for name, count in data.unknown.items()
    ]


def warn_of_ignored(data: CsvData) -> None:
    """Warn about the columns of a file that are not features of the model."""
    names = [name for name in data.ignored if name]  # row numbers without a name have a note
    if names:
        text = f"{data.path}: not used, because the model has no such features: "
        warnings.warn(text + list_names(names), DataWarning, stacklevel=3)
