"""Selects the label and the features among the columns of a file, by name or by position.

It works on names and does not read files. Whether the first line is a header is decided in
`header`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .problems import Problem, advice, fail, list_names, shown
from .source import Rules

LABEL = "label"
# Comparing every missing name with every name of a wide file would take minutes.
MOST_HINTS = 3
MOST_COMPARED = 2000


@dataclass(frozen=True)
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
        Names of columns that are not used.
    """

    label: int | None
    features: np.ndarray
    names: tuple[str, ...]
    ignored: tuple[str, ...] = ()

    @cached_property
    def chosen(self) -> slice | np.ndarray:
        """The features as a NumPy index: a slice, which does not copy, if they are adjacent."""
        first, count = int(self.features[0]), len(self.features)
        if np.array_equal(self.features, np.arange(first, first + count)):
            return slice(first, first + count)
        return self.features


def select_columns(names: Sequence[str], rules: Rules) -> Columns:
    """Select columns by the names of a header, which are all different."""
    label = _label_column(names, rules)
    if rules.features is None:
        # Nothing to match: the label is column 1, and all others are features.
        features = np.array([i for i in range(len(names)) if i != label], np.intp)
        return Columns(label, features, tuple(names[i] for i in features.tolist()))
    if rules.by_position:
        return _in_given_order(names, label, rules.features, rules)
    return _matched(names, label, rules.features, rules)


def columns_by_position(count: int, rules: Rules) -> Columns:
    """Treat all of `count` unnamed columns as features."""
    expected = rules.features
    if expected is None:
        expected = tuple(f"column {number}" for number in range(1, count + 1))
    elif count != len(expected):
        sentence = (
            f"found {_counted(count)} and no header, expected the {len(expected)} features "
            "in the order of the training. Add a header line with the names of the columns."
        )
        fail(rules.path, Problem("other columns", sentence, 1))
    return Columns(None, np.arange(count), expected)


def _label_column(names: Sequence[str], rules: Rules) -> int | None:
    first = names[0]
    if LABEL in names and (rules.features is not None or first == LABEL):
        if len(names) > 1:
            return names.index(LABEL)
        sentence = "no feature columns: found only 'label', expected 'label,...'."
        fail(rules.path, Problem("no feature columns", sentence, 1))
    if LABEL in names:
        column = names.index(LABEL) + 1
        sentence = f"column {column} is 'label'; it must be column 1."
        fail(rules.path, Problem("label misplaced", sentence, 1, name=LABEL))
    if rules.label == "required":
        hint = " Column names are written in lower case." if first.lower() == LABEL else ""
        sentence = f"found {shown(first)}, expected 'label' as the name of the first column.{hint}"
        fail(rules.path, Problem("no label column", sentence, 1, 1, value=first))
    return None


def _in_given_order(
    names: Sequence[str], label: int | None, expected: tuple[str, ...], rules: Rules
) -> Columns:
    features = [i for i in range(len(names)) if i != label]
    if len(features) != len(expected):
        sentence = f"found {_counted(len(features), 'feature column')}, expected {len(expected)}."
        if set(expected) <= set(names):
            sentence += advice(rules.offers, "by_position", " Omit {} to match the names.")
        fail(rules.path, Problem("other columns", sentence, 1))
    place = {name: number for number, name in enumerate(expected, start=1)}
    for number, i in enumerate(features, start=1):
        if place.get(names[i], number) != number:
            hint = advice(rules.offers, "by_position", "Omit {} to match the names, or r") or "R"
            sentence = (
                f"this is feature {number} by its position, but feature {place[names[i]]} by its "
                f"name. {hint}ename the columns."
            )
            fail(rules.path, Problem("other columns", sentence, 1, i + 1, names[i], names[i]))
    return Columns(label, np.array(features, np.intp), expected)


def _matched(
    names: Sequence[str], label: int | None, expected: tuple[str, ...], rules: Rules
) -> Columns:
    index = {name: i for i, name in enumerate(names)}
    missing = [name for name in expected if name not in index]
    wanted = set(expected)
    others = [name for i, name in enumerate(names) if i != label and name not in wanted]
    if missing:
        fail(rules.path, _missing_columns(missing, others, len(expected), rules))
    features = np.array([index[name] for name in expected], np.intp)
    return Columns(label, features, expected, tuple(others))


def _missing_columns(missing: list[str], others: list[str], expected: int, rules: Rules) -> Problem:
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
    return Problem("missing columns", sentence, 1, name=missing[0])


def _did_you_mean(missing: list[str], others: list[str]) -> str:
    lower = {name.lower(): name for name in reversed(others)}
    found = []
    for name in missing[:MOST_HINTS]:
        close = lower.get(name.lower())
        if close is None:
            matches = difflib.get_close_matches(name[:100], others[:MOST_COMPARED], 1, 0.7)
            close = matches[0] if matches else None
        if close is not None:
            found.append(f"{shown(name)} by {shown(close)}")
    return f" Did you mean {', '.join(found)}?" if found else ""


def _counted(count: int, what: str = "column") -> str:
    return f"{count} {what}{'s' * (count != 1)}"
