"""Finds the lines of an update rule that are wrong, by following its code while it runs.

A corrected line is returned only if the code with this line produces the textbook's parameters.
What a mistake is called is decided elsewhere.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from tinygrad_edu.diagnosing.check_result import lines_in_words
from tinygrad_edu.diagnosing.results import Diagnosis
from tinygrad_edu.following.instrumenting import Statement
from tinygrad_edu.following.quantities import Quantities
from tinygrad_edu.following.repairing import Finding, Repair
from tinygrad_edu.following.running import Event, Follower
from tinygrad_edu.following.trying import Attempts
from tinygrad_edu.source_lines import SourceLine

from .calls import Course, Task
from .courses import computed, holds, is_equal, state_meant
from .slips import Slip

__all__ = [
    "corrected_line",
    "events_of",
    "findings_of",
    "follower_of",
    "line_of",
    "place_of",
    "statements_with",
    "values_in",
    "with_lines",
    "words_of",
    "writer_of",
]

_Variables: TypeAlias = Mapping[str, tuple[tuple[str, str], tuple[str, str], float]]
"""By name: which variable of which parameter, which one of the textbook, and times what."""

_BELIEVED = 1e-9
_SECONDS = 2.0  # of both searches together
_HEADS = ("loop", "test", "index")


def follower_of(step: Callable[..., Any], attempt: Callable[[], Course]) -> Follower | None:
    """Follow a step through all of its calls; None if its source is not available."""
    follower = Follower(attempt, ())
    follower.call(step)
    return follower if follower.follows else None


def events_of(follower: Follower) -> list[Event]:
    """Run all steps, and return what each statement computed; heads of loops compute nothing."""
    _, events = follower.record()
    return [one for one in events if follower.statements[one.number].kind not in _HEADS]


def _quantities(steps: Sequence[Mapping[tuple[str, str], Any]]) -> Quantities:
    arrays = [one for step in steps for one in step.values() if isinstance(one, np.ndarray)]
    return Quantities([(None, one) for one in arrays], ())


def findings_of(
    follower: Follower, course: Course, right: Course, rule: str, task: Task, has_slip: bool
) -> list[Finding]:
    """Find the lines that make all parameters right when they are corrected.

    Parameters
    ----------
    follower : Follower
    course, right : Course
        Of the learner, and of the textbook.
    rule : str
    task : Task
    has_slip : bool
        Whether one known slip explains the course.
    """
    quantities = _quantities(list(computed(rule, task)))
    for wanted in _wanted(course, right, task, has_slip):

        def read(course: Course, wanted: _Variables = wanted) -> dict[str, list[Any]]:
            return {text: [step.get(key) for step in course]
                    for text, (key, _, _) in wanted.items()}  # fmt: skip

        def known(given: Mapping[str, list[Any]], wanted: _Variables = wanted) -> frozenset[str]:
            return frozenset(
                text
                for text, one in given.items()
                if holds(wanted[text][1], one, right, task, wanted[text][2])
            )

        # A slip is one mistake, so its correction leaves nothing wrong.
        must = list(wanted) if has_slip else [one for one in wanted if one.startswith("w of ")]
        at = Attempts(follower, read, known, quantities)
        repair = Repair(at, list(wanted), _SECONDS / 2)
        found = repair.findings()
        if found and repair.left.isdisjoint(must):
            return found if all(one.edit for one in found) else []
    return []


def _wanted(course: Course, right: Course, task: Task, has_slip: bool) -> Iterator[_Variables]:
    """Yield what is to become right: the parameters, and the state if that is known."""
    parameters = {f"w of {name}": (("w", name), ("w", name), 1.0) for name in task.params}
    if not has_slip:
        yield parameters
        # The state shows whether one of several mistakes is corrected.
        yield {**parameters, **{f"{one} of {name}": ((one, name), (one, name), 1.0)
                                for one in task.state for name in task.params}}  # fmt: skip
        return
    # A state that is right in the first steps is to stay so; another may have another form.
    state: dict[str, tuple[tuple[str, str], tuple[str, str], float]] = {}
    for variable in dict.fromkeys(variable for variable, _ in course[0] if variable != "w"):
        kind, factor = state_meant(variable, course, right, task)
        if kind:
            state |= {f"{variable} of {name}": ((variable, name), (kind, name), factor)
                      for name in task.params}  # fmt: skip
    if state:
        yield {**parameters, **state}
    yield parameters


def place_of(follower: Follower, rule: str, slips: Sequence[Slip], task: Task) -> SourceLine | None:
    """Find the line that computes what the first of these slips changes.

    Parameters
    ----------
    follower : Follower
    rule : str
    slips : sequence of Slip
    task : Task
    """
    slip = slips[0]
    wrong, right = list(computed(rule, task, slips)), list(computed(rule, task))
    # A value that is right but used for another one shows only in what follows from it.
    order = [name for name, text in slip.changes.items() if not text.isidentifier()]
    order = [*(name.removeprefix("+") for name in order), *(["w"] if order else ["d", "w"])]
    events = events_of(follower)
    for name in order:
        changed = [
            {key: array}
            for one, textbook in zip(wrong, right, strict=True)
            for key, array in one.items()
            if key[0] == name and _differs(array, textbook[key])
        ]
        quantities = _quantities(changed)
        for is_scaled in (False, True) if name != "w" else (False,):
            for event in events:
                if any(_is_one(value, quantities, is_scaled) for value in values_in(event.value)):
                    return line_of(follower.statements[event.number])
    return None


def values_in(value: Any) -> Sequence[Any]:
    """Return what a statement computed: several values, if it returns them together."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, tuple | list) else (value,)


