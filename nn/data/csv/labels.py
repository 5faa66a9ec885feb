"""Finds the column of the labels: as the caller named it, or where only one column can be it.

It works on names and on what the columns hold; it does not read files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from .header import LABEL
from .problems import Problem, advice, fail, list_names, shown, similar_name
from .rules import Rules
from .survey import Survey

__all__ = ["LABEL", "Label", "find_label", "named_label"]

USUAL_NAMES = frozenset(
    {
        "category",
        "class",
        "classes",
        "diagnosis",
        "labels",
        "medv",
        "outcome",
        "quality",
        "response",
        "species",
        "survived",
        "target",
        "targets",
        "variety",
        "y",
    }
)
"""Names of the label's column in public tables, in lower case."""
# In a table of so many rows, a text that is different in most of them names the row.
MANY_ROWS = 20


class Label(NamedTuple):
    """The column of the labels.

    Attributes
    ----------
    column : int or None
        Its index; None if there is none.
    found : str or None
        A sentence that says how it was found; None if the caller named it.
    """

    column: int | None
    found: str | None = None


def named_label(names: Sequence[str], rules: Rules, line: int = 1) -> int | None:
    """Return the index of the column that the caller names, or that is called `label`, or None.

    Parameters
    ----------
    names : sequence of str
        The names of all columns.
    rules : Rules
        What the caller of `read_csv` passed.
    line : int
        The line of the header.
    """
    if isinstance(rules.label, int):
        return _at_position(names, rules.label, rules, line)
    wanted = LABEL if rules.label is None else rules.label
    if wanted in names:
        return names.index(wanted)
    similar = [i for i, name in enumerate(names) if name.lower() == wanted.lower()]
    if len(similar) != 1 or names[similar[0]] in (rules.features or ()):
        return None
    return similar[0]


def find_label(
    names: Sequence[str],
    others: Collection[int],
    survey: Survey,
    rules: Rules,
    line: int = 1,
) -> Label:
    """Return the column of the labels.

    Parameters
    ----------
    names : sequence of str
        The names of all columns.
    others : collection of int
        Columns that cannot be the label.
    survey : Survey
        What the columns hold.
    rules : Rules
        What the caller of `read_csv` passed.
    line : int
        The line of the header.

    Raises
    ------
    DataError
        A label is required, and no column or several can be it.
    """
    column = named_label(names, rules, line)
    if column is not None:
        if rules.label is None and names[column] != LABEL:
            return Label(column, f"the label is {shown(names[column])}, by its name")
        return Label(column)
    if rules.label is not None or rules.by_position:
        if rules.required:
            fail(rules.path, _no_label(names, rules, line))
        return Label(None)
    texts = [] if rules.regression else _texts_that_can_be_labels(others, survey, rules, names)
    usual = [
        i
        for i, name in enumerate(names)
        if rules.required and i not in others and name.lower() in USUAL_NAMES
    ]
    # Of several texts none is the label by that alone, but one text next to a usual name may be.
    found = sorted({*usual, *(texts if len(texts) == 1 or not usual else ())})
    if len(found) == 1:
        only = "the only column of text" if found == texts else "by its name"
        return Label(found[0], f"the label is {shown(names[found[0]])}, {only}")
    if rules.required:
        fail(rules.path, _not_one_label(names, found, rules, line))
    return Label(None)


def _texts_that_can_be_labels(
    others: Collection[int], survey: Survey, rules: Rules, names: Sequence[str]
) -> list[int]:
    if rules.features is not None and not rules.required:
        return []
    able: Callable[[int], bool] = lambda i: (  # noqa: E731
        survey.rows < MANY_ROWS or 2 * len(survey.of(i).names) <= survey.rows
    )
    named = set(rules.named_encodings)
    return [i for i in survey.texts() if i not in others and names[i] not in named and able(i)]


def _at_position(names: Sequence[str], position: int, rules: Rules, line: int) -> int | None:
    count = len(names)
    if not -count <= position < count:
        if not rules.required:
            return None
        sentence = (
            f"no column is at the position of the label, because there are only {count}: "
            f"{list_names(names)}. Name the column."
        )
        fail(rules.path, Problem("no label column", sentence, line))
    column = position % count
    # A file to predict may lack the label, and has a feature at this position.
    return None if names[column] in (rules.features or ()) and not rules.required else column


def _no_label(names: Sequence[str], rules: Rules, line: int) -> Problem:
    wanted = LABEL if rules.label is None else str(rules.label)
    hint = similar_name(wanted, names)
    if wanted in ("required", "optional"):
        hint = f" In place of label={wanted!r}, pass required={wanted == 'required'}."
    sentence = f"found no column {shown(wanted)} for the label; the columns are "
    return Problem("no label column", f"{sentence}{list_names(names)}.{hint}", line, name=wanted)


def _not_one_label(names: Sequence[str], found: list[int], rules: Rules, line: int) -> Problem:
    if found:
        several = list_names([names[i] for i in found])
        option = advice(rules.offers, "label", " Pass {} with its name or position.")
        sentence = (
            f"{len(found)} columns can be the label: {several}.{option} "
            f"Otherwise, call it {LABEL!r}."
        )
        return Problem("no label column", sentence, line)
    option = advice(rules.offers, "label", " Pass {} with the name or position of its column.")
    sentence = (
        f"found {list_names(names)}, expected {LABEL!r} as the name of one column.{option}"
        f"{similar_name(LABEL, names)}"
    )
    return Problem("no label column", sentence, line, 1, value=names[0])
