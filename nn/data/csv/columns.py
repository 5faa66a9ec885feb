"""Selects the label, the features and the other roles among the columns of a file.

It works on names, positions and what the columns hold; it does not read files. Whether the first
line is a header is decided in `header`, and which column is the label in `labels`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .header import Header
from .labels import Label, find_label, named_label
from .problems import (
    Problem,
    Problems,
    advice,
    closest_name,
    fail,
    list_names,
    shown,
    similar_name,
)
from .rules import Rules
from .survey import MOST_NAMES, Kinds, Survey

__all__ = ["FEW_VALUES", "MOST_VALUES", "Columns", "has_too_many_values", "select_columns"]

MOST_HINTS = 3
MOST_VALUES = 100
FEW_VALUES = 5
"""A column of text may have so many different values, even if there are few rows."""


@dataclass(frozen=True, eq=False)
class Columns:
    """The roles of the columns of a file.

    Attributes
    ----------
    label : int or None
        Index of the label's column.
    features : ndarray of int
        Indices of the features, in the order of the result.
    names : tuple of str
        Names of the features.
    ignored : tuple of str
        Names of columns that are not used, except those that the caller dropped.
    id : int or None
        Index of the column that names the rows.
    index : int or None
        Index of a column without a name, whose cells must all be different.
    texts : frozenset of int
        Indices of features that are text.
    label_is_text : bool
        Whether the labels are names of classes.
    label_found : str or None
        A sentence that says how the label was found, or why it is not used.
    """

    label: int | None
    features: np.ndarray
    names: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    id: int | None = None
    index: int | None = None
    texts: frozenset[int] = frozenset()
    label_is_text: bool = False
    label_found: str | None = None

    @cached_property
    def chosen(self) -> slice | np.ndarray:
        """The features as a NumPy index: a slice, which does not copy, if they are adjacent."""
        first, count = int(self.features[0]), len(self.features)
        if np.array_equal(self.features, np.arange(first, first + count)):
            return slice(first, first + count)
        return self.features

    @cached_property
    def are_numbers(self) -> bool:
        """Whether all used columns are numbers."""
        return not self.texts and not self.label_is_text and self.id is self.index is None

    def same_roles(self, other: Columns) -> bool:
        """Whether the cells are read in the same way."""
        return (
            (self.label, self.id, self.index) == (other.label, other.id, other.index)
            and np.array_equal(self.features, other.features)
            and (self.texts, self.label_is_text) == (other.texts, other.label_is_text)
        )


def select_columns(header: Header, survey: Survey, rules: Rules) -> Columns:
    """Select columns by the names of a header, and by what the columns hold.

    Parameters
    ----------
    header : Header
        The names.
    survey : Survey
        What the columns hold.
    rules : Rules
        What the caller of `read_csv` passed.
    """
    names = header.names
    if not header.has_names and rules.features is not None:
        columns = _without_header(header, rules.features, rules)
        return _with_texts(columns, header, survey, rules)
    identifier = next(iter(_indices([rules.id] if rules.id else [], header, rules, "id")), None)
    index = 0 if names[0] == "" and rules.features is None and identifier != 0 else None
    others = _indices(rules.drop, header, rules, "drop", may_lack=rules.features is not None)
    others |= {i for i in (identifier, index) if i is not None}
    label = _label(header, others, survey, rules)
    free = [i for i in range(len(names)) if i not in others and i != _column(label, names, rules)]
    features, feature_names, ignored = _features(header, free, rules)
    if not features:
        found = f"'{names[label.column]}'" if label.column is not None else list_names(names)
        sentence = f"no feature columns: found only {found}, expected '{found[1:-1]},...'."
        fail(rules.path, Problem("no feature columns", sentence, header.line))
    columns = Columns(
        label.column,
        np.array(features, np.intp),
        feature_names,
        ignored if index is None else ("", *ignored),
        identifier,
        index,
        label_found=label.found,
    )
    return _with_texts(columns, header, survey, rules)


def _label(header: Header, others: set[int], survey: Survey, rules: Rules) -> Label:
    names = header.names
    wanted = set(rules.features or ()) if not rules.by_position else set()
    features = {i for i, name in enumerate(names) if name in wanted}
    label = find_label(names, others | features, survey, rules, header.line)
    if label.column is not None and label.column in others:
        sentence = "the column of the label cannot be dropped, or be the id."
        fail(rules.path, _at(header, label.column, "label misplaced", sentence))
    return _usable(label, names, survey, rules)


def _features(
    header: Header, free: list[int], rules: Rules
) -> tuple[list[int], tuple[str, ...], tuple[str, ...]]:
    """Return the features among the free columns, their names, and the names that are not used."""
    if rules.features is None:
        return free, tuple(header.names[i] for i in free), ()
    if rules.by_position:
        return _in_given_order(header, free, rules.features, rules), rules.features, ()
    features, ignored = _matched(header, free, rules.features, rules)
    return features, rules.features, ignored


def _column(label: Label, names: Sequence[str], rules: Rules) -> int | None:
    """Return the label's column, even if its placeholders are not used."""
    return named_label(names, rules) if label.column is None else label.column


