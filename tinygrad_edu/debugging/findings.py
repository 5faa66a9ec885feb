"""What the linter returns: a finding for each mistake, and the report that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..documents import Section, Shown

__all__ = ["LintFinding", "LintReport"]


@dataclass(frozen=True, slots=True, repr=False)
class LintFinding(Shown):
    """One mistake.

    Attributes
    ----------
    kind : str
        Such as ``"double softmax"``.
    found : str
        The fact.
    place : str
        The operation, the module, and the line of the user's code where it was recorded.
    why : str
        Why it matters.
    advice : str
        What to do.

    Examples
    --------
    >>> LintFinding("dead relu", "all outputs are 0", "", "nothing is learned", "lower the rate")
    dead relu: all outputs are 0
      why:  nothing is learned
      do:   lower the rate
    """

    kind: str
    found: str
    place: str
    why: str
    advice: str

    def document(self) -> Section:
        """Return the fact as a title, with the reason and the advice below it."""
        place = f" ({self.place})" if self.place else ""
        lines = (("why:  ", self.why), ("do:   ", self.advice))
        return Section("", (Section(f"{self.kind}: {self.found}{place}", lines),))


@dataclass(frozen=True, slots=True, repr=False)
class LintReport(Shown):
    """What `lint` found; it shows itself as text, and as HTML in a notebook.

    Attributes
    ----------
    findings : tuple of LintFinding

    Examples
    --------
    >>> report = LintReport(())
    >>> report, report.ok, len(report)
    (nothing found, True, 0)
    """

    findings: tuple[LintFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __iter__(self) -> Iterator[LintFinding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def document(self) -> Section:
        """Return the findings, one after the other."""
        if self.ok:
            return Section("nothing found")
        findings = tuple(part for one in self for part in one.document().content)
        return Section(f"lint: {len(self)} found", findings)
