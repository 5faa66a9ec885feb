"""The function of a hand-in, which runs in another process and is asked for the values of blanks.

A blank that is open or wrong gets its right value there, so that the blanks after it can be judged.
Its right value is sent only when all blanks before it were judged: it would give them away.
"""

from __future__ import annotations

import contextlib
import io
import secrets
import tokenize
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from tinygrad_edu.errors import printable

from ..exercise import Exercise
from ..following import Learner, Right, Run, Seen
from ..judging import difference
from ..right_values import in_order, indices_of
from .running import Session, Stopped
from .wire import decode, encode

__all__ = ["MOST_WORDS", "Remote"]

MOST_WORDS = 200
"""How many characters of a hand-in's own words are shown."""

_Event: TypeAlias = tuple[str, tuple[int, ...]]


class Remote(Learner):
    """The function of a hand-in.

    Parameters
    ----------
    exercise : Exercise
    parts : sequence of str
        The source: a file, or the cells of a notebook.
    session : Session
        The process that runs it.
    """

    def __init__(self, exercise: Exercise, parts: Sequence[str], session: Session) -> None:
        self._session = session
        self._hand_in = "\n".join(parts).split("\n")
        self.blanks = {blank.name: blank for blank in exercise.blanks}
        self._unsolved = Learner(exercise.unsolved, exercise.blanks)
        self._indices = {name: indices_of(blank) for name, blank in self.blanks.items()}
        self._expected: dict[int, tuple[Any, _Expected]] = {}
        hello = session.hello
        with _reading():
            self.lines = {name: int(hello["lines"][name][0]) for name in self._in(hello["lines"])}
            self.ends = {name: int(hello["lines"][name][1]) for name in self.lines}
            self.is_open = {*self._in(hello["open"])}
            self.notes = [printable(one, MOST_WORDS) for one in hello["notes"][:3]]

    def _in(self, names: Collection[str]) -> list[str]:
        return [name for name in self.blanks if name in names]

    def code_of(self, name: str) -> str:
        """Return the lines that fill a blank, without their comments."""
        lines = self._hand_in[max(self.lines.get(name, 1) - 1, 0) : max(self.ends.get(name, 0), 0)]
        return printable(" ".join(" ".join(_without_comments(lines)).split()), 160)

    def run(self, arguments: Mapping[str, Any], right: Right, given: Collection[str] = ()) -> Run:
        """Let the other process run the function; see `Learner.run`.

        It runs several times if values are given: each blank is judged in a run in which the given
        values after it are random ones.

        Parameters
        ----------
        arguments, right, given
            As for `Learner.run`.
        """
        expected, withheld = self._expect(arguments, right), {*given, *self.is_open}
        kept: dict[str, list[Seen]] = {}
        run, is_right = Run(), True
        for first, end in expected.parts(withheld):
            # What is given before the first blank that this run is for.
            run = self._ask(arguments, expected, withheld, first)
            for name, seen in run.seen.items():
                for one in seen:
                    place = expected.place_of(name, one)
                    if first <= place < end:
                        kept.setdefault(name, []).append(one)
                        is_judged = run.error is None or not self.blanks[name].at_end
                        is_right &= not is_judged or expected.is_right(place, one.value)
            if not is_right:
                break  # the first mistake counts, and what comes after it is judged again
        if is_right and withheld and run.error is not None:
            # A random value may be the reason.
            full = self._ask(arguments, expected, withheld, len(expected.events))
            run.error, run.line = full.error, full.line
        run.seen = {name: sorted(seen, key=lambda one: one.order) for name, seen in kept.items()}
        for name in run.passes:
            wanted = expected.indices(name)
            if self.blanks[name].in_loop and name in run.seen and wanted is not None:
                # The same pass twice does not count for two, not even as -1 instead of the last.
                there = {tuple(one.variables.values()) for one in run.seen[name]}
                run.passes[name] = len(there & wanted)
        return run

    def _expect(self, arguments: Mapping[str, Any], right: Right) -> _Expected:
        """Return the right values for these arguments; several runs have the same ones."""
        if id(arguments) not in self._expected:
            found = _Expected(in_order(self._unsolved, arguments, right))
            self._expected[id(arguments)] = arguments, found
        return self._expected[id(arguments)][1]

    def _ask(
        self, arguments: Mapping[str, Any], expected: _Expected, withheld: set[str], before: int
    ) -> Run:
        request = {
            "inputs": encode(dict(arguments)),
            "given": {name: expected.sent(name, before) for name in withheld},
            "indices": self._indices,
        }
        reply = self._session.ask(request)
        with _reading():
            return self._read(reply, withheld)

    def _read(self, reply: Mapping[str, Any], withheld: set[str]) -> Run:
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
        run.result, run.line = decode(reply["result"]), int(reply["line"])
        if reply["error"] is not None:
            kind, words = (printable(one, MOST_WORDS) for one in reply["error"])
            run.error = type(kind, (Exception,), {})(words)
        return run


