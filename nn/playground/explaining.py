"""A step of a session in the stepper: exactly its batch, its weights and its optimizer.

Everything is a copy, so the session does not move. The stepper itself is in
`tinygrad_edu.stepping`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .lane import loss_of
from .timeline import Timeline

if TYPE_CHECKING:
    from tinygrad_edu.stepping import Stepper

__all__ = ["explained_step"]


def explained_step(timeline: Timeline, branch: int, step: int, number: int) -> Stepper:
    """Make the page that explains the step from `step` to the next one.

    Parameters
    ----------
    timeline : Timeline
        It does not move.
    branch, step : int
        A step that was reached.
    number : int
        The lane.

    Returns
    -------
    Stepper

    Raises
    ------
    ValueError
        If there is no such step, or the graph is too large for the stepper.
    """
    from tinygrad_edu import Tensor
    from tinygrad_edu.stepping import stepper

    twin = timeline.twin()
    twin.seek(branch, step)
    lane = twin.lanes[number]
    network, optimizer = lane.copied()
    x, y = twin.batch()
    # Below the first layer that trains, nothing is recorded unless the input asks for a gradient;
    # the page would begin in the middle of the network.
    first_is_frozen = not network.parameters()[0].requires_grad
    batch = Tensor(x, name="x", requires_grad=first_is_frozen)
    title = f"Step {step + 1} of {lane.entry}: {len(x)} rows"
    if first_is_frozen:
        title += "; the frozen layers are shown too, up to the gradient of x, which no step needs"
    with np.errstate(all="ignore"):
        loss = loss_of(lane.problem, network(batch), y)
        return stepper(
            loss,
            model=network,
            optimizer=optimizer,
            compare=_by_hand(lane.problem, network, x, y),
            names={"x": batch},
            title=title,
        )


def _by_hand(problem: str, network: Any, x: Any, y: Any) -> dict[str, Any] | None:
    """Return the gradients by hand of the parameters that train; None where there are none."""
    from ..by_hand.compare import manual_gradients

    loss = "softmax_cross_entropy" if problem == "classification" else "squared_error"
    try:
        found = manual_gradients(network, x, y, loss=loss)
    except TypeError:  # a layer without a derivation by hand
        return None
    trains = {name for name, p in network.named_parameters() if p.requires_grad}
    return {name: gradient for name, gradient in found.items() if name in trains}
