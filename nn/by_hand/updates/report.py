"""The result of a check of an update rule by hand, and the document that shows it.

It lists the parameters and the state after each step. Nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.diagnosing.check_result import CheckResult, yours_and_right
from tinygrad_edu.diagnosing.results import Diagnosis
from tinygrad_edu.documents import Line, Section, Table, name
from tinygrad_edu.texts import clean, number_text

__all__ = ["UpdateCheck", "UpdateRow"]

_DIAGNOSES = 3
_MOST_STEPS = 2  # that are shown where room is short
_HEADS = ("step", "variable", "verdict", "max |yours-textbook|", "element", "yours", "textbook")


@dataclass(frozen=True, slots=True, eq=False)
class UpdateRow:
    """A parameter, or a state variable of one, after a step.

    Attributes
    ----------
    step : int
        From 1.
    variable : str
        Such as ``"W1"``, or ``"v of W1"``.
    yours, textbook : ndarray
    agree : bool
        Whether they are equal up to round-off.
    word : str
        The verdict: ``"match"``, ``"DIFFERS"``, or ``"other form"`` for numbers of a rule that is
        right too, such as a velocity that contains the learning rate.

    Examples
    --------
    >>> UpdateRow(1, "w", np.array([1.0, 2.0]), np.array([1.0, 2.5]), False, "DIFFERS").element
    (1,)
    """

    step: int
    variable: str
    yours: NDArray[Any]
    textbook: NDArray[Any]
    agree: bool
    word: str

    @property
    def element(self) -> tuple[int, ...]:
        """Where they differ most."""
        with np.errstate(all="ignore"):
            difference = np.abs(self.yours - self.textbook)
        worst = np.argmax(np.where(np.isnan(difference), np.inf, difference))
        return tuple(int(one) for one in np.unravel_index(worst, self.yours.shape))

    @property
    def difference(self) -> float:
        """The largest difference."""
        with np.errstate(all="ignore"):
            return float(abs(self.yours[self.element] - self.textbook[self.element]))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UpdateCheck(CheckResult):
    """What `check_update` has found.

    Attributes
    ----------
    rule : str
    rows : tuple of UpdateRow
        Step after step.
    agree : bool
        Whether all parameters are those of the textbook after every step.
    first : str
        Which step differs first; empty if all agree.
    diagnoses : tuple of Diagnosis
        What that looks like, and the lines of your code that are wrong; empty where nothing fits.
    notes : tuple of str
        The settings, how the step was called, and what else is worth knowing.

    Examples
    --------
    >>> from nn import check_update
    >>> print(check_update(lambda w, g, lr: w - lr * g, "sgd").document().title)
    ✓ all 4 steps are those of sgd
    """

    rule: str
    rows: tuple[UpdateRow, ...]
    agree: bool
    first: str
    diagnoses: tuple[Diagnosis, ...]
    notes: tuple[str, ...]

    def document(self, *, whole: bool = False) -> Section:
        """Return the conclusion, the lines of code, the table and the notes.

        Parameters
        ----------
        whole : bool
            Whether to show all steps. Otherwise only those up to the first that differs, or the
            first ones.
        """
        differing = [row.step for row in self.rows if not row.agree]
        last = max(_MOST_STEPS, min(differing, default=0))
        shown = [row for row in self.rows if whole or row.step <= last]
        table = Table(
            _HEADS,
            list(map(_cells, shown)),
            numbers=(0, 3, 5, 6),
            strong=[place for place, row in enumerate(shown) if not row.agree],
            note="element, yours and textbook: where they differ most.",
        )
        more = len(self.rows) - len(shown)
        content: list[Line | Table | Section] = [Section("", tuple(self.conclusion()), "found")]
        content += map(_lines, self._with_lines())
        content.append(table)
        content += [f"… {more} rows of later steps: .save('update.html') shows them"] * bool(more)
        content += [Section("Notes", self.notes)] * bool(self.notes)
        return Section(self._headline(), tuple(content), "match" if self.agree else "differ")

    def _with_lines(self) -> list[Diagnosis]:
        return [one for one in self.diagnoses[:_DIAGNOSES] if one.line is not None]

    def _headline(self) -> str:
        steps = max((row.step for row in self.rows), default=0)
        if self.agree:
            return f"✓ all {steps} steps are those of {self.rule}"
        wrong = {row.step for row in self.rows if not row.agree}
        verb = "differs" if len(wrong) == 1 else "differ"
        return f"✗ {len(wrong)} of {steps} steps {verb} from {self.rule}"

    def conclusion(self) -> list[str]:
        """Return which step differs first, and what that looks like; nothing if all agree."""
        sentences = [diagnosis.sentence for diagnosis in self.diagnoses[:_DIAGNOSES]]
        return [*filter(None, [self.first]), *sentences]

    def _reasons(self) -> list[str]:
        """Return what an error says: how many steps differ, the first, and what that looks like."""
        return [self._headline()[2:], *self.conclusion()[:2]]


def _cells(row: UpdateRow) -> list[Line]:
    sign = {"match": "✓", "other form": "✓"}.get(row.word, "✗")
    element = str(list(row.element)) if row.yours.ndim else "-"
    numbers = [number_text(one[row.element]) for one in (row.yours, row.textbook)]
    return [
        str(row.step),
        name(row.variable, 24),
        f"{sign} {row.word}",
        f"{row.difference:.1e}",
        element,
        *numbers,
    ]


def _lines(diagnosis: Diagnosis) -> Section:
    """Put the learner's line and the right one below each other."""
    assert diagnosis.line is not None
    yours, right = diagnosis.line.code.split("\n"), diagnosis.right.split("\n")
    rows = [("yours", line) for line in yours] + [("right", line) for line in right if line]
    title = f"{clean(diagnosis.line.function)}, {diagnosis.place}"
    return yours_and_right(title, [(label, clean(line, 200)) for label, line in rows])
