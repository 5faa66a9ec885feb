"""The data of the playground as arrays: made by a formula, bundled, drawn, or from a table.

Two features of made data are within about -1 to 1, which is what the map shows. A table's columns
are read by `tables.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .choices import DATA
from .settings import DataSettings
from .tables import Table

__all__ = ["Dataset", "completed_data", "make_data"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Dataset:
    """Rows for training and testing.

    Attributes
    ----------
    problem : str
        ``"classification"`` or ``"regression"``.
    train, test : ndarray, shape (rows, features), float32
    train_labels, test_labels : ndarray
        Classes from 0 (int64, shape (rows,)), or targets (float32, shape (rows, 1)).
    features, classes : tuple of str
        Their names; no classes for regression.
    centre, scale : ndarray, shape (features,)
        A feature in its original unit is ``value * scale + centre``.
    target_centre, target_scale : float
        The same for the target of a regression.
    """

    problem: str
    train: Array
    train_labels: Array
    test: Array
    test_labels: Array
    features: tuple[str, ...]
    classes: tuple[str, ...]
    centre: Array
    scale: Array
    target_centre: float = 0.0
    target_scale: float = 1.0

    @property
    def outputs(self) -> int:
        """How many outputs a network for these data has."""
        return len(self.classes) or 1

    @property
    def is_made(self) -> bool:
        """Whether it has the two features of made and drawn data."""
        return self.features == ("x1", "x2")

    @property
    def images(self) -> bool:
        """Whether a row is an image of 8x8 pixels."""
        return self.features[:1] == ("pixel 1",)


def make_data(settings: DataSettings, seed: int, table: Table | None = None) -> Dataset:
    """Make the data that the settings describe, the same every time.

    Parameters
    ----------
    settings : DataSettings
    seed : int
        Decides the points, and which of them are for testing.
    table : Table, optional
        What `read_table` returned, for the data ``csv``.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If the settings name a table that was not given, or do not fit the data.

    Examples
    --------
    >>> from nn.playground.datasets import make_data
    >>> from nn.playground.settings import DataSettings
    >>> data = make_data(DataSettings.of({"name": "spirals", "classes": 3}), seed=0)
    >>> data.train.shape, data.test.shape, data.classes
    ((140, 2), (60, 2), ('class 0', 'class 1', 'class 2'))
    """
    generator = np.random.default_rng([seed, 0])
    if settings.name == "csv":
        return _of_table(settings, generator, table)
    if settings.name == "digits":
        return _digits(settings, generator)
    if settings.name == "drawn":
        x, y = _drawn(settings)
    elif DATA[settings.name].problem == "regression":
        x, y = _regression(settings, generator)
    else:
        x, y = _classes(settings, generator)
    names = tuple(f"class {n}" for n in range(int(y.max()) + 1)) if y.ndim == 1 else ()
    return _split(x.astype(np.float32), y, settings.test, generator, ("x1", "x2"), names)


def _split(
    x: Array,
    y: Array,
    share: float,
    generator: Generator,
    features: tuple[str, ...],
    classes: tuple[str, ...],
) -> Dataset:
    """Choose the rows for testing; at least one row is for training."""
    order = generator.permutation(len(x))
    count = min(round(share * len(x)), len(x) - 1)
    test, train = np.sort(order[:count]), np.sort(order[count:])
    return Dataset(
        "classification" if classes else "regression",
        x[train],
        y[train],
        x[test],
        y[test],
        features,
        classes,
        np.zeros(len(features)),
        np.ones(len(features)),
    )


def _classes(settings: DataSettings, generator: Generator) -> tuple[Array, Array]:
    """Make points of classes; the noise moves them, and may carry them into another class."""
    n, count = settings.points, settings.classes
    labels = np.arange(n) % count
    if settings.name == "circles":
        radius = (labels + 0.4 * generator.uniform(size=n) + 0.25) / count
        points = _polar(radius, generator.uniform(0, 2 * np.pi, n))
    elif settings.name == "spirals":
        along = np.sqrt(generator.uniform(0.01, 1, n))
        points = _polar(along * 0.95, 5.5 * along + 2 * np.pi * labels / count)
    elif settings.name == "xor":
        points = generator.uniform(0.05, 0.95, (n, 2)) * generator.choice([-1, 1], (n, 2))
        labels = (points[:, 0] * points[:, 1] > 0).astype(int)
    elif settings.name == "moons":
        angle = np.pi * generator.uniform(size=n)
        upper = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], 1)
        points = 0.6 * np.where(labels[:, None] == 0, upper, -upper)
    else:
        angle = 2 * np.pi * labels / count + 0.5
        points = _polar(np.full(n, 0.6), angle) + 0.1 * generator.normal(size=(n, 2))
    points = points + settings.noise * 0.5 * generator.normal(size=(n, 2))
    return points, labels.astype(np.int64)


def _polar(radius: Array, angle: Array) -> Array:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def _regression(settings: DataSettings, generator: Generator) -> tuple[Array, Array]:
    """Make points with a target: a plane, or two hills and two valleys."""
    points = generator.uniform(-1, 1, (settings.points, 2))
    if settings.name == "plane":
        target = 0.5 * points[:, 0] + 0.5 * points[:, 1]
    else:
        target = np.sin(np.pi * points[:, 0]) * np.sin(np.pi * points[:, 1])
    target = target + settings.noise * 0.5 * generator.normal(size=len(points))
    return points, target.astype(np.float32)[:, None]


def _drawn(settings: DataSettings) -> tuple[Array, Array]:
    """Return the points drawn; at least two classes, so that there is something to decide."""
    if len(settings.drawn) < 2:
        raise ValueError(f"drawn: {len(settings.drawn)} points, expected at least 2")
    table = np.array(settings.drawn)
    labels = table[:, 2].astype(np.int64)
    if labels.max() == 0:
        raise ValueError("drawn: all points are of class 0; draw points of another class too")
    return table[:, :2], labels


def _digits(settings: DataSettings, generator: Generator) -> Dataset:
    """Return the first of the bundled digits, each pixel from 0 to 1."""
    from ..data.digits import load_digits

    images, labels, more_images, more_labels = load_digits()
    x = np.concatenate([images, more_images]).reshape(-1, 64)[: settings.points]
    y = np.concatenate([labels, more_labels])[: settings.points]
    return _split(
        x,
        y,
        settings.test,
        generator,
        tuple(f"pixel {n}" for n in range(1, 65)),
        tuple(str(digit) for digit in range(10)),
    )


def _of_table(settings: DataSettings, generator: Generator, table: Table | None) -> Dataset:
    """Return columns of a table; numbers and targets are standardised by the rows for training."""
    completed = completed_data(settings, table)
    assert table is not None  # completed_data raised an error
    x, y, names, classes = table.arrays(completed)
    plain = _split(x, y, settings.test, generator, names, classes)
    is_number = [not column.texts for column, _ in table.inputs(completed.features)]
    centre = np.where(is_number, plain.train.mean(0, dtype=np.float64), 0.0)
    scale = np.where(is_number, plain.train.std(0, dtype=np.float64), 1.0)
    scale[~(scale > 0)] = 1.0  # a constant column
    units: dict[str, Any] = {"centre": centre, "scale": scale}
    if not classes:
        middle, spread = float(plain.train_labels.mean()), float(plain.train_labels.std()) or 1.0
        units |= {"target_centre": middle, "target_scale": spread}
        units["train_labels"] = ((plain.train_labels - middle) / spread).astype(np.float32)
        units["test_labels"] = ((plain.test_labels - middle) / spread).astype(np.float32)
    return replace(
        plain,
        train=((plain.train - centre) / scale).astype(np.float32),
        test=((plain.test - centre) / scale).astype(np.float32),
        **units,
    )


def completed_data(settings: DataSettings, table: Table | None) -> DataSettings:
    """Return the settings with the columns that they leave open; others are as they were.

    Parameters
    ----------
    settings : DataSettings
    table : Table or None
        For the data ``csv``.

    Raises
    ------
    ValueError
        If the table is missing, or is not the one of the settings.
    """
    if settings.name != "csv":
        return settings
    if table is None:
        raise ValueError(
            f"data csv: the table {settings.file or '(no name)'} is not open; choose it on the "
            "page, or start with it: tinygrad-edu playground FILE.csv"
        )
    return table.complete(settings)
