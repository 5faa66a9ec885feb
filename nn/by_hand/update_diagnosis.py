"""Says what is wrong in an update rule by hand: a known slip, and the lines of the code.

A slip is believed only if the rule with this slip produces the same parameters in every step; a
corrected line only if the code with this line produces those of the textbook.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.diagnosing.check_result import lines_in_words
from tinygrad_edu.diagnosing.results import Diagnosis
from tinygrad_edu.following.instrumenting import Statement
from tinygrad_edu.following.quantities import Quantities
from tinygrad_edu.following.repairing import Finding, Repair
from tinygrad_edu.following.running import Follower
from tinygrad_edu.source_lines import SourceLine

from .update_calls import Course, Task
from .update_slips import Slip, conventions_of, equation_of, slips_of, step_of

__all__ = ["computed", "diagnosed", "is_equal", "is_same_course"]

Array: TypeAlias = NDArray[Any]
_Names: TypeAlias = Mapping[str, tuple[str, str]]

_BELIEVED = 1e-9
_ROUND_OFF = 64  # units in the last place of the largest element
_SECONDS = 5.0


def is_equal(yours: Array, right: Array, scale: float) -> bool:
    """Whether two arrays agree up to round-off; NaN agrees with NaN, and infinities by sign.

    Parameters
    ----------
    yours, right : ndarray
    scale : float
        1e-9 of it is the largest difference.
    """
    with np.errstate(all="ignore"):
        finite = np.isfinite(right)
        if not np.array_equal(finite, np.isfinite(yours)):
            return False
        if not np.array_equal(yours[~finite], right[~finite], equal_nan=True):
            return False
        single = yours.dtype.kind == "f" and yours.dtype.itemsize < 8
        unit = float(np.finfo(yours.dtype if single else np.float64).eps)
        largest = float(np.abs(right[finite]).max(initial=0.0))
        difference = np.abs(yours[finite].astype(np.float64) - right[finite]).max(initial=0.0)
    return bool(difference <= max(_BELIEVED * scale, _ROUND_OFF * unit * largest))


def scale_of(right: Array, start: Array) -> float:
    """Return how far a parameter has moved."""
    with np.errstate(all="ignore"):
        moved = np.abs(right - start)
    return float(moved[np.isfinite(moved)].max(initial=0.0))


def is_same_course(
    yours: Course, right: Iterator[dict[tuple[str, str], Array]], task: Task
) -> bool:
    """Whether the parameters are the same after every step.

    Parameters
    ----------
    yours, right : iterable of dict
        Arrays by variable and parameter, after each step.
    task : Task
    """
    for mine, step in zip(yours, right, strict=True):
        for name, start in task.params.items():
            one = step["w", name]
            if not is_equal(mine["w", name], one, scale_of(one, start)):
                return False
    return True


def computed(
    rule: str, task: Task, slips: Sequence[Slip] = (), decays_biases: bool = False
) -> Iterator[dict[tuple[str, str], Array]]:
    """Compute a rule with slips, step by step; also the values on the way.

    Parameters
    ----------
    rule : str
    task : Task
    slips : sequence of Slip
    decays_biases : bool
        Whether weight decay also applies to biases.
    """
    changes = {name: text for slip in slips for name, text in slip.changes.items()}
    equations = Slip("", "", changes).equations(rule)
    state: dict[str, dict[str, Any]] = {
        name: {"w": start, **{one: np.zeros_like(start) for one in task.state}}
        for name, start in task.params.items()
    }
    decay = task.settings.get("weight_decay", 0.0)
    for t, gradients in enumerate(task.gradients, 1):
        step: dict[tuple[str, str], Any] = {}
        for name, before in state.items():
            is_decayed = decays_biases or not task.is_bias[name]
            values = {**task.settings, **before, "g": gradients[name], "t": t, "decay_all": decay}
            values["weight_decay"] = decay if is_decayed else 0.0
            after = step_of(equations, values)
            state[name] = {one: after[one] for one in before}
            step |= {(one, name): after[one] for one in (*before, *dict(equations))}
        yield step


# Slips ------------------------------------------------------------------------------------------


def _slips(rule: str, course: Course, task: Task) -> tuple[list[tuple[Slip, ...]], list[Slip]]:
    """List the slips that produce the same parameters: one, or else two together.

    Each is followed by the other form of the rule in which it was made, if any. The second list
    contains other slips that produce the same with these settings.
    """
    known = slips_of(rule, task.settings)
    others = conventions_of(rule, task.settings)  # they are right, and are not mentioned

    def explains(slips: tuple[Slip, ...]) -> bool:
        names = [name for slip in slips for name in slip.changes]
        is_possible = len(names) == len(set(names))
        return is_possible and is_same_course(course, computed(rule, task, slips), task)

    single = [
        together
        for slip in known
        for together in ((slip,), *((slip, other) for other in others))
        if explains(together)
    ]
    if single:
        first = single[0][0]
        return single[:1], [slip for slip, *_ in single[1:] if slip.kind != first.kind]
    pair = next(filter(explains, itertools.combinations(known, 2)), ())
    return [(slip,) for slip in pair], []


# Lines ------------------------------------------------------------------------------------------


def _follower(step: Callable[..., Any], attempt: Callable[[], Course]) -> Follower | None:
    """Follow a step through all of its calls; None if its source is not available."""
    follower = Follower(attempt, ())
    follower.call(step)
    return follower if follower.follows else None


def _quantities(steps: Sequence[Mapping[tuple[str, str], Any]]) -> Quantities:
    arrays = [one for step in steps for one in step.values() if isinstance(one, np.ndarray)]
    return Quantities([(None, one) for one in arrays], ())


def _findings(
    follower: Follower, right: Course, rule: str, task: Task, has_slip: bool
) -> list[Finding]:
    """Find the lines that make all parameters right when they are corrected."""
    parameters = [("w", name) for name in task.params]
    states = [(one, name) for one in task.state for name in task.params]
    quantities = _quantities(list(computed(rule, task)))
    # The state shows whether one of several mistakes is corrected; a known slip is only one.
    for wanted in [parameters] if has_slip else [parameters, [*parameters, *states]]:
        names = {f"{variable} of {name}": (variable, name) for variable, name in wanted}

        def read(course: Course, names: _Names = names) -> dict[str, list[Any]]:
            return {text: [step.get(key) for step in course] for text, key in names.items()}

        def known(given: Mapping[str, list[Any]], names: _Names = names) -> frozenset[str]:
            return frozenset(text for text, one in given.items()
                             if _holds(names[text], one, right, task))  # fmt: skip

        repair = Repair(follower, read, known, list(names), quantities, _SECONDS)
        found = repair.findings()
        if found and not any(text.startswith("w of ") for text in repair.left):
            return found if all(one.edit for one in found) else []
    return []


def _place(follower: Follower, rule: str, slips: Sequence[Slip], task: Task) -> SourceLine | None:
    """Find the line that computes what the first of these slips changes."""
    slip = slips[0]
    wrong, right = list(computed(rule, task, slips)), list(computed(rule, task))
    # A value that is right but used for another one shows only in what follows from it.
    order = [name for name, text in slip.changes.items() if not text.isidentifier()]
    order = [*(name.removeprefix("+") for name in order), *(["w"] if order else ["d", "w"])]
    _, events = follower.record()
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
                if any(_is_one(value, quantities, is_scaled) for value in _values(event.value)):
                    return _line_of(follower.statements[event.number])
    return None


def _values(value: Any) -> Sequence[Any]:
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


def _holds(key: tuple[str, str], values: Sequence[Any], right: Course, task: Task) -> bool:
    """Whether a variable is right after every step."""
    for yours, step in zip(values, right, strict=True):
        textbook = step[key]
        if yours is None or yours.dtype.kind not in "fi":
            return False
        start = task.params[key[1]] if key[0] == "w" else np.zeros_like(textbook)
        if not is_equal(yours, textbook, scale_of(textbook, start)):
            return False
    return True


def _words(finding: Finding) -> str:
    edit = finding.edit
    assert edit is not None
    if edit.what == "sign":
        return "the sign is flipped"
    if edit.what == "accumulate":
        return "= in place of +="
    if edit.what == "overwrite":
        return "+= in place of ="
    if edit.what == "drop statement":
        return "the line is too much"
    if not edit.after:
        return f"{edit.before} is too much"
    return f"{edit.before} should be {edit.after}" if edit.before else f"{edit.after} is missing"


def _line_of(statement: Statement) -> SourceLine:
    file = statement.function.listing.file.replace("\\", "/").split("/")[-1]
    name = statement.function.code.co_qualname.split("<locals>.")[-1]
    return SourceLine(file, statement.line, name, statement.text)


class _WithoutOnes(ast.NodeTransformer):
    """Drops factors 1, which remain where another factor was too much."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mult):
            for one, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(one, ast.Constant) and one.value == 1:
                    return other
        return node


