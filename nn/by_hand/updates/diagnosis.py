"""Says what is wrong in an update rule by hand: a known slip, and the lines of the code.

A slip is believed only if the rule with this slip produces the same parameters in every step; a
corrected line only if the code with this line produces those of the textbook.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tinygrad_edu.diagnosing.results import Diagnosis
from tinygrad_edu.following.repairing import Finding
from tinygrad_edu.following.running import Follower

from .calls import Course, Task
from .courses import computed, holds, is_same_course, unchanged
from .lines import (
    corrected_line,
    findings_of,
    follower_of,
    line_of,
    place_of,
    with_lines,
    words_of,
)
from .loops import loop_in_words, loop_of, of_unchanged, words_of_loop
from .slips import Slip, conventions_of, equation_of, slips_of

__all__ = ["diagnosed"]


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


def diagnosed(
    step: Callable[..., Any],
    attempt: Callable[[], Course],
    course: Course,
    right: Course,
    rule: str,
    task: Task,
) -> list[Diagnosis]:
    """List what makes a step differ: a slip with its lines, or slips, or lines.

    Parameters that do not change come first; then only the others are looked at.

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
    follower = follower_of(step, attempt)
    still = unchanged(course, task)
    found = of_unchanged(follower, course, right, rule, task, still) if still else []
    others = {name: one for name, one in task.params.items() if name not in still}
    if others and not is_same_course(course, iter(right), rest := replace(task, params=others)):
        found += _of_changed(follower, course, right, rule, rest)
    return found


def _of_changed(
    follower: Follower | None, course: Course, right: Course, rule: str, task: Task
) -> list[Diagnosis]:
    """List what makes parameters differ that change."""
    names = tuple(
        name
        for name in task.params
        if not holds(("w", name), [step.get(("w", name)) for step in course], right, task)
    )
    loop = loop_of(rule, course, task)
    if loop is not None:
        if loop.gradient_of and follower is not None:
            findings = findings_of(follower, course, right, rule, task, True)
            if findings:
                return [_of_lines(*words_of_loop(loop), names, findings)]
        return [loop_in_words(loop, follower, course, right, rule, task, names)]
    slips, same = _slips(_plain(rule), course, task)
    also = "".join(f"; or, with these settings the same: {one.words}" for one in same[:1])
    has_slip = len(slips) == 1
    findings = []
    if follower is not None:
        findings = findings_of(follower, course, right, rule, task, has_slip)
    if has_slip and findings:
        ((slip, *_),) = slips
        return [_of_lines(slip.kind, slip.words + also, names, findings)]
    if not slips:
        return [_of_lines("line", words_of(one), names, [one]) for one in findings]
    return [_of_slip(follower, slip, form, also, rule, task, names) for slip, *form in slips]


def _of_lines(
    kind: str, words: str, names: tuple[str, ...], findings: Sequence[Finding]
) -> Diagnosis:
    """Describe a mistake with all lines that are to be corrected."""
    lines = [line_of(one.statement) for one in findings]
    return with_lines(kind, words, names, lines, "\n".join(map(corrected_line, findings)))


def _of_slip(
    follower: Follower | None,
    slip: Slip,
    form: Sequence[Slip],
    also: str,
    rule: str,
    task: Task,
    names: tuple[str, ...],
) -> Diagnosis:
    """Describe a slip, with the line where it is but without its correction."""
    line = None
    if follower is not None:
        line = place_of(follower, _plain(rule), [slip, *form], task)
    equation = _textbook(rule, slip)
    words = slip.words + (f"; the textbook has {equation}" if equation else "") + also
    return with_lines(slip.kind, words, names, [line] if line else [], equation if line else "")


def _textbook(rule: str, slip: Slip) -> str:
    """Return the equation that the slip changes, where the rule has it in this form."""
    if slip.kind == "used before the update":  # each equation is right, their order is not
        return ""
    return equation_of(rule, slip) if rule == _plain(rule) else ""


def _plain(rule: str) -> str:
    """Return the rule whose equations the slips change."""
    return "momentum" if rule == "classic_momentum" else rule
