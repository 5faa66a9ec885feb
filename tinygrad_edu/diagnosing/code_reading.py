"""Reads the code of gradients by hand: the lines that are wrong, in the words of a diagnosis.

`following` finds the lines and their corrections. Here a mistake gets its name: by the values of
the line before and after, where they are those of a known slip; else by the correction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..following.quantities import Match, Quantities
from ..following.repairing import Finding, Repair
from ..following.running import Follower
from ..source_lines import SourceLine
from .correction_words import Words, words_of
from .mistakes import slips_at
from .results import Diagnosis
from .search import Search, agrees

__all__ = ["CodeReader"]

Array = NDArray[Any]

_BELIEVED = 1e-9


class CodeReader:
    """Finds the wrong lines of a function that returns gradients.

    Parameters
    ----------
    function : callable
    arguments : sequence
        What it is called with.
    named : callable
        Turns what the function returns into gradients by name.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        named: Callable[[Any], Mapping[str, Any]],
    ) -> None:
        self.function, self.arguments, self.named = function, arguments, named
        self.left: frozenset[str] = frozenset()

    def diagnoses(self, search: Search, names: Sequence[str]) -> list[Diagnosis]:
        """List the mistakes that explain wrong gradients, in the order of the lines."""
        self.left = frozenset(names)
        follower = Follower(self.function, self.arguments)
        if not follower.follows:
            return []

        floors = {name: search.floor(search.leaves[name]) for name in names}

        def right(result: Any) -> frozenset[str]:
            given = self.named(result)
            return frozenset(
                name
                for name in names
                if _is_right(given.get(name), search.automatic[name], floors[name])
            )

        try:
            follower.record()
        except Exception:  # it ran before, so it depends on more than its arguments
            return []
        values = [(tensor, tensor.data) for tensor in (*search.order, *search.leaves.values())]
        totals = {one.source: one.total for one in search.sent}
        repair = Repair(follower, right, names, Quantities(values, totals.items()))
        found = repair.findings()
        self.left = repair.left
        return _merged([_Told(one, search) for one in found])


def _is_right(given: Any, expected: Array, floor: float) -> bool:
    if given is None:
        return False
    array = np.asarray(given)
    if array.shape not in (expected.shape, (1, *expected.shape)):
        if (1, *array.shape) != expected.shape:
            return False
    size = max(float(np.abs(expected).max(initial=0.0)), 1e-300)
    with np.errstate(all="ignore"):
        difference = np.abs(array.reshape(expected.shape) - expected).max(initial=0.0)
    return bool(difference <= max(_BELIEVED * size, floor))


class _Told:
    """A finding with its words."""

    def __init__(self, finding: Finding, search: Search) -> None:
        self.finding, self.search = finding, search
        self.words = _slip(finding, search) or words_of(finding, search)

    @property
    def line(self) -> SourceLine:
        statement = self.finding.statement
        file = statement.function.listing.file.replace("\\", "/").split("/")[-1]
        name = statement.function.code.co_qualname
        return SourceLine(file, statement.line, name, statement.text)

    @property
    def should(self) -> str:
        """What the line should compute, where that is known."""
        match = self.finding.match
        if match is None or match.quantity.tensor is None:
            return ""
        return ""

    @property
    def right(self) -> str:
        edit = self.finding.edit
        return edit.line if edit else ""


def _merged(told: Sequence[_Told]) -> list[Diagnosis]:
    """Write a diagnosis for each mistake; the same mistake on several lines is one."""
    groups: dict[Any, list[_Told]] = {}
    for one in told:
        edit = one.finding.edit
        same = (one.words.kind, edit.what, edit.before, edit.after) if edit else (one,)
        groups.setdefault(same, []).append(one)
    return [_diagnosis(group) for group in groups.values()]


def _diagnosis(group: Sequence[_Told]) -> Diagnosis:
    first = group[0]
    names = dict.fromkeys(name for one in group for name in sorted(one.finding.repaired))
    numbers = list(dict.fromkeys(str(one.line.line) for one in group))
    where = f"line {numbers[0]}" if len(numbers) == 1 else f"lines {', '.join(numbers)}"
    code = "; ".join(dict.fromkeys(one.line.code for one in group))
    sentence = f"{where}: {code} - looks like this: {first.words.told}"
    right = "; ".join(dict.fromkeys(filter(None, (one.right for one in group))))
    if right:
        sentence += f"; right: {right}"
    return Diagnosis(first.words.kind, sentence, where, tuple(names), first.line, right)


def _slip(finding: Finding, search: Search) -> Words | None:
    """Name a mistake by its value: that of a known slip where the right value would be."""
    match, before = finding.match, finding.before
    if match is None or match.quantity.tensor is None or match.quantity.kind != "gradient":
        return None
    if not isinstance(before, np.ndarray):
        return None
    tensor = match.quantity.tensor
    value = _arranged(before, match)
    sites = [site for site in search.sites if site.source is tensor]
    if value is None or len(sites) != 1 or agrees(value, match.factor * match.quantity.array, 1e-9):
        return None
    (site,) = sites
    sent = search.by_edge[site.tensor, site.position]
    for slip in slips_at(site):
        try:
            with np.errstate(all="ignore"):
                wrong = slip.rule(sent.upstream, site.tensor.data, *site.node.values,
                                  **site.node.params)  # fmt: skip
        except (ValueError, TypeError, IndexError):
            continue
        wrong = match.factor * np.asarray(wrong)
        if slip.is_usual and wrong.shape == value.shape and agrees(wrong, value, _BELIEVED):
            return Words(slip.kind, slip.words)
    return None


def _arranged(array: Array, match: Match) -> Array | None:
    shape = match.quantity.array.shape
    if match.arrangement == "transposed":
        array = array.T
    return array if array.shape == shape else None
