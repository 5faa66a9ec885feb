"""Compares gradients derived by hand with automatic ones.

A verdict is about one tensor: do they agree, and where is the largest difference. `diagnosing`
finds the cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tensor import Tensor
from ..texts import clean, shape_text

__all__ = ["TOLERANCES", "Verdict", "by_tensor", "judge"]

# Relative to the largest element; both are the same sums, added up in another order.
TOLERANCES = {"float64": 1e-10, "float32": 1e-4, "float16": 1e-2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of comparing two gradients.

    Attributes
    ----------
    agree : bool or None
        None if there is no automatic gradient to compare with.
    difference : float
        The largest absolute difference; infinite if only one of two numbers is NaN.
    relative : float
        The same, relative to the largest element of both.
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
    """Compare a gradient derived by hand with the automatic one of the same shape.

    Parameters
    ----------
    manual, automatic : array_like
        `automatic` is None if it was not computed.
    floor : float
        Absolute differences up to this are round-off.

    Returns
    -------
    Verdict

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
        # Equal infinities agree, and so do two NaN.
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
    compare: Mapping[Any, Any] | None,
    named: Sequence[tuple[str, Tensor]],
    others: Sequence[tuple[str, Tensor]] = (),
) -> dict[Tensor, np.ndarray[Any, Any]]:
    """Assign gradients derived by hand to their tensors.

    Parameters
    ----------
    compare : mapping of str or Tensor to array_like, optional
    named : sequence of (str, Tensor)
        The tensors of the graph, with their names in a picture.
    others : sequence of (str, Tensor)
        Further names that a picture shows, such as ``W1``, ``dW1`` and ``t3``; they are tried where
        no tensor has the name.

    Returns
    -------
    dict of Tensor to ndarray

    Raises
    ------
    TypeError
        If it is not a mapping, or a value is not an array of numbers.
    ValueError
        For an unknown or ambiguous name, a tensor that is not in the graph, or a wrong shape.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], name="x")
    >>> list(by_tensor({"x": [3.0, 4.0]}, [("x", x)]).values())
    [array([3., 4.])]
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
        # Pictures show shortened names; the user may pass the full ones.
        shown = clean(key) if isinstance(key, str) else clean(repr(key))
        owners = [tensor for name, tensor in named if name == shown]
        owners = owners or [*{tensor for name, tensor in others if name == shown}]
        if isinstance(key, Tensor):
            owners, shown = [key], clean(key._label())
        if len(owners) > 1:
            raise ValueError(f"compare: {shown!r} names {len(owners)} tensors; use them as keys")
        if not owners or owners[0] not in known:
            what = "a tensor that is not in the graph" if owners else repr(shown)
            names = ", ".join([name for name, _ in named][:20])
            raise ValueError(f"compare: found {what}, expected one of these names: {names}")
        array = _as_numbers(gradient, shown)
        if array.shape != owners[0].shape:
            raise ValueError(
                f"compare: the gradient of {shown} has shape {shape_text(array.shape)}, expected "
                f"{shape_text(owners[0].shape)}, the shape of the tensor"
            )
        found[owners[0]] = array
    return found


def _as_numbers(gradient: Any, label: str) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(gradient)
    except ValueError as error:  # rows of different lengths
        raise TypeError(
            f"compare: {label} must be an array of numbers: {clean(error, 80)}"
        ) from error
    if gradient is None:
        raise TypeError(f"compare: {label} must be an array of numbers, got None; omit it")
    if array.dtype.kind not in "fiu":
        kind = "text" if array.dtype.kind in "US" else array.dtype
        raise TypeError(f"compare: {label} must be an array of numbers, got {kind}")
    return array
