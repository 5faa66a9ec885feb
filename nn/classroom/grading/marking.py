"""Marks a hand-in: its values are compared here with the truth, on draws that it does not know.

The process of the hand-in computes values and is not trusted: it never says what is right.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tinygrad_edu.errors import printable

from ..checking import _of_result, results_of
from ..exercise import Exercise
from ..following import EngineUsed, Learner, Right, Run, Seen
from ..report import BlankResult, ExerciseReport
from ..right_values import Passes, indices_of, passes_of
from .running import Limits, Session, Stopped
from .wire import decode, encode

__all__ = ["Mark", "is_error", "mark", "place_of", "unmarked"]

_MOST_WORDS = 200
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
    """

    report: ExerciseReport
    problem: str = ""
    cells: tuple[int, ...] = ()

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
    try:
        with Session(exercise, parts, limits) as session:
            learner = _Remote(exercise, parts, session)
            results = results_of(exercise, learner, seed, diagnose=False)
            others = results_of(exercise, learner, hidden, diagnose=False)
            is_right = all(one.is_right for one in (*results, *others))
            notes = _of_result(exercise, learner, hidden) if is_right else []
    except (Stopped, EngineUsed) as problem:
        return unmarked(exercise, str(problem))
    both = tuple(map(_on_both, results, others))
    cells = tuple(part.count("\n") + 1 for part in parts) if len(parts) > 1 else ()
    both = tuple(
        replace(one, words=re.sub(_LINE, lambda m: place_of(int(m[1]), cells), one.words))
        for one in both
    )
    if all(map(is_error, both)):
        return Mark(ExerciseReport(exercise, both), both[0].words, cells)
    if any(one.state == "wrong" and not is_error(one) for one in both):
        both = _diagnosed(exercise, parts, seed, limits, both)
    return Mark(ExerciseReport(exercise, both, tuple(notes)), "", cells)


def unmarked(exercise: Exercise, problem: str) -> Mark:
    """Return the mark of a hand-in that could not be judged."""
    words = printable(problem, _MOST_WORDS)
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
            str(name): (printable(kind, 60), printable(words, _MOST_WORDS))
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


class _Remote(Learner):
    """The function of a hand-in, which runs in another process."""

    def __init__(self, exercise: Exercise, parts: Sequence[str], session: Session) -> None:
        self._session = session
        self._hand_in = "\n".join(parts).split("\n")
        self.blanks = {blank.name: blank for blank in exercise.blanks}
        self._unsolved = Learner(exercise.unsolved, exercise.blanks)
        self._indices = {name: indices_of(blank) for name, blank in self.blanks.items()}
        self._expected: dict[int, tuple[Any, Passes]] = {}
        hello = session.hello
        with _reading():
            self.lines = {name: int(hello["lines"][name][0]) for name in self._in(hello["lines"])}
            self._ends = {name: int(hello["lines"][name][1]) for name in self.lines}
            self.is_open = {*self._in(hello["open"])}
            self.notes = [printable(one, _MOST_WORDS) for one in hello["notes"][:3]]

    def _in(self, names: Collection[str]) -> list[str]:
        return [name for name in self.blanks if name in names]

    def code_of(self, name: str) -> str:
        """Return the lines that fill a blank, without the comment that asks for it."""
        lines = self._hand_in[max(self.lines.get(name, 1) - 1, 0) : max(self._ends.get(name, 0), 0)]
        return printable(" ".join(line.partition("# blank")[0].strip() for line in lines), 160)

    def run(self, arguments: Mapping[str, Any], right: Right, given: Collection[str] = ()) -> Run:
        """Let the other process run the function; see `Learner.run`."""
        expected = self._passes(arguments, right)
        withheld = {*given, *self.is_open}
        sent = {name: _each_once(expected.get(name, ())) for name in withheld}
        request = {"inputs": encode(dict(arguments)), "given": sent, "indices": self._indices}
        reply = self._session.ask(request)
        with _reading():
            return self._read(reply, expected, withheld)

    def _passes(self, arguments: Mapping[str, Any], right: Right) -> Passes:
        """Return the right values for these arguments; several runs have the same ones."""
        if id(arguments) not in self._expected:
            self._expected[id(arguments)] = arguments, passes_of(self._unsolved, arguments, right)
        return self._expected[id(arguments)][1]

    def _read(self, reply: Mapping[str, Any], expected: Passes, withheld: set[str]) -> Run:
        run = Run()
        for name in self._in(reply["seen"]):
            if name in withheld or not reply["seen"][name]:
                continue  # what was given says nothing, and neither does an empty list
            run.seen[name] = [
                Seen(
                    decode(value), {key: int(index[key]) for key in self._indices[name]}, int(order)
                )
                for value, index, order in reply["seen"][name]
            ]
        for name in self._in(reply["passes"]):
            run.passes[name] = int(reply["passes"][name])
            wanted = {tuple(index.items()) for index, _ in expected.get(name, ())}
            is_counted = self.blanks[name].in_loop and name in run.seen
            if is_counted and len(wanted) == len(expected.get(name, ())):
                # The same pass twice does not count for two, not even as -1 instead of the last.
                there = {tuple(one.variables.items()) for one in run.seen[name]}
                run.passes[name] = len(there & wanted)
        run.result, run.line = decode(reply["result"]), int(reply["line"])
        if reply["error"] is not None:
            kind, words = (printable(one, _MOST_WORDS) for one in reply["error"])
            run.error = type(kind, (Exception,), {})(words)
        return run


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Turn what is wrong with a reply into one kind of error."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
        raise Stopped("it wrote into the channel of its results") from None


def _each_once(passes: Sequence[tuple[dict[str, int], Any]]) -> list[Any]:
    """Return what is sent: one value for each index."""
    found = {tuple(index.items()): [index, encode(value)] for index, value in passes}
    return list(found.values())
