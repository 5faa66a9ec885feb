"""Everything that a person chose: data, layers, optimizers, batch size, seed.

A run of the playground is a function of its `Settings`. Each is checked here, because settings
arrive from an address bar. The text for the address bar is in `address.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from .choices import ACTIVATIONS, DATA, LIMITS, OPTIMIZERS, REACH, Options

__all__ = ["DataSettings", "HiddenLayer", "OptimizerSettings", "Settings"]

Point: TypeAlias = tuple[float, float, int]


def whole(name: str, value: Any, least: int, most: int) -> int:
    """Return a whole number in its range, or raise an error that names it.

    Parameters
    ----------
    name : str
        Of the setting, for the error.
    value
        What a person gave.
    least, most : int
        The range, both included.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError(f"{name}: {_short(value)}, expected a whole number {least} to {most}")
    if not least <= value <= most:
        raise ValueError(f"{name}: {_short(value)}, expected a whole number {least} to {most}")
    return int(value)


def number(name: str, value: Any, least: float, most: float) -> float:
    """Return a number in its range, or raise an error that names it.

    Parameters
    ----------
    name, value, least, most
        As for `whole`.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:
        raise ValueError(f"{name}: {_short(value)}, expected a number {least:g} to {most:g}")
    return float(value)


def choice(name: str, value: Any, known: Sequence[str]) -> str:
    """Return one of the known words, or raise an error that lists them.

    Parameters
    ----------
    name, value
        As for `whole`.
    known : sequence of str
        The words.
    """
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name}: {_short(value)}, expected one of {', '.join(known)}")
    return value


def _short(value: Any) -> str:
    text = plain_number(value) if isinstance(value, float) else repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _mapping(name: str, value: Any, known: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: {_short(value)}, expected names and values")
    if unknown := [key for key in value if key not in known]:
        raise ValueError(f"{name} has no {_short(unknown[0])}, expected {', '.join(known)}")
    return value


def _listed(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name}: {_short(value)}, expected a list")
    return list(value)


@dataclass(frozen=True)
class DataSettings:
    """Which data, how many, and how they are split.

    Attributes
    ----------
    name : str
        One of the names in `DATA`.
    points : int
        Number of rows that are made, or taken from the digits; 0 for drawn points and a table.
    noise : float
        How far points are moved at random, 0 to 1.
    classes : int
        Number of classes; 1 where there is none, or where the data decide.
    test : float
        The share of rows for testing, 0 to 0.9.
    drawn : tuple of (float, float, int)
        The points drawn: x, y and class.
    label, file, digest : str
        For a table: the column to predict, the name of the file, and a digest of its contents.
    features : tuple of str
        For a table: the columns to predict from.
    """

    name: str = "circles"
    points: int = 200
    noise: float = 0.1
    classes: int = 2
    test: float = 0.3
    drawn: tuple[Point, ...] = ()
    label: str = ""
    features: tuple[str, ...] = ()
    file: str = ""
    digest: str = ""

    @classmethod
    def of(cls, given: Any) -> DataSettings:
        """Check and complete what `to_json` returns."""
        given = _mapping("data", given, tuple(cls.__dataclass_fields__))
        name = choice("data", given.get("name", "circles"), tuple(DATA))
        kind = DATA[name]
        if unknown := [key for key in given if key != "name" and key not in kind.fields]:
            raise ValueError(f"data {name} has no {unknown[0]}, expected {', '.join(kind.fields)}")
        return cls(
            name=name,
            points=whole("points", given.get("points", kind.default), *kind.points),
            noise=number("noise", given.get("noise", 0.1 if kind.noise else 0.0), 0, 1),
            classes=whole("classes", given.get("classes", kind.classes[0]), *kind.classes),
            test=round(number("test", given.get("test", 0.3), 0, 0.9), 4),
            drawn=_drawn(given.get("drawn", ())),
            label=_text("label", given.get("label", "")),
            features=_names(given.get("features", ())),
            file=_text("file", given.get("file", "")),
            digest=_text("digest", given.get("digest", "")),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the settings that these data have, as plain values."""
        found: dict[str, Any] = {"name": self.name}
        for key in DATA[self.name].fields:
            value = getattr(self, key)
            if key == "drawn":
                value = [list(point) for point in value]
            found[key] = list(value) if isinstance(value, tuple) else value
        return found


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LIMITS["name"]:
        raise ValueError(f"{name}: {_short(value)}, expected at most {LIMITS['name']} letters")
    return value


