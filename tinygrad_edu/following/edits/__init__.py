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
from .functions import derivatives, functions, one_hot
from .operators import longer, numbers, operators, ranges, reductions, sums_added
from .place import Edit, Found, Place, roots
from .references import names, products, sizes, subscripts, transposes, variables
from .statements import of_the_statement

__all__ = ["Edit", "edits_of"]

# With the least cost of what each yields.
_FAMILIES: tuple[tuple[float, Callable[[Place], Iterator[Found]]], ...] = (
    (1.0, names),
    (1.2, subscripts),
    (1.4, sizes),
    (1.9, variables),
    (1.0, transposes),
    (1.1, products),
    (1.0, operators),
    (1.25, numbers),
    (1.3, ranges),
    (1.3, longer),
    (1.0, reductions),
    (1.5, sums_added),
    (1.5, one_hot),
    (1.8, factors_added),
    (1.5, terms_added),
    (1.4, functions),
    (1.6, derivatives),
    (2.5, softmaxes),
)


def edits_of(
    statement: Statement, scope: Scope, low: float = 0.0, high: float = float("inf")
) -> Iterator[Edit]:
    """Yield the corrections of a statement, with the variables that it has.

    Parameters
    ----------
    statement : Statement
    scope : Scope
    low, high : float
        The least cost of a correction, and the one below which it has to be.
    """
    value = statement.value
    if statement.kind == "test" and _has_text(value):
        return  # a choice by name is not what is computed
    for root in roots(value):
        place = Place(root, statement, scope)
        # What is returned by name was computed elsewhere.
        more = 0.6 if statement.kind == "return" and is_reference(root) else 0.0
        for least, family in _FAMILIES:
            for edits, what, cost, before, after in family(place) if least + more < high else ():
                if low <= cost + more < high:
                    yield _edit(statement, edits, what, cost + more, before, after)
    for edit in of_the_statement(statement, scope):
        if low <= edit.cost < high:
            yield edit


def _has_text(node: ast.expr) -> bool:
    parts = ast.walk(node)
    return any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts)


def _edit(
    statement: Statement, edits: list[Edited], what: str, cost: float, before: str, after: str
) -> Edit:
    text = statement.function.listing.text(statement.value, edits)

    def line() -> str:
        is_head = statement.kind in ("loop", "test")
        whole = text if is_head else statement.function.listing.text(statement.node, edits)
        return _tidy(" ".join(whole.split()))

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
