"""Labels of the data as classes 0..K-1 of the network, and their names.

Texts, numbers from 1 and numbers with gaps are mapped; the mapping is stored in the model.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...data.csv import MAX_CLASSES, CsvData, check_classes
from ...errors import DataError
from ...loss import classes_of
from ..knowledge import Knowledge
from ..options import Plan, reading_offers

__all__ = ["as_codes", "check_numbers", "shortened", "with_codes"]

_MANY, _FEW = 20, 10
"""More classes than the first, with fewer rows each than the second, are probably numbers."""


def with_codes(
    train: CsvData,
    known: Knowledge | None,
    structure: tuple[int, ...] | None,
    plan: Plan,
    notes: list[str],
) -> tuple[CsvData, tuple[str, ...] | None]:
    """Return training data whose labels are 0..K-1, and the names of the classes.

    Parameters
    ----------
    train : CsvData
        The data as they were read.
    known : Knowledge or None
        What a trained model knows.
    structure : tuple of int or None
        The widths of the network: with an output for each number up to the largest label, the
        labels stay as they are.
    plan : Plan
        The options of the training.
    notes : list of str
        Receives a sentence about labels that are mapped.
    """
    if train.labels is None:
        raise DataError(
            f"{train.path}: no labels to learn from; pass them as fit(X, y), or name their column: "
            f"{plan.options['label']}",
            path=train.path,
        )
    if known is not None and known.classes is not None:
        return as_codes(train, known.classes), known.classes
    if train.classes is not None:
        if len(train.classes) < 2:
            raise DataError(
                f"{train.path}: found only class {train.classes[0]!r}, expected at least 2 classes",
                path=train.path,
            )
        if structure is None:
            _check_few(train, len(train.classes), plan)
        return train, train.classes
    present = np.unique(train.labels)
    outputs = None if structure is None else classes_of(structure[-1])
    if structure is None:
        _check_few(train, len(present), plan)
    has_gaps = len(present) < int(present[-1]) + 1 or present[0] < 0
    is_mapped = outputs is None or outputs < int(present[-1]) + 1 or present[0] < 0
    if has_gaps and len(present) > 1 and is_mapped:
        names = tuple(map(str, present.tolist()))
        codes = np.searchsorted(present, train.labels)
        notes.append(
            f"the labels are {shortened(names)}; the network learns them as classes 0 to "
            f"{len(names) - 1}, and predictions have the labels of the data"
        )
        return replace(train, labels=codes), names
    most = plan.limits.get("max_classes", MAX_CLASSES)
    check_classes(
        train, max_classes=most, offers=reading_offers(plan.options, has_dtype=known is None)
    )
    return train, None


def _check_few(train: CsvData, classes: int, plan: Plan) -> None:
    """Refuse labels that look like numbers to learn, if the user named no number of classes."""
    rows = len(train.features)
    if classes <= _MANY or rows >= _FEW * classes:
        return
    what, otherwise = "numbers", f"{plan.options['task']} to learn numbers"
    if train.classes is not None:
        what, otherwise = "names of rows", f"{plan.options['label']} with another column"
    raise DataError(
        f"{train.path}: the label {train.label_name!r} has {classes} different values in {rows} "
        f"rows, which look like {what} rather than classes; pass {otherwise}, or a structure with "
        f"{classes} outputs to learn classes",
        path=train.path,
        name=train.label_name,
        kind="many classes",
    )


def as_codes(data: CsvData, classes: tuple[str, ...] | None) -> CsvData:
    """Return data whose labels are codes of known classes; an unknown one is an error."""
    if classes is None or data.labels is None or data.classes is not None:
        return data
    place = {name: i for i, name in enumerate(classes)}
    unknown = [label for label in np.unique(data.labels).tolist() if str(label) not in place]
    if unknown:
        path, where = data.place_of(int(np.argmax(data.labels == unknown[0])))
        raise DataError(
            f"{path}{'' if where is None else f':{where}'}: found class {unknown[0]}, which "
            f"the training lacks; it has classes {shortened(classes)}",
            path=path,
            line=where,
            value=str(unknown[0]),
            kind="unknown class",
        )
    codes = np.array([place[str(label)] for label in data.labels.tolist()], np.int64)
    return replace(data, labels=codes)


def check_numbers(train: CsvData) -> None:
    """Check that there are different numbers to learn."""
    if train.labels is None:
        raise DataError(f"{train.path}: no numbers to learn; pass fit(X, y)", path=train.path)
    if np.ptp(train.labels) == 0:
        raise DataError(
            f"{train.path}: the label is {train.labels[0]:g} in every row; there is nothing to "
            "learn",
            path=train.path,
        )


def shortened(names: tuple[str, ...]) -> str:
    """Return the first ten names, and the number of the others."""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more
