"""Marks a hand-in: its values are compared here with the truth, on draws that it does not know.

The process of the hand-in computes values and is not trusted: it never says what is right.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinygrad_edu.errors import printable

from ..checking import of_result, results_of
from ..exercise import Exercise
from ..following import EngineUsed
from ..report import BlankResult, ExerciseReport
from .remote import MOST_WORDS, Remote
from .running import Limits, Session, Stopped

__all__ = ["Mark", "is_error", "mark", "place_of", "unmarked"]

_LINE = re.compile(r"^line (\d+)(?=: )")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a hand-in is worth.

    Attributes
    ----------
    report : ExerciseReport
        Each blank, and what is wrong with it.
    problem : str
        What kept it from being judged; empty if nothing did.
    cells : tuple of int
        The number of lines in each code cell of a notebook; empty for a script.
    lacks : frozenset of str
        What did not limit it: ``"landlock"``, or ``"root"`` if it ran as that user.
    """

    report: ExerciseReport
    problem: str = ""
    cells: tuple[int, ...] = ()
    lacks: frozenset[str] = frozenset()

    @property
    def score(self) -> int:
        """The number of blanks that are right."""
        return sum(one.is_right for one in self.report.blanks)

    @property
    def most(self) -> int:
        """The number of blanks."""
        return len(self.report.blanks)


def place_of(line: int, cells: Sequence[int]) -> str:
    """Say where a line is: in a script, or in the code cells of a notebook.

    Examples
    --------
    >>> place_of(5, ()), place_of(5, (3, 4))
    ('line 5', 'code cell 2, line 2')
    """
    first = 0
    for number, count in enumerate(cells, 1):
        if line <= first + count:
            return f"code cell {number}, line {line - first}"
        first += count
    return f"line {line}"


def mark(
    exercise: Exercise,
    parts: Sequence[str],
    seed: int,
    limits: Limits,
    *,
    hidden: int | None = None,
) -> Mark:
    """Run a hand-in and mark it.

    Parameters
    ----------
    exercise : Exercise
    parts : sequence of str
        Its source: a file, or the cells of a notebook.
    seed : int
        That of the numbers which were handed out.
    limits : Limits
    hidden : int, optional
        The seed of other numbers, which the hand-in cannot know; by default drawn at random.
    """
    hidden = secrets.randbits(64) if hidden is None else hidden
    began, lacks = time.monotonic(), frozenset[str]()
    try:
        with Session(exercise, parts, limits) as session:
            lacks = session.lacks
            learner = Remote(exercise, parts, session)
            results = results_of(exercise, learner, seed, diagnose=False)
            others = results_of(exercise, learner, hidden, diagnose=False)
            is_right = all(one.is_right for one in (*results, *others))
            notes = of_result(exercise, learner, hidden) if is_right else []
    except (Stopped, EngineUsed) as problem:
        return replace(unmarked(exercise, str(problem)), lacks=lacks)
    both = tuple(map(_on_both, results, others))
    cells = tuple(part.count("\n") + 1 for part in parts) if len(parts) > 1 else ()
    both = tuple(
        replace(one, words=re.sub(_LINE, lambda m: place_of(int(m[1]), cells), one.words))
        for one in both
    )
    if all(map(is_error, both)):
        # What could not be executed may be the reason, such as a helper.
        words = "; ".join([both[0].words, *learner.notes])
        return Mark(ExerciseReport(exercise, both), printable(words, MOST_WORDS), cells, lacks)
    left = limits.timeout - (time.monotonic() - began)
    if left > 0 and any(one.state == "wrong" and not is_error(one) for one in both):
        # The time is that of both processes together.
        both = _diagnosed(exercise, parts, seed, replace(limits, timeout=left), both)
    if any(one.state == "wrong" for one in both):
        notes = [*notes, *learner.notes]
    return Mark(ExerciseReport(exercise, both, tuple(notes)), "", cells, lacks)


def unmarked(exercise: Exercise, problem: str) -> Mark:
    """Return the mark of a hand-in that could not be judged."""
    words = printable(problem, MOST_WORDS)
    results = tuple(BlankResult(blank, "wrong", words=words) for blank in exercise.blanks)
    return Mark(ExerciseReport(exercise, results), words)


def is_error(result: BlankResult) -> bool:
    """Return whether a blank is wrong because of an error, whose words are those of Python."""
    return re.match(r"(code cell \d+, )?line \d+: |its line was not", result.words) is not None


def _on_both(result: BlankResult, other: BlankResult) -> BlankResult:
    """Return the result for the numbers handed out, unless it is right for these alone."""
    if not result.is_right or other.is_right:
        return result
    words = f"right for the numbers of the exercise alone; for others, {other.words}"
    return replace(other, words=words)


def _diagnosed(
    exercise: Exercise,
    parts: Sequence[str],
    seed: int,
    limits: Limits,
    results: tuple[BlankResult, ...],
) -> tuple[BlankResult, ...]:
    """Add what the mistakes look like; that comes from another process, with the engine."""
    try:
        with Session(exercise, parts, limits, "diagnoses") as session:
            found = session.ask({"exercise": exercise.name, "seed": seed})["kinds"]
        texts = {
            str(name): (printable(kind, 60), printable(words, MOST_WORDS))
            for name, (kind, words) in found.items()
        }
    except (Stopped, KeyError, TypeError, ValueError, AttributeError):
        return results
    return tuple(
        replace(one, kind=texts[one.blank.name][0], looks_like=texts[one.blank.name][1])
        if one.state == "wrong" and one.blank.name in texts
        else one
        for one in results
    )
