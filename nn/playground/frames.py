"""What a page shows of a session, as plain data: a frame.

Arrays are encoded as base64 text. Nothing here changes the session's network; what a frame has is
listed at `frame_of`.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .lane import Lane, linears
from .measures import finite, measure

if TYPE_CHECKING:
    from .session import Session

__all__ = ["encode", "frame_of"]

Array = NDArray[Any]
MAP = 50
"""Points on a side of a decision map."""
UNIT_MAP = 24
"""Points on a side of a unit's map."""
_ROUNDING = 1e-6  # of numbers about 1, as inputs and outputs of units are
_TYPES = {"u1": "<u1", "f4": "<f4", "i4": "<i4"}


def encode(array: Any, kind: str) -> dict[str, Any]:
    """Encode an array for JSON.

    Parameters
    ----------
    array : array_like
    kind : str
        ``"u1"``, ``"f4"`` or ``"i4"``: the type of its numbers.

    Returns
    -------
    dict
        ``shape``, ``type``, and ``data``: base64 text, little-endian.

    Examples
    --------
    >>> from nn.playground.frames import encode
    >>> encode([1, 2], "u1")
    {'shape': [2], 'type': 'u1', 'data': 'AQI='}
    """
    array = np.ascontiguousarray(array, _TYPES[kind])
    text = base64.b64encode(array.tobytes()).decode("ascii")
    return {"shape": list(array.shape), "type": kind, "data": text}


def frame_of(session: Session, full: bool = True) -> dict[str, Any]:
    """Describe a session as plain data.

    Parameters
    ----------
    session : Session
    full : bool
        With the points, all of the curves, and the curves of other branches. Otherwise the curves
        have only what is new since the last frame.

    Returns
    -------
    dict
        Ready for JSON.
    """
    timeline, settings, data = session.timeline, session.settings, session.data
    branch = timeline.branch
    rows = branch.schedule.batch_at(timeline.step)
    frame: dict[str, Any] = {
        "full": full,
        "state": session.state,
        "settings": settings.to_json(),
        "problem": data.problem,
        "branch": branch.number,
        "step": timeline.step,
        "epoch": branch.schedule.epoch_at(timeline.step),
        "branches": [
            {"id": b.number, "parent": b.parent, "at": b.at, "last": b.last, "what": b.what}
            for b in timeline.branches.values()
        ],
        "features": list(data.features),
        "classes": list(data.classes),
        "axes": session.viewed.axes.to_json(data),
        "batch": rows[:64].tolist(),
        "selected": session.selected,
        "lanes": [_lane(session, n) for n in range(len(timeline.lanes))],
        "network": _network(session),
        "curves": session.viewed.curves.since_last(branch, full),
        "history": _history(session),
    }
    if data.images:
        frame["examples"] = _examples(session)
    if full:
        frame["points"] = _points(session)
        frame["ghosts"] = [
            {"branch": b.number, **b.curve_from()}
            for b in timeline.branches.values()
            if b is not branch
        ]
    return frame


def _history(session: Session) -> dict[str, Any]:
    """Describe the line of branches that leads to the current one."""
    line = session.timeline.line()
    ends = [*(branch.at for branch in line[1:]), line[-1].last]
    parts = [[b.number, b.at, end] for b, end in zip(line, ends, strict=True)]
    return {"line": parts}


def _points(session: Session) -> dict[str, Any]:
    data, (i, j) = session.data, session.viewed.axes.features
    kind = "i4" if data.problem == "classification" else "f4"
    found: dict[str, Any] = {}
    for name in ("train", "test"):
        rows, labels = getattr(data, name), getattr(data, f"{name}_labels")
        found[name] = encode(session.viewed.axes.in_units(data, rows)[:, [i, j]], "f4")
        found[f"{name}_labels"] = encode(labels.reshape(-1), kind)
    return found


# Lanes ---------------------------------------------------------------------------------------


def _lane(session: Session, number: int) -> dict[str, Any]:
    data, lane = session.data, session.lanes[number]
    stop = session.why_stopped(number)
    train, train_score = measure(data.problem, lane.outputs(data.train)[-1], data.train_labels)
    outputs = lane.outputs(data.test)[-1]
    test, score = measure(data.problem, outputs, data.test_labels)
    confusion = None
    if data.problem == "classification" and len(data.test):
        table = np.zeros((data.outputs, data.outputs), int)
        np.add.at(table, (data.test_labels, outputs.argmax(1)), 1)
        confusion = encode(table, "i4")
    return {
        "name": str(lane.entry),
        "loss": {"train": train, "test": test},
        "score": {"train": train_score, "test": score},
        "map": None if data.images else _map(lane, session),
        "confusion": confusion,
        "stopped": None if stop is None else stop.to_json(),
    }


def _map(lane: Lane, session: Session) -> dict[str, Any]:
    """Return what the network predicts on a grid: the winning class and how sure, or a value."""
    outputs = lane.outputs(session.viewed.axes.grid(session.data, MAP))[-1]
    if session.data.problem == "regression":
        return {"value": encode(outputs.reshape(MAP, MAP), "f4")}
    winner, sure = _winners(outputs)
    return {
        "winner": encode(winner.reshape(MAP, MAP), "u1"),
        "sure": encode(sure.reshape(MAP, MAP), "u1"),
    }


