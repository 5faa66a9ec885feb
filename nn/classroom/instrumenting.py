"""Changes the source of a learner's function so that it reports the values of its blanks.

A call of a hook comes after each assignment to a blank, at the end of each pass of a loop, and at
the end of the function. Nothing is executed here.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

__all__ = ["HOOKS", "RIGHT", "Instrument", "assigned", "is_generator", "is_open", "is_tuple"]

HOOKS = NOTE, RIGHT, IS_GIVEN, PASS, END = "_note_", "_right_", "_given_", "_pass_", "_end_"
"""The names that are called."""


def is_generator(node: ast.AST) -> bool:
    """Whether a function contains yield, not only one inside it."""
    inner = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
    return any(
        isinstance(one, ast.Yield | ast.YieldFrom)
        or (not isinstance(one, inner) and is_generator(one))
        for one in ast.iter_child_nodes(node)
    )


def assigned(node: ast.AST) -> list[str]:
    """Return the variables that a statement assigns to."""
    if isinstance(node, ast.Assign):
        several = ast.Tuple | ast.List
        parts = [p for t in node.targets for p in (t.elts if isinstance(t, several) else [t])]
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        parts = [node.target]
    else:
        return []
    # An element is assigned to: the array is what counts.
    parts = [part.value if isinstance(part, ast.Subscript) else part for part in parts]
    return [part.id for part in parts if isinstance(part, ast.Name)]


def is_open(node: ast.AST) -> bool:
    """Whether a statement assigns ``...``."""
    value = getattr(node, "value", None)
    return isinstance(value, ast.Constant) and value.value is ...


def is_tuple(node: ast.AST) -> bool:
    """Whether a statement assigns to several variables at once."""
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple | ast.List)


class Instrument(ast.NodeTransformer):
    """Inserts the calls of hooks."""

    def __init__(self, depths: Mapping[str, int]) -> None:
        self.depths, self._depth = depths, 0

    def _statement(self, text: str, at: ast.AST) -> Any:
        module = ast.increment_lineno(ast.parse(text), getattr(at, "lineno", 1) - 1)
        return module.body[0]

    def _assignment(self, node: Any) -> Any:
        found = [node]
        for name in dict.fromkeys(assigned(node)):
            if name in self.depths:
                given = self._statement(
                    f"if {IS_GIVEN}({name!r}): {name} = {RIGHT}({name!r}, locals())\n"
                    f"else: {NOTE}({name!r}, locals())",
                    node,
                )
                if found == [node] and not is_tuple(node):
                    # What is given needs no statement of the learner's: it may be `...`, or wrong.
                    given.orelse.insert(0, found.pop())
                found.append(given)
        return found

    visit_Assign = visit_AugAssign = visit_AnnAssign = _assignment

    def _loop(self, node: Any) -> Any:
        filled = {name for part in ast.walk(node) for name in assigned(part)}
        names = [name for name in self.depths if name in filled]
        self._depth += 1
        self.generic_visit(node)
        node.body.append(self._passed(node.body[-1]))
        is_added = names and all(self.depths[name] < self._depth for name in names)
        self._depth -= 1
        if not is_added:
            return node
        # A loop that a learner added to compute blanks: it does not run for values that are given.
        test = " and ".join(f"{IS_GIVEN}({name!r})" for name in names)
        values = "\n".join(f"    {name} = {RIGHT}({name!r}, locals())" for name in names)
        given = self._statement(f"if {test}:\n{values}\nelse: pass", node)
        given.orelse = [node]
        return given

    visit_For = visit_While = _loop

    def _passed(self, at: ast.AST) -> Any:
        return self._statement(f"{PASS}({self._depth}, locals())", at)

    def _leave(self, node: Any) -> Any:
        return [self._passed(node), node]

    visit_Continue = visit_Break = _leave

    def visit_Return(self, node: ast.Return) -> Any:
        return [self._statement(f"{END}(locals())", node), node]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        if getattr(self, "_inside", False):  # a function inside has variables of its own
            return node
        self._inside = True
        node.decorator_list = []
        self.generic_visit(node)
        node.body.append(self._statement(f"{END}(locals())", node.body[-1]))
        return node
