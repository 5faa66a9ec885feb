"""Compares the lines that diagnoses name with the lines that were edited.

Both are compared as statements of the edited program: a line of a statement over several lines
counts as all of it, and the head of a loop does not count as its body.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["FITTING", "Program", "applied", "edited_lines", "fits", "named_lines", "one", "two"]

_COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try, ast.FunctionDef, ast.ClassDef)

# The kinds of diagnoses that are right for a family of slips. "formula" says which piece of the
# line should be another one; it is right where no closer word is.
FITTING: dict[str, set[str]] = {
    "sign": {"sign", "swap", "contribution missing", "extra term"},
    "factor": {"factor", "missing factor", "extra factor", "constant", "formula"},
    "missing derivative": {
        "no activation derivative", "missing factor", "upstream missing", "formula",
    },
    "wrong derivative": {
        "derivative at the output", "derivative at the input", "derivative of another activation",
        "no activation derivative", "pre-activation", "post-activation", "wrong variable",
        "formula", "exponent", "missing factor", "extra factor", "constant", "sign", "kink",
        "softmax elementwise",
    },
    "missing factor": {
        "missing factor", "upstream missing", "no activation derivative", "factor", "formula",
    },
    "extra factor": {"extra factor", "factor", "formula"},
    "transposed": {"transposed", "flipped", "another weight"},
    "wrong operand": {
        "wrong variable", "another weight", "pre-activation", "post-activation", "other operand",
        "upstream missing", "index", "exchanged", "no activation derivative",
    },
    "wrong axis": {"wrong axis", "bias not summed", "softmax over the wrong axis"},
    "not summed": {"bias not summed", "wrong axis", "shape"},
    "averaged": {"bias averaged", "factor", "extra factor"},
    "missing term": {
        "contribution missing", "regularisation missing", "extra term", "formula",
    },
    "extra term": {"extra term", "extra statement"},
    "index": {"index", "formula", "wrong variable", "constant"},
    "constant": {"constant", "formula", "exponent", "factor", "index", "kink"},
    "updated too early": {"updated too early", "another weight", "extra term", "wrong variable"},
    "shape": {"shape", "transposed", "bias not summed", "wrong axis"},
    "labels": {"labels off", "index", "wrong variable", "formula"},
}  # fmt: skip


def fits(family: str, kind: str) -> bool:
    """Whether the kind of a diagnosis is right for a family of slips; any is for "other"."""
    return family not in FITTING or kind in FITTING[family]


def named_lines(diagnosis: Any) -> set[int]:
    """Return the lines that a diagnosis names."""
    return set(_corrections(diagnosis))


def _corrections(diagnosis: Any) -> dict[int, str | None]:
    """Return what is right instead of each line that is named; None where it does not say."""
    if diagnosis.line is None:
        return {}
    found = [(diagnosis.line, diagnosis.right), *diagnosis.more]
    instead_of_none = "pass" if diagnosis.kind == "extra statement" else None
    return {line.line: right or instead_of_none for line, right in found}


def edited_lines(before: str, after: str) -> tuple[range, bool]:
    """Return which lines of `after` are new, and whether the edit only deletes.

    The range of deleted lines is that between which they were.
    """
    old, new = before.split("\n"), after.split("\n")
    shorter = min(len(old), len(new))
    start = next((n for n in range(shorter) if old[n] != new[n]), shorter)
    end = 0
    while end < shorter - start and old[-1 - end] == new[-1 - end]:
        end += 1
    lines = range(start + 1, len(new) - end + 1)
    return lines, all(new[line - 1].strip() in ("", "pass") for line in lines)


class Program:
    """The text of an edited program, and the places of its statements.

    Parameters
    ----------
    text : str
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self.statements = [node for node in ast.walk(self.tree) if isinstance(node, ast.stmt)]

    def at(self, line: int) -> ast.stmt | None:
        """Return the innermost statement at a line."""
        inside = [one for one in self.statements if one.lineno <= line <= _end(one)]
        return max(inside, key=lambda one: (one.lineno, -_end(one)), default=None)

    def edited(self, before: str) -> set[ast.stmt]:
        """Return the statements that an edit changed; those around it if it only deleted."""
        lines, is_deletion = edited_lines(before, self.text)
        if not is_deletion:
            return {one for line in lines if (one := self.at(line)) is not None}
        inner = [one for one in self.statements if not isinstance(one, ast.Pass)]
        above = max((one for one in inner if _head(one) < lines.start), key=_head, default=None)
        below = min((one for one in inner if one.lineno >= lines.stop),
                    key=lambda one: one.lineno, default=None)  # fmt: skip
        there = {one for line in lines if (one := self.at(line)) is not None}
        there = {one for one in there if isinstance(one, ast.Pass)}
        return {*there, *filter(None, (above, below))}

    def named(self, diagnosis: Any) -> set[ast.stmt | None]:
        """Return the statements that a diagnosis names."""
        return {self.at(line) for line in named_lines(diagnosis)}


