"""What the check of an exercise found: each blank, what is wrong, and what comes next.

Nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_edu.documents import Section, Shown, Table, code

from .catalogue import next_after, page_of
from .exercise import Blank, Exercise

__all__ = ["SIGNS", "BlankResult", "ExerciseReport"]

SIGNS = {"right": "✓", "open": "·"}
"""The signs of states; all others have ✗."""


@dataclass(frozen=True, slots=True)
class BlankResult:
    """What was found of one blank.

    Attributes
    ----------
    blank : Blank
    state : {"right", "wrong", "open", "missing"}
        ``"missing"`` if its variable is not assigned any more.
    line : int
        Where it is filled in; 0 if it is missing.
    code : str
        That line.
    words : str
        What the numbers show, where it is wrong.
    kind : str
        The kind of mistake that it looks like; empty if none is known.
    looks_like : str
        The same as a sentence.
    """

    blank: Blank
    state: str
    line: int = 0
    code: str = ""
    words: str = ""
    kind: str = ""
    looks_like: str = ""

    @property
    def is_right(self) -> bool:
        """Whether it is filled in and right."""
        return self.state == "right"


@dataclass(frozen=True, slots=True, repr=False)
class ExerciseReport(Shown):
    """What `check` found; print it.

    Attributes
    ----------
    exercise : Exercise
    blanks : tuple of BlankResult
        In the order of their numbers.
    notes : tuple of str
        What is wrong although each blank is right for these numbers.
    inputs : str
        The inputs in a line, where they are a few numbers, to follow a mistake with a pencil.
    """

    exercise: Exercise
    blanks: tuple[BlankResult, ...]
    notes: tuple[str, ...] = ()
    inputs: str = ""

    @property
    def solved(self) -> bool:
        """Whether everything is right, on other inputs too."""
        return all(one.is_right for one in self.blanks) and not self.notes

    def assert_right(self, number: int | None = None) -> None:
        """Raise an error if a blank is not right.

        Parameters
        ----------
        number : int, optional
            The blank; by default all of them, and what the function returns.

        Raises
        ------
        AssertionError
            With what is wrong.
        """
        for one in self.blanks:
            if number in (None, one.blank.number) and not one.is_right:
                words = one.looks_like or one.words or "still to be filled in"
                raise AssertionError(f"blank {one.blank.number}, {one.blank.name}: {words}")
        if self.notes:
            raise AssertionError(self.notes[0])

    def document(self) -> Section:
        """Return the report as a document."""
        count = sum(one.is_right for one in self.blanks)
        rows = [
            [f"{SIGNS.get(one.state, '✗')} {one.blank.number}", one.blank.name, _shown(one)]
            for one in self.blanks
        ]
        wrong = [place for place, one in enumerate(self.blanks) if one.state in _WRONG]
        content: list[Section | Table | str] = [
            Table(("blank", "variable", ""), rows, strong=wrong)
        ]
        content += [_wrong(self.blanks[place]) for place in wrong]
        if wrong and self.inputs:
            content.append(Section("", (f"The numbers are {self.inputs}.",)))
        content += [Section("", tuple(self.notes))] * bool(self.notes)
        content.append(Section("", (self._next(),)))
        title = f"{'✓' if self.solved else '·'} {self.exercise.name}: {self.exercise.title}"
        state = "solved" if self.solved else f"{count} of {len(self.blanks)} blanks right"
        return Section(f"{title}: {state}", tuple(content))

    def _next(self) -> str:
        """Say what comes next."""
        for one in self.blanks:
            if one.state in _WRONG:
                return f"Next: correct blank {one.blank.number}."
            if one.state == "open":
                return f"Next: fill in blank {one.blank.number}: {one.blank.words}."
        if self.notes:
            return "Next: correct this."
        following = next_after(self.exercise.name)
        if not following:
            return "That was the last exercise."
        page = page_of(following)
        if page == page_of(self.exercise.name):
            return f"Next: tinygrad-edu exercise {following}"
        return f"Next: page {page.number}, {page.title}; then tinygrad-edu exercise {following}"


_WRONG = ("wrong", "missing")


def _shown(one: BlankResult) -> str:
    if one.state in ("open", "missing"):
        return one.blank.words
    return one.code


def _wrong(one: BlankResult) -> Section:
    title = (
        f"Blank {one.blank.number}, line {one.line}" if one.line else f"Blank {one.blank.number}"
    )
    lines: list[object] = [f"it should be {one.blank.words}", one.words]
    if one.looks_like and one.looks_like not in one.words:
        lines.append(f"looks like this: {one.looks_like}")
    if one.code:
        lines.insert(0, code(one.code))
    return Section(title, tuple(lines))  # type: ignore[arg-type]