def _right(finding: Finding) -> str:
    """Return the corrected line; as Python writes it if that is shorter to read."""
    text = finding.edit.line if finding.edit else ""
    try:
        plain = ast.unparse(_WithoutOnes().visit(ast.parse(text)))
    except SyntaxError:  # the head of a loop alone
        return text
    if " ** " not in finding.statement.text:
        plain = plain.replace(" ** ", "**")
    is_shorter = plain.count("(") < text.count("(") or plain.count("*") < text.count("*")
    return plain if is_shorter else text


# Both -------------------------------------------------------------------------------------------


def diagnosed(
    step: Callable[..., Any],
    attempt: Callable[[], Course],
    course: Course,
    right: Course,
    rule: str,
    task: Task,
) -> list[Diagnosis]:
    """List what makes a step differ: a slip with its lines, or slips, or lines.

    Parameters
    ----------
    step : callable
    attempt : callable
        Makes all steps again.
    course, right : list
        The results of the step and of the textbook.
    rule : str
    task : Task
    """
    slips, same = _slips(_plain(rule), course, task)
    also = "".join(f"; or, with these settings the same: {one.words}" for one in same[:1])
    follower = _follower(step, attempt)
    findings = [] if follower is None else _findings(follower, right, rule, task, len(slips) == 1)
    names = tuple(
        name
        for name in task.params
        if not _holds(("w", name), [step.get(("w", name)) for step in course], right, task)
    )
    if len(slips) == 1 and findings:
        ((slip, *_),) = slips
        lines = [_line_of(one.statement) for one in findings]
        corrected = "\n".join(map(_right, findings))
        return [_with_lines(slip.kind, slip.words + also, names, lines, corrected)]
    found = []
    for slip, *form in slips:
        line = None
        if follower is not None:
            line = _place(follower, _plain(rule), [slip, *form], task)
        equation = _textbook(rule, slip)
        words = slip.words + (f"; the textbook has {equation}" if equation else "") + also
        lines = [line] if line else []
        found.append(_with_lines(slip.kind, words, names, lines, equation if line else ""))
    if not slips:
        found = [
            _with_lines("line", _words(one), names, [_line_of(one.statement)], _right(one))
            for one in findings
        ]
    return found


def _with_lines(
    kind: str, words: str, names: tuple[str, ...], lines: Sequence[SourceLine], right: str
) -> Diagnosis:
    """Write a diagnosis with the lines where it is."""
    sentence = f"looks like this: {words}"
    if not lines:
        return Diagnosis(kind, sentence, "", names)
    where = lines_in_words(one.line for one in lines)
    code = "\n".join(one.code for one in lines)
    line = SourceLine(lines[0].file, lines[0].line, lines[0].function, code)
    return Diagnosis(kind, f"{where}: {sentence}", where, names, line, right)


def _textbook(rule: str, slip: Slip) -> str:
    """Return the equation that the slip changes, where the rule has it in this form."""
    if slip.kind == "used before the update":  # each equation is right, their order is not
        return ""
    return equation_of(rule, slip) if rule == _plain(rule) else ""


def _plain(rule: str) -> str:
    """Return the rule whose equations the slips change."""
    return "momentum" if rule == "classic_momentum" else rule