def _winners(logits: Array) -> tuple[Array, Array]:
    """Return the class of each row, and how sure: 0 for equal probabilities, 255 for certain."""
    with np.errstate(all="ignore"):
        weights = np.exp(logits - logits.max(1, keepdims=True))
        best = 1 / weights.sum(1)
        classes = logits.shape[1]
        sure = (best - 1 / classes) / (1 - 1 / classes)
    return logits.argmax(1), np.rint(255 * np.nan_to_num(sure).clip(0, 1))


def _examples(session: Session) -> dict[str, Any]:
    """Return the first 16 test images with what the selected network predicts."""
    data = session.data
    rows = data.test[:16] if len(data.test) else data.train[:16]
    labels = data.test_labels[:16] if len(data.test) else data.train_labels[:16]
    winner, sure = _winners(session.lane.outputs(rows)[-1])
    return {
        "images": encode(np.rint(rows.reshape(-1, 8, 8) * 255), "u1"),
        "labels": labels.tolist(),
        "predicted": winner.tolist(),
        "sure": [round(float(value) / 255, 3) for value in sure],
    }


# The network ---------------------------------------------------------------------------------


def _network(session: Session) -> dict[str, Any]:
    """Describe the selected network: weights, gradients of the next batch, what each unit does."""
    lane, data, settings = session.lane, session.data, session.settings
    _, gradients = lane.gradients(*session.timeline.batch())
    by_layer = list(zip(gradients[::2], gradients[1::2], strict=True))
    grid = None if data.images else session.viewed.axes.grid(data, UNIT_MAP)
    on_grid = lane.after_layers(grid) if grid is not None else None
    on_rows = lane.after_layers(data.train)
    shown_inputs = session.viewed.shown(0)
    layers: list[dict[str, Any]] = []
    for n, layer in enumerate(linears(lane.network)):
        shown = session.viewed.shown(n + 1)
        weight, bias = (parameter.data for parameter in layer.parameters())
        values = on_rows[n][:, shown]
        maps, kind = None, None
        if on_grid is not None:
            maps, kind = encode(_maps(on_grid[n][:, shown]), "u1"), "output"
        elif n == 0:
            maps, kind = encode(_maps(weight[:, shown]), "u1"), "weights"
        layers.append(
            {
                "number": n + 1,
                "inputs": weight.shape[0],
                "units": weight.shape[1],
                "activation": settings.activations[n],
                "frozen": n + 1 in settings.frozen,
                "first": shown.start,
                "shown": shown.stop - shown.start,
                "weights": encode(weight[shown_inputs, shown], "f4"),
                "bias": encode(bias[shown], "f4"),
                "gradients": encode(by_layer[n][0][shown_inputs, shown], "f4"),
                "bias_gradients": encode(by_layer[n][1][shown], "f4"),
                "maps": maps,
                "map_kind": kind,
                "range": _ranges(values),
                **_marks(on_rows[n], settings.activations[n]),
            }
        )
        shown_inputs = shown
    return {"inputs": _inputs(session, grid), "layers": layers, "note": _note(layers)}


def _note(layers: list[dict[str, Any]]) -> str:
    """Return a sentence about a layer whose units are all dead; empty if there is none."""
    for layer in layers[:-1]:
        if len(layer["dead"]) == layer["units"]:
            return (
                f"All units of layer {layer['number']} are dead: they give 0 for every row, so no "
                "gradient reaches the layers before them. Go back, and lower the learning rate."
            )
    return ""


def _inputs(session: Session, grid: Array | None) -> list[dict[str, Any]]:
    """Describe the inputs that are shown; of images only the names."""
    shown = session.viewed.shown(0)
    names = session.data.features[shown]
    if grid is None:
        return [{"name": name, "map": None} for name in names]
    # Features that are not axes are at their mean, about 0: by their own size, rounding would be
    # drawn in full colour.
    maps = _maps(grid[:, shown], np.abs(session.data.train[:, shown]).max(0))
    return [{"name": name, "map": encode(one, "u1")} for name, one in zip(names, maps, strict=True)]


def _maps(columns: Array, least: Array | float = 0.0) -> Array:
    """Return a square of bytes for each column: 128 is 0, 255 and 1 the largest size in it.

    A size below `least`, or below what float32 rounds, is not drawn in full colour.
    """
    side = math.isqrt(len(columns))
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(columns).max(0), np.maximum(least, _ROUNDING))
        found: Array = np.nan_to_num(np.rint(128 + 127 * columns / size), nan=128)
    return found.T.reshape(-1, side, side)


def _ranges(values: Array) -> list[list[float | None]]:
    low, high = values.min(0), values.max(0)
    return [[finite(a), finite(b)] for a, b in zip(low, high, strict=True)]


def _marks(values: Array, activation: str) -> dict[str, list[int]]:
    """List the units that are dead or saturated for every row."""
    dead: Any = False if activation != "relu" else (values == 0).all(0)
    saturated: Any = False
    if activation == "tanh":
        saturated = (np.abs(values) > 0.99).all(0)
    elif activation == "sigmoid":
        saturated = (np.abs(values - 0.5) > 0.49).all(0)
    return {
        "dead": np.flatnonzero(dead).tolist(),
        "saturated": np.flatnonzero(saturated).tolist(),
    }
