"""One gradient of a check, three ways, with what was found about it. Nothing is computed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..drawing.verdicts import Verdict
from .numerical import Measured

__all__ = ["GradientRow"]

Array = NDArray[Any]

_VERDICTS = {"differs": "AUTO ≠ NUMERIC", "undecided": "UNDECIDED"}


@dataclass(frozen=True, slots=True, eq=False)
class GradientRow:
    """One gradient, three ways.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Of the input.
    manual : ndarray or None
        As it was derived by hand; None if its shape does not fit.
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
        The equation of the textbook, and a line of code that says it, where somebody gave them.
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
        """Whether manual and automatic match, and no numerical gradient leaves that in doubt."""
        return bool(self.verdict.agree) and self.measured.finding not in _VERDICTS

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
