"""Measures how far the derivations are from the engine, over many shapes."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np

from . import sequence_cases  # noqa: F401 (registers its cases)
from .cases import CASES, largest_difference, module_of

SHAPES = 100


class Measured(NamedTuple):
    """What was found for one case: how many shapes, and the largest relative difference."""

    name: str
    shapes: int
    largest: float


def measured(name: str, shapes: int = SHAPES, seed: int = 0) -> Measured:
    """Compare a derivation with the engine until so many different shapes were drawn."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), seed])
    module, seen, largest = module_of(name), set(), 0.0
    while len(seen) < shapes:
        problem = CASES[name](rng)
        seen.add(problem.sizes)
        largest = max(largest, largest_difference(problem, module))
    return Measured(name, len(seen), largest)
