"""Adds to wrong blanks what each looks like: the diagnosis of gradients by hand, line by line.

It names the line and the kind of mistake; the corrected line, which is the answer, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

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
    if not exercise.returned.keys() <= truth.inputs.keys():
        return results  # it returns no gradients
    wrong = [one.blank.name for one in results if one.state == "wrong"]
    return tuple(
        _diagnosed(
            exercise, learner, truth, one, {name for name in wrong if name != one.blank.name}
        )
        if one.state == "wrong"
        else one
        for one in results
    )


def _diagnosed(
    exercise: Exercise, learner: Learner, truth: Truth, result: BlankResult, others: set[str]
) -> BlankResult:
    """Add the diagnosis of one wrong blank; the others get their right values."""
    by_name = {blank.name: blank for blank in exercise.blanks}

    def right(name: str, variables: Mapping[str, Any]) -> Any:
        return truth.of(by_name[name], variables)

    function = learner.completed(right, others)
    try:
        with np.errstate(all="ignore"):
            found = check_manual(exercise.forward, function, *truth.inputs.values(), samples=0)
    except (GradientError, TypeError, ValueError, ArithmeticError, LookupError, NameError):
        return result  # its lines raise errors, which are reported already
    for one in found.diagnoses:
        lines = () if one.line is None else (one.line, *(line for line, _ in one.more))
        at = [learner.blank_at(line.line) for line in lines]
        if result.blank.name in at or (not lines and len(found.diagnoses) == 1):
            words = _short(one.sentence.removesuffix(f"; right: {one.right}"))
            return replace(result, kind=one.kind, looks_like=words)
    return result


def _short(sentence: str) -> str:
    """Return a sentence without the line and the words that every one begins with."""
    _, colon, rest = sentence.partition("looks like this: ")
    return rest if colon else sentence
