"""Weights of rows and classes, and rows that lack a value.

The weighted loss is in `objectives`; what fills a missing cell, in `nn.data.preparation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.blocks import blocks, rows_of
from ...data.csv import CsvData, list_names
from ...data.tables import check_same_index
from ...errors import DataError
from ..options import Plan
from .labels import shortened

__all__ = ["row_weights", "with_class_weights", "without_missing", "without_weightless"]


_NUMBERS = (bool, float, np.bool, np.floating)
"""A class that is a whole number may also be written as one of these."""


def row_weights(
    train: CsvData, found: NDArray[np.float64] | None, plan: Plan
) -> NDArray[np.float64] | None:
    """Return the weights of the rows, checked; None without them.

    Parameters
    ----------
    train : CsvData
        The training data.
    found : ndarray or None
        The column of weights.
    plan : Plan
        The option ``sample_weight``.
    """
    rows = len(train.features)
    weights = found
    given = plan.get("sample_weight")
    if given is not None and not isinstance(given, str):
        check_same_index(plan.train_data, given, "train_data", "sample_weight")
        weights = _as_numbers(given)
        if weights.shape != (rows,):
            raise ValueError(
                f"sample_weight has shape {weights.shape}, expected ({rows},): one for each row"
            )
    if weights is not None and not (np.isfinite(weights) & (weights >= 0)).all():
        row = int(np.argmin(np.isfinite(weights) & (weights >= 0)))
        raise ValueError(f"sample_weight is {weights[row]} in row {row}, expected 0 or more")
    if weights is not None and not weights.any():
        raise ValueError("sample_weight is 0 in every row; there is nothing to learn from")
    return weights


def _as_numbers(weights: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(weights, np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"sample_weight must be numbers, or the name of a column, got {str(weights)[:80]!r}"
        ) from None


def without_weightless(
    train: CsvData, weights: NDArray[np.float64] | None, notes: list[str]
) -> tuple[CsvData, NDArray[np.float64] | None]:
    """Return the data and weights without rows of weight 0, which count as if they were absent.

    Parameters
    ----------
    train : CsvData
        The training data.
    weights : ndarray or None
        A weight for each row.
    notes : list of str
        Receives a sentence about it.
    """
    if weights is None or weights.all():
        return train, weights
    keep = weights > 0
    count = int(np.count_nonzero(~keep))
    notes.append(f"{count} of {len(keep)} rows have the weight 0 and are not used")
    return _only(train, keep), weights[keep]


def with_class_weights(
    train: CsvData,
    weights: NDArray[np.float64] | None,
    names: tuple[str, ...] | None,
    plan: Plan,
) -> NDArray[np.float64] | None:
    """Return the weights of the rows times those of their classes; None without both.

    Parameters
    ----------
    train : CsvData
        The rows to learn from, with labels 0..K-1.
    weights : ndarray or None
        A weight for each row.
    names : tuple of str or None
        Names of the classes.
    plan : Plan
        The option ``class_weight``.
    """
    choice = plan.get("class_weight")
    if choice is None:
        return weights
    of_class = _class_weights(train.labels, names, choice)
    by_row = of_class[train.labels]
    return by_row if weights is None else weights * by_row


def _class_weights(labels: Any, names: tuple[str, ...] | None, choice: Any) -> NDArray[np.float64]:
    if labels.dtype.kind == "f":
        raise ValueError("class_weight is for classes; a regression has none")
    counts = np.bincount(labels)
    if not isinstance(choice, Mapping):  # "balanced"
        present = np.count_nonzero(counts)
        return np.asarray(len(labels) / (present * np.maximum(counts, 1)))
    known = names or tuple(map(str, range(len(counts))))
    weights = np.ones(len(known))
    for given, weight in choice.items():
        is_whole = isinstance(given, _NUMBERS) and float(given).is_integer()
        key = int(given) if is_whole else given
        if str(key) not in known:
            raise ValueError(
                f"class_weight has {given!r}, expected one of the classes {shortened(known)}"
            )
        weights[known.index(str(key))] = weight
    return weights


def without_missing(
    data: CsvData,
    weights: NDArray[np.float64] | None,
    plan: Plan,
    notes: list[str],
) -> tuple[CsvData, NDArray[np.float64] | None]:
    """Return the data and weights without rows that lack a value, if that was chosen.

    Parameters
    ----------
    data : CsvData
        The data; NaN is a missing cell.
    weights : ndarray or None
        A weight for each row.
    plan : Plan
        The option ``missing``: what is done about missing cells.
    notes : list of str
        Receives a sentence about it.
    """
    choice = plan.get("missing")
    if choice is None:
        return data, weights
    lacking = np.concatenate([np.isnan(b).sum(axis=1) for b in blocks(data.features)])
    rows = lacking > 0
    count = int(np.count_nonzero(rows))
    if not count:
        return data, weights
    _check_columns(data, plan)
    if choice != "drop":
        cells = int(lacking.sum())
        notes.append(
            f"{data.path}: {cells} missing cell{'s' * (cells != 1)} in {count} rows, filled with "
            f"the {choice} of the training rows (text: the most frequent value)"
        )
        return data, weights
    notes.append(f"{data.path}: {count} of {len(rows)} rows have missing cells and are dropped")
    if count == len(rows):
        raise DataError(f"{data.path}: every row has a missing cell", path=data.path)
    keep = ~rows
    return _only(data, keep), None if weights is None else weights[keep]


def _only(data: CsvData, keep: NDArray[np.bool]) -> CsvData:
    """Return some of the rows."""
    assert data.labels is not None  # these rows are for training or measuring
    ids = None if data.ids is None else tuple(np.array(data.ids)[keep].tolist())
    return replace(
        data,
        features=rows_of(data.features, keep),
        labels=data.labels[keep],
        ids=ids,
        has_line_per_row=False,  # lines are not counted any more
        parts=(),
    )


def _check_columns(data: CsvData, plan: Plan) -> None:
    """Check that each column has a value in some row."""
    empty = np.logical_and.reduce([np.isnan(b).all(axis=0) for b in blocks(data.features)])
    if empty.any():
        names = [name for name, is_empty in zip(data.columns, empty, strict=True) if is_empty]
        raise DataError(
            f"{data.path}: no row has a value in the column {list_names(names)}; leave it out "
            f"with {plan.options['drop'].format(', '.join(map(repr, names[:5])))}",
            path=data.path,
            name=names[0],
            kind="empty column",
        )
