"""Changing one weight by hand, and what its gradient predicted.

The gradient is that of the next batch, which the page shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .lane import linears
from .settings import number, whole
from .timeline import Change, Nudging

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Nudge", "nudge"]


@dataclass(frozen=True)
class Nudge:
    """What changing one weight did to the loss of the next batch.

    Attributes
    ----------
    value : float
        The weight before.
    by, gradient, predicted : float
        The change, the gradient, and their product: the change of the loss that it predicts.
    before, after, difference : float
        The loss before and after, and the change of it.
    text : str
        The comparison in words.
    """

    value: float
    by: float
    gradient: float
    predicted: float
    before: float
    after: float
    difference: float
    text: str


def nudge(session: Session, layer: int, row: int | str | None, column: int, by: float) -> Nudge:
    """Change one weight or bias of the selected network; see `Session.nudge`."""
    lane = session.lane
    layers = linears(lane.network)
    layer = whole("layer", layer, 1, len(layers))
    inputs, outputs = layers[layer - 1].weight.shape
    column = whole("column", column, 0, outputs - 1)
    place = None if row is None else whole("row", row, 0, inputs - 1)
    by = number("by", by, -1e6, 1e6)
    if by == 0:
        raise ValueError("by: 0, expected what is added to the weight")
    batch = session.timeline.batch()
    before, gradients = lane.gradients(*batch)
    index = (column,) if place is None else (place, column)
    array = gradients[2 * (layer - 1) + (place is None)]
    parameter = layers[layer - 1].bias if place is None else layers[layer - 1].weight
    gradient, value = float(array[index]), float(parameter.data[index])
    nudging = Nudging(session.selected, layer, place, column, by)
    step = session.timeline.step
    session._apply(Change(step, session.settings, nudging, session.selected))
    after, _ = session.lane.gradients(*batch)
    predicted, difference = gradient * by, after - before
    text = f"the gradient predicted {predicted:+.3g}; the loss changed by {difference:+.3g}"
    return Nudge(value, by, gradient, predicted, before, after, difference, text)
