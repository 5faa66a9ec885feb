"""The state of a session as a short text, for the address bar: settings, changes, step, lane.

Opening the text gives the same weights to the last bit. What is as usual is left out. Values are
checked by `settings.py`; this file only splits and joins.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from .choices import ACTIVATIONS, DATA, LIMITS, OPTIMIZERS
from .settings import DataSettings, Settings, number, plain_number, whole
from .timeline import Change, Nudging

__all__ = ["State", "read_state", "write_state"]

_SAFE = ",;:.-~_/()@!*"
_LONGEST_NUMBER = 40


@dataclass(frozen=True)
class State:
    """What the text holds.

    Attributes
    ----------
    settings : Settings
        Of the start of the run.
    changes : tuple of Change
        On the line of branches, in order.
    step : int
    lane : int
        The lane that is selected.
    """

    settings: Settings
    changes: tuple[Change, ...] = ()
    step: int = 0
    lane: int = 0


# Writing -------------------------------------------------------------------------------------


def write_state(state: State) -> str:
    """Write a state as text.

    Parameters
    ----------
    state : State

    Examples
    --------
    >>> from nn.playground.address import State, read_state, write_state
    >>> write_state(read_state("data=spirals&classes=3&hidden=4relu&step=10"))
    'data=spirals&classes=3&hidden=4relu&step=10'
    """
    usual, settings = Settings(), state.settings
    pairs = _data_pairs(settings.data)
    if settings.hidden != usual.hidden:
        hidden = [f"{layer.units}{layer.activation}" for layer in settings.hidden]
        pairs.append(("hidden", ",".join(hidden)))
    pairs += _pairs_between(usual, settings)
    if settings.seed:
        pairs.append(("seed", str(settings.seed)))
    before = settings
    for change in state.changes:
        parts = [f"{key}={value}" for key, value in _pairs_between(before, change.settings)]
        if len(change.settings.optimizers) > len(before.optimizers) and change.lane:
            parts.append(f"from={change.lane}")
        if (nudging := change.nudging) is not None:
            row = "b" if nudging.row is None else nudging.row
            place = f"{nudging.lane}.{nudging.layer}.{row}.{nudging.column}"
            parts.append(f"nudge={place}:{plain_number(nudging.by)}")
        pairs.append(("change", ":".join([str(change.step), *["/".join(parts)] * bool(parts)])))
        before = change.settings
    if state.step:
        pairs.append(("step", str(state.step)))
    if state.lane:
        pairs.append(("lane", str(state.lane)))
    return "&".join(f"{key}={urllib.parse.quote(value, safe=_SAFE + '=')}" for key, value in pairs)


def _data_pairs(data: DataSettings) -> list[tuple[str, str]]:
    usual = DataSettings.of({"name": data.name})
    pairs = [("data", data.name)]
    for key in DATA[data.name].fields:
        value = getattr(data, key)
        if value == getattr(usual, key):
            continue
        if key == "drawn":
            value = ";".join(f"{plain_number(x)},{plain_number(y)},{c}" for x, y, c in value)
        elif key == "features":
            value = ",".join(name.replace("%", "%25").replace(",", "%2C") for name in value)
        elif isinstance(value, int | float):
            value = plain_number(value)
        pairs.append((key, value))
    return pairs


def _pairs_between(old: Settings, new: Settings) -> list[tuple[str, str]]:
    """Write what differs, of all that may change within a run."""
    pairs: list[tuple[str, str]] = []
    if old.frozen != new.frozen:
        pairs.append(("frozen", ",".join(map(str, new.frozen))))
    if old.optimizers != new.optimizers:
        written: list[str] = []
        for entry in new.optimizers:
            usual = {option.name: option.default for option in OPTIMIZERS[entry.name]}
            options = [f"{k}={plain_number(v)}" for k, v in entry.options if v != usual[k]]
            written.append(":".join([entry.name, *options]))
        pairs.append(("opt", ";".join(written)))
    if old.batch != new.batch:
        pairs.append(("batch", str(new.batch)))
    if old.l2 != new.l2:
        pairs.append(("l2", plain_number(new.l2)))
    return pairs


# Reading -------------------------------------------------------------------------------------


def read_state(text: str) -> State:
    """Read what `write_state` wrote, or a person typed.

    Parameters
    ----------
    text : str
        With or without ``#`` before it. An empty text is a usual session.

    Raises
    ------
    ValueError
        In one line: the part, what was found, and what was expected.

    Examples
    --------
    >>> from nn.playground.address import read_state
    >>> read_state("#data=xor&opt=Adam:lr=0.02&change=50:frozen=1&step=80").changes[0].step
    50
    """
    if len(text) > LIMITS["state"]:
        raise ValueError(f"the address has {len(text)} letters, expected {LIMITS['state']} at most")
    given: dict[str, str] = {}
    changes: list[str] = []
    known = ("data", *_DATA, "hidden", *_CHANGING, "seed", "change", "step", "lane")
    for part in text.removeprefix("#").split("&") if text.removeprefix("#") else []:
        key, _, value = part.partition("=")
        value = urllib.parse.unquote(value)
        if key == "change":
            changes.append(value)
        elif key not in known:
            raise ValueError(f"address: {key[:40]!r} is unknown, expected {', '.join(known)}")
        elif key in given:
            raise ValueError(f"address: {key} is there twice; write it once")
        else:
            given[key] = value
    settings = Settings.of({**_data(given), **_values(given)})
    if len(changes) > LIMITS["changes"]:
        raise ValueError(f"address: {len(changes)} changes, expected at most {LIMITS['changes']}")
    read: list[Change] = []
    for change in changes:
        read.append(_change(change, read[-1] if read else Change(0, settings)))
    step = _whole("step", given.get("step", "0"), 0, LIMITS["steps"])
    if read and step < read[-1].step:
        raise ValueError(f"step: {step} is before the last change, at {read[-1].step}")
    last = read[-1].settings if read else settings
    lane = _whole("lane", given.get("lane", "0"), 0, len(last.optimizers) - 1)
    return State(settings, tuple(read), step, lane)


def _data(given: Mapping[str, str]) -> dict[str, Any]:
    data = {key: read(given[key]) for key, read in _DATA.items() if key in given}
    if "data" in given:
        data["name"] = given["data"]
    return {"data": data} if data else {}


def _features(value: str) -> list[str]:
    # Each name is quoted in addition, so that it may have a comma.
    return [urllib.parse.unquote(name) for name in value.split(",")] if value else []


def _drawn(value: str) -> list[list[float]]:
    points = [point.split(",") for point in value.split(";")] if value else []
    return [[_float("drawn", text) for text in point] for point in points]


def _hidden(value: str) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = []
    for part in value.split(",") if value else []:
        units = part.rstrip("abcdefghijklmnopqrstuvwxyz_")
        layers.append({"units": _float("hidden", units)})
        if activation := part[len(units) :]:
            if activation not in ACTIVATIONS:
                listed = ", ".join(ACTIVATIONS)
                raise ValueError(f"hidden: activation {activation[:40]!r}, expected {listed}")
            layers[-1]["activation"] = activation
    return layers


def _optimizers(value: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in value.split(";"):
        name, *options = part.split(":")
        entry: dict[str, Any] = {"name": name}
        for option in options:
            key, _, number = option.partition("=")
            if key == "name":
                raise ValueError(f"opt: {part[:40]!r}, expected a name and options such as lr=0.1")
            entry[key] = _float(f"opt {part[:40]!r}", number)
        found.append(entry)
    return found


def _numbers(value: str) -> list[float]:
    return [_float("frozen", part) for part in value.split(",")] if value else []


def _values(given: Mapping[str, str]) -> dict[str, Any]:
    found = {name: read(given[key]) for key, (name, read) in _CHANGING.items() if key in given}
    if "hidden" in given:
        found["hidden"] = _hidden(given["hidden"])
    if "seed" in given:
        found["seed"] = _float("seed", given["seed"])
    return found


def _change(text: str, before: Change) -> Change:
    """Read a change: its step, and after a colon what is new."""
    at, _, rest = text.partition(":")
    step = _whole("change", at, before.step, LIMITS["steps"])
    given: dict[str, str] = {}
    for part in rest.split("/") if rest else []:
        key, _, value = part.partition("=")
        if key not in (*_CHANGING, "nudge", "from") or key in given:
            raise ValueError(
                f"change: {part[:40]!r}, expected {', '.join(_CHANGING)}, nudge or from, once"
            )
        given[key] = value
    settings = before.settings.changed(_values(given))
    lane = _whole("from", given.get("from", "0"), 0, len(before.settings.optimizers) - 1)
    nudging = _nudging(given["nudge"], settings) if "nudge" in given else None
    return Change(step, settings, nudging, lane)


def _nudging(text: str, settings: Settings) -> Nudging:
    place, _, by = text.partition(":")
    parts = place.split(".")
    if len(parts) != 4:
        raise ValueError(f"nudge: {text[:40]!r}, expected lane.layer.row.column:by")
    row = None if parts[2] == "b" else _whole("nudge row", parts[2], 0, LIMITS["units"] * 16)
    return Nudging(
        _whole("nudge lane", parts[0], 0, len(settings.optimizers) - 1),
        _whole("nudge layer", parts[1], 1, len(settings.hidden) + 1),
        row,
        _whole("nudge column", parts[3], 0, LIMITS["units"]),
        number("nudge", _float("nudge", by), -1e6, 1e6),
    )


def _float(name: str, text: str) -> float:
    try:
        if len(text) <= _LONGEST_NUMBER:
            return float(text)
    except ValueError:
        pass
    raise ValueError(f"{name}: {text[:40]!r}, expected a number")


def _whole(name: str, text: str, least: int, most: int) -> int:
    return whole(name, _float(name, text), least, most)


# What reads the text of each key -------------------------------------------------------------

_DATA: dict[str, Callable[[str], Any]] = {
    **{key: partial(_float, key) for key in ("points", "classes", "noise", "test")},
    **dict.fromkeys(("label", "file", "digest"), str),
    "features": _features,
    "drawn": _drawn,
}
_CHANGING: dict[str, tuple[str, Callable[[str], Any]]] = {
    "frozen": ("frozen", _numbers),
    "opt": ("optimizers", _optimizers),
    "batch": ("batch", partial(_float, "batch")),
    "l2": ("l2", partial(_float, "l2")),
}
"""What may change within a run, with the name of its setting."""
