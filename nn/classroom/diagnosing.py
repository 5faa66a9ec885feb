"""Adds to wrong blanks what each looks like: the diagnosis of gradients by hand, line by line.

It names the line and the kind of mistake; the corrected line, which is the answer, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tinygrad_edu import GradientError, check_manual

from .exercise import Exercise
from .following import Learner
from .report import BlankResult
from .truth import Truth

__all__ = ["with_diagnoses"]


def with_diagnoses(
    exercise: Exercise, learner: Learner, truth: Truth, results: tuple[BlankResult, ...]
) -> tuple[BlankResult, ...]:
    """Add the diagnosis of each wrong blank, where there is one.

    Parameters
    ----------
    exercise : Exercise
    learner : Learner
    truth : Truth
    results : tuple of BlankResult
    """
    if not truth.gradients:
        return results
    by_name = {blank.name: blank for blank in exercise.blanks}

    def right(name: str, variables: Mapping[str, Any]) -> Any:
        return truth.of(by_name[name], variables)

    function = learner.completed(right)
    try:
        found = check_manual(exercise.forward, function, *truth.inputs.values(), samples=0)
    except (GradientError, TypeError, ValueError, ArithmeticError, LookupError):
        return results  # its lines raise errors, which are reported already
    looks = {
        line.line: (one.kind, one.sentence.removesuffix(f"; right: {one.right}"))
        for one in found.diagnoses
        if one.line is not None
        for line in (one.line, *(line for line, _ in one.more))
    }
    wrong = [one for one in results if one.state == "wrong"]
    if not looks and len(wrong) == 1 and len(found.diagnoses) == 1:
        (one,) = found.diagnoses
        looks = {wrong[0].line: (one.kind, one.sentence)}
    return tuple(
        replace(one, kind=looks[one.line][0], looks_like=_short(looks[one.line][1]))
        if one.state == "wrong" and one.line in looks
        else one
        for one in results
    )


def _short(sentence: str) -> str:
    """Return a sentence without the line and the words that every one begins with."""
    _, colon, rest = sentence.partition("looks like this: ")
    return rest if colon else sentence