def _usable(label: Label, names: Sequence[str], survey: Survey, rules: Rules) -> Label:
    """Return the label, or none if it is optional and has only placeholders."""
    if label.column is None or rules.required:
        return label
    kinds = survey.of(label.column)
    if not kinds.is_placeholder:
        return label
    name = shown(names[label.column])
    sentence = f"the column {name} has no labels, only placeholders; it may be left out"
    return Label(None, sentence)


def _indices(
    wanted: Sequence[str], header: Header, rules: Rules, option: str, *, may_lack: bool = False
) -> set[int]:
    """Return the indices of columns that the caller names."""
    index = {name: i for i, name in enumerate(header.names)}
    problems = Problems(rules.path)
    for name in wanted:
        if name not in index and not may_lack:
            sentence = (
                f"found no column {shown(name)}, which {option}= names; the columns are "
                f"{list_names(header.names)}.{similar_name(name, header.names)}"
            )
            problem = Problem(f"unknown column in {option}", sentence, header.line, name=name)
            problems.add(problem, group=name)
    problems.raise_if_any()
    return {index[name] for name in wanted if name in index}


def _with_texts(columns: Columns, header: Header, survey: Survey, rules: Rules) -> Columns:
    """Return the columns with those that are text; raise if these cannot be used."""
    label_is_text = (
        columns.label is not None
        and not rules.regression
        and _is_text_label(survey.of(columns.label), rules)
    )
    features = columns.features.tolist()
    if rules.values is not None:
        known = zip(features, rules.values, strict=False)
        texts = frozenset(column for column, values in known if values)
    elif rules.kinds_are_known:
        texts = frozenset()
    else:
        texts = _found_texts(set(features), header, survey, rules)
    return replace(columns, texts=texts, label_is_text=label_is_text)


def _is_text_label(kinds: Kinds, rules: Rules) -> bool:
    return kinds.is_text_label if rules.classes is None else bool(rules.classes)


def _found_texts(
    features: Collection[int], header: Header, survey: Survey, rules: Rules
) -> frozenset[int]:
    named = _indices(rules.named_encodings, header, rules, "encode")
    if wrong := sorted(named - set(features)):
        name = header.names[wrong[0]]
        sentence = "the column is not a feature, so it cannot be encoded."
        fail(rules.path, Problem("not a feature", sentence, header.line, wrong[0] + 1, name))
    # Where most rows are damaged, only their problems are worth reading.
    texts = [] if survey.is_hopeless else [i for i in survey.texts() if i in features]
    problems = Problems(rules.path)
    for i in sorted({*texts, *named}):
        problem = None
        if not rules.is_part and has_too_many_values(len(survey.of(i).names), survey.rows):
            problem = _too_many_values(i, header, survey, rules)
        elif i not in named and rules.encode != "onehot":
            problem = _text_column(i, header, survey.of(i), rules)
        if problem is not None:
            problems.add(problem)
    problems.raise_if_any()
    return frozenset({*texts, *named})


def has_too_many_values(values: int, rows: int) -> bool:
    """Whether a text column has so many different values that each would be learned by heart."""
    return values > MOST_VALUES or (values > FEW_VALUES and 2 * values > rows)


def _text_column(i: int, header: Header, kinds: Kinds, rules: Rules) -> Problem:
    name = header.names[i]
    encode = advice(rules.offers, "encode", " To use it, pass {}.")
    if rules.encode is not None:
        encode = " To use it, name it among the columns to encode."
    drop = advice(rules.offers, "drop", " To leave it out, pass {}.", shown(name))
    found = f"found {shown(kinds.first_text)}, expected a number."
    sentence = f"{found} The column holds text: {_examples(kinds)}.{encode}{drop}"
    return Problem("text column", sentence, kinds.first_line, i + 1, name, kinds.first_text)


def _too_many_values(i: int, header: Header, survey: Survey, rules: Rules) -> Problem:
    name, kinds = header.names[i], survey.of(i)
    drop = advice(rules.offers, "drop", " To leave it out, pass {}.", shown(name))
    identify = (
        ""
        if rules.id
        else advice(rules.offers, "id", " If it names the rows, pass {}.", shown(name))
    )
    first = kinds.first_text or next(iter(kinds.names), "")
    sentence = (
        f"found {shown(first)}, expected a number. The column holds text: {_examples(kinds)} in "
        f"{survey.rows} rows, too many to encode.{drop}{identify}"
    )
    return Problem(
        "too many values", sentence, kinds.first_line, i + 1, name, kinds.first_text or None
    )


