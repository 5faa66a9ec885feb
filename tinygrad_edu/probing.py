"""Random numbers for checks of gradients.

A wrong gradient agrees by coincidence if the check uses numbers that also occur in the computation:
a rule that returns `x` instead of `g` passes if both were drawn from ``default_rng(0)``. The
numbers here come from a separate stream, and differ from those of the computation. Nothing is
differentiated here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_apart", "own_generator"]

Array = NDArray[Any]

_LABEL = "tinygrad_edu: random numbers that only checks of gradients draw"
# None is 0, 1, 2 or 1/2, which would hide a missing factor, and all are of similar size, so that no
# element of a gradient is hidden by the others.
_SMALLEST, _LARGEST = 1.1, 1.9
_ATTEMPTS = 50
_APART = 0.1  # of 1, which means orthogonal to every known array


def own_generator(seed: int, arrays: Iterable[Array]) -> np.random.Generator:
    """Create the generator of one check.

    Its key is a hash of a fixed label, the seed, and the shapes and values of the inputs. So it
    is reproducible, no seed of the user creates the same stream, and if the numbers of one check
    are the inputs of another, that one draws others.

    Examples
    --------
    >>> first, second = (own_generator(0, [np.ones(2)]).normal() for _ in range(2))
    >>> first == second, first == np.random.default_rng(0).normal()
    (True, False)
    """
    key = hashlib.sha256(f"{_LABEL}; seed {seed}".encode())
    for array in arrays:
        key.update(f"; {array.shape} {array.dtype.str} ".encode())
        key.update(np.ascontiguousarray(array).tobytes())
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(key.digest(), "big")))


def draw_apart(
    generator: np.random.Generator, shape: tuple[int, ...], known: Sequence[Array]
) -> Array:
    """Draw numbers of both signs that do not occur in the computation.

    No element has the absolute value of a known number. The drawn array is not a multiple of a
    known array of the same size, nor orthogonal to it; nor is it constant, of sum 0, or symmetric.

    Parameters
    ----------
    generator : numpy.random.Generator
    shape : tuple of int
    known : sequence of array
        The numbers of the computation: inputs, constants, output.
    """
    values = np.concatenate([np.abs(array).reshape(-1) for array in known] or [np.zeros(0)])
    alike = [array for array in known if array.size == np.prod(shape)]
    best, largest = np.zeros(shape), -1.0
    for _ in range(_ATTEMPTS):
        drawn = generator.uniform(_SMALLEST, _LARGEST, shape)
        drawn *= generator.choice([-1.0, 1.0], shape)
        is_known = bool(np.isin(np.abs(drawn), values).any())
        margin = 0.0 if is_known else _margin(drawn, alike)
        if margin > largest:
            best, largest = drawn, margin
        if margin >= _APART:
            break
    return best


def _margin(drawn: Array, alike: Sequence[Array]) -> float:
    """Measure how far an array is from being a multiple of another, or orthogonal to one."""
    if not (drawn < 0).any():  # it would equal its absolute value
        return 0.0
    if drawn.size < 2:
        return 1.0  # a single number is a multiple of any other
    others = [*alike, np.ones_like(drawn)]
    if drawn.ndim == 2 and drawn.shape[0] == drawn.shape[1]:
        others.append(drawn.T)
    margins = [1.0]
    for other in others:
        flat = other.reshape(-1).astype(np.float64)
        size = float(np.linalg.norm(flat)) * float(np.linalg.norm(drawn))
        if not (size and np.isfinite(size)):
            continue
        cosine = min(abs(float(drawn.reshape(-1) @ flat)) / size, 1.0)
        # The cosine of two long random arrays is about 1 / sqrt(size).
        margins += [float(np.sqrt(1 - cosine**2)), cosine * float(np.sqrt(drawn.size))]
    return min(margins)
