"""What a case is, and how its inputs are drawn; the cases are in the other files of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import Tensor


@dataclass(frozen=True)
class Case:
    """One way to call one operation.

    ``call(library, *inputs)`` is given `tinygrad_edu` and tensors, or `numpy` and tensors, or
    `numpy` and arrays: a case whose function NumPy has under the same name says its expected
    value in passing. Where NumPy has none, `numpy` computes the value from the arrays, written
    without a look at the operation. Floating arrays are differentiated, the others are constants.
    Points keep away from kinks, such as relu at 0: `test_awkward_points.py` goes there.
    """

    operation: str
    label: str
    call: Callable[..., Any]
    arrays: list[np.ndarray]
    numpy: Callable[..., Any] | None = None
    text: bool = False
    """Whether its formula and derivatives, as text, hold for this case; one for each primitive."""

    def __post_init__(self) -> None:
        # A draw of shape () times a number is a scalar, which cannot be locked or moved in place.
        object.__setattr__(self, "arrays", [np.asarray(array) for array in self.arrays])

    @property
    def name(self) -> str:
        """What the test is called."""
        return f"{self.operation} {self.label}".strip()

    @property
    def numpy_has_it(self) -> bool:
        """Whether NumPy has a function of this name."""
        module, _, name = self.operation.rpartition(".")
        return hasattr(np.linalg if module else np, name)

    def f(self, *inputs: Any) -> Any:
        """Call the operation of this package."""
        return self.call(tg, *inputs)

    def expected(self, *arrays: np.ndarray) -> np.ndarray:
        """Compute the value with NumPy alone."""
        return np.asarray(self.numpy(*arrays) if self.numpy else self.call(np, *arrays))

    def inputs(self, dtype: Any = np.float64) -> list[Any]:
        """Give leaves for the floating arrays, and copies of the others."""
        return [
            Tensor(array, True, dtype=dtype) if array.dtype.kind == "f" else array.copy()
            for array in self.arrays
        ]


_generator = np.random.default_rng(20)


def restart() -> None:
    """Draw the same numbers again; each family starts anew, so that it owns its numbers."""
    _generator.bit_generator.state = np.random.PCG64(20).state


def normal(*shape: int) -> np.ndarray:
    """Draw numbers of both signs, around 0."""
    return np.asarray(_generator.normal(size=shape))


def positive(*shape: int) -> np.ndarray:
    """Draw numbers between 0.5 and 2."""
    return np.asarray(_generator.uniform(0.5, 2.0, size=shape))


def signed(*shape: int) -> np.ndarray:
    """Draw numbers of both signs, away from 0."""
    return np.asarray(positive(*shape) * _generator.choice([-1.0, 1.0], size=shape))


def distinct(*shape: int) -> np.ndarray:
    """Draw numbers no two of which are close, for the extremes."""
    count = int(np.prod(shape, dtype=int))
    return np.asarray(0.3 * (_generator.permutation(count) - 0.5 * count + 0.25)).reshape(shape)


def chosen(*shape: int) -> np.ndarray:
    """Draw booleans."""
    return np.asarray(_generator.random(shape) < 0.5)


def named(operation: str, *positional: Any, **keywords: Any) -> Callable[..., Any]:
    """Make a call that hands metadata to the operation of that name, such as ``linalg.inv``."""
    return lambda library, *inputs: attrgetter(operation)(library)(*inputs, *positional, **keywords)


PAIRS = [
    ((3, 1), (1, 4)),  # the first is the one whose text is evaluated
    ((3, 4), (3, 4)),
    ((2, 3, 4), (4,)),
    ((2, 1, 3), (4, 1)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((), ()),
    ((1,), (3,)),
    ((0, 3), (1, 3)),
]

SHAPES: list[tuple[int, ...]] = [(3, 4), (), (1,), (2, 1, 3), (0, 2)]
