"""Draws programs with mistakes in them: slips written by hand, and edits by rule, one or two.

A rule is drawn first and then an edit by it, so that the rules with many edits do not dominate. An
edit counts if the code still runs, and if it changes a gradient.
"""

from __future__ import annotations

import ast
import functools
import random
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinygrad_edu import Tensor

from .line_scores import Program
from .mutants import Mutant, by_hand_functions, combined, mutants
from .program_files import load

__all__ = ["Case", "Drawing", "slips"]


@dataclass(frozen=True)
class Case:
    """A program with one mistake, or two.

    `edits` are its texts with one mistake each, `rules` the rule of each, or the family of a slip.
    """

    name: str
    original: str
    text: str
    edits: tuple[str, ...]
    rules: tuple[str, ...]
    words: str

    @property
    def edited(self) -> list[set[ast.stmt]]:
        """The statements of the program that each mistake changed."""
        program = self.program
        if len(self.edits) == 1:
            return [program.edited(self.original)]
        # The lines of a mistake are those of its own text, which has the same line numbers.
        found = []
        for edit in self.edits:
            lines = {one.lineno for one in Program(edit).edited(self.original)}
            found.append({one for line in lines if (one := program.at(line)) is not None})
        return found

    @functools.cached_property
    def program(self) -> Program:
        """The edited program; statements are equal only if they come from the same one."""
        return Program(self.text)


def slips(texts: Mapping[str, str], folder: Path) -> Iterator[Case]:
    """Yield the slips that are written at the end of each program."""
    for name, text in texts.items():
        for before, after, family, words in load(text, name, folder).SLIPS:
            start = text.index(before)
            edited = text[:start] + after + text[start + len(before) :]
            yield Case(name, text, edited, (edited,), (family,), words)


class Drawing:
    """Draws edits by rule from programs, without replacement."""

    def __init__(self, texts: Mapping[str, str], folder: Path, seed: int) -> None:
        self.texts, self.folder = texts, folder
        self.random = random.Random(seed)
        self.by_rule: dict[str, list[tuple[str, Mutant]]] = {}
        self.by_program: dict[str, dict[str, list[Mutant]]] = {}
        for name, text in texts.items():
            rules = self.by_program[name] = {}
            for mutant in mutants(text, by_hand_functions(text)):
                self.by_rule.setdefault(mutant.rule, []).append((name, mutant))
                rules.setdefault(mutant.rule, []).append(mutant)
        for found in self.by_rule.values():
            self.random.shuffle(found)
        self.right = {name: gradients(load(text, name, folder)) for name, text in texts.items()}
        self._changed: dict[str, list[Any] | None] = {}

    def one(self) -> Iterator[Case]:
        """Yield programs with one edit that changes a gradient."""
        rules = {rule: list(found) for rule, found in self.by_rule.items()}
        while rules:
            rule = self.random.choice(sorted(rules))
            name, mutant = rules[rule].pop()
            if not rules[rule]:
                del rules[rule]
            if self.changed(name, mutant.source) is not None:
                words = f"{mutant.before!r} -> {mutant.after!r}"
                yield Case(name, self.texts[name], mutant.source, (mutant.source,), (rule,), words)

    def two(self) -> Iterator[Case]:
        """Yield programs with two edits of different statements, neither without an effect."""
        names = sorted(self.texts)
        seen = set()
        while True:
            name = self.random.choice(names)
            pair = [self._of(name), self._of(name)]
            text = self._together(name, *pair)
            if text is None or text in seen:
                continue
            seen.add(text)
            yield Case(
                name,
                self.texts[name],
                text,
                tuple(one.source for one in pair),
                tuple(one.rule for one in pair),
                "; ".join(f"{one.before!r} -> {one.after!r}" for one in pair),
            )

    def _of(self, name: str) -> Mutant:
        rules = self.by_program[name]
        return self.random.choice(rules[self.random.choice(sorted(rules))])

    def _together(self, name: str, first: Mutant, second: Mutant) -> str | None:
        """Return the program with both edits, if each changes gradients, also with the other."""
        program = Program(self.texts[name])
        if program.at(first.line) is program.at(second.line):
            return None
        found = [self.changed(name, one.source) for one in (first, second)]
        alone = [one for one in found if one is not None]
        if len(alone) < 2:
            return None
        try:
            text = combined(self.texts[name], first, second)
            compile(text, "<both>", "exec")
        except (ValueError, SyntaxError):
            return None
        both = self.changed(name, text)
        if both is None or any(are_equal(both, one) for one in alone):
            return None
        return text

    def changed(self, name: str, text: str) -> list[Any] | None:
        """Return the gradients of an edited program; None if it fails or they are right."""
        if text not in self._changed:
            found = runs(text, name, self.folder)
            if found is not None and are_equal(found, self.right[name]):
                found = None
            self._changed[text] = found
        return self._changed[text]


def runs(text: str, name: str, folder: Path) -> list[Any] | None:
    """Return the gradients of an edited program; None if it cannot be run."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return gradients(load(text, name, folder))
    except Exception:
        return None


def gradients(module: ModuleType) -> list[Any]:
    """Run the hand-written gradients of a program, without any check."""
    point = [np.array(one) for one in module.POINT]
    out = module.F(*map(Tensor, point))
    if out.size != 1:
        point.insert(0, np.random.default_rng(7).normal(size=out.shape))
    found = module.BY_HAND(*point)
    if isinstance(found, dict):
        found = [found[name] for name in sorted(found)]
    return [np.asarray(one, np.float64) for one in found]


def are_equal(one: list[Any], other: list[Any]) -> bool:
    """Whether two lists of gradients are equal, up to round-off."""
    if len(one) != len(other):
        return False
    for left, right in zip(one, other, strict=True):
        left, right = left.squeeze(), right.squeeze()  # the check compares such shapes as one
        if left.shape != right.shape:
            return False
        size = max(float(np.abs(right).max(initial=0.0)), 1e-300)
        if not np.abs(left - right).max(initial=0.0) <= 1e-9 * size:
            return False
    return True
