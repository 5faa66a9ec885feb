"""The parts of the search: a finding, a correction that is tried, and comparisons of values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .edits import Edit
from .instrumenting import Statement
from .quantities import Match
from .running import Replacement
from .scope import Scope

__all__ = ["Correction", "Finding", "Located", "Trial", "is_close", "key_of", "true_value"]

_CLOSE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A statement that is wrong.

    Attributes
    ----------
    statement : Statement
    edit : Edit or None
        The correction; None if the place alone is known.
    repaired : frozenset of str
        The gradients that the correction makes right.
    before, after : object
        What the statement computed, and what it computes with the correction.
    match : Match or None
        What the corrected value is.
    scope : Scope
        The variables where it ran first.
    """

    statement: Statement
    edit: Edit | None
    repaired: frozenset[str]
    before: Any
    after: Any
    match: Match | None
    scope: Scope


Correction: TypeAlias = tuple[Finding, Replacement]


class Trial(NamedTuple):
    edit: Edit
    replacement: Replacement
    value: Any


class Located(NamedTuple):
    statement: Statement
    replacement: Replacement
    match: Match | None
    repaired: frozenset[str]


_INVERSE = {
    "+=": "true_value - ({})",
    "-=": "({}) - true_value",
    "*=": "true_value / ({})",
    "/=": "({}) / true_value",
}


def true_value(statement: Statement, value: Any) -> Replacement:
    """Return what a statement computes so that its result is a true value."""
    if statement.kind != "augment":
        return Replacement(value=value)
    text = _INVERSE.get(statement.operator, "true_value").format(statement.names[0])
    return Replacement(compile(text, "<true>", "eval"), value)


def is_close(value: Any, expected: Any) -> bool:
    """Whether an edit computes a value, in its shape."""
    if not isinstance(value, np.ndarray | np.generic | int | float):
        return False
    if np.shape(value) != np.shape(expected) or np.asarray(value).dtype.kind not in "fiub":
        return False
    with np.errstate(all="ignore"):
        difference = np.abs(np.asarray(value, np.float64) - expected).max(initial=0.0)
        largest = float(np.abs(expected).max(initial=1e-300))
        return np.isfinite(largest) and bool(difference <= _CLOSE * largest)


def key_of(value: Any) -> Any:
    """Return something that is equal for equal values."""
    if isinstance(value, tuple | list):
        return tuple(map(key_of, value))
    if isinstance(value, np.ndarray | np.generic | int | float | bool):
        array = np.asarray(value)
        if array.dtype.kind in "fiub":
            rounded = array.astype(np.float64)
            with np.errstate(all="ignore"):
                size = np.abs(rounded).max(initial=0.0)
                if size and np.isfinite(size):
                    rounded = np.round(rounded / size, 11) + 0.0
            return array.shape, float(f"{size:.11g}"), rounded.tobytes()
    return id(value)
