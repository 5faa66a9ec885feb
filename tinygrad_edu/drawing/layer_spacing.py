"""How far the layers of a picture are apart. Where boxes go is decided in `layout`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CLOSE", "DENSE", "WIDE", "Spacing"]


@dataclass(frozen=True, slots=True)
class Spacing:
    """Lengths along the picture, and one across it.

    Attributes
    ----------
    group_start, group_end : float
        For the border of a group, and for the title at its start.
    before_curve, after_curve : float
        Room for arrowheads and the letters of operands.
    smallest_gap, largest_gap, slope : float
        A line bends within `slope` times the distance that it goes across, in these limits.
    between : float
        From one box to the next, across the picture.
    """

    group_start: float = 34.0
    group_end: float = 14.0
    before_curve: float = 10.0
    after_curve: float = 22.0
    smallest_gap: float = 30.0
    largest_gap: float = 110.0
    slope: float = 0.3
    between: float = 24.0


WIDE = Spacing()
DENSE = Spacing(27.0, 10.0, 4.0, 13.0, 10.0, 44.0, 0.12)
"""For pictures that have to fit into a window."""
CLOSE = Spacing(0.0, 0.0, 5.0, 14.0, 10.0, 40.0, 0.1, 12.0)
"""For a slide: lines have no labels there, and modules no frames."""
