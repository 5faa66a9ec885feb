"""The colours and outlines of a picture, by role.

Every text has a contrast of at least 4.5 to 1 against its fill, every line 3 to 1 against the
page, and no colour speaks alone: a shape, an outline, a dash or a word says the same.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "GRADIENT",
    "GRADIENT_FILL",
    "LINE",
    "MODULE",
    "MUTED",
    "OPERATION",
    "PAGE",
    "ROLES",
    "TEXT",
    "WARNING",
]

PAGE = "#FFFFFF"
TEXT = "#1B1B1B"
MUTED = "#595959"
LINE = "#4D4D4D"
GRADIENT = "#A63C00"
GRADIENT_FILL = "#FDEBDD"
WARNING = "#A3123A"


@dataclass(frozen=True, slots=True)
class Look:
    """How one kind of node is painted."""

    fill: str
    line: str
    style: str
    width: float = 1.0
    outlines: int = 1


ROLES = {
    "computed": Look("#FFFFFF", LINE, "rounded,filled"),
    "input": Look("#ECECEC", LINE, "filled"),
    "constant": Look("#ECECEC", LINE, "filled"),
    "parameter": Look("#FFE9A8", "#7A5200", "filled", outlines=2),
    "loss": Look("#FFFFFF", TEXT, "rounded,filled", width=3.0),
    "output": Look("#FFFFFF", TEXT, "rounded,filled", width=3.0),
}
OPERATION = Look("#D6E8FA", "#0B5394", "filled")
MODULE = Look("#F7F9FA", "#6B7680", "rounded,filled")