class _Expected:
    """The right values of all blanks, in the order in which the function asks for them."""

    def __init__(self, asked: Sequence[tuple[str, dict[str, int], Any]]) -> None:
        self.events: list[_Event] = [(name, tuple(at.values())) for name, at, _ in asked]
        self._at = [at for _, at, _ in asked]
        self._values = [value for _, _, value in asked]
        self.last = {event: place for place, event in enumerate(self.events)}
        self._first = {event: self.events.index(event) for event in self.last}

    def parts(self, withheld: set[str]) -> list[tuple[int, int]]:
        """Divide the order where a value is given: from one place up to another, for each run."""
        given = {self._first[event] for event in self.events if event[0] in withheld}
        starts: dict[int, int] = {}  # by the number of given values before it
        for event, place in sorted(self.last.items(), key=lambda one: one[1]):
            if event[0] not in withheld:
                starts.setdefault(sum(one < place for one in given), place)
        found = [*starts.values()] or [0]
        # What has an index that nobody asks for is looked at in the last run.
        return list(zip(found, [*found[1:], len(self.events) + 1], strict=True))

    def place_of(self, name: str, seen: Seen) -> int:
        """Return the place at which a value is asked for; that behind all others if none is."""
        return self.last.get((name, tuple(seen.variables.values())), len(self.events))

    def is_right(self, place: int, value: Any) -> bool:
        """Return whether a value is the right one of a place."""
        return place < len(self._values) and not difference(value, self._values[place])

    def indices(self, name: str) -> set[tuple[int, ...]] | None:
        """Return the indices that a blank is asked for; None if one of them comes twice."""
        found = [index for one, index in self.events if one == name]
        return {*found} if len({*found}) == len(found) else None

    def sent(self, name: str, before: int) -> list[Any]:
        """Return what is sent for a given blank: right values before a place, random ones after."""
        found = []
        for event, place in self._first.items():
            if event[0] == name:
                value = self._values[self.last[event]]
                found.append([self._at[place], encode(value if place < before else _random(value))])
        return found


def _without_comments(lines: Sequence[str]) -> list[str]:
    """Leave out the comments of a statement."""
    found = list(lines)
    try:
        for one in tokenize.generate_tokens(io.StringIO("\n".join(lines).lstrip()).readline):
            if one.type == tokenize.COMMENT:
                at = found[one.start[0] - 1]
                found[one.start[0] - 1] = at[: at.rindex(one.string)]
    except (tokenize.TokenError, SyntaxError):
        return [line.partition("# blank")[0] for line in lines]
    return found


def _random(value: Any) -> Any:
    """Return other numbers of the same shape."""
    array = np.asarray(value)
    random = np.random.default_rng(secrets.randbits(64))
    if array.dtype.kind != "f":
        return random.permutation(array.ravel()).reshape(array.shape).astype(array.dtype)
    return random.normal(size=array.shape).astype(array.dtype) * (1 + np.abs(array).max(initial=0))


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Turn what is wrong with a reply into one kind of error."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
        raise Stopped("it wrote into the channel of its results") from None