def _head(statement: ast.stmt) -> int:
    """Return the last line of a statement without the statements inside it."""
    if isinstance(statement, _COMPOUND):
        return max(statement.lineno, statement.body[0].lineno - 1)
    return statement.end_lineno or statement.lineno


def _end(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno


def one(program: Program, edited: set[ast.stmt], diagnoses: Sequence[Any]) -> str:
    """Score the diagnoses of a program with one edit."""
    if not diagnoses:
        return "silent"
    if all(diagnosis.line is None for diagnosis in diagnoses):
        return "no line"
    hits = [bool(program.named(diagnosis) & edited) for diagnosis in diagnoses]
    if hits[0]:
        return "right"
    return "right later" if any(hits) else "wrong line"


def two(
    program: Program, edits: Iterable[set[ast.stmt]], diagnoses: Sequence[Any]
) -> tuple[str, bool]:
    """Score the diagnoses of a program with two edits, and whether a line has nothing to do with.

    The score is how many of the two are named.
    """
    edits = list(edits)
    named = [program.named(diagnosis) for diagnosis in diagnoses if diagnosis.line is not None]
    hits = sum(any(statements & edited for statements in named) for edited in edits)
    is_wrong = any(not any(statements & edited for edited in edits) for statements in named)
    if not diagnoses:
        return "silent", False
    if not named:
        return "no line", False
    return ("none", "one", "both")[hits], is_wrong


def applied(text: str, diagnoses: Sequence[Any]) -> str | None:
    """Return a program with the corrections of its diagnoses; None if one has no correction."""
    program = Program(text)
    pieces: list[tuple[ast.AST, str]] = []
    for diagnosis in diagnoses:
        corrections = _corrections(diagnosis)
        if not corrections:
            return None
        for line, correction in corrections.items():
            place = None if correction is None else _place(program, line, correction)
            if place is None or correction is None:
                return None
            pieces.append((place, correction))
    changed = text.encode()
    starts = [0]
    for line_text in changed.split(b"\n"):
        starts.append(starts[-1] + len(line_text) + 1)
    for node, correction in sorted(pieces, key=lambda one: -_span(one[0], starts)[0]):
        start, end = _span(node, starts)
        changed = changed[:start] + correction.encode() + changed[end:]
    return changed.decode()


def _place(program: Program, line: int, correction: str) -> ast.AST | None:
    """Return what a correction replaces: a statement, or the expression in the head of one."""
    statement = program.at(line)
    if isinstance(statement, ast.For):
        return statement.iter
    if isinstance(statement, ast.If | ast.While):
        return statement.test
    if statement is None:
        return None
    bodies = [node.body for node in ast.walk(statement) if isinstance(node, ast.Lambda)]
    return bodies[0] if len(bodies) == 1 and _is_expression(correction) else statement


def _is_expression(correction: str) -> bool:
    """Whether a correction is that of the body of a function in one line."""
    try:
        compile(correction, "<correction>", "eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _span(node: Any, starts: Sequence[int]) -> tuple[int, int]:
    start = starts[node.lineno - 1] + node.col_offset
    return start, starts[node.end_lineno - 1] + node.end_col_offset
