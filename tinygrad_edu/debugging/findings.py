"""What the linter says: one finding for each mistake, and the report that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..notebook_tables import code, or_none, page, table, words

__all__ = ["LintFinding", "LintReport"]


@dataclass(frozen=True, slots=True)
class LintFinding:
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
    """

    kind: str
    found: str
    place: str
    why: str
    advice: str

    def __str__(self) -> str:
        place = f" ({self.place})" if self.place else ""
        return f"{self.kind}: {self.found}{place}\n  why: {self.why}\n  do:  {self.advice}"


@dataclass(frozen=True, slots=True, repr=False)
class LintReport:
    """What `lint` found; it shows itself as text, and as a table in a notebook.

    Attributes
    ----------
    findings : tuple of LintFinding

    Examples
    --------
    >>> from tinygrad_edu import Tensor, lint
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> report = lint((x * x).sum())
    >>> report.ok, str(report)
    (True, 'nothing found')
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

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings)) if self.findings else "nothing found"

    __repr__ = __str__

    def _repr_html_(self) -> str | None:
        return or_none(_table, self)


def _table(report: LintReport) -> str:
    title = f"<strong>lint</strong>: {len(report)} found"
    if report.ok:
        return page("<strong>lint</strong>", words("nothing found"))
    rows = [
        [
            words(one.kind),
            _wrapping(words(one.found), *[code(one.place, 200)] * bool(one.place)),
            _wrapping(words(one.why)),
            _wrapping(words(one.advice)),
        ]
        for one in report
    ]
    return page(title, table(["kind", "found", "why", "what to do"], rows))


def _wrapping(*parts: str) -> str:
    """Set sentences so that they are broken into lines."""
    style = "white-space: normal; overflow-wrap: anywhere; min-width: 12em"
    return f'<div style="{style}">{"<br>".join(parts)}</div>'
