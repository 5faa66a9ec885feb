"""The result of a check of gradients by hand, and the document that shows it.

It says which gradients differ, where they differ first, and what that looks like. Nothing is
computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..documents import Figure, Line, Section, Table, code, name
from ..following.steps import VALUE, Step
from ..texts import clean, shape_text
from .check_result import CheckResult, lines_in_words, yours_and_right
from .report_figure import error_maps
from .results import Diagnosis, GradientRow
from .row_text import (
    element,
    equations_and_code,
    largest_difference,
    measured_difference,
    origin,
    three_numbers,
    verdict,
)

if TYPE_CHECKING:
    import matplotlib.figure

__all__ = ["ManualCheck"]

_NAME = 24
_MOST_DIFFERING, _MOST_AGREEING = 4, 2  # as many gradients have equations where room is short
_DIAGNOSES = 3
_OF_LINES = (
    "Nothing is said of a line if f computes it in another way, or if it follows from a wrong one."
)
_MOST_STEPS = 24  # lines that are described where room is short
_HEADS = (
    "gradient of",
    "shape",
    "verdict",
    "max |manual-auto|",
    "max |auto-numeric|",
    "element",
    "manual",
    "automatic",
    "numerical",
)
_NUMBERS = (3, 4, 6, 7, 8)
_NARROW = (0, 1, 2, 3, 4)
_NOTE = (
    "manual, automatic and numerical: at the element that differs most or, where all agree, at "
    "the largest that was measured."
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ManualCheck(CheckResult):
    """What `check_manual` has found.

    Attributes
    ----------
    rows : tuple of GradientRow
        In the order of the inputs.
    agree : bool
        Whether all gradients by hand match the automatic ones, and numerical ones confirm these
        as far as they were measured.
    first : str
        Where, going backwards, they differ first; empty if they agree.
    diagnoses : tuple of Diagnosis
        What that looks like, the likeliest first; empty where nothing fits.
    notes : tuple of str
        What else is worth knowing.
    doubts : tuple of str
        Why automatic gradients cannot be trusted: numerical ones differ, or are undecided.
    observations : tuple of str
        What is true of gradients that no diagnosis explains, such as a constant ratio.
    steps : tuple of Step
        What each line of the code by hand computes, where one of them is wrong.

    Examples
    --------
    >>> from tinygrad_edu import check_manual
    >>> print(check_manual(lambda x: x.sum(), [[1.0, 1.0]], [3.0, 4.0]).document().title)
    ✓ the gradient by hand agrees with automatic differentiation
    """

    rows: tuple[GradientRow, ...]
    agree: bool
    first: str
    diagnoses: tuple[Diagnosis, ...]
    notes: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    observations: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    def document(self, *, whole: bool = False) -> Section:
        """Return what was found: the conclusion, the table, and equations with their code.

        Parameters
        ----------
        whole : bool
            Whether to show the error maps, and equations and code of every gradient. Otherwise
            only the gradients that differ have them, or the first ones if none differs.
        """
        table = Table(
            _HEADS,
            list(map(_cells, self.rows)),
            numbers=_NUMBERS,
            strong=[place for place, row in enumerate(self.rows) if not row.agree],
            narrow=_NARROW,
            note=_NOTE,
        )
        conclusion = Section("", tuple(self.conclusion()), kind="found")
        content: list[Section | Table] = [conclusion, table]
        content += [_both_lines(one) for one in self.diagnoses[:_DIAGNOSES] if one.right]
        content += _line_by_line(self.steps, whole)
        if whole and any(not row.verdict.agree for row in self.rows):
            maps = Figure(lambda: error_maps(self.rows), _maps_in_words(self.rows))
            content.append(Section("Where it differs", (maps,)))
        content += self._equations(whole)
        content += [Section("Notes", self.notes)] * bool(self.notes)
        return Section(self._headline(), tuple(content), kind="match" if self.agree else "differ")

    def _equations(self, whole: bool) -> list[Section]:
        # The gradients nearest to the output usually come last, and are to be corrected first.
        differing = [row for row in self.rows if not row.agree][::-1]
        agreeing = [row for row in self.rows if row.agree]
        if whole:
            return list(map(_equations, differing + agreeing))
        shown, most = differing, _MOST_DIFFERING
        if not differing:
            shown, most = [row for row in agreeing if row.equation], _MOST_AGREEING
        sections = list(map(_equations, shown[:most]))
        if len(shown) > most:
            more = f"… {len(shown) - most} more: .save('check.html') shows them all"
            sections.append(Section("", (more,)))
        return sections

    def _headline(self) -> str:
        """Return in one line whether the gradients agree."""
        count = len(self.rows)
        if not count:
            return "✓ no gradients to compare"
        if refuted := [row for row in self.rows if row.measured.finding == "differs"]:
            return f"✗ automatic and numerical gradients differ: {_names(refuted)}"
        if wrong := [row for row in self.rows if not row.verdict.agree]:
            verb = "differs" if len(wrong) == 1 else "differ"
            which = f"{len(wrong)} of {count} gradients" if count > 1 else "the gradient"
            return f"✗ {which} by hand {verb}: {_names(wrong)}"
        if self.doubts:
            undecided = _names([row for row in self.rows if not row.agree])
            return f"? numerical gradients cannot decide whether this is right: {undecided}"
        which = f"all {count} gradients agree" if count > 1 else "the gradient by hand agrees"
        return f"✓ {which} with automatic differentiation"

    def conclusion(self) -> list[str]:
        """Return where they differ first, and what that looks like; nothing if all agree."""
        lines = sum(one.line is not None for one in self.diagnoses)
        several = [f"{lines} mistakes: {_listed(self.diagnoses)}"] if lines > 1 else []
        return [
            *filter(None, [self.first]),
            *several,
            *(_without_right(diagnosis) for diagnosis in self.diagnoses[:_DIAGNOSES]),
            *self.observations[:_DIAGNOSES],
            *self.doubts[:_DIAGNOSES],
        ]

    def with_hints(self, hints: str) -> ManualCheck:
        """Return the same result with fewer hints about mistakes.

        Parameters
        ----------
        hints : {"what", "where", "none"}
            See `check_manual`.
        """
        if hints == "what":
            return self
        if hints == "none":
            return replace(self, first="", diagnoses=(), observations=(), steps=())
        places = {where(one): one for one in reversed(self.diagnoses)}
        found = [one for one in self.diagnoses if one.place and places[where(one)] is one]
        return replace(self, diagnoses=tuple(map(_where, found)), observations=(), steps=())

    def figure(self) -> matplotlib.figure.Figure:
        """Draw where each gradient by hand differs, as a matplotlib figure."""
        return error_maps(self.rows, [self._headline(), *self.conclusion()])

    def _picture(self) -> matplotlib.figure.Figure:
        """Return the error maps, which a file with an ending such as ``.png`` shows."""
        return self.figure()

    def _text(self) -> str:
        """Return the content of a text file: what is printed."""
        return f"{self}\n"

    def _reasons(self) -> list[str]:
        """Return what an error says: what differs first, what that looks like, and doubts."""
        found = [self.first, *(diagnosis.sentence for diagnosis in self.diagnoses[:1])]
        return list(filter(None, [*found, *self.doubts[:3]]))


def where(one: Diagnosis) -> str:
    """Return the lines of a diagnosis, or its place: ``line 14``, ``lines 14, 17``."""
    if one.line is None:
        return one.place
    return lines_in_words(line.line for line in (one.line, *(line for line, _ in one.more)))


def _listed(diagnoses: Sequence[Diagnosis]) -> str:
    """List the lines of diagnoses: ``lines 14 and 17``."""
    places = [where(one).split(" ", 1)[1] for one in diagnoses if one.line is not None]
    return f"lines {', '.join(places[:-1])} and {places[-1]}"


def _both_lines(one: Diagnosis) -> Section:
    """Put each line of the learner and the right one below each other."""
    assert one.line is not None
    rows: list[tuple[str, str]] = []
    for line, right in ((one.line, one.right), *one.more):
        rows += [(f"yours {line.line}", line.code), ("right", right)]
    found = yours_and_right(f"{one.line.file}, {where(one)}", rows)
    return replace(found, content=(*found.content, one.note)) if one.note else found


def _line_by_line(steps: Sequence[Step], whole: bool) -> list[Section]:
    """Show what the variables of the learner are: values, gradients, and what is wrong."""
    shown = [one for one in steps if whole or one.what not in ("", VALUE)]
    if not shown:
        return []
    shown = shown if whole else shown[:_MOST_STEPS]
    signs = {True: "✓", False: "✗", None: ""}
    rows = [[str(one.line), signs[one.is_right], clean(one.variable, _NAME), one.what]
            for one in shown]  # fmt: skip
    wrong = [place for place, one in enumerate(shown) if one.is_right is False]
    table = Table(("line", "", "variable", "is"), rows, strong=wrong, note=_OF_LINES * whole)
    return [Section("What your lines compute", (table,))]


def _without_right(one: Diagnosis) -> str:
    """Return the sentence of a diagnosis without the right line, which is shown apart."""
    return one.sentence.removesuffix(f"; right: {one.right}") if one.right else one.sentence


def _where(one: Diagnosis) -> Diagnosis:
    """Return a diagnosis that names the place alone."""
    words = f"{where(one)}: {one.line.code}" if one.line else f"look at {one.place}"
    return Diagnosis("where", words, one.place, one.explains, one.line)


def _names(rows: Sequence[GradientRow]) -> str:
    names = ", ".join(clean(row.name, _NAME) for row in rows[:6])
    return names + (f" and {len(rows) - 6} more" if len(rows) > 6 else "")


def _cells(row: GradientRow) -> list[Line]:
    differences = largest_difference(row), measured_difference(row)
    numbers = element(row) or "-", *three_numbers(row)
    return [name(row.name, _NAME), shape_text(row.shape), verdict(row), *differences, *numbers]


def _equations(row: GradientRow) -> Section:
    """Put equation, line of the delta rule and rule of the engine below each other."""
    if row.problem:
        title = f"{clean(row.name)}: {row.problem}"
    elif row.agree:
        title = f"{clean(row.name)}: {verdict(row)}"
    else:
        manual, automatic, numerical = three_numbers(row)
        title = f"{clean(row.name)} at {element(row)}".removesuffix(" at ")
        title += f": by hand {manual}, automatic {automatic}, numerical {numerical}"
    found = equations_and_code(row)
    width = max(map(len, found), default=0) + 2
    lines = [(source.ljust(width), code("\n".join(lines))) for source, lines in found.items()]
    return Section(f"{title}; {origin(row)}", tuple(lines))


def _maps_in_words(rows: Sequence[GradientRow]) -> str:
    """Describe the error maps for readers who do not see them."""
    found = []
    for row in (row for row in rows if not row.verdict.agree):
        manual, automatic, _ = three_numbers(row)
        words = f"differs most at {element(row)}".removesuffix(" at ")
        words += f": {manual} by hand, {automatic} automatic"
        found.append(f"{clean(row.name)} {row.problem or words}")
    return f"Error maps: {'; '.join(found)}."
