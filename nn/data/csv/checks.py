"""Checks that data can train a network, and that two data sets match.

Files are not read here.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.errors import printable

from ...errors import DataWarning
from .cells import too_many_classes
from .columns import differing_names
from .content import CsvData
from .options import MAX_CLASSES, OWN_OPTIONS, checked_offers
from .problems import Problem, Problems, fail, list_names, list_some, shown

__all__ = ["check_classes", "check_pair", "class_mapping"]


def check_classes(
    train: CsvData,
    *,
    max_classes: int = MAX_CLASSES,
    offers: Mapping[str, str] = OWN_OPTIONS,
) -> int:
    """Check that the labels can train a classifier, and count the classes.

    Parameters
    ----------
    train : CsvData
        Data with labels.
    max_classes : int
        Limit on the number of classes.
    offers : mapping of str to str
        The options that an error may recommend, as in `read_csv`.

    Returns
    -------
    int
        K, the largest label plus one.

    Raises
    ------
    DataError
        There are no labels, labels of only one class, or too many classes.

    Warns
    -----
    DataWarning
        Some of the classes 0..K-1 never occur.

    Examples
    --------
    >>> rows = np.zeros((3, 1), np.float32)
    >>> check_classes(CsvData("train.csv", ("pixel1",), rows, np.array([0, 1, 1])))
    2
    """
    if train.labels is None:
        fail(train.path, Problem("no label column", "no label column, which training needs."))
    present = np.unique(train.labels)
    largest = int(present[-1])
    if largest >= max_classes:
        path, line = train.place_of(int(np.argmax(train.labels == largest)))
        name, value = train.label_name, str(largest)
        sentence = too_many_classes(largest, max_classes, checked_offers(offers))
        fail(path, Problem("too many classes", sentence, line, train.label_column, name, value))
    if len(present) == 1:
        found = str(largest) if train.classes is None else shown(train.classes[largest])
        sentence = f"found only class {found}, expected at least 2 classes."
        fail(train.path, Problem("one class", sentence, value=str(largest)))
    if train.classes is not None:
        return _count_named(train, train.classes, present)
    absent = np.setdiff1d(np.arange(largest + 1), present)
    if len(absent):
        message = (
            f"{printable(train.path)}: labels go up to {largest}, but no row has class "
            f"{list_some(absent)}. The network gets an output for each class 0..K-1; number the "
            "classes from 0 without gaps."
        )
        warnings.warn(message, DataWarning, stacklevel=2)
    return largest + 1


def _count_named(train: CsvData, classes: tuple[str, ...], present: NDArray[np.int64]) -> int:
    absent = [name for code, name in enumerate(classes) if code not in set(present.tolist())]
    if absent:
        message = f"{printable(train.path)}: no row has the class {list_names(absent)}."
        warnings.warn(message, DataWarning, stacklevel=3)
    return len(classes)


def class_mapping(labels: NDArray[np.int64]) -> tuple[str, ...] | None:
    """Return the names of classes that are not numbered 0..K-1 without gaps.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
        Labels as written in a file.

    Returns
    -------
    tuple of str, or None
        The different labels in order: the i-th one is the name of class i. None if the labels are
        0..K-1 already. `read_csv` matches other labels with these names if they are its
        ``classes=``; ``numpy.unique(labels, return_inverse=True)[1]`` are the classes of the rows.

    Examples
    --------
    >>> class_mapping(np.array([1, 3, 3, 2]))
    ('1', '2', '3')
    >>> class_mapping(np.array([1, 0, 0])) is None
    True
    """
    present = np.unique(labels)
    if np.array_equal(present, np.arange(len(present))):
        return None
    return tuple(str(label) for label in present.tolist())


def check_pair(train: CsvData, test: CsvData) -> None:
    """Check that a test set matches the training set.

    Parameters
    ----------
    train, test : CsvData
        The two sets.

    Raises
    ------
    DataError
        The features differ in number, name or order, or the test set has a class that the
        training set lacks.

    Warns
    -----
    DataWarning
        Both are the same file.

    Examples
    --------
    >>> rows = np.zeros((2, 1), np.float32)
    >>> train = CsvData("train.csv", ("pixel1",), rows, np.array([0, 1]))
    >>> check_pair(train, CsvData("test.csv", ("pixel1",), rows, np.array([1, 1])))
    >>> check_pair(train, CsvData("test.csv", ("pixel2",), rows, np.array([1, 1])))
    Traceback (most recent call last):
        ...
    nn.errors.DataError: test.csv:1: column 2 ('pixel2'): expected 'pixel1' as in train.csv.
    """
    _check_same_columns(train, test)
    if train.labels is not None and test.labels is not None:
        _check_known_classes(train, test)
    if shared := _shared_files(train, test):
        several = len(train.files) > 1 or len(test.files) > 1
        found = f"both have {list_names(shared)}" if several else "are the same file"
        message = (
            f"{printable(test.path)}: train and test {found}, so the test accuracy says "
            "nothing about new data; keep some rows for the test alone."
        )
        warnings.warn(message, DataWarning, stacklevel=2)


def _check_same_columns(train: CsvData, test: CsvData) -> None:
    found, expected = len(test.columns), len(train.columns)
    if found != expected:
        sentence = (
            f"found {found} feature columns, expected {expected} as in {printable(train.path)}"
            f"{differing_names(test.columns, train.columns)}."
        )
        fail(test.path, Problem("other columns", sentence, _header_line(test)))
    pairs = zip(test.columns, train.columns, strict=True)
    for place, (name, wanted) in enumerate(pairs):
        if name != wanted:
            sentence = f"expected {shown(wanted)} as in {printable(train.path)}."
            # The label's column is skipped in the count.
            column = place + 1 + (test.labels is not None and place + 1 >= test.label_column)
            line = _header_line(test)
            fail(test.path, Problem("other columns", sentence, line, column, name, name))
    if any(train.values) or any(test.values):
        _check_same_values(train, test)


def _check_same_values(train: CsvData, test: CsvData) -> None:
    numbers: tuple[tuple[str, ...], ...] = ((),) * len(train.columns)
    texts = zip(train.columns, train.values or numbers, test.values or numbers, strict=True)
    for name, one, other in texts:
        if one != other:
            sentence = (
                f"the texts of {shown(name)} have other codes than in {printable(train.path)}; "
                "read it with the values of the training."
            )
            fail(test.path, Problem("other values", sentence, name=name))


def _header_line(data: CsvData) -> int | None:
    return max(data.header_lines, 1) if data.has_header else None


def _check_known_classes(train: CsvData, test: CsvData) -> None:
    assert train.labels is not None
    assert test.labels is not None
    if train.labels.dtype.kind == "f" or test.labels.dtype.kind == "f":
        return
    if train.classes != test.classes:
        names = "integers" if train.classes is None else list_names(train.classes)
        found = "integers" if test.classes is None else list_names(test.classes)
        sentence = f"found the labels {found}, expected {names} as in {printable(train.path)}."
        column, name = test.label_column, test.label_name
        fail(test.path, Problem("other classes", sentence, _header_line(test), column, name))
    known = np.unique(train.labels)
    column = test.label_column
    unknown = np.flatnonzero(~np.isin(test.labels, known))
    problems = Problems(test.place_of(int(unknown[0]))[0] if len(unknown) else test.path)
    for row, value in zip(unknown.tolist(), test.labels[unknown].tolist(), strict=True):
        found = str(value) if test.classes is None else shown(test.classes[value])
        classes = list_some(known)
        if train.classes is not None:
            classes = list_names([train.classes[code] for code in known.tolist()])
        sentence = f"found class {found}, which {printable(train.path)} lacks; it has classes "
        sentence += f"{classes}."
        path, line = test.place_of(row)
        if path != test.path:
            sentence = f"{sentence} The first is in {printable(path)}" + (
                "." if line is None else f", line {line}."
            )
            line = None
        problem = Problem("unknown class", sentence, line, column, test.label_name, str(value))
        problems.add(problem, group=value)
    problems.raise_if_any()


def _shared_files(train: CsvData, test: CsvData) -> list[str]:
    """Return the files of the test set that are in the training set, too."""
    return [one for one in test.files if any(_are_same_file(one, other) for other in train.files)]


def _are_same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
