"""The corrections that are tried on a statement: each undoes a slip that people make.

A correction is an edit of the text. What it repairs is found by running it, in `repairing`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from ..instrumenting import Statement
from ..scope import Scope, is_reference
from ..source import Edited
from .additions import factors_added, softmaxes, terms_added
from .functions import derivatives, functions
from .operators import numbers, operators, ranges, reductions, sums_added
from .place import Edit, Found, Place, roots
from .references import names, products, subscripts, transposes, variables
from .statements import of_the_statement

__all__ = ["Edit", "edits_of"]

_FAMILIES: tuple[Callable[[Place], Iterator[Found]], ...] = (
    names,
    subscripts,
    variables,
    transposes,
    products,
    operators,
    numbers,
    ranges,
    reductions,
    sums_added,
    factors_added,
    terms_added,
    functions,
    derivatives,
    softmaxes,
)


def edits_of(statement: Statement, scope: Scope) -> Iterator[Edit]:
    """Yield the corrections of a statement, with the variables that it has."""
    value = statement.value
    if statement.kind == "test" and _has_text(value):
        return  # a choice by name is not what is computed
    for root in roots(value):
        is_name = statement.kind == "return" and is_reference(root)  # computed elsewhere
        for family in _FAMILIES:
            for edits, what, cost, before, after in family(Place(root, statement, scope)):
                yield _edit(statement, edits, what, cost + 0.6 * is_name, before, after)
    yield from of_the_statement(statement, scope)


def _has_text(node: ast.expr) -> bool:
    parts = ast.walk(node)
    return any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts)


def _edit(
    statement: Statement, edits: list[Edited], what: str, cost: float, before: str, after: str
) -> Edit:
    listing = statement.function.listing
    text = listing.text(statement.value, edits)
    line = text if statement.kind in ("loop", "test") else listing.text(statement.node, edits)
    line = _tidy(" ".join(line.split()))
    return Edit(text, line, what, cost, " ".join(before.split()), " ".join(after.split()))


def _tidy(text: str) -> str:
    """Drop parentheses around parentheses."""
    opened: list[int] = []
    pairs: dict[int, int] = {}
    lists = set()  # parentheses with a comma inside
    for place, letter in enumerate(text):
        if letter in "([{":
            opened.append(place)
        elif letter in ")]}" and opened:
            pairs[opened.pop()] = place
        elif letter == "," and opened:
            lists.add(opened[-1])
    dropped = set()
    for start, end in pairs.items():
        is_double = text[start : start + 2] == "((" and pairs.get(start + 1) == end - 1
        if is_double and start + 1 not in lists:
            dropped |= {start, end}
    return "".join(letter for place, letter in enumerate(text) if place not in dropped)
