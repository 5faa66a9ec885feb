"""What the microscope measures: the error of differences for each step, and the nearest kink.

It shows nothing; a curve, a guide and a kink are plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..autodiff import grad
from ..checking import _leaves
from ..kinks import crossed, sides_of
from ..tensor import Tensor

__all__ = [
    "CENTRAL",
    "COMPLEX",
    "FORWARD",
    "ROUND_OFF",
    "TRUNCATION",
    "Curve",
    "Guide",
    "Kink",
    "expected_errors",
    "gradient_by",
    "measured_curves",
    "moved",
    "nearest_kink",
]

Array: TypeAlias = NDArray[Any]
Call: TypeAlias = Callable[[Sequence[Tensor]], Tensor]

FORWARD, CENTRAL, COMPLEX = "forward differences", "central differences", "complex step"
TRUNCATION, ROUND_OFF = "truncation", "round-off"
_STEPS = 10.0 ** (-np.arange(6, 97) / 6)  # 1e-1 to 1e-16, six a decade
# What balances truncation and round-off, as a root of eps; the complex step has no round-off.
_ROOTS = {FORWARD: 2, CENTRAL: 3}
_NO_DIGIT = 0.1  # with a larger error not even the first digit is right
_AT_THE_POINT = 1e-8  # no step is small enough for a kink that is nearer


@dataclass(frozen=True, eq=False)
class Curve:
    """The errors of one method in one dtype.

    Attributes
    ----------
    method, dtype : str
    steps, errors : ndarray
        Errors are relative to the reference, absolute if that is 0; NaN where `f` is not finite.
    best_step, best_error : float
        Where the error is smallest, lucky hits left out: the largest error of five steps in a row
        counts. NaN if no step gives at least one digit.
    theory : float
        The rule of thumb for the best step: the square root of eps for forward, the cube root for
        central differences, and NaN for the complex step, for which any small step will do.
    """

    method: str
    dtype: str
    steps: Array
    errors: Array
    best_step: float
    best_error: float
    theory: float

    def error_at(self, step: float) -> float:
        """Return the error at the nearest measured step."""
        return float(self.errors[np.abs(np.log(self.steps / step)).argmin()])


@dataclass(frozen=True)
class Guide:
    """What theory predicts for one kind of error: ``size * step**order``.

    Attributes
    ----------
    word : str
        ``"truncation"`` or ``"round-off"``.
    dtype : str
    order : int
    size : float
    """

    word: str
    dtype: str
    order: int
    size: float


@dataclass(frozen=True)
class Kink:
    """A kink near the point, where the slope jumps.

    Attributes
    ----------
    operation : str
        The operation with the kink, such as ``"relu"``.
    step : float
        The smallest step that crosses it.
    """

    operation: str
    step: float

    def __str__(self) -> str:
        if self.step <= _AT_THE_POINT:
            return (
                f"the input lies at a kink of {self.operation}, where the slopes of both sides "
                "differ: no step is right, so move the input"
            )
        return (
            f"a kink of {self.operation} is near: steps of {self.step:.1e} and more can cross it, "
            "and a difference across it is meaningless"
        )


def gradient_by(call: Call, point: Sequence[Array], which: int) -> Array | None:
    """Differentiate automatically with respect to one input."""
    leaves = _leaves(point)
    out = call(leaves)
    if not out.requires_grad:
        return None
    (found,) = grad(out.sum(), [leaves[which]], allow_unused=True)
    return None if found is None else np.asarray(found)


def moved(
    point: Sequence[Array], which: int, element: tuple[int, ...], step: complex
) -> list[Tensor]:
    """Make leaves of the point in its own precision, with one element of one input moved."""
    arrays = [x.astype(np.result_type(x, step)) for x in point]
    arrays[which][element] += step
    return _leaves(arrays)


def measured_curves(
    call: Call,
    point: Sequence[Array],
    which: int,
    element: tuple[int, ...],
    slope: float,
    is_analytic: bool,
) -> tuple[list[Curve], str]:
    """Measure all methods in the precision of the point; also return the precision of `f`."""

    def at(step: complex) -> Any:
        return call(moved(point, which, element, step)).data.reshape(())

    dtype = point[which].dtype
    here = at(0.0)
    slopes: dict[str, list[float]] = {FORWARD: [], CENTRAL: []}
    for step in map(float, _STEPS):
        ahead = at(step)
        slopes[FORWARD].append(float((ahead - here) / step))
        slopes[CENTRAL].append(float((ahead - at(-step)) / (2 * step)))
    if is_analytic:
        slopes[COMPLEX] = [float(np.imag(at(1j * h)) / h) for h in map(float, _STEPS)]
    curves = []
    for method, numbers in slopes.items():
        errors = np.abs(np.array(numbers) - slope) / (abs(slope) or 1.0)
        errors[~np.isfinite(errors)] = np.nan
        curves.append(_curve(method, dtype, errors))
    return curves, str(here.dtype)


def _curve(method: str, dtype: np.dtype[Any], errors: Array) -> Curve:
    """Find the best step, ignoring a lucky hit between bad steps."""
    padded = np.pad(errors, 2, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 5).max(axis=1)  # NaN stays NaN
    around = np.where(np.isnan(around), np.inf, around)
    best = int(around.argmin())
    eps = float(np.finfo(dtype).eps)
    if method == COMPLEX:  # the largest step among equally good ones
        best = int((around <= max(2 * around[best], 4 * eps)).argmax())
    step, error = float(_STEPS[best]), float(around[best])
    if not error < _NO_DIGIT:
        step = error = np.nan
    theory = eps ** (1 / _ROOTS[method]) if method in _ROOTS else np.nan
    return Curve(method, str(dtype), _STEPS, errors, step, error, theory)


def expected_errors(
    call: Call,
    point: Sequence[Array],
    which: int,
    element: tuple[int, ...],
    dtype: str,
    kink: Kink | None,
) -> list[Guide]:
    """Predict the errors: from the value, and from how the automatic gradient changes."""

    def slope_at(step: float) -> float:
        tensors = [np.asarray(t.data) for t in moved(point, which, element, step)]
        found = gradient_by(call, tensors, which)
        return np.nan if found is None else float(found[element])

    x, slope = float(point[which][element]), slope_at(0.0)
    unit = abs(slope) or 1.0
    value = abs(call(_leaves(point)).item())
    # x + h is rounded too, which matters as much if x is large.
    size = float(np.finfo(dtype).eps) * max(value, abs(x * slope)) / unit
    guides = [Guide(ROUND_OFF, dtype, -1, size)]
    step = 1e-3 * max(1.0, abs(x))
    if kink is None or kink.step > step:
        ahead, behind = slope_at(step), slope_at(-step)
        second = abs(ahead - behind) / (2 * step) / unit
        third = abs(ahead - 2 * slope + behind) / step**2 / unit
        guides.append(Guide(TRUNCATION, dtype, 1, second / 2))
        guides.append(Guide(TRUNCATION, dtype, 2, third / 6))
    # Linear and quadratic functions have no truncation error: the rest is round-off.
    return [guide for guide in guides if np.isfinite(guide.size) and guide.size > _least(guide)]


def _least(guide: Guide) -> float:
    return 0.0 if guide.word == ROUND_OFF else 1e-9


# Kinks ----------------------------------------------------------------------------------------


def nearest_kink(
    call: Call, point: Sequence[Array], which: int, element: tuple[int, ...]
) -> Kink | None:
    """Find the smallest step, forward or back, that crosses a kink or changes the graph of `f`."""
    before = sides_of(call(_leaves(point)))
    for step in map(float, _STEPS[::-1]):
        for signed in (step, -step):
            name = crossed(before, sides_of(call(moved(point, which, element, signed))))
            if name:
                return Kink(name, step)
    return None
