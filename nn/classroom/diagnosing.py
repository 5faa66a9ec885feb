"""Adds to wrong blanks what each looks like: the diagnosis of gradients by hand, line by line.

It names the line and the kind of mistake; the corrected line, which is the answer, is left out.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import CodeType
from typing import Any, TypeAlias

import numpy as np

import tinygrad_edu.explaining.contribution  # noqa: F401 - before a hand-in forbids imports
from tinygrad_edu import check_manual

from .exercise import Blank, Exercise
from .following import Learner
from .judging import difference
from .repairing import find_change
from .report import BlankResult
from .truth import Truth

__all__ = ["with_diagnoses"]

Found: TypeAlias = tuple[str, str] | None
"""A kind of mistake and a sentence, if one was found."""

# A comparison of results cannot see how a line is written; if one of these changes makes it right,
# this says more.
_DOUBTED = ("other operand", "factor", "sign", "no activation derivative")
_SURER = (
    *("parentheses", "element", "sum for mean", "factor too much", "term too much"),
    *("order", "wrong axis", "derivative of another activation"),
)
_COUNTS = re.compile(r"`(n|len\(\w+\)|\w+\.shape\[-?\d\]|[\d.]+)`")
_MOST_CONTRIBUTIONS = 6
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
        # On two draws: that numbers fit a mistake can be chance once.
        found, again = (
            _by_check_manual(exercise, learner, truth, result.blank, others) for truth in truths[:2]
        )
        found = found if _without_numbers(found) == _without_numbers(again) else None
    if found is None or found[0] in _DOUBTED:
        places = _places(learner, truths, result.blank, others)
        found = _surer(found, _by_a_change(learner, places, result.blank)) or (
            _by_contributions(learner, places, result.blank)
        )
    return replace(result, kind=found[0], looks_like=found[1]) if found else result


def _without_numbers(found: Found) -> Found:
    """Return a diagnosis without numbers, such as that of the rows, which another draw changes."""
    return found and (found[0], re.sub(r"\b\d+(\.\d+)?\b", "", found[1]))


def _surer(found: Found, change: Found) -> Found:
    """Choose between what a comparison found and what a change of the code found."""
    if found is None or change is None:
        return found or change
    is_of_a_part = " in `" in change[1]  # the comparison speaks of the whole
    is_of_a_size = (found[0], change[0]) == ("factor", "other operand")
    is_surer = change[0] in _SURER and not _COUNTS.search(change[1])
    return change if is_surer or is_of_a_part or is_of_a_size else found


def _by_check_manual(
    exercise: Exercise, learner: Learner, truth: Truth, blank: Blank, others: set[str]
) -> Found:
    function = learner.completed(truth.right, others)
    try:
        with np.errstate(all="ignore"):
            found = check_manual(exercise.forward, function, *truth.inputs.values(), samples=0)
    except Exception:
        return None  # lines of the learner raise errors, which are reported already
    for one in found.diagnoses:
        lines = () if one.line is None else (one.line, *(line for line, _ in one.more))
        at = [learner.blank_at(line.line) for line in lines]
        keys = {key for key, name in exercise.returned.items() if name == blank.name}
        if not keys <= set(one.explains):
            continue  # it is about another gradient
        if blank.name in at or (not lines and len(found.diagnoses) == 1):
            words = _short(one.sentence.removesuffix(f"; right: {one.right}"))
            forgotten = re.match(r"the derivative of (\w+) was forgotten", words)
            if forgotten and forgotten[1] not in exercise.source:
                return None  # the exercise writes this function in another way
            return one.kind, words.replace("the regularization term", "the penalty")
    return None


def _places(
    learner: Learner, truths: Sequence[Truth], blank: Blank, others: set[str]
) -> list[_Places]:
    """Return where a blank is computed, for each of several inputs; nothing if that is unknown."""
    if learner.assignment_of(blank.name) is None:
        return []
    places = [_Places(learner, truth, blank, others) for truth in truths]
    return places if places[0].found else []


def _by_a_change(learner: Learner, places: Sequence[_Places], blank: Blank) -> Found:
    """Look for one change of its code that gives the right values for all inputs."""
    statement = learner.assignment_of(blank.name)
    if statement is None or not places:
        return None
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    sign = "="
    if isinstance(statement, ast.AugAssign):
        sign = "-=" if isinstance(statement.op, ast.Sub) else "+="

    def is_right(code: str, sign: str = sign) -> bool:
        try:
            changed = compile(f"{ast.unparse(target)} {sign} ({code})", "<changed>", "exec")
        except SyntaxError:
            return False
        return all(one.are_right(changed) for one in places)

    code = ast.unparse(statement.value)
    if blank.at_end and sign == "=" and is_right(code, "+="):
        return "contribution missing", "`=` forgets what the passes before have added; `+=` adds"
    known, elements = _known(learner, statement, places[0].found[-1], blank.name)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of changes that make no sense
        return find_change(code, known, is_right, elements)


def _known(
    learner: Learner, statement: ast.stmt, variables: Mapping[str, Any], blank: str
) -> tuple[list[str], list[str]]:
    """Return what else is known at a statement: variables and elements of lists, and of arrays."""
    usable = np.ndarray | np.number | float | int
    known = [k for k, value in variables.items() if isinstance(value, usable) and k != blank]
    # Of a list, the elements at the indices of the loop.
    loops = _indices_of_loops(learner, statement)
    indices = {ast.unparse(n.slice) for n in ast.walk(statement) if isinstance(n, ast.Subscript)}
    indices |= {*loops, *(f"{index} + 1" for index in loops)}
    indices |= {k for k, v in variables.items() if type(v) is int} & {*"ijkt"}
    lists = [k for k, v in variables.items() if isinstance(v, list) and k != blank]
    known += [f"{name}[{index}]" for name in lists for index in sorted(indices)]
    of_lists = [k for k in lists if all(isinstance(one, list) for one in variables[k])]
    known += [f"sum({name}[{index}])" for name in of_lists for index in loops]
    return known, _elements(variables, loops, blank)


def _indices_of_loops(learner: Learner, statement: ast.stmt) -> list[str]:
    """Return the indices of the loops around a statement, the outer one first."""
    loops = [
        node
        for node in ast.walk(learner.tree)
        if isinstance(node, ast.For) and any(one is statement for one in ast.walk(node))
    ]
    return [n.id for loop in loops for n in ast.walk(loop.target) if isinstance(n, ast.Name)]


def _elements(variables: Mapping[str, Any], loops: Sequence[str], without: str) -> list[str]:
    """Return the elements of the arrays that belong to a pass of the loops."""
    windows = [k for k, v in variables.items() if isinstance(v, tuple) and _is_window(v)]
    indices = [", ".join(loops)] * (len(loops) > 1) + [*loops, *windows]
    indices += [f":, {index}" for index in loops]
    found = []
    for name, value in variables.items():
        if isinstance(value, np.ndarray) and value.ndim and name != without:
            found += [f"{name}[{index}]" for index in indices]
    return found


def _is_window(value: tuple[Any, ...]) -> bool:
    return bool(value) and all(isinstance(one, slice) for one in value)


def _by_contributions(learner: Learner, places: Sequence[_Places], blank: Blank) -> Found:
    """Recognize a gradient that some of the uses of a value did not contribute to."""
    statement = learner.assignment_of(blank.name)
    if not isinstance(statement, ast.Assign) or blank.at_end or not places:
        return None
    code = compile(ast.unparse(statement), "<statement>", "exec")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counts = [count for one in places for count in one.partial(code)]
    if not counts or None in counts or not any(counts):
        return None
    words = f"`{blank.target}` is used {max(c or 0 for c in counts)} times, and each use sends a "
    return "contribution missing", f"{words}contribution: not all of them are there"


class _Places:
    """The variables at a blank, in each pass of its loop, where all else is right."""

    def __init__(self, learner: Learner, truth: Truth, blank: Blank, others: set[str]) -> None:
        self.truth, self.blank = truth, blank
        self.found: list[dict[str, Any]] = []
        # Changes use NumPy, which not every exercise imports.
        self.names = {"np": np, **learner.function.__globals__}

        statement = learner.assignment_of(blank.name)
        used = {n.id for n in ast.walk(statement or learner.tree) if isinstance(n, ast.Name)}
        used -= {*self.names, *dir(builtins)}
        if statement is not None:
            used.update(_indices_of_loops(learner, statement))

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

    def partial(self, statement: CodeType) -> list[int | None]:
        """Return at each place how many contributions there are, if some are missing.

        It is 0 where the value is right, and None where the contributions do not explain it.
        """
        counts: list[int | None] = []
        for variables in self.found:
            try:
                parts = self.truth.contributions(self.blank, variables)
                names = dict(variables)
                exec(statement, self.names, names)
                counts.append(_partial(names[self.blank.name], parts))
            except Exception:  # it is something else
                return [None]
        return counts


def _partial(value: Any, parts: Sequence[Any]) -> int | None:
    """Return the number of contributions if a value has only some; 0 if all, None if neither."""
    if not 2 <= len(parts) <= _MOST_CONTRIBUTIONS:
        return 0 if len(parts) == 1 and not difference(value, parts[0]) else None
    for size in range(len(parts), 0, -1):
        for some in itertools.combinations(parts, size):
            if not difference(value, sum(some[1:], some[0])):
                return 0 if size == len(parts) else len(parts)
    return None


def _short(sentence: str) -> str:
    """Return a sentence without its line, and without the place in the graph: a blank has one."""
    _, colon, rest = sentence.partition("looks like this: ")
    return _PLACE.sub("", rest if colon else sentence)
