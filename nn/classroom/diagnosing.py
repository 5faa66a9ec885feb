"""Adds to wrong blanks what each looks like: the diagnosis of gradients by hand, line by line.

It names the line and the kind of mistake; the corrected line, which is the answer, is left out.
"""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import CodeType
from typing import Any

import numpy as np

from tinygrad_edu import GradientError, check_manual

from .exercise import Blank, Exercise
from .following import Learner
from .judging import difference
from .repairing import find_change
from .report import BlankResult
from .truth import Truth

__all__ = ["with_diagnoses"]

_PLACE = re.compile(r" \(at [^()]*(?:\([^()]*\)[^()]*)*\)")


def with_diagnoses(
    exercise: Exercise,
    learner: Learner,
    truths: Sequence[Truth],
    results: tuple[BlankResult, ...],
) -> tuple[BlankResult, ...]:
    """Add the diagnosis of each wrong blank, where there is one.

    Parameters
    ----------
    exercise : Exercise
    learner : Learner
    truths : sequence of Truth
        Of the first draw, and of others, for which a change must be right too.
    results : tuple of BlankResult
    """
    wrong = {one.blank.name for one in results if one.state == "wrong"}
    return tuple(
        _diagnosed(exercise, learner, truths, one, wrong - {one.blank.name})
        if one.state == "wrong"
        else one
        for one in results
    )


def _diagnosed(
    exercise: Exercise,
    learner: Learner,
    truths: Sequence[Truth],
    result: BlankResult,
    others: set[str],
) -> BlankResult:
    """Add the diagnosis of one wrong blank; the others get their right values."""
    found = None
    if exercise.returned.keys() <= truths[0].inputs.keys():  # it returns gradients
        found = _by_check_manual(exercise, learner, truths[0], result.blank, others)
    found = found or _by_a_change(learner, truths, result.blank, others)
    return replace(result, kind=found[0], looks_like=found[1]) if found else result


def _by_check_manual(
    exercise: Exercise, learner: Learner, truth: Truth, blank: Blank, others: set[str]
) -> tuple[str, str] | None:
    function = learner.completed(truth.right, others)
    try:
        with np.errstate(all="ignore"):
            found = check_manual(exercise.forward, function, *truth.inputs.values(), samples=0)
    except (GradientError, TypeError, ValueError, ArithmeticError, LookupError, NameError):
        return None  # its lines raise errors, which are reported already
    for one in found.diagnoses:
        lines = () if one.line is None else (one.line, *(line for line, _ in one.more))
        at = [learner.blank_at(line.line) for line in lines]
        keys = {key for key, name in exercise.returned.items() if name == blank.name}
        if not keys <= set(one.explains):
            continue  # it is about another gradient
        if blank.name in at or (not lines and len(found.diagnoses) == 1):
            return one.kind, _short(one.sentence.removesuffix(f"; right: {one.right}"))
    return None


def _by_a_change(
    learner: Learner, truths: Sequence[Truth], blank: Blank, others: set[str]
) -> tuple[str, str] | None:
    """Look for one change of its code that gives the right values for all inputs."""
    statement = learner.assignment_of(blank.name)
    if statement is None:
        return None
    places = [_Places(learner, truth, blank, others) for truth in truths]
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    sign = "=" if isinstance(statement, ast.Assign) else "+="

    def is_right(code: str) -> bool:
        try:
            changed = compile(f"{ast.unparse(target)} {sign} ({code})", "<changed>", "exec")
        except SyntaxError:
            return False
        return all(one.are_right(changed) for one in places)

    if not places[0].found:
        return None
    usable = np.ndarray | np.number | float | int
    variables = places[0].found[-1]
    known = [k for k, value in variables.items() if isinstance(value, usable) and k != blank.name]
    # Of a list, the elements at the indices of the loop.
    indices = {ast.unparse(n.slice) for n in ast.walk(statement) if isinstance(n, ast.Subscript)}
    lists = [k for k, value in variables.items() if isinstance(value, list)]
    known += [f"{name}[{index}]" for name in lists for index in sorted(indices)]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of changes that make no sense
        return find_change(ast.unparse(statement.value), known, is_right)


class _Places:
    """The variables at a blank, in each pass of its loop, where all else is right."""

    def __init__(self, learner: Learner, truth: Truth, blank: Blank, others: set[str]) -> None:
        self.truth, self.blank = truth, blank
        self.found: list[dict[str, Any]] = []
        self.names = learner.function.__globals__

        statement = learner.assignment_of(blank.name)
        used = {n.id for n in ast.walk(statement or learner.tree) if isinstance(n, ast.Name)}
        used -= {*self.names, *dir(builtins)}

        def right(name: str, variables: Mapping[str, Any]) -> Any:
            # Before a loop, where a sum gets its start, the variables of the loop are missing.
            if name == blank.name and used - {name} <= variables.keys():
                self.found.append(dict(variables))
            return truth.right(name, variables)

        learner.run(truth.inputs, right, {*others, blank.name})

    def are_right(self, statement: CodeType) -> bool:
        """Whether a statement gives the right values at all places."""
        name, so_far = self.blank.name, None
        for variables in self.found:
            try:
                expected = self.truth.of(self.blank, variables)
                start = np.zeros(expected.shape) if so_far is None else so_far
                names = {**variables, **({name: start} if self.blank.at_end else {})}
                exec(statement, self.names, names)
            except Exception:  # a change need not fit
                return False
            so_far = names[name]
            if not self.blank.at_end and difference(so_far, expected):
                return False
        return not self.blank.at_end or not difference(so_far, expected)


def _short(sentence: str) -> str:
    """Return a sentence without its line, and without the place in the graph: a blank has one."""
    _, colon, rest = sentence.partition("looks like this: ")
    return _PLACE.sub("", rest if colon else sentence)
