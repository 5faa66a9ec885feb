"""Corrections of a statement as a whole: left out, = for +=, another operator, a term after it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import numpy as np

from ..instrumenting import Statement
from ..scope import Scope
from .additions import scaled
from .place import Edit

__all__ = ["of_the_statement"]


def of_the_statement(statement: Statement, scope: Scope) -> Iterator[Edit]:
    """Yield the statement left out, = for += or the reverse, and another operator."""
    is_break = [type(one) for one in statement.body] in ([ast.Break], [ast.Continue])
    if statement.kind == "test" and is_break:
        yield Edit("False", str, "early break", 1.2, statement.text, "")
    if statement.kind not in ("assign", "augment") or len(statement.targets) != 1:
        return
    text, target = statement.function.listing.text(statement.value), statement.names[0]
    (node,) = statement.targets
    if isinstance(node, ast.Subscript) and statement.kind == "augment":
        yield from _of_each_sample(statement, scope, node, text)
    if isinstance(node, ast.Subscript) and statement.operator in ("=", "+="):
        yield _scattered(statement, node, text, target)
    if statement.kind == "augment":
        yield from _of_augmented(statement, text, target)
        if statement.operator in ("*=", "/="):
            yield from _terms_after(statement, scope, text, target)
    elif isinstance(node, ast.Name | ast.Subscript | ast.Attribute):
        line = f"{target} += {text}"
        yield Edit(f"{target} + ({text})", lambda: line, "accumulate", 1.0, "=", "+=")
        yield Edit(target, str, "drop statement", 1.5, statement.text, "")


def _scattered(statement: Statement, node: ast.Subscript, text: str, target: str) -> Edit:
    """Return the statement with np.add.at, which adds up what has the same index."""
    listing = statement.function.listing
    base, index = listing.text(node.value), listing.text(node.slice)
    added = f"(lambda S: (__import__('numpy').add.at(S, ({index}), {text}), S[{index}])[-1])"
    added += f"(0 * {base})"
    if statement.operator == "=":
        added = f"{target} + {added}"
    line = f"np.add.at({base}, {index}, {text})"
    return Edit(added, lambda: line, "scatter", 1.4, statement.operator, "np.add.at")


def _of_each_sample(
    statement: Statement, scope: Scope, node: ast.Subscript, text: str
) -> Iterator[Edit]:
    """Yield ``p[np.arange(len(y)), y] -= 1`` for ``p[:, y] -= 1``, which changes whole columns."""
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
    listing = statement.function.listing
    texts = list(map(listing.text, parts))
    if len(parts) != 2 or texts.count(":") != 1:
        return
    labels = texts[1 - texts.index(":")]
    value = scope.value(parts[1 - texts.index(":")])
    if not isinstance(value, np.ndarray) or value.ndim != 1 or value.dtype.kind not in "iu":
        return
    samples = f"{scope.numpy or 'np'}.arange(len({labels}))"
    meant = ", ".join(samples if one == ":" else one for one in texts)
    line = f"{listing.text(node.value)}[{meant}] {statement.operator} {text}"
    same = f"__import__('numpy').equal.outer({labels}, {labels})"
    yield Edit(f"({text}) * {same}", lambda: line, "index", 1.3, ":", samples)


_OPPOSITE = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*="}


def _of_augmented(statement: Statement, text: str, target: str) -> Iterator[Edit]:
    operator = statement.operator
    is_sum = operator in ("+=", "-=")
    yield Edit("0" if is_sum else "1", str, "drop statement", 1.3, statement.text, "")
    if is_sum:
        only = f"({text}) - {target}" if operator == "+=" else f"{target} - ({text})"
        yield Edit(only, lambda: f"{target} = {text}", "overwrite", 1.1, "+=", "=")
    other = _OPPOSITE.get(operator)
    if other:
        opposite = f"-({text})" if is_sum else f"1 / ({text})"
        line = f"{target} {other} {text}"
        yield Edit(opposite, lambda: line, "sign" if is_sum else "operator", 1.0, operator, other)


def _terms_after(statement: Statement, scope: Scope, text: str, target: str) -> Iterator[Edit]:
    shape = scope.shape(statement.targets[0])
    for one in scope.arrays if shape else ():
        if one.shape == shape and one.text != target:
            for term, cost in ((one.text, 2.2), *scaled(scope, one)):
                yield _then_added(statement, target, text, term, cost)


def _then_added(statement: Statement, target: str, text: str, term: str, cost: float) -> Edit:
    """Return the correction that adds a term after the statement."""
    sign = statement.operator[0]
    whole = f"({target} {sign} ({text}) + {term})"
    value = f"{whole} / ({target})" if sign == "*" else f"({target}) / {whole}"
    line = f"{statement.text}; {target} += {term}"
    return Edit(value, lambda: line, "add term", cost, "", f"+ {term}")
