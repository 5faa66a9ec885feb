"""Finds the statements of hand-written code that are wrong, and what is right instead.

First a true value takes the place of what each doubtful statement computes. Where that makes
gradients right, the statement is wrong, and its correction is the edit that computes that value.
What cannot be found so, because the function computes it in another way, is found by running the
code with each edit. Several mistakes are found one after the other.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .edits import edits_of
from .findings import Finding, Located, Trial, is_close, key_of
from .instrumenting import Statement
from .meant import candidates, ratios_of
from .quantities import Match, Quantities
from .running import Follower, Replacement, TooLong
from .scope import Scope, code_in, names_in
from .suspecting import UNSUPPORTED, Suspicion, is_leaf

__all__ = ["Finding", "Repair"]

Array: TypeAlias = NDArray[Any]

_MOST_MISTAKES = 6
_MOST_ALIKE = 4  # places that are as good as each other
_MOST_TRIALS = 300  # of one statement
_CLOSE = 1e-9


class Repair:
    """The search for what is wrong in a function.

    Parameters
    ----------
    follower : Follower
    right : callable
        ``right(result) -> set of str``: which gradients in what the function returns are right.
    wanted : collection of str
        The gradients that are to become right.
    quantities : Quantities
    seconds : float
        How long to search.

    Attributes
    ----------
    left : frozenset of str
        The gradients that are still wrong with all corrections.
    """

    def __init__(
        self,
        follower: Follower,
        right: Callable[[Any], frozenset[str]],
        wanted: Sequence[str],
        quantities: Quantities,
        seconds: float = 2.0,
    ) -> None:
        self.follower, self.right, self.quantities = follower, right, quantities
        self.wanted = self.left = frozenset(wanted)
        self.applied: dict[int, Replacement] = {}
        self.seconds, self.deadline = seconds, float("inf")
        self.failed = False
        self.instead: dict[int, int] = {}  # where the true value is put, if it is not there
        self.mentioned: list[str] = []
        self.code: dict[str, list[str]] = {}

    def findings(self) -> list[Finding]:
        """List the mistakes, in the order in which the code runs."""
        self.deadline = time.perf_counter() + self.seconds
        found = self._in_turn(by_lines=True)
        if self.left and self.went_by_lines:
            before, left = found, self.left
            found = self._in_turn(by_lines=False)
            if (len(self.left), len(found)) >= (len(left), len(before)):
                found, self.left = before, left
        return sorted(found, key=lambda one: self.seen.first_run.get(one.statement.number, 0))

    def _in_turn(self, by_lines: bool) -> list[Finding]:
        """Find one mistake after the other.

        Parameters
        ----------
        by_lines : bool
            Whether a line that becomes right is enough, if no gradient becomes right yet.
        """
        found: list[Finding] = []
        self.applied.clear()
        self.instead.clear()
        self.now = self._right({})
        for _ in range(_MOST_MISTAKES):
            if self.now >= self.wanted or self._is_late():
                break
            if not self._look_again():
                break
            best = self._best({one.statement.number for one in found}, by_lines)
            if best is None:
                break
            finding, replacement = best
            found.append(finding)
            number = finding.statement.number
            self.applied[self.instead.get(number, number)] = replacement
            self.now = self._right(self.applied)
        self.left = self.wanted - self.now
        self.went_by_lines = any(not one.repaired for one in found)
        return [one for one in found if one.repaired or self._is_needed(one)]

    def _is_needed(self, finding: Finding) -> bool:
        """Whether a correction that made no gradient right at once does so with the others."""
        number = finding.statement.number
        others = {one: what for one, what in self.applied.items() if one != number}
        return self._right(others) < self.now

    def _is_late(self) -> bool:
        return time.perf_counter() > self.deadline

    def _right(self, changed: Mapping[int, Replacement]) -> frozenset[str]:
        """Run with changes, and say which gradients are right; none if it fails."""
        self.failed = False
        try:
            return self.right(self.follower.run(changed))
        except (Exception, TooLong):
            self.failed = True
            return frozenset()

    def _with(self, statement: Statement, replacement: Replacement) -> frozenset[str]:
        """Say which gradients become right with another value; none if a right one does not."""
        now = self._right({**self.applied, statement.number: replacement})
        return now - self.now if now >= self.now else frozenset()

    def _look_again(self) -> bool:
        """Note what each statement computes with the corrections so far; say whether it ran."""
        try:
            _, events = self.follower.record(self.applied)
        except (Exception, TooLong):
            return False
        nodes = dict.fromkeys(one.function.node for one in self.follower.statements)
        listings = dict.fromkeys(one.function.listing for one in self.follower.statements)
        others = [name for listing in listings for name in listing.names]
        self.mentioned = list(dict.fromkeys([*names_in(nodes), *others]))
        self.code = code_in(nodes)
        self.seen = Suspicion(self.follower.statements, self.quantities, events)
        return True

    def _statements(self, done: set[int]) -> list[Statement]:
        """List the statements that ran, the most suspicious first, then in their order."""
        numbers = sorted(
            self.seen.first_run, key=lambda n: (-self.seen.of[n], self.seen.first_run[n])
        )
        return [self.follower.statements[number] for number in numbers if number not in done]

    def _best(self, done: set[int], by_lines: bool) -> tuple[Finding, Replacement] | None:
        """Find the correction that makes the most gradients right."""
        missing = len(self.wanted - self.now)
        located = self._located(done)
        corrected = self._cheapest(located, done)
        if corrected is not None and len(corrected[0].repaired) >= min(missing, 2):
            if len(corrected[0].repaired) == missing:
                return corrected
            common = self._searched(done, before=corrected[0].statement)
            is_more = common and len(common[0].repaired) > len(corrected[0].repaired)
            return common if is_more else corrected
        of_line = None
        if by_lines:
            of_line = self._of_a_line(done) or self._of_what_is_returned(done)
        first = self.seen.first_run
        if of_line is not None and (
            corrected is None
            or first[of_line[0].statement.number] <= first[corrected[0].statement.number]
        ):
            return of_line
        most = len(corrected[0].repaired) if corrected else 0
        found = self._searched(done)
        if found is not None and len(found[0].repaired) > most:
            return found
        whole = [one for one in located if len(one.repaired) == missing]
        if corrected is None and whole:
            return self._place_alone(whole[0])
        return corrected or found

    def earlier_line(self, finding: Finding) -> str:
        """Return the earlier line that had computed the right value, if a line spoils one."""
        after, names = finding.after, finding.statement.names
        for number, value in self.seen.values.items():
            statement = self.follower.statements[number]
            is_earlier = self.seen.first_run[number] < self.seen.first_run[finding.statement.number]
            is_alike = statement.kind == "assign" and statement.names == names and is_earlier
            if is_alike and isinstance(after, np.ndarray) and is_close(value, after):
                return statement.text
        return ""

    def _of_a_line(self, done: set[int]) -> tuple[Finding, Replacement] | None:
        """Correct the first line that is wrong though all it reads is right.

        No gradient needs to become right: another mistake may follow.
        """
        numbers = sorted(self.seen.first_run, key=lambda one: self.seen.first_run[one])
        for number in numbers:
            statement = self.follower.statements[number]
            is_once = self.seen.times.get(number) == 1
            if number in done or self.seen.of[number] < 1 or not is_once or self._is_late():
                continue
            scope, trials = self._trials(statement)
            if scope is None:
                continue
            meant = self.seen.meant(statement)
            for trial in trials[:_MOST_TRIALS]:
                match = self.seen.right_match(statement, trial.value)
                is_other = meant is not None and match is not None
                if match is None or (is_other and match.quantity is not meant):
                    continue
                now = self._right({**self.applied, number: trial.replacement})
                if now >= self.now and not self.failed:
                    finding = self._finding(statement, scope, trial, now - self.now)
                    return finding, trial.replacement
        return None

    def _of_what_is_returned(self, done: set[int]) -> tuple[Finding, Replacement] | None:
        """Correct a return of something that was not computed, or of the same thing twice."""
        written = self.seen.written
        for number in self.seen.first_run:
            statement = self.follower.statements[number]
            value = statement.value
            is_list = statement.kind == "return" and isinstance(value, ast.Tuple | ast.List)
            if number in done or not is_list:
                continue
            texts = list(map(statement.function.listing.text, value.elts))  # type: ignore[attr-defined]
            wrong = {one for one in texts if texts.count(one) > 1 or one not in written}
            meant = written - set(texts)
            scope, trials = self._trials(statement) if wrong and meant else (None, [])
            for trial in trials:
                edit = trial.edit
                if (
                    scope is None
                    or edit.what != "name"
                    or edit.before not in wrong
                    or edit.after not in meant
                ):
                    continue
                now = self._right({**self.applied, number: trial.replacement})
                if now >= self.now and not self.failed:
                    return self._finding(statement, scope, trial, frozenset()), trial.replacement
        return None

    # By true values -----------------------------------------------------------------------------

    def _located(self, done: set[int]) -> list[Located]:
        """List the statements where a true value makes gradients right, the most of them first."""
        found: dict[int, Located] = {}
        ratios = ratios_of(self.seen)
        for statement in self._statements(done):
            for match, replacement in candidates(self.seen, statement, ratios):
                if self._is_late():
                    break
                repaired = self._with(statement, replacement)
                best = found.get(statement.number)
                if len(repaired) > (len(best.repaired) if best else 0):
                    found[statement.number] = Located(statement, replacement, match, repaired)
        of, first = self.seen.of, self.seen.first_run
        return sorted(
            found.values(),
            key=lambda one: (
                -len(one.repaired),
                -(of[one.statement.number] >= 1) - (of[one.statement.number] > 0),
                first[one.statement.number],
            ),
        )

    def _corrected(self, located: Located, done: set[int]) -> tuple[Finding, Replacement] | None:
        """Find the edit that computes the true value of a statement.

        Where a value that it reads is not known to be right, the edits of that statement are
        tried too, and the cheapest one is taken.
        """
        found: list[tuple[float, int, Finding, Replacement]] = []
        for statement in self._read_by(located.statement, done):
            scope, trials = self._trials(statement)
            is_there = statement is located.statement
            for trial in trials if is_there else trials[:_MOST_TRIALS]:
                if scope is None or self._is_late():
                    break
                if is_there:
                    expected = located.replacement.of(scope.variables)
                    if not is_close(trial.value, expected):
                        continue
                repaired = self._with(statement, trial.replacement)
                if repaired >= located.repaired:
                    finding = self._finding(statement, scope, trial, repaired)
                    order = self.seen.first_run[statement.number]
                    found.append((trial.edit.cost, order, finding, trial.replacement))
                    break
        if not found:
            return None
        _, _, finding, replacement = min(found, key=lambda one: one[:2])
        return finding, replacement

    def _read_by(self, statement: Statement, done: set[int]) -> list[Statement]:
        """List the statements whose unknown values a statement reads, and the statement itself."""
        numbers = [one for one in self.seen.unknown.get(statement.number, ()) if one not in done]
        return [*(self.follower.statements[one] for one in numbers[-4:]), statement]

    def _cheapest(
        self, located: Sequence[Located], done: set[int]
    ) -> tuple[Finding, Replacement] | None:
        """Correct one of the statements that make the most gradients right."""
        for most in sorted({len(one.repaired) for one in located}, reverse=True):
            alike = [one for one in located if len(one.repaired) == most]
            found = [self._corrected(one, done) for one in alike[:_MOST_ALIKE]]
            known = [one for one in found if one is not None and one[0].edit is not None]
            if known:
                return min(
                    known, key=lambda one: (self._cost(one[0]), self._order(one[0].statement))
                )
        return None

    def _order(self, statement: Statement) -> int:
        """Return which of equally good places comes first: the earliest one.

        Of gradients that are right, and after which nothing is, it is the last.
        """
        place = self.seen.first_run[statement.number]
        return -place if self.seen.of[statement.number] == UNSUPPORTED else place

    def _cost(self, finding: Finding) -> float:
        """Return how unlikely a correction is."""
        suspicion = self.seen.of[finding.statement.number]
        more = 1.0 if suspicion < 0 else 0.5 * (suspicion == UNSUPPORTED)
        return (finding.edit.cost if finding.edit else 9.0) + more

    def _place_alone(self, located: Located) -> tuple[Finding, Replacement] | None:
        """Say where it goes wrong, without a correction."""
        unknown = self.seen.unknown.get(located.statement.number, ())
        unknown = tuple(one for one in unknown if self.seen.from_gradients[one])
        number = unknown[0] if unknown else located.statement.number
        statement = self.follower.statements[number]
        scope, _ = self._trials(statement)
        if scope is None or len(self.seen.first_run) < 2:  # of one line, it says nothing
            return None
        is_there = statement is located.statement
        before = self.seen.values.get(number)
        match = located.match if is_there else None
        after = located.replacement.value if is_there else None
        finding = Finding(statement, None, located.repaired, before, after, match, scope)
        self.instead[number] = located.statement.number
        return finding, located.replacement

    # By running each edit -----------------------------------------------------------------------

    def _searched(
        self, done: set[int], before: Statement | None = None
    ) -> tuple[Finding, Replacement] | None:
        """Run the code with each edit of each statement, or of those before one."""
        first = self.seen.first_run
        found: list[tuple[tuple[float, ...], Finding, Replacement]] = []
        missing = len(self.wanted - self.now)
        for statement in self._statements(done):
            suspicion = self.seen.of[statement.number]
            if before is not None:
                is_earlier = first[statement.number] < first[before.number]
                if not is_earlier or suspicion <= 0:
                    continue
            is_full = any(len(one.repaired) == missing for _, one, _ in found)
            if self._is_late() or (is_full and suspicion < 0):
                break
            for finding, replacement in self._tried(statement):
                becomes_right = self._becomes_right(finding)
                cost = finding.edit.cost if finding.edit else 0.0
                cost += 0.8 * (suspicion == UNSUPPORTED)
                cost -= 0.5 * becomes_right + min(suspicion, 0.3)
                key = (-len(finding.repaired), cost, self._order(statement))
                found.append((key, finding, replacement))
                if len(finding.repaired) == missing and becomes_right and suspicion >= 0.6:
                    return finding, replacement
        if not found:
            return None
        _, finding, replacement = min(found, key=lambda one: one[0])
        return finding, replacement

    def _becomes_right(self, finding: Finding) -> bool:
        """Whether a doubtful value becomes the gradient of something, in a natural scale."""
        match = finding.match
        if match is None or self.seen.of[finding.statement.number] <= 0:
            return False
        if is_leaf(match):
            return abs(match.factor - 1) < _CLOSE and match.arrangement == ""
        return any(abs(match.factor - c) < _CLOSE * abs(c) for c in self.seen.scales)

    def _tried(self, statement: Statement) -> Iterator[tuple[Finding, Replacement]]:
        """Yield the corrections of one statement that make more gradients right."""
        scope, trials = self._trials(statement)
        if scope is None:
            return
        trials = sorted(trials[:_MOST_TRIALS], key=lambda one: self._matched(one.value) is None)
        for trial in trials:
            if self._is_late():
                return
            repaired = self._with(statement, trial.replacement)
            if repaired:
                yield self._finding(statement, scope, trial, repaired), trial.replacement
                if repaired | self.now >= self.wanted:
                    return  # the others of this statement cost more

    def _finding(
        self, statement: Statement, scope: Scope, trial: Trial, repaired: frozenset[str]
    ) -> Finding:
        before, match = self.seen.values.get(statement.number), self._matched(trial.value)
        return Finding(statement, trial.edit, repaired, before, trial.value, match, scope)

    def _trials(self, statement: Statement) -> tuple[Scope | None, list[Trial]]:
        """Compute what each edit gives where the statement first runs; drop equal ones."""
        trials: list[Trial] = []
        scopes: list[Scope] = []
        once = self.seen.times.get(statement.number) == 1

        def probe(statement: Statement, variables: Mapping[str, Any]) -> None:
            scope = Scope(statement, variables, self.mentioned, self.code)
            scopes.append(scope)
            seen: set[Any] = set()
            original = scope.value(statement.value)
            if once and statement.kind != "call":
                seen.add(key_of(original))
            for edit in sorted(edits_of(statement, scope), key=lambda one: one.cost):
                try:
                    code = compile(f"({edit.text})", "<corrected>", "eval")
                    value = None
                    if statement.kind not in ("call", "loop"):
                        value = eval(code, dict(variables))
                except Exception:
                    continue
                key = key_of(value) if once and value is not None else edit.text
                if key not in seen:
                    seen.add(key)
                    trials.append(Trial(edit, Replacement(code), value))

        self.follower.look(statement.number, self.applied, probe)
        return (scopes[0] if scopes else None), trials

    def _matched(self, value: Any) -> Match | None:
        """Return which gradient a value is, in its place."""
        for one in self.quantities.matches(value):
            if one.quantity.kind == "gradient" and one.arrangement in ("", "transposed"):
                return one
        return None