def _names(given: Any) -> tuple[str, ...]:
    names = tuple(_text("features", name) for name in _listed("features", given))
    if len(names) > LIMITS["features"]:
        raise ValueError(f"features: {len(names)}, expected at most {LIMITS['features']}")
    if len(set(names)) < len(names):
        raise ValueError("features: a column is listed twice; list it once")
    return names


def _drawn(given: Any) -> tuple[Point, ...]:
    points = _listed("drawn", given)
    if len(points) > LIMITS["drawn"]:
        raise ValueError(f"drawn: {len(points)} points, expected at most {LIMITS['drawn']}")
    found: list[Point] = []
    for point in points:
        if not isinstance(point, list | tuple) or len(point) != 3:
            raise ValueError(f"drawn: {_short(point)}, expected x, y and class")
        x, y = (round(number("drawn", value, -REACH, REACH), 3) + 0.0 for value in point[:2])
        found.append((x, y, whole("class of a drawn point", point[2], 0, 4)))
    return tuple(found)


@dataclass(frozen=True)
class HiddenLayer:
    """A hidden layer: how many units, and their activation.

    Attributes
    ----------
    units : int
    activation : str
        One of the names in `ACTIVATIONS`.
    """

    units: int
    activation: str = "tanh"

    @classmethod
    def of(cls, given: Any) -> HiddenLayer:
        """Check and complete what `Settings.to_json` has for a layer."""
        given = _mapping("hidden layer", given, ("units", "activation"))
        return cls(
            whole("units", given.get("units"), 1, LIMITS["units"]),
            choice("activation", given.get("activation", "tanh"), tuple(ACTIVATIONS)),
        )