def _is_one(value: Any, quantities: Quantities, is_scaled: bool) -> bool:
    """Whether a value is one of the quantities, or a multiple of it."""
    return any(
        one.arrangement == "" and (is_scaled or abs(one.factor - 1) < _BELIEVED)
        for one in quantities.matches(value)
    )


def _differs(one: Any, other: Any) -> bool:
    """Whether an array is not even a multiple of another one."""
    if not isinstance(one, np.ndarray) or not np.isfinite(one).all():
        return False
    return not _is_one(one, Quantities([(None, other)], ()), is_scaled=True)


def words_of(finding: Finding) -> str:
    edit = finding.edit
    assert edit is not None
    if edit.what == "sign":
        return "the sign is flipped"
    if edit.what == "accumulate":
        return "= instead of +="
    if edit.what == "overwrite":
        return "+= instead of ="
    if edit.what == "drop statement":
        return "the line is too much"
    if not edit.after:
        return f"{edit.before} is too much"
    return f"{edit.before} should be {edit.after}" if edit.before else f"{edit.after} is missing"


def line_of(statement: Statement) -> SourceLine:
    file = statement.function.listing.file.replace("\\", "/").split("/")[-1]
    name = statement.function.code.co_qualname.split("<locals>.")[-1]
    return SourceLine(file, statement.line, name, statement.text)


def statements_with(
    follower: Follower, events: Sequence[Event], values: Sequence[Any]
) -> list[Statement]:
    """List the statements that compute all of some arrays, in the order in which they run.

    Parameters
    ----------
    follower : Follower
    events : sequence of Event
    values : sequence of array
    """
    found: dict[int, set[int]] = {}
    for event in events:
        seen = found.setdefault(event.number, set())
        for one in values_in(event.value):
            seen |= {place for place, value in enumerate(values) if _is_array(one, value)}
    return [follower.statements[number] for number, seen in found.items()
            if len(seen) == len(values)]  # fmt: skip


def writer_of(
    follower: Follower, events: Sequence[Event], values: Sequence[Any]
) -> Statement | None:
    """Return the statement that computes, or writes, these values one after the other.

    Parameters
    ----------
    follower : Follower
    events : sequence of Event
    values : sequence of array
    """
    runs: dict[tuple[int, bool], list[Any]] = {}
    for event in events:
        runs.setdefault((event.number, event.written), []).append(event.value)
    for (number, _), found in runs.items():
        is_one = len(found) == len(values) and all(map(_is_array, found, values))
        if is_one:
            return follower.statements[number]
    return None


def _is_array(value: Any, expected: Any) -> bool:
    """Whether a value is an array that is equal to another, or a number."""
    if not isinstance(value, np.ndarray | np.generic | int | float):
        return False
    one, other = np.asarray(value), np.asarray(expected)
    return one.shape == other.shape and one.dtype.kind in "fi" and is_equal(one, other, 0.0)


class _WithoutOnes(ast.NodeTransformer):
    """Drops factors 1, which remain where another factor was too much."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mult):
            for one, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(one, ast.Constant) and one.value == 1:
                    return other
        return node


def corrected_line(finding: Finding) -> str:
    """Return the corrected line; as Python writes it if that is shorter to read."""
    text = finding.edit.line if finding.edit else ""
    statement = finding.statement
    head, iterated = statement.text, statement.function.listing.text(statement.value)
    if statement.kind in ("loop", "test") and head.endswith(":") and not text.endswith(":"):
        return head.replace(iterated, text)
    try:
        plain = ast.unparse(_WithoutOnes().visit(ast.parse(text)))
    except SyntaxError:  # the head of a loop alone
        return text
    if " ** " not in finding.statement.text:
        plain = plain.replace(" ** ", "**")
    is_shorter = plain.count("(") < text.count("(") or plain.count("*") < text.count("*")
    return plain if is_shorter else text


def with_lines(
    kind: str, words: str, names: tuple[str, ...], lines: Sequence[SourceLine], right: str
) -> Diagnosis:
    """Write a diagnosis with the lines where it is.

    Parameters
    ----------
    kind, words : str
    names : tuple of str
        The parameters that it explains.
    lines : sequence of SourceLine
    right : str
        The corrected lines.
    """
    sentence = f"looks like this: {words}"
    if not lines:
        return Diagnosis(kind, sentence, "", names)
    where = lines_in_words(one.line for one in lines)
    code = "\n".join(one.code for one in lines)
    line = SourceLine(lines[0].file, lines[0].line, lines[0].function, code)
    return Diagnosis(kind, f"{where}: {sentence}", where, names, line, right)