def _examples(kinds: Kinds) -> str:
    names = list(kinds.names)
    some = [name for name in names if name != kinds.first_text]
    two = [kinds.first_text, *some][:2] if kinds.first_text else names[:2]
    count = f"more than {MOST_NAMES}" if len(names) >= MOST_NAMES else str(len(names))
    return f"{' and '.join(map(shown, two))}, {count} different value{'s' * (len(names) != 1)}"


def _at(header: Header, column: int, kind: str, sentence: str) -> Problem:
    return Problem(kind, sentence, header.line, column + 1, header.names[column])


def _without_header(header: Header, expected: tuple[str, ...], rules: Rules) -> Columns:
    """Take the columns in the order of the file, where they have no names."""
    count = len(header.names)
    has_label = rules.label is not None and count == len(expected) + 1
    label = named_label(header.names, rules) if has_label else None
    features = [i for i in range(count) if i != label]
    if len(features) != len(expected):
        sentence = (
            f"found {_counted(count)} and no header, expected the {len(expected)} features "
            f"in the order of the training: {list_names(expected)}. "
            "Add a header line with the names of the columns."
        )
        fail(rules.path, Problem("other columns", sentence, header.line))
    return Columns(label, np.array(features, np.intp), expected)


def _in_given_order(
    header: Header, features: list[int], expected: tuple[str, ...], rules: Rules
) -> list[int]:
    names = header.names
    if len(features) != len(expected):
        found = [names[i] for i in features]
        sentence = (
            f"found {_counted(len(features), 'feature column')}, expected {len(expected)}"
            f"{differing_names(found, expected)}."
        )
        if set(expected) <= set(names):
            sentence += advice(rules.offers, "by_position", " Omit {} to match the names.")
        fail(rules.path, Problem("other columns", sentence, header.line))
    place = {name: number for number, name in enumerate(expected, start=1)}
    for number, i in enumerate(features, start=1):
        if place.get(names[i], number) != number:
            hint = advice(rules.offers, "by_position", "Omit {} to match the names, or r") or "R"
            sentence = (
                f"this is feature {number} by its position, but feature {place[names[i]]} by its "
                f"name. {hint}ename the columns."
            )
            problem = Problem("other columns", sentence, header.line, i + 1, names[i], names[i])
            fail(rules.path, problem)
    return features


def differing_names(found: Sequence[str], expected: Sequence[str]) -> str:
    """Return which names are additional and which are missing, or '' if none is."""
    extra = [name for name in found if name not in set(expected)]
    missing = [name for name in expected if name not in set(found)]
    text = f"; not expected: {list_names(extra)}" if extra else ""
    return text + (f"; missing: {list_names(missing)}" if missing else "")


def _matched(
    header: Header, free: list[int], expected: tuple[str, ...], rules: Rules
) -> tuple[list[int], tuple[str, ...]]:
    index = {header.names[i]: i for i in free}
    missing = [name for name in expected if name not in index]
    wanted = set(expected)
    others = [header.names[i] for i in free if header.names[i] not in wanted]
    if missing:
        fail(rules.path, _missing_columns(missing, others, len(expected), header, rules))
    return [index[name] for name in expected], tuple(others)


def _missing_columns(
    missing: list[str], others: list[str], expected: int, header: Header, rules: Rules
) -> Problem:
    """Return the problem of a header without some of the expected names.

    `others` are the unexpected names in the header: only these are proposed as corrections.
    """
    all_missing = len(missing) == expected
    lacks = f"all {expected}" if all_missing else f"{len(missing)} of the {expected}"
    sentence = f"the header lacks {lacks} expected columns: {list_names(missing)}."
    if others:
        sentence += f" It has {list_names(others)} instead." if all_missing else ""
        sentence += _did_you_mean(missing, others)
    sentence += " Rename the columns of the file."
    if len(others) == len(missing):
        order = " If they are in the order of the training, pass {}."
        sentence += advice(rules.offers, "by_position", order)
    return Problem("missing columns", sentence, header.line, name=missing[0])


def _did_you_mean(missing: list[str], others: list[str]) -> str:
    found = [
        f"{shown(name)} by {shown(close)}"
        for name in missing[:MOST_HINTS]
        if (close := closest_name(name, others)) is not None
    ]
    return f" Did you mean {', '.join(found)}?" if found else ""


def _counted(count: int, what: str = "column") -> str:
    return f"{count} {what}{'s' * (count != 1)}"
