"""The one table of cases: every operation, with inputs, and what NumPy alone says it gives.

The tests of `test_operations.py` are made from it, and they fail if an operation has no case.
"""

from collections.abc import Iterator

from . import (
    activation,
    arithmetic,
    comparing,
    convolution,
    elementwise,
    fourier,
    from_numpy,
    indexing,
    linalg,
    linear_algebra,
    loss,
    network,
    reduction,
    resampling,
    scattering,
    sequences,
    shape,
)
from .case import Case, restart

__all__ = ["CASES", "Case"]

_FILES = (
    activation,
    arithmetic,
    comparing,
    convolution,
    elementwise,
    fourier,
    from_numpy,
    indexing,
    linalg,
    linear_algebra,
    loss,
    network,
    reduction,
    resampling,
    scattering,
    sequences,
    shape,
)


def _all() -> Iterator[Case]:
    for file in _FILES:
        for family in file.FAMILIES:
            restart()
            yield from family()


CASES: list[Case] = list(_all())
