"""Where the label of a line goes, so that no label hides another one.

A label goes where its line leaves a layer of boxes, before the line bends. Where two labels would
overlap, the second goes further along. The layout makes room for the straight stretch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .boxes import text_width
from .layout import Point
from .picture import Wire

__all__ = ["LANE", "Label", "line_labels"]

LANE = 4.0  # from the middle to a line that runs next to its gradient
_HEIGHT = 13.0
_GAP = 6.0


@dataclass(slots=True)
class Label:
    """A label of a line.

    Attributes
    ----------
    text, ink, owner : str
        What it says, the colour of the theme, and the id of its line.
    across : float
        Its middle, across the picture.
    length, breadth : float
        Its size along the picture, and across.
    ahead : float
        The distance from its middle to where the line bends.
    """

    text: str
    ink: str
    owner: str
    across: float
    length: float
    breadth: float
    ahead: float = 0.0


def line_labels(
    wires: Sequence[Wire], starts: Sequence[Point], down: bool
) -> tuple[list[list[Label]], dict[int, float]]:
    """Place the labels of all lines.

    Parameters
    ----------
    wires : sequence of Wire
    starts : sequence of (along, across)
        Where each of them bends first, at the end of its first straight stretch.
    down : bool
        Whether the picture goes from top to bottom.

    Returns
    -------
    labels : list of list of Label
        Those of each line.
    rooms : dict of int to float
        The length of the straight stretch that a line needs, by the number of the line.

    Examples
    --------
    >>> wires = [Wire(f"w{i}", "a", "b", back_id=f"b{i}", back_label="+3") for i in range(2)]
    >>> labels, rooms = line_labels(wires, [(0.0, 0.0), (0.0, 8.0)], down=False)
    >>> [label.ahead < rooms[0] / 2 for (label,) in labels]
    [True, False]
    """
    labels = [
        _labels_of(wire, across, down) for wire, (_, across) in zip(wires, starts, strict=True)
    ]
    layers: dict[float, list[Label]] = {}
    for (along, _), own in zip(starts, labels, strict=True):
        layers.setdefault(along, []).extend(own)
    lengths = {along: _spread(layer) for along, layer in layers.items()}
    rooms = {number: lengths[along] for number, (along, _) in enumerate(starts) if labels[number]}
    return labels, rooms


def _labels_of(wire: Wire, across: float, down: bool) -> list[Label]:
    side = (-LANE if wire.is_first else LANE) if wire.back_id else 0.0
    # Side by side there is room for both; from top to bottom, one goes below the other.
    aside = 2.25 * side if wire.label and wire.back_label and not down else side
    labels = []
    for text, ink, owner, place in (
        (wire.label, "line", wire.id, aside),
        (wire.back_label, "gradient", wire.back_id, -aside),
    ):
        if text:
            width = text_width(text, 10) + 4
            length, breadth = (_HEIGHT, width) if down else (width, _HEIGHT)
            labels.append(Label(text, ink, owner, across + place, length, breadth))
    return labels


def _spread(labels: list[Label]) -> float:
    """Put labels that would overlap behind each other; return the length that all need."""
    columns: list[list[Label]] = []
    for label in sorted(labels, key=lambda label: label.across):
        free = [column for column in columns if not any(_meet(label, one) for one in column)]
        if not free:
            free.append([])
            columns += free
        free[0].append(label)
    reached = 0.0
    for column in columns:
        reached += _GAP
        for label in column:
            label.ahead = reached + label.length / 2
        reached += max(label.length for label in column)
    return reached


def _meet(one: Label, other: Label) -> bool:
    return abs(one.across - other.across) < (one.breadth + other.breadth) / 2
