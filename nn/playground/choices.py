"""What can be chosen in the playground: data, activations, optimizers, and the limits of each.

The page makes its controls from these tables, and `settings.py` checks against them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = [
    "ACTIVATIONS",
    "DATA",
    "LIMITS",
    "OPTIMIZERS",
    "REACH",
    "SPEEDS",
    "Kind",
    "Option",
    "Options",
    "choices",
]

Options: TypeAlias = tuple[tuple[str, float], ...]

LIMITS = {
    "hidden": 6,
    "units": 256,
    "optimizers": 4,
    "batch": 1000,
    "steps": 1_000_000,
    "seed": 2**31 - 1,
    "drawn": 1000,
    "features": 256,
    "rows": 20_000,
    "table": 20_000_000,
    "changes": 100,
    "name": 200,
    "state": 65_536,
}
"""The largest numbers: of layers, units, optimizers, ..., bytes of a table, letters of a state."""

REACH = 1.2
"""Drawn points, and the map of two made features, are within -1.2 to 1.2 on both axes."""


@dataclass(frozen=True)
class Kind:
    """A kind of data.

    Attributes
    ----------
    title : str
    problem : str
        ``"classification"`` or ``"regression"``.
    fields : tuple of str
        The settings of `DataSettings` that it has.
    classes : tuple of int
        The least and the largest number of classes; (1, 1) where there is no choice.
    points : tuple of int
        The least and the largest number of points.
    default : int
        The usual number of points.
    """

    title: str
    problem: str
    fields: tuple[str, ...]
    classes: tuple[int, int] = (1, 1)
    points: tuple[int, int] = (20, 2000)
    default: int = 200

    @property
    def noise(self) -> bool:
        """Whether its points can be moved at random."""
        return "noise" in self.fields


_MADE = ("points", "noise", "classes", "test")
DATA = {
    "circles": Kind("Circles", "classification", _MADE, (2, 5)),
    "spirals": Kind("Spirals", "classification", _MADE, (2, 5)),
    "xor": Kind("XOR", "classification", _MADE, (2, 2)),
    "moons": Kind("Moons", "classification", _MADE, (2, 2)),
    "blobs": Kind("Blobs", "classification", _MADE, (2, 5)),
    "plane": Kind("Plane", "regression", ("points", "noise", "test")),
    "hills": Kind("Hills", "regression", ("points", "noise", "test")),
    "digits": Kind(
        "Handwritten digits",
        "classification",
        ("points", "test"),
        points=(300, 1797),
        default=1000,
    ),
    "drawn": Kind("Drawn points", "classification", ("drawn", "test"), points=(0, 0), default=0),
    "csv": Kind(
        "Your table",
        "classification",
        ("label", "features", "file", "digest", "test"),
        points=(0, 0),
        default=0,
    ),
}
"""The kinds of data by name."""

ACTIVATIONS = {
    "relu": "ReLU",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "leaky_relu": "LeakyReLU",
    "gelu": "GELU",
    "silu": "SiLU",
    "linear": None,
}
"""The class in `nn` of each activation; None for a layer without one."""


@dataclass(frozen=True)
class Option:
    """A number that an optimizer can be given.

    Attributes
    ----------
    name : str
    default, least, most : float
    """

    name: str
    default: float
    least: float
    most: float


def _lr(default: float) -> Option:
    return Option("lr", default, 1e-8, 1e4)


_BETAS = (Option("beta1", 0.9, 0.0, 0.9999), Option("beta2", 0.999, 0.0, 0.99999))
OPTIMIZERS: dict[str, tuple[Option, ...]] = {
    "SGD": (_lr(0.1), Option("momentum", 0.0, 0.0, 0.999)),
    "Adam": (_lr(0.01), *_BETAS),
    "AdamW": (_lr(0.01), *_BETAS),
    "NAdam": (_lr(0.01), *_BETAS),
    "RMSprop": (_lr(0.01), Option("alpha", 0.99, 0.0, 0.9999), Option("momentum", 0.0, 0.0, 0.999)),
    "Adagrad": (_lr(0.1),),
    "Adadelta": (_lr(1.0), Option("rho", 0.9, 0.0, 0.9999)),
    "Lion": (_lr(0.001), Option("beta1", 0.9, 0.0, 0.9999), Option("beta2", 0.99, 0.0, 0.99999)),
}
"""The options of each optimizer of `nn`."""

SPEEDS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Steps for each frame."""


def choices() -> dict[str, Any]:
    """Return what can be chosen as plain data, for the page.

    Examples
    --------
    >>> from nn.playground.choices import choices
    >>> choices()["activations"][:2]
    ['relu', 'tanh']
    """
    return {
        "data": [{"name": name, **vars(kind)} for name, kind in DATA.items()],
        "activations": list(ACTIVATIONS),
        "optimizers": [
            {"name": name, "options": [dict(vars(option)) for option in options]}
            for name, options in OPTIMIZERS.items()
        ],
        "speeds": list(SPEEDS),
        "limits": dict(LIMITS),
        "reach": REACH,
    }
