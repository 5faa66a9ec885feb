"""Why a lane stopped: the step that is not finite is made again, without capturing, and watched.

Nothing of the session changes. `tinygrad_edu.detect_anomaly` finds the operation, and the sizes of
weights and gradients over the last steps show how it came about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu import AnomalyError, detect_anomaly
from tinygrad_edu.texts import number_text

from .lane import Lane, linears, loss_of
from .measures import finite

if TYPE_CHECKING:
    from tinygrad_edu.debugging import Anomaly

    from .timeline import Timeline

__all__ = ["Stop", "why_it_stopped"]

_ROWS = 6
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Stop:
    """Why a lane stopped.

    Attributes
    ----------
    step : int
        Where it stopped, with the last finite weights: the step after it cannot be made.
    text : str
        What happened first, from which numbers, and what to do.
    rows : tuple of dict
        For each of the last steps: ``step``, ``loss``, ``weight`` and ``gradient``, the largest
        sizes. None where a number is not finite.
    """

    step: int
    text: str
    rows: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as plain data."""
        return {"text": self.text, "step": self.step, "rows": [dict(row) for row in self.rows]}


def why_it_stopped(timeline: Timeline, number: int) -> Stop:
    """Explain why a lane stopped.

    Parameters
    ----------
    timeline : Timeline
    number : int
        The lane, which has stopped.

    Returns
    -------
    Stop

    Examples
    --------
    >>> from nn.playground.session import Session
    >>> session = Session.open("data=hills&hidden=8relu&opt=SGD:lr=5")
    >>> session.step(1000)
    6
    >>> session.snapshot()["lanes"][0]["stopped"]["text"].partition(":")[0]
    'Step 7 cannot be made'
    """
    lane = timeline.lanes[number]
    step = lane.stopped
    assert step is not None
    rows = timeline.branch.schedule.batch_at(step)
    x, y = timeline.data.train[rows], timeline.data.train_labels[rows]
    text = f"Step {step + 1} cannot be made: {_first_event(lane, x, y)}. {_remedy(lane, step)}"
    return Stop(step, text, tuple(_last_steps(timeline, number, step)))


def _first_event(lane: Lane, x: Any, y: Any) -> str:
    """Make the step on a copy, and describe the first number that is not finite."""
    network, optimizer = lane.copied()
    try:
        with detect_anomaly():
            loss = loss_of(lane.problem, network(x), y)
            loss.backward()
    except AnomalyError as error:
        return _described(error.anomaly, network)
    with np.errstate(all="ignore"):
        optimizer.step()
    names = network.textbook_names()
    for path, parameter in network.named_parameters():
        memory = optimizer.state[parameter].items()
        infinite = [key for key, value in memory if not np.isfinite(value).all()]
        if np.isfinite(parameter.data).all() and not infinite:
            continue
        name = names[path][0]
        gradient: Any = parameter.grad
        largest = number_text(float(np.abs(gradient).max()))
        decay = optimizer.param_groups[0]["weight_decay"]
        rule = f"{lane.entry}, L2 {decay:g}" if decay else str(lane.entry)
        what = f"the update of {name}"
        if np.isfinite(parameter.data).all():
            what = f"{infinite[0]}, the optimizer's memory for {name},"
        return (
            f"{what} overflows, although loss and gradients are finite: its gradients reach "
            f"{largest}, and the optimizer is {rule}"
        )
    return "a number is not finite"


def _described(anomaly: Anomaly, network: Any) -> str:
    """Describe an anomaly with the textbook's names."""
    value = "an infinite number" if np.isinf(anomaly.value) else "NaN"
    paths = {path: n for n, (path, _) in enumerate(_linear_paths(network), 1)}
    where = f" of layer {paths[anomaly.module]}" if anomaly.module in paths else ""
    names = {path: pair[0] for path, pair in network.textbook_names().items()}
    listed = [f"{names.get(name, name)} = {text}" for name, text in anomaly.numbers]
    numbers = f" (from {', '.join(listed)})" if listed else ""
    way = "forward" if anomaly.phase == "forward" else "backward"
    operation = anomaly.function or anomaly.operation
    cause = ""
    if "overflow" in anomaly.cause:
        cause = f"; float32 ends at {number_text(_LARGEST)}"
    elif anomaly.cause:
        cause = f"; {anomaly.cause}"
    return f"in the {way} pass, {operation}{where} gave {value} first{numbers}{cause}"


def _linear_paths(network: Any) -> list[tuple[str, Any]]:
    layers = linears(network)
    return [(path, m) for path, m in network.named_modules() if any(m is one for one in layers)]


def _remedy(lane: Lane, step: int) -> str:
    lr = dict(lane.entry.options)["lr"]
    return (
        f"The weights shown are those at step {step}, the last that are finite. Go back to a "
        f"step where the loss still fell, and lower the learning rate there, for example from "
        f"{lr:g} to {lr / 10:g}."
    )


def _last_steps(timeline: Timeline, number: int, step: int) -> list[dict[str, Any]]:
    """Return the loss and the sizes of weights and gradients at the last steps."""
    found: list[dict[str, Any]] = []
    twin, branch = timeline.twin(), timeline.branch
    for at in range(max(branch.at, step - _ROWS + 1), step + 1):
        twin.seek(branch.number, at)
        lane = twin.lanes[number]
        loss, gradients = lane.gradients(*twin.batch())
        with np.errstate(all="ignore"):
            weight = max(float(np.abs(p.data).max()) for p in lane.network.parameters())
            gradient = max(float(np.abs(g).max()) for g in gradients)
        found.append(
            {"step": at, "loss": finite(loss), "weight": weight, "gradient": finite(gradient)}
        )
    return found
