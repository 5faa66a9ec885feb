"""Whether gradients derived by hand agree with automatic ones, and where they do not.

A verdict is about one tensor. What a mismatch looks like is not asked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tensor import Tensor
from .text import clean, shape_text

__all__ = ["TOLERANCES", "Verdict", "by_tensor", "judge"]

# Relative to the largest element of the two: both are the same sums, added up in another order.
TOLERANCES = {"float64": 1e-10, "float32": 1e-4, "float16": 1e-2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comparing two gradients has found.

    Attributes
    ----------
    agree : bool or None
        None if there is no automatic gradient to compare with.
    difference : float
        The largest absolute difference; infinite if one of two numbers is none.
    relative : float
        The same in relation to the largest element of both.
    index : tuple of int
        Where the difference is largest.
    tolerance : float
        The largest relative difference that counts as agreement.
    """

    agree: bool | None
    difference: float = 0.0
    relative: float = 0.0
    index: tuple[int, ...] = ()
    tolerance: float = 0.0

    def __str__(self) -> str:
        if self.agree is None:
            return "- not computed"
        largest = f"max|Δ| {self.difference:.2g}"
        if self.agree:
            return f"✓ {largest}"
        where = f" at [{', '.join(map(str, self.index))}]" if self.index else ""
        return f"✗ {largest}{where}"


def judge(manual: Any, automatic: Any, floor: float = 0.0) -> Verdict:
    """Compare a gradient derived by hand with the automatic one, which has the same shape.

    Differences up to the floor are round-off, whatever the size of the gradients is.

    Examples
    --------
    >>> str(judge(np.array([1.0, 2.5]), np.array([1.0, 2.0])))
    '✗ max|Δ| 0.5 at [1]'
    >>> str(judge(np.array([1.0, 2.0]), None))
    '- not computed'
    """
    if automatic is None:
        return Verdict(None)
    automatic = np.asarray(automatic)
    tolerance = TOLERANCES.get(automatic.dtype.name, 1e-10)
    if automatic.size == 0:
        return Verdict(True, tolerance=tolerance)
    found, expected = np.asarray(manual, np.float64), automatic.astype(np.float64)
    with np.errstate(all="ignore"):
        differences = np.abs(found - expected)
        # Two numbers that are not finite agree where they are the same.
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        differences = np.where(same, 0.0, np.where(np.isnan(differences), np.inf, differences))
        index = np.unravel_index(int(differences.argmax()), differences.shape)
        difference = float(differences[index])
        finite = [abs(x[np.isfinite(x)]).max(initial=0.0) for x in (found, expected)]
        relative = difference / max(finite) if difference and max(finite) else difference
    place = tuple(int(i) for i in index)
    relative = float(relative)
    return Verdict(
        relative <= tolerance or difference <= floor, difference, relative, place, tolerance
    )


def by_tensor(
    compare: Mapping[Any, Any] | None, named: Sequence[tuple[str, Tensor]]
) -> dict[Tensor, np.ndarray[Any, Any]]:
    """Find the tensors that gradients derived by hand belong to.

    Parameters
    ----------
    compare : mapping of str or Tensor to array_like, optional
    named : sequence of (str, Tensor)
        The tensors of the graph, with the names that a picture shows.

    Raises
    ------
    TypeError
        If it is no mapping, or holds something that is no array of numbers.
    ValueError
        For a name that no tensor has, or several; a tensor that is not in the graph; a shape that
        differs.
    """
    if compare is None:
        return {}
    if not isinstance(compare, Mapping):
        raise TypeError(
            f"compare maps names to gradients, such as {{'W': dW}}; got a {type(compare).__name__}"
        )
    known = {tensor for _, tensor in named}
    found: dict[Tensor, np.ndarray[Any, Any]] = {}
    for key, gradient in compare.items():
        # A picture shows names cut to size, and a learner may give them in full.
        shown = clean(key) if isinstance(key, str) else clean(repr(key))
        owners = [tensor for name, tensor in named if name == shown]
        if isinstance(key, Tensor):
            owners, shown = [key], clean(key._label())
        if len(owners) > 1:
            raise ValueError(f"compare: {shown!r} names {len(owners)} tensors; use them as keys")
        if not owners or owners[0] not in known:
            what = "a tensor that is not in the graph" if owners else repr(shown)
            names = ", ".join([name for name, _ in named][:20])
            raise ValueError(f"compare: found {what}, expected one of these names: {names}")
        tensor, label = owners[0], shown
        try:
            array = np.asarray(gradient)
        except ValueError as error:  # rows of different lengths
            raise TypeError(
                f"compare: {label} is no array of numbers: {clean(error, 80)}"
            ) from error
        if gradient is None:
            raise TypeError(f"compare: {label} is no array of numbers, but None; leave it out")
        if array.dtype.kind not in "fiu":
            kind = "text" if array.dtype.kind in "US" else array.dtype
            raise TypeError(f"compare: {label} is no array of numbers, but of {kind}")
        if array.shape != tensor.shape:
            raise ValueError(
                f"compare: the gradient of {label} has shape {shape_text(array.shape)}, expected "
                f"{shape_text(tensor.shape)}, that of the tensor"
            )
        found[tensor] = array
    return found