@dataclass(frozen=True)
class OptimizerSettings:
    """An optimizer by name, with a value for each of its options.

    Attributes
    ----------
    name : str
        One of the names in `OPTIMIZERS`.
    options : tuple of (str, float)
        All of its options, in the order of `OPTIMIZERS`.
    """

    name: str
    options: Options

    @classmethod
    def of(cls, given: Any) -> OptimizerSettings:
        """Check and complete what `to_json` returns."""
        if not isinstance(given, Mapping):
            raise ValueError(f"optimizer: {_short(given)}, expected its name and options")
        name = choice("optimizer", given.get("name"), tuple(OPTIMIZERS))
        known = OPTIMIZERS[name]
        given = _mapping(name, given, ("name", *(option.name for option in known)))
        return cls(
            name,
            tuple(
                (o.name, number(f"{name} {o.name}", given.get(o.name, o.default), o.least, o.most))
                for o in known
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the name and the options in one dictionary."""
        return {"name": self.name, **dict(self.options)}

    def __str__(self) -> str:
        """Name the optimizer, its learning rate, and options that are not the usual ones."""
        usual = {option.name: option.default for option in OPTIMIZERS[self.name]}
        shown = [f"{k} {v:g}" for k, v in self.options if k == "lr" or v != usual[k]]
        return " ".join([self.name, *shown])


@dataclass(frozen=True)
class Settings:
    """Everything that a run depends on.

    Attributes
    ----------
    data : DataSettings
    hidden : tuple of HiddenLayer
    frozen : tuple of int
        The linear layers that do not train, counted from 1.
    optimizers : tuple of OptimizerSettings
        One to four, which train side by side from the same weights.
    batch : int
        Rows of a batch.
    l2 : float
        Weight decay of all weights; biases have none.
    seed : int
        Decides the data, the first weights, and the order of the batches.

    Examples
    --------
    >>> from nn.playground.settings import Settings
    >>> settings = Settings.of({"data": {"name": "xor"}, "optimizers": [{"name": "Adam"}]})
    >>> settings.data.points, str(settings.optimizers[0])
    (200, 'Adam lr 0.01')
    """

    data: DataSettings = field(default_factory=DataSettings)
    hidden: tuple[HiddenLayer, ...] = (HiddenLayer(8, "tanh"), HiddenLayer(8, "tanh"))
    frozen: tuple[int, ...] = ()
    optimizers: tuple[OptimizerSettings, ...] = field(
        default_factory=lambda: (OptimizerSettings.of({"name": "SGD"}),)
    )
    batch: int = 10
    l2: float = 0.0
    seed: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Settings:
        """Check and complete what `to_json` returns; what is missing is as usual.

        Parameters
        ----------
        given : mapping
            Any of the attributes, as plain values.

        Raises
        ------
        ValueError
            In one line: the setting, what was found, and what was expected.
        """
        return cls().changed(given)

    def changed(self, given: Mapping[str, Any]) -> Settings:
        """Return settings in which some are others.

        Parameters
        ----------
        given : mapping
            Any of the attributes. Data of another name start from their usual settings. If the
            number of layers changes, layers that no longer exist are no longer frozen.

        Raises
        ------
        ValueError
            In one line: the setting, what was found, and what was expected.
        """
        given = _mapping("settings", given, tuple(self.__dataclass_fields__))
        new: dict[str, Any] = {}
        if "data" in given:
            data = given["data"]
            if isinstance(data, Mapping) and data.get("name", self.data.name) == self.data.name:
                data = {**self.data.to_json(), **data}
            new["data"] = DataSettings.of(data)
        if "hidden" in given:
            hidden = _listed("hidden", given["hidden"])
            if len(hidden) > LIMITS["hidden"]:
                raise ValueError(
                    f"hidden: {len(hidden)} layers, expected at most {LIMITS['hidden']}"
                )
            new["hidden"] = tuple(HiddenLayer.of(layer) for layer in hidden)
            layers = len(hidden) + 1
            kept = tuple(n for n in self.frozen if n <= layers)
            new["frozen"] = kept if len(kept) < layers else ()
        if "frozen" in given:
            layers = len(new.get("hidden", self.hidden)) + 1
            numbers = [whole("frozen", n, 1, layers) for n in _listed("frozen", given["frozen"])]
            new["frozen"] = tuple(sorted(set(numbers)))
            if len(new["frozen"]) == layers:
                raise ValueError(f"frozen: all {layers} layers; leave one free, or nothing trains")
        if "optimizers" in given:
            listed = _listed("optimizers", given["optimizers"])
            if not 1 <= len(listed) <= LIMITS["optimizers"]:
                raise ValueError(f"optimizers: {len(listed)}, expected 1 to {LIMITS['optimizers']}")
            new["optimizers"] = tuple(OptimizerSettings.of(entry) for entry in listed)
        if "batch" in given:
            new["batch"] = whole("batch", given["batch"], 1, LIMITS["batch"])
        if "l2" in given:
            new["l2"] = number("l2", given["l2"], 0, 10)
        if "seed" in given:
            new["seed"] = whole("seed", given["seed"], 0, LIMITS["seed"])
        return replace(self, **new)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain values, which `of` reads."""
        return {
            "data": self.data.to_json(),
            "hidden": [{"units": h.units, "activation": h.activation} for h in self.hidden],
            "frozen": list(self.frozen),
            "optimizers": [optimizer.to_json() for optimizer in self.optimizers],
            "batch": self.batch,
            "l2": self.l2,
            "seed": self.seed,
        }

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation after each linear layer: ``"linear"``, which is none, after the last."""
        return (*(layer.activation for layer in self.hidden), "linear")

    def begins_new_run(self, other: Settings) -> bool:
        """Whether other settings need other data or other first weights."""
        mine, theirs = ((s.data, s.hidden, s.seed) for s in (self, other))
        return mine != theirs

    def difference(self, other: Settings) -> str:
        """Describe in words how other settings differ that continue this run."""
        parts: list[str] = []
        if self.optimizers != other.optimizers:
            parts.append(_optimizers_difference(self.optimizers, other.optimizers))
        parts += [
            f"layer {layer} {'frozen' if layer in other.frozen else 'free again'}"
            for layer in sorted({*self.frozen} ^ {*other.frozen})
        ]
        if self.batch != other.batch:
            parts.append(f"batch {self.batch} → {other.batch}")
        if self.l2 != other.l2:
            parts.append(f"L2 {self.l2:g} → {other.l2:g}")
        return ", ".join(parts) or "nothing changed"


def _optimizers_difference(
    old: tuple[OptimizerSettings, ...], new: tuple[OptimizerSettings, ...]
) -> str:
    if len(old) != len(new):
        return "optimizers: " + ", ".join(map(str, new))
    parts: list[str] = []
    for before, after in zip(old, new, strict=True):
        if before.name != after.name:
            parts.append(f"{before} → {after}")
        elif before != after:
            pairs = zip(before.options, after.options, strict=True)
            changed = [f"{k} {v:g} → {w:g}" for (k, v), (_, w) in pairs if v != w]
            parts.append(f"{before.name}: {', '.join(changed)}")
    return ", ".join(parts)


def plain_number(value: float) -> str:
    """Write a number so that it is read back to the last bit, without ``.0``."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))
