"""A trained network as plain values: what an exported page and an exported file say of it.

`trained` reads them off a session once; nothing here trains, and nothing writes a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import __version__

from ..choices import DATA, REACH
from ..lane import Lane
from ..measures import measured

if TYPE_CHECKING:
    from ..datasets import Dataset
    from ..session import Session

__all__ = ["Axis", "Feature", "Layer", "Target", "Trained", "trained"]

Array = NDArray[Any]
_MOST_POINTS = 300  # more would hide the map


@dataclass(frozen=True)
class Layer:
    """A linear layer and what follows it.

    Attributes
    ----------
    weight : ndarray, shape (inputs, outputs), float32
    bias : ndarray, shape (outputs,), float32
    activation : str
        One of the names of the playground; ``"linear"`` for none.
    """

    weight: Array
    bias: Array
    activation: str


@dataclass(frozen=True)
class Feature:
    """A feature in its own unit; the network gets ``(value - mean) / scale``.

    Attributes
    ----------
    name : str
    column : int
        Which of the columns it is from: a column of text is a feature for each of its texts.
    text : str
        The text for which it is 1, and otherwise 0; empty for a column of numbers.
    mean, scale : float
    low, high : float
        Its smallest and its largest value in the training data.
    start : float
        The mean; for texts, 1 for the most frequent one.
    """

    name: str
    column: int
    text: str
    mean: float
    scale: float
    low: float
    high: float
    start: float


@dataclass(frozen=True)
class Axis:
    """What an axis of the map shows, in the unit of its feature.

    Attributes
    ----------
    name : str
    low, high : float
    """

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Target:
    """What a regression predicts: ``output * scale + mean``.

    Attributes
    ----------
    name : str
    mean, scale : float
    low, high : float
        Its smallest and its largest value in the training data.
    """

    name: str
    mean: float
    scale: float
    low: float
    high: float


@dataclass(frozen=True)
class Trained:
    """A trained network with everything that a person needs in order to use it.

    Attributes
    ----------
    title, lead : str
        What it is, and what it does, in one sentence.
    layers : tuple of Layer
    features : tuple of Feature
    classes : tuple of str
        Empty for a regression.
    target : Target or None
        For a regression.
    axes : tuple of Axis
        Of the map of two features; otherwise empty.
    points : ndarray, shape (rows, 3)
        Some rows of the training data with their class or target, for the map; none of a table,
        because a page may be passed on.
    examples : tuple of (str, ndarray)
        For digits: test images of 64 pixels from 0 to 1 with their labels.
    is_table : bool
        Whether the data are from a table of the person's own.
    about : tuple of (str, str)
        How it was trained.
    """

    title: str
    lead: str
    layers: tuple[Layer, ...]
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    target: Target | None
    axes: tuple[Axis, ...]
    points: Array
    examples: tuple[tuple[str, Array], ...]
    is_table: bool
    about: tuple[tuple[str, str], ...]

    @property
    def field(self) -> str:
        """What a person gives it: ``"digits"``, a point of a ``"map"``, or ``"numbers"``."""
        if self.examples:
            return "digits"
        return "map" if self.axes else "numbers"

    @property
    def structure(self) -> str:
        """The sizes of its layers, such as ``2-8-8-2``."""
        return structure_of(self.layers)

    @property
    def is_finite(self) -> bool:
        """Whether all weights are finite."""
        return all(np.isfinite(a).all() for one in self.layers for a in (one.weight, one.bias))


def trained(session: Session) -> Trained:
    """Describe the selected network of a session at its step.

    Parameters
    ----------
    session : Session

    Returns
    -------
    Trained

    Examples
    --------
    >>> from nn.playground.exports.trained import trained
    >>> from nn.playground.session import Session
    >>> found = trained(Session.open("data=circles&hidden=4tanh"))
    >>> found.title, found.field, found.about[1]
    ('Circles: a 2-4-2 network', 'map', ('Network', '2-4-2 with tanh, 22 parameters'))
    """
    settings, data, lane = session.settings, session.data, session.lane
    is_table = settings.data.name == "csv"
    features = _features(session)
    is_map = len(features) == 2 and not any(feature.text for feature in features)
    arrays = [parameter.data for parameter in lane.network.parameters()]
    layers = tuple(
        Layer(weight, bias, activation)
        for weight, bias, activation in zip(
            arrays[::2], arrays[1::2], settings.activations, strict=True
        )
    )
    structure = structure_of(layers)
    return Trained(
        title=f"{_data_title(session)}: a {structure} network",
        lead=_lead(data, is_map),
        layers=layers,
        features=features,
        classes=data.classes,
        target=None if data.classes else _target(session),
        axes=_axes(data) if is_map else (),
        points=_points(data) if is_map and not is_table else np.zeros((0, 3)),
        examples=_examples(data) if data.images else (),
        is_table=is_table,
        about=(
            ("Data", _data(session)),
            ("Network", _network(layers)),
            *_training(session),
            ("Result", _result(lane, data)),
            ("Made with", f"the playground of tinygrad_edu {__version__}"),
        ),
    )


def structure_of(layers: tuple[Layer, ...]) -> str:
    """Return the sizes of layers, such as ``2-8-8-2``."""
    sizes = [layer.weight.shape[0] for layer in layers]
    return "-".join(map(str, [*sizes, layers[-1].weight.shape[1]]))


def _data_title(session: Session) -> str:
    settings = session.settings.data
    return settings.file if settings.name == "csv" else DATA[settings.name].title


def _lead(data: Dataset, is_map: bool) -> str:
    if data.images:
        return "Draw a digit, and the network recognises it. Everything is computed in this page."
    given = "Move a point" if is_map else "Enter values"
    answer = "predicts its class" if data.classes else "predicts a number"
    return f"{given}, and the network {answer}. Everything is computed in this page."


# Features, target, points --------------------------------------------------------------------


def _features(session: Session) -> tuple[Feature, ...]:
    data = session.data
    rows = data.train.astype(np.float64) * data.scale + data.centre
    names, means = _names(session), rows.mean(0)
    starts = means.copy()
    for column in {column for _, column, text in names if text}:
        of_column = [n for n, name in enumerate(names) if name[1] == column]
        starts[of_column] = 0.0
        starts[max(of_column, key=lambda n: means[n])] = 1.0
    numbers = np.stack([data.centre, data.scale, rows.min(0), rows.max(0), starts], 1).tolist()
    return tuple(Feature(*name, *values) for name, values in zip(names, numbers, strict=True))


def _names(session: Session) -> list[tuple[str, int, str]]:
    """Return the name, the number of the column, and the text of each feature."""
    table = session.table if session.settings.data.name == "csv" else None
    if table is None:
        return [(name, n, "") for n, name in enumerate(session.data.features)]
    columns = session.settings.data.features
    return [(one.name, columns.index(one.name), text) for one, text in table.inputs(columns)]


def _target(session: Session) -> Target:
    data = session.data
    values = data.train_labels.astype(np.float64) * data.target_scale + data.target_centre
    name = session.settings.data.label or "y"
    mean, scale = float(data.target_centre), float(data.target_scale)
    return Target(name, mean, scale, float(values.min()), float(values.max()))


def _axes(data: Dataset) -> tuple[Axis, ...]:
    """Return the axes of a map that has a margin around all rows for training."""
    reach = max(REACH, 1.1 * float(np.abs(data.train).max()))
    ends = zip(data.features, data.centre, data.scale, strict=True)
    return tuple(Axis(name, float(c - reach * s), float(c + reach * s)) for name, c, s in ends)


def _points(data: Dataset) -> Array:
    rows = data.train[:_MOST_POINTS].astype(np.float64) * data.scale + data.centre
    labels = data.train_labels[:_MOST_POINTS].reshape(-1, 1).astype(np.float64)
    if not data.classes:
        labels = labels * data.target_scale + data.target_centre
    return np.hstack([rows, labels])


def _examples(data: Dataset) -> tuple[tuple[str, Array], ...]:
    """Return the first test image of each digit, if there is one."""
    found = []
    for label, name in enumerate(data.classes):
        rows = np.flatnonzero(data.test_labels == label)
        found += [(name, data.test[rows[0]])] if len(rows) else []
    return tuple(found)


# How it was trained --------------------------------------------------------------------------


def _data(session: Session) -> str:
    settings, data = session.settings.data, session.data
    parts = [DATA[settings.name].title.lower()]
    if settings.name == "csv":
        columns = f"{len(data.features)} column" + ("s" if len(data.features) > 1 else "")
        parts = [f"{settings.file}, {settings.label} from {columns}"]
    elif "noise" in DATA[settings.name].fields:
        parts.append(f"noise {settings.noise:g}")
    rows = f"{len(data.train):,} rows for training and {len(data.test):,} for testing"
    return f"{', '.join(parts)}; {rows}"


def _network(layers: tuple[Layer, ...]) -> str:
    count = sum(layer.weight.size + layer.bias.size for layer in layers)
    names = list(dict.fromkeys(layer.activation for layer in layers[:-1]))
    activations = f" with {', '.join(names)}" if names else ""
    return f"{structure_of(layers)}{activations}, {count:,} parameters"


def _training(session: Session) -> list[tuple[str, str]]:
    """Return the steps and the optimizer, and what was changed on the way."""
    branch, lane = session.timeline.branch, session.lane
    settings = branch.settings
    step = session.timeline.step if lane.stopped is None else lane.stopped
    parts = [
        f"{step:,} steps of {lane.entry}",
        f"batches of {settings.batch} rows",
        *([f"L2 {settings.l2:g}"] if settings.l2 else []),
        f"seed {settings.seed}",
    ]
    found = [("Training", ", ".join(parts))]
    changes = [f"step {b.at}: {b.what}" for b in session.timeline.line()[1:]]
    if changes:
        found.append(("Changed on the way", "; ".join(changes)))
    if lane.stopped is not None:
        found.append(("Stopped", f"step {lane.stopped + 1} would not have been finite"))
    return found


def _result(lane: Lane, data: Dataset) -> str:
    found = measured(lane, data)
    parts = []
    for name, count, score, loss in (
        ("testing", len(data.test), found["score"], found["test"]),
        ("training", len(data.train), found["train_score"], found["train"]),
    ):
        if not count or loss is None:
            continue
        said = f"loss {loss:.3g}"
        if score is not None:
            said = f"{score:.1%} right" if data.classes else f"R² {score:.3g}"
            said += f", loss {loss:.3g}"
        parts.append(f"rows for {name}: {said}")
    return "; ".join(parts) or "not finite"
