"""Changing one weight by hand, and what its gradient predicted.

The gradient is that of the next batch, which the page shows. The change itself is a branch of the
`timeline`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .lane import Lane, loss_of
from .measures import finite
from .settings import number
from .timeline import Change, Nudging

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Nudge", "compared", "nudge"]

_KINKED = ("relu", "leaky_relu")


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
    switched : int
        How many rectifiers switched on or off, over all rows of the batch.
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
    switched: int
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as plain data; numbers that are not finite are None."""
        return {k: finite(v) if isinstance(v, float) else v for k, v in vars(self).items()}


def nudge(session: Session, layer: int, row: int | str | None, column: int, by: float) -> Nudge:
    """Change one weight or bias of the selected network; see `Session.nudge`.

    Parameters
    ----------
    session : Session
    layer, row, column : int
    by : float

    Returns
    -------
    Nudge
    """
    lane = session.lane
    by = number("by", by, -1e6, 1e6)
    if by == 0:
        raise ValueError("by: 0, expected the number to add to the weight")
    nudging = Nudging.of(session.selected, layer, row, column, by)
    nudging.place_in(lane.network)  # raises an error if there is none
    x, y = session.timeline.batch()
    gradient, before = _gradient(lane, nudging, x, y)
    value, on_before = _value(lane, nudging), _rectifiers(session, x)
    session.timeline.change(
        Change(session.timeline.step, session.settings, nudging, session.selected)
    )
    after = _loss(session.lane, x, y)
    switched = int((on_before != _rectifiers(session, x)).sum())
    # What float32 made of the change: the weight may be too large for it.
    moved = _value(session.lane, nudging) - value
    predicted, difference = gradient * moved, after - before
    text = compared(predicted, difference, before, moved, switched)
    return Nudge(value, moved, gradient, predicted, before, after, difference, switched, text)


def _gradient(lane: Lane, nudging: Nudging, x: Any, y: Any) -> tuple[float, float]:
    """Return the gradient of one weight, which may be frozen, and the loss."""
    network, _ = lane.copied()
    parameter, place = nudging.place_in(network)
    parameter.requires_grad = True
    with np.errstate(all="ignore"):
        loss = loss_of(lane.problem, network(x), y)
        loss.backward()
    gradient: Any = parameter.grad
    return float(gradient[place]), float(loss.item())


def _value(lane: Lane, nudging: Nudging) -> float:
    parameter, place = nudging.place_in(lane.network)
    return float(parameter.data[place])


def _loss(lane: Lane, x: Any, y: Any) -> float:
    with np.errstate(all="ignore"):
        return float(loss_of(lane.problem, lane.network(x), y).item())


def _rectifiers(session: Session, x: Any) -> Any:
    """Return which rectifiers are on, for each row of a batch."""
    hidden = session.settings.hidden
    values = session.lane.after_layers(x)
    on = [v > 0 for v, h in zip(values, hidden, strict=False) if h.activation in _KINKED]
    return np.concatenate(on, 1) if on else np.zeros((len(x), 0), bool)


def compared(
    predicted: float, difference: float, before: float, moved: float, switched: int
) -> str:
    """Compare the predicted and the actual change of the loss, and say why they differ.

    Parameters
    ----------
    predicted, difference : float
        The change of the loss that the gradient predicted, and the actual one.
    before : float
        The loss before the nudge.
    moved : float
        By how much the weight changed.
    switched : int
        How many outputs of rectifiers are 0 on one side of the nudge only.

    Returns
    -------
    str
    """
    if not math.isfinite(difference):
        return f"The gradient predicted {predicted:+.3g}, but the loss is no longer finite."
    start = f"The gradient predicted {predicted:+.3g}; the loss of the next batch changed by "
    start += f"{difference:+.3g}."
    rounding = 4 * float(np.spacing(np.float32(abs(before))))
    gap = difference - predicted
    if abs(gap) <= max(rounding, 0.02 * abs(predicted)):
        if max(abs(predicted), abs(difference)) <= rounding:
            return f"{start} Both are within the rounding of float32 (about {rounding:.1g})."
        return f"{start} The straight line of the gradient fits here."
    if switched:
        outputs = "a rectifier output" if switched == 1 else f"{switched} rectifier outputs"
        return (
            f"{start} They differ because {outputs} switched on or off, where the loss has a kink; "
            "a smaller change crosses fewer kinks."
        )
    if abs(gap) > 0.5 * abs(predicted) and abs(predicted) > abs(before):
        return (
            f"{start} The change of {moved:.3g} is far too large for a straight line, which holds "
            "only near the weight; try a smaller one."
        )
    bend = "upwards" if gap > 0 else "downwards"
    return (
        f"{start} They differ because the loss bends {bend} along this weight: its second "
        f"derivative is about {2 * gap / moved**2:.3g}. The difference shrinks with the square of "
        "the change."
    )
