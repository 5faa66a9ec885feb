"""The parts of a result: one gradient, three ways, and a diagnosis of what went wrong.

They hold data. How they are written is in `row_text` and `report`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..drawing.verdicts import Verdict
from ..source_lines import SourceLine
from .numerical import Measured

__all__ = ["Diagnosis", "GradientRow"]

Array = NDArray[Any]

_VERDICTS = {"differs": "AUTO ≠ NUMERIC", "undecided": "UNDECIDED"}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a mismatch looks like.

    Attributes
    ----------
    kind : str
        Such as ``"sign"``.
    sentence : str
        What it looks like, where, and what to do.
    place : str
        The operation or module where it happened; empty if it is everywhere.
    explains : tuple of str
        The gradients that it explains.
    line : SourceLine or None
        The line of your code that is wrong, where the code could be followed.
    right : str
        What is right instead of that line; empty where it is not known.
    more : tuple of (SourceLine, str)
        Other lines with the same mistake, and what is right instead of each.
    note : str
        What the line should compute, and which lines before it are right, where that is known.

    Examples
    --------
    >>> Diagnosis("sign", "looks like this: the sign of W is flipped", "", ("W",)).explains
    ('W',)
    """

    kind: str
    sentence: str
    place: str
    explains: tuple[str, ...]
    line: SourceLine | None = None
    right: str = ""
    more: tuple[tuple[SourceLine, str], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class GradientRow:
    """One gradient, three ways.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Of the input.
    manual : ndarray or None
        The gradient by hand; None if its shape does not fit.
    automatic : ndarray
    numerical : ndarray
        By central differences; NaN where it was not measured.
    verdict : Verdict
        On manual against automatic.
    measured : Measured
        Whether numerical gradients confirm the automatic one, and where they do not.
    problem : str
        What is wrong with the shape; empty if it fits.
    place, operation, rule : str
        The operation that sends this gradient, and the rule by which it does.
    position : int
        Which input of the operation it goes to.
    kinks : int
        How many elements were not measured, because a step would cross a kink.
    equation, equation_code : str
        The equation of the textbook, and a line of code for it, where the caller gave them.

    Examples
    --------
    >>> from tinygrad_edu import check_manual
    >>> row = check_manual(lambda x: (x * x).sum(), [[2.0]], [1.0]).rows[0]
    >>> row.agree, row.word, row.automatic.tolist()
    (True, 'match', [2.0])
    """

    name: str
    shape: tuple[int, ...]
    manual: Array | None
    automatic: Array
    numerical: Array
    verdict: Verdict
    measured: Measured
    problem: str
    place: str
    operation: str
    rule: str
    position: int
    kinks: int = 0
    equation: str = ""
    equation_code: str = ""

    @property
    def agree(self) -> bool:
        """Whether manual and automatic match, and no numerical gradient casts doubt on it."""
        return bool(self.verdict.agree) and self.measured.finding not in _VERDICTS

    @property
    def cancels(self) -> bool:
        """Whether it agrees only as a gradient that is 0 apart from round-off."""
        return bool(self.verdict.agree) and self.verdict.relative > self.verdict.tolerance

    @property
    def word(self) -> str:
        """The verdict in a word."""
        if self.problem:
            return "WRONG SHAPE"
        if not self.verdict.agree and self.measured.finding != "differs":
            return "DIFFERS"
        return _VERDICTS.get(self.measured.finding, "match")

    @property
    def numerical_error(self) -> float | None:
        """The largest difference of automatic and numerical; None if nothing was measured."""
        return self.measured.error
