"""Finds the statements of hand-written code that are wrong, and what is right instead.

First a true value takes the place of what each doubtful statement computes. Where that makes
gradients right, the statement is wrong, and its correction is the edit that computes that value.
What cannot be found so, because the function computes it in another way, is found by running the
code with each edit, the likely ones first. Several mistakes are found one after the other.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .findings import Correction, Finding, Located, Trial, is_close
from .instrumenting import Statement
from .meant import candidates, ratios_of, returned_instead
from .pairs import Pairs
from .quantities import Match
from .running import Replacement
from .suspecting import TRUE_VALUE, UNSUPPORTED, Suspicion, parts_of_result, root_of
from .trying import ROUNDS, Attempts, cpu_seconds, is_a_start

__all__ = ["Finding", "Repair"]

_MOST_MISTAKES = 6
_MOST_TIMES = 3  # the longest search, where there are several mistakes, in units of a single one
_MOST_ALIKE = 4  # places that are as good as each other
_LIKELY = 0.6  # the cost of a correction that needs no comparison with others
_PLAIN = 1.1  # the cost of a plain slip: a sign, an operator, a name that is nearly the same
_ROUNDS_OF_A_LINE = 1  # the simple edits of a line that are tried first
_MOST_RUN = 250  # edits of one statement, in a round


class Repair:
    """The search for what is wrong in a function.

    Parameters
    ----------
    at : Attempts
        The code, and which gradients are right with corrections.
    wanted : collection of str
        The gradients that are to become right.
    seconds : float
        How long to search for one mistake, of this thread's own time: what is found does not
        depend on what else the machine does.

    Attributes
    ----------
    left : frozenset of str
        The gradients that are still wrong with all corrections.
    seen : Suspicion
        What each statement computes without corrections, if there is something to find.
    """

    seen: Suspicion

    def __init__(self, at: Attempts, wanted: Sequence[str], seconds: float = 2.0) -> None:
        self.at, self.follower = at, at.follower
        self.wanted = self.left = frozenset(wanted)
        self.seconds = seconds
        self._pairs = Pairs(self.at, self.wanted)
        # The statements where a true value makes all right, and what these are computed from.
        self.before_located: set[int] = set()
        self.instead: dict[int, int] = {}  # where the true value is put, if it is not there

    def findings(self) -> list[Finding]:
        """List the mistakes, in the order in which the code runs."""
        self._start = cpu_seconds()
        self._allow(self.seconds)
        found = self._in_turn(by_lines=True)
        if self.left and self.went_by_lines:
            before, left = found, self.left
            found = self._in_turn(by_lines=False)
            if (len(self.left), len(found)) >= (len(left), len(before)):
                found, self.left = before, left
        if not found and self.at.apply({}):
            found = self._only_one_left()
        return sorted(found, key=lambda one: self.seen.first_run.get(one.statement.number, 0))

    def _only_one_left(self) -> list[Finding]:
        """Find the statement on which all wrong gradients depend, and no right one, if it is one.

        It is wrong, since what it is computed from is right in the others.
        """
        missing, seen = self.wanted - self.at.now, self.at.seen
        starts = (one for one in self.at.candidates(set(), self.wanted)
                  if self.at.influence.of(one.number) == missing)  # fmt: skip
        found = [one for one in starts if not is_a_start(seen.values.get(one.number))]
        scope = self.at.scope(found[0]) if len(found) == 1 else None
        if scope is None or not self.at.now:
            return []
        before = seen.values.get(found[0].number)
        return [Finding(found[0], None, missing, before, None, None, scope)]

    def _in_turn(self, by_lines: bool) -> list[Finding]:
        """Find one mistake after the other.

        Parameters
        ----------
        by_lines : bool
            Whether a line that becomes right is enough, if no gradient becomes right yet.
        """
        found: list[Finding] = []
        applied: dict[int, Replacement] = {}
        self.instead.clear()
        while self.at.apply(applied) and not self.at.now >= self.wanted:
            if not found:
                self.seen = self.at.seen
            if len(found) == _MOST_MISTAKES or self.at.is_late():
                break
            best = self._best({one.statement.number for one in found}, by_lines)
            if best is None:
                break
            finding, replacement = best
            found.append(finding)
            self._allow(self.seconds)  # for the next one
            number = finding.statement.number
            applied[self.instead.get(number, number)] = replacement
        self.left = self.wanted - self.at.now
        self.went_by_lines = any(not one.repaired for one in found)
        return [one for one in found if one.repaired or self._is_needed(one)]

    def _allow(self, seconds: float) -> None:
        """Set how long to search from now on."""
        latest = self._start + _MOST_TIMES * self.seconds
        self.at.deadline = min(cpu_seconds() + seconds, latest)

    def _is_needed(self, finding: Finding) -> bool:
        """Whether a correction that made no gradient right at once does so with the others."""
        number = finding.statement.number
        others = {one: what for one, what in self.at.applied.items() if one != number}
        return self.at.run(others) < self.at.now

    def _best(self, done: set[int], by_lines: bool) -> Correction | None:
        """Find the correction that makes the most gradients right."""
        located = self._located(done)
        whole = [one for one in located if self._is_whole(one.repaired)]
        self.before_located = {one.statement.number for one in whole}
        for one in whole:
            self.before_located.update(self.at.seen.unknown.get(one.statement.number, ()))
        best = self._by_value(located)
        if (
            best is not None
            and self._is_whole(best[0].repaired)
            and self.at.cost(best[0]) < _LIKELY
        ):
            return best
        of_line = self._of_a_line(done, _ROUNDS_OF_A_LINE) if by_lines and not whole else None
        if self._is_rather(of_line, best):
            return of_line
        best = self._searched_at_first(done, best) if by_lines else self._searched(done, best)
        if best is not None and self._is_whole(best[0].repaired):
            return best
        of_line = self._first_of_two(whole, done, best) if by_lines else None
        if self._is_rather(of_line, best):
            return of_line
        return self._place_alone(whole[0]) if best is None and whole else best

    def _searched_at_first(self, done: set[int], best: Correction | None) -> Correction | None:
        """Search for half of the time, as there may be two mistakes on one path."""
        latest = self.at.deadline
        self._allow((latest - cpu_seconds()) / 2)
        found = self._searched(done, best)
        self.at.deadline = latest
        return found

    def _is_whole(self, repaired: frozenset[str]) -> bool:
        """Whether everything becomes right."""
        return repaired | self.at.now >= self.wanted

    def _first_of_two(
        self, whole: Sequence[Located], done: set[int], best: Correction | None
    ) -> Correction | None:
        """Find a correction that makes no gradient right before another one is made."""
        found = self._of_what_is_returned(done) or self._pairs.before(whole, done)
        found = found or self._of_a_line(done)
        if found is None and best is None and not whole:
            found = self._pairs.anywhere(done)
        return found

    def _is_rather(self, one: Correction | None, other: Correction | None) -> bool:
        """Whether a correction is of an earlier line than another, and a simpler one."""
        if one is None or other is None:
            return one is not None
        first = self.at.seen.first_run
        is_earlier = first[one[0].statement.number] <= first[other[0].statement.number]
        costs = [found.edit.cost if found.edit else 9.0 for found, _ in (one, other)]
        return is_earlier and costs[0] < costs[1]

    def earlier_line(self, finding: Finding) -> str:
        """Return the earlier line that had computed the right value, if a line spoils one."""
        after, names, seen = finding.after, finding.statement.names, self.seen
        for number, value in seen.values.items():
            statement = self.follower.statements[number]
            here = seen.first_run.get(finding.statement.number, 0)
            is_earlier = seen.first_run[number] < here
            is_alike = statement.kind == "assign" and statement.names == names and is_earlier
            if is_alike and isinstance(after, np.ndarray) and is_close(value, after):
                return statement.text
        return ""

    # Of a line, though no gradient becomes right ------------------------------------------------

    def _of_a_line(self, done: set[int], rounds: int = len(ROUNDS)) -> Correction | None:
        """Correct the first line that becomes true, and with it something computed from it.

        No gradient needs to become right: another mistake may follow.
        """
        seen = self.at.seen
        for number in sorted(seen.first_run, key=lambda one: seen.first_run[one]):
            statement = self.follower.statements[number]
            if self.at.is_late():
                break
            if number in done or seen.of[number] < 1:
                continue
            meant = seen.meant(statement)
            trials = (one for place in range(rounds) for one in self.at.round(statement, place))
            for trial in itertools.islice(trials, _MOST_RUN):
                match = seen.right_match(statement, trial.value)
                is_other = meant is not None and match is not None
                if match is None or (is_other and match.quantity is not meant):
                    continue
                if trial.edit.text.isidentifier():  # it only passes on what is known already
                    continue
                now = self.at.run({**self.at.applied, number: trial.replacement})
                is_kept = now >= self.at.now and not self.at.failed
                if is_kept and self.at.makes_more_true(number, trial.replacement):
                    return self.at.correction(statement, trial, now - self.at.now)
        return None

    def _of_what_is_returned(self, done: set[int]) -> Correction | None:
        """Correct a return of what is no gradient, where one was computed and never used."""
        for number in self.at.seen.first_run:
            statement = self.follower.statements[number]
            parts = parts_of_result(statement)
            if number in done or not parts:
                continue
            texts = list(map(statement.function.listing.text, parts))
            for trial in self._of_other_names(statement, texts):
                right = self.at.run({**self.at.applied, number: trial.replacement})
                if right >= self.at.now and not self.at.failed:
                    return self.at.correction(statement, trial, frozenset())
        return None

    def _of_other_names(self, statement: Statement, texts: Sequence[str]) -> Iterator[Trial]:
        """Yield the edits of a return that put a gradient where none, or the same one, is."""
        written, unused, scope = self.at.seen.written, self.at.seen.unused, self.at.scope(statement)
        shapes = {one.array.shape for one in self.at.quantities.all if one.is_of_input}
        wrong = {one for one in texts if texts.count(one) > 1 or one not in written}
        meant = (written if wrong else unused) - set(texts)
        for trial in self.at.trials(statement) if meant and scope is not None else ():
            edit = trial.edit
            if scope is None or edit.what != "name" or edit.after not in meant:
                continue
            now, then = (_shape(scope.variables.get(one)) for one in (edit.before, edit.after))
            is_wrong = edit.before in wrong or (edit.after in unused and now not in shapes)
            if is_wrong and (then in shapes or edit.after in unused):
                yield trial

    # By true values -----------------------------------------------------------------------------

    def _located(self, done: set[int]) -> list[Located]:
        """List the statements where a true value makes gradients right, the most of them first."""
        found: dict[int, Located] = {}
        statements, seen = self.at.candidates(done, self.wanted), self.at.seen
        ratios = ratios_of(seen)
        for statement in statements:
            self._locate(found, statement, candidates(seen, statement, ratios))
        if not any(self._is_whole(one.repaired) for one in found.values()):
            for statement in statements:
                self._locate(found, statement, returned_instead(seen, statement))
        of, first = seen.of, seen.first_run
        return sorted(
            found.values(),
            key=lambda one: (
                -len(one.repaired),
                -(of[one.statement.number] >= 1) - (of[one.statement.number] > 0),
                first[one.statement.number],
            ),
        )

    def _locate(
        self,
        found: dict[int, Located],
        statement: Statement,
        values: Iterable[tuple[Match | None, Replacement]],
    ) -> None:
        """Note the value of a statement that makes the most gradients right."""
        for match, replacement in values:
            if self.at.is_late():
                break
            repaired = self.at.repaired(statement.number, replacement)
            best = found.get(statement.number)
            if len(repaired) > (len(best.repaired) if best else 0):
                found[statement.number] = Located(statement, replacement, match, repaired)

    def _by_value(self, located: Sequence[Located]) -> Correction | None:
        """Correct one of the statements that make the most gradients right."""
        for most in sorted({len(one.repaired) for one in located}, reverse=True):
            alike = [one for one in located if len(one.repaired) == most]
            found = [one for place in alike[:_MOST_ALIKE] for one in self._corrected(place)]
            if found:
                return min(found, key=self._key)
        return None

    def _corrected(self, located: Located) -> Iterator[Correction]:
        """Yield the cheapest edit that computes the true value of a statement."""
        statement, scope = located.statement, self.at.scope(located.statement)
        for trial in self.at.trials(statement):
            if scope is None or self.at.is_late():
                return
            expected = located.replacement.of(scope.variables)
            value = trial.value
            if statement.kind == "augment" and isinstance(value, int | float | np.number):
                value = np.broadcast_to(value, np.shape(expected))
            if is_close(value, expected):
                repaired = self.at.repaired(statement.number, trial.replacement)
                if repaired >= located.repaired:
                    yield self.at.correction(statement, trial, repaired)
                    return

    def _key(self, correction: Correction) -> tuple[float, ...]:
        """Return the order of corrections: the most gradients, then the likeliest, then by place.

        Of equally good places it is the earliest. Of those that compute something true, after
        which nothing is, it is the last.
        """
        finding = correction[0]
        number = finding.statement.number
        place = self.at.seen.first_run[number]
        suspicion = self.at.seen.of[number]
        is_last = suspicion == UNSUPPORTED or suspicion <= TRUE_VALUE
        return (
            -len(finding.repaired),
            self.at.cost(finding, number in self.before_located),
            -place if is_last else place,
        )

    def _place_alone(self, located: Located) -> Correction | None:
        """Say where it goes wrong, without a correction."""
        seen = self.at.seen
        number = self._origin(located.statement)
        statement = self.follower.statements[number]
        scope = self.at.scope(statement)
        if scope is None or len(seen.first_run) < 2:  # of one line, it says nothing
            return None
        is_there = statement is located.statement
        before = seen.values.get(number)
        match = located.match if is_there else None
        after = located.replacement.value if is_there else None
        finding = Finding(statement, None, located.repaired, before, after, match, scope)
        self.instead[number] = located.statement.number
        return finding, located.replacement

    def _origin(self, statement: Statement) -> int:
        """Return the statement that probably made a value wrong.

        Of those that computed something unknown from gradients, or wrote into the same variable,
        it is the one that computes the most; else the last that wrote into a part of an array.
        """
        seen, roots = self.at.seen, set(map(root_of, statement.targets))
        unknown = [one for one in seen.unknown.get(statement.number, ()) if seen.of[one] > 0]
        found = [statement.number]
        for one in unknown:
            targets = set(map(root_of, self.follower.statements[one].targets))
            if seen.from_gradients[one] or (targets & roots):
                found.append(one)
        if len(found) == 1 and unknown and seen.of[unknown[-1]] > 1:
            (target, *_) = self.follower.statements[unknown[-1]].targets or (None,)
            return unknown[-1] if isinstance(target, ast.Subscript) else statement.number
        return max(found, key=lambda one: (self._size(one), seen.first_run[one]))

    def _size(self, number: int) -> int:
        return sum(1 for _ in ast.walk(self.follower.statements[number].node))

    # By running each edit -----------------------------------------------------------------------

    def _searched(self, done: set[int], best: Correction | None) -> Correction | None:
        """Run the code with each edit of each statement, until none can be likelier than the best.

        The cheap edits of all statements come before the expensive ones of any.
        """
        statements = self.at.candidates(done, self.wanted)
        missing = len(self.wanted - self.at.now)
        if best is not None and self._is_whole(best[0].repaired):
            statements = self._doubtful_before(best[0].statement, statements)
        for place, low in enumerate((0.0, *ROUNDS[:-1])):
            for statement in statements:
                if self.at.is_late():
                    return best
                if best is not None and len(best[0].repaired) == missing:
                    least = low + self.at.doubt(statement) - 0.5
                    if self._key(best)[1] <= least:
                        continue
                for one in self._tried(statement, place):
                    best = min(best or one, one, key=self._key)
                    if len(one[0].repaired) == missing:
                        break  # the others of this statement cost more
        return best

    def _doubtful_before(
        self, statement: Statement, others: Sequence[Statement]
    ) -> list[Statement]:
        """List the statements that may be the reason why one that ran later is wrong."""
        of, first = self.at.seen.of, self.at.seen.first_run
        here = first[statement.number]
        return [one for one in others if of[one.number] > 0 and first[one.number] < here]

    def _tried(self, statement: Statement, place: int) -> Iterator[Correction]:
        """Yield the corrections of a statement, of a range of costs, that make gradients right."""
        trials = self.at.round(statement, place)[:_MOST_RUN]
        for trial in sorted(trials, key=lambda one: not self.at.fits(statement, one.value)):
            if self.at.is_late():
                return
            repaired = self.at.repaired(statement.number, trial.replacement)
            if repaired:
                yield self.at.correction(statement, trial, repaired)


def _shape(value: Any) -> tuple[int, ...] | None:
    return value.shape if isinstance(value, np.ndarray | np.generic) else None
