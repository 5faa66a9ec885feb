"""Finds two mistakes on one path: none of the two corrections makes anything right alone."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from .findings import Correction, Located, Trial, is_close
from .instrumenting import Statement
from .trying import Attempts

__all__ = ["Pairs"]

_ROUNDS = 3  # of edits of the earlier line
_MOST_RUN = 250  # edits of the later line
_MOST_LINES = 10  # whose edits are tried two at a time
_SIMPLE = 1.25  # the cost below which an edit is simple


class Pairs:
    """The search for the first of two mistakes; the second is found after its correction.

    Parameters
    ----------
    at : Attempts
    wanted : frozenset of str
        The gradients that are to become right.
    """

    def __init__(self, at: Attempts, wanted: frozenset[str]) -> None:
        self.at, self.wanted = at, wanted

    def before(self, whole: Sequence[Located], done: set[int]) -> Correction | None:
        """Correct a line such that a later one, corrected too, computes its true value.

        The first of two mistakes on one path: none of the two corrections makes anything right
        alone.
        """
        first = self.at.seen.first_run
        for place in [one for one in whole if self.at.seen.is_once(one.statement.number)][:2]:
            later = place.statement
            edits = list(itertools.islice(self.at.trials(later), _MOST_RUN))
            earlier = [one for one in self.at.candidates(done, self.wanted)
                       if first[one.number] < first[later.number]]  # fmt: skip
            for cost in range(_ROUNDS):
                for statement in earlier:
                    for trial in self.at.round(statement, cost):
                        if self.at.is_late():
                            return None
                        if self._makes_true(statement, trial, place, edits):
                            return self.at.correction(statement, trial, frozenset())
            found = self._both_before(place, done)
            if found is not None:
                return found
        return None

    def _both_before(self, place: Located, done: set[int]) -> Correction | None:
        """Correct two lines that a line is computed from, such that all becomes right."""
        numbers = [one for one in self.at.seen.unknown.get(place.statement.number, ())
                   if one not in done]  # fmt: skip
        for pair in itertools.combinations(numbers[-4:], 2):
            one, other = (self.at.follower.statements[number] for number in pair)
            edits = [[*self.at.round(statement, 0), *self.at.round(statement, 1)]
                     for statement in (one, other)]  # fmt: skip
            for first, second in itertools.product(*edits):
                if self.at.is_late():
                    return None
                changed = {one.number: first.replacement, other.number: second.replacement}
                if self.at.run({**self.at.applied, **changed}) >= self.wanted:
                    return self.at.correction(one, first, frozenset())
        return None

    def anywhere(self, done: set[int]) -> Correction | None:
        """Run pairs of simple edits; return the first of two that make gradients right together."""
        doubtful = [one for one in self.at.candidates(done, self.wanted)
                    if self.at.seen.of[one.number] > 0][:_MOST_LINES]  # fmt: skip
        edits = {one.number: [trial for trial in self.at.round(one, 0) if trial.edit.cost < _SIMPLE]
                 for one in doubtful}  # fmt: skip
        for one, other in itertools.combinations(doubtful, 2):
            for first, second in itertools.product(edits[one.number], edits[other.number]):
                if self.at.is_late():
                    return None
                changed = {one.number: first.replacement, other.number: second.replacement}
                now = self.at.run({**self.at.applied, **changed})
                if now > self.at.now:
                    return self.at.correction(one, first, frozenset())
        return None

    def _makes_true(
        self, statement: Statement, trial: Trial, place: Located, edits: Sequence[Trial]
    ) -> bool:
        """Whether an edit of a later statement computes its true value with an earlier one."""
        found: list[Trial] = []
        number = place.statement.number

        def probe(_: Statement, variables: Mapping[str, Any]) -> None:
            expected = place.replacement.of(variables)
            for one in edits:
                try:
                    value = one.replacement.of(variables)
                except Exception:
                    continue
                if is_close(value, expected):
                    found.append(one)
                    return

        changed = {**self.at.applied, statement.number: trial.replacement}
        try:
            self.at.follower.look(number, changed, probe)
        except Exception:
            return False
        if not found:
            return False
        return self.at.run({**changed, number: found[0].replacement}) >= self.wanted
