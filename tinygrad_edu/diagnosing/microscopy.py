"""The numerical microscope: the error of differences for one chosen gradient, step by step.

A large step misses the curvature (truncation), a small one loses digits (round-off), and the best
step lies between. The reference is the automatic gradient in float64. Whether that is right is
the task of `check_gradients`; a note says so where differences do not confirm it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checking import _is_analytic, _leaves
from ..leaving import values_of
from ..scope import differentiating, enable_grad
from ..slopes import CONFIRMED, DIFFERENCE_STEP, finding, measured_slope
from ..tensor import Tensor
from .microscope_view import Microscope
from .observations import LOSSES
from .step_errors import (
    Call,
    Curve,
    Guide,
    Kink,
    expected_errors,
    gradient_by,
    measured_curves,
    moved,
    nearest_kink,
)

__all__ = ["microscope"]

Array: TypeAlias = NDArray[Any]


def microscope(
    f: Callable[..., Tensor],
    *inputs: Tensor | ArrayLike,
    of: int = 0,
    index: int | tuple[int, ...] | None = None,
) -> Microscope:
    """Measure the error of numerical differentiation, for steps from 1e-1 down to 1e-16.

    Parameters
    ----------
    f : callable
        ``f(*tensors) -> Tensor``, a single number such as a loss, the same at every call.
    *inputs : Tensor or array_like
        Where to measure. Floating ones are copied; others, such as labels, are passed on.
    of : int
        The position of the input whose gradient is measured.
    index : int or tuple of int, optional
        Which element of it; by default the one with the largest gradient.

    Returns
    -------
    Microscope
        Print it, or call ``.figure()``.

    Raises
    ------
    TypeError
        If `f` is not a function, or `of` or `index` are not whole numbers.
    ValueError
        If `f` does not return a single finite number, returns other values when called again, or
        does not depend on that input; or if there is no such element.

    Notes
    -----
    The reference is the automatic gradient in float64. For the curves in float32 all inputs are
    rounded to float32, and the reference is computed in float64 at the rounded inputs: their
    errors are those of the method, not of the rounding.

    Examples
    --------
    >>> from tinygrad_edu import exp
    >>> from tinygrad_edu.diagnosing.microscopy import microscope
    >>> seen = microscope(lambda x: exp(x).sum(), [0.0, 1.0])
    >>> seen.place, round(seen.reference, 4)
    ('input 0[1]', 2.7183)
    >>> 1e-6 < seen.curve("central differences").best_step < 1e-4
    True
    """
    given: object = f
    if not callable(given) or isinstance(given, Tensor):
        raise TypeError(
            f"microscope() needs a function that computes the loss, got a {type(f).__name__}; "
            "pass it with its inputs, as in microscope(f, x)"
        )
    values = [values_of(x) for x in inputs]
    _check_input(of, values)
    places = [i for i, value in enumerate(values) if value.dtype.kind == "f"]
    point = [values[i].astype(np.float64) for i in places]
    which = places.index(of)

    def call(tensors: Sequence[Tensor]) -> Tensor:
        arguments: list[Any] = list(inputs)
        for place, tensor in zip(places, tensors, strict=True):
            arguments[place] = tensor
        with differentiating():
            return f(*arguments)

    with enable_grad(), np.errstate(all="ignore"), warnings.catch_warnings():
        # Far away from the point, or in float32, functions may overflow.
        warnings.simplefilter("ignore", RuntimeWarning)
        out = _checked_output(call, point)
        gradient = gradient_by(call, point, which)
        if gradient is None:
            raise ValueError(
                f"f does not depend on input {of}, or in no way that was recorded; there is no "
                "gradient to look at"
            )
        element = _checked_index(index, gradient)
        is_analytic = _is_analytic(call, out, point)
        kink = nearest_kink(call, point, which, element)
        curves, guides, notes = _measure(call, point, which, element, kink, is_analytic)
        doubt = _doubt(call, point, which, element, float(gradient[element]), of)
        notes += [doubt] if doubt and kink is None else []
    if not is_analytic:
        notes.append("there is no complex step: f cannot be evaluated on complex numbers")
    if not gradient[element]:
        notes.append("the gradient is 0, so errors are absolute")
    if any(np.isnan(curve.errors).any() for curve in curves):
        notes.append("at some steps f is not finite; they are left out")
    subscript = f"[{', '.join(map(str, element))}]" if element else ""
    place, reference = f"input {of}{subscript}", float(gradient[element])
    return Microscope(place, reference, tuple(curves), tuple(guides), kink, tuple(notes))


def _measure(
    call: Call,
    point: Sequence[Array],
    which: int,
    element: tuple[int, ...],
    kink: Kink | None,
    is_analytic: bool,
) -> tuple[list[Curve], list[Guide], list[str]]:
    """Measure the errors in float64 and float32, with what theory expects and notes."""
    curves: list[Curve] = []
    guides: list[Guide] = []
    notes: list[str] = []
    for dtype in ("float64", "float32"):
        there = [x.astype(dtype) for x in point]
        exact = [x.astype(np.float64) for x in there]
        slopes = gradient_by(call, exact, which)
        slope = np.nan if slopes is None else float(slopes[element])
        found, computed_in = measured_curves(call, there, which, element, slope, is_analytic)
        curves += found
        guides += expected_errors(call, exact, which, element, dtype, kink)
        if computed_in != dtype:
            notes.append(
                f"for inputs in {dtype}, f returns {computed_in}: it contains such numbers"
            )
    return curves, guides, notes


def _doubt(
    call: Call,
    point: Sequence[Array],
    which: int,
    element: tuple[int, ...],
    reference: float,
    of: int,
) -> str:
    """Return a note if differences do not confirm the automatic gradient at any step."""

    def at(length: float) -> float:
        return float(call(moved(point, which, element, length)).data.reshape(()))

    step = DIFFERENCE_STEP * max(1.0, abs(float(point[which][element])))
    slope = measured_slope(at, step, reference, abs(reference))
    found = finding(slope, reference, abs(reference), 1.0, CONFIRMED * abs(reference))
    if found == "differs":
        return (
            f"differences give {slope.value:.6g}, not the automatic gradient, from which errors "
            f"are measured here: part of the graph of f was lost on the way from input {of}; look "
            f"in f for {LOSSES}"
        )
    if found == "undecided":
        return "round-off is so large that differences cannot confirm the automatic gradient"
    return ""


# Arguments ------------------------------------------------------------------------------------


def _check_input(of: int, values: Sequence[Array]) -> None:
    if isinstance(of, bool) or not isinstance(of, int | np.integer):
        raise TypeError(f"of must be the position of an input, got {of!r} ({type(of).__name__})")
    if not values:
        raise ValueError("there is no input to look at; pass it after f, as in microscope(f, x)")
    if not 0 <= of < len(values):
        count = "is 1 input" if len(values) == 1 else f"are {len(values)} inputs"
        raise ValueError(f"of is {of}, but there {count}; count from 0")
    if values[of].dtype.kind != "f":
        if values[of].dtype.kind in "US":
            raise ValueError(f"input {of} is text, expected numbers, such as 3.0")
        raise ValueError(
            f"input {of} has dtype {values[of].dtype}, which has no gradient; write 3.0 for 3"
        )
    if not values[of].size:
        raise ValueError(f"input {of} of shape {values[of].shape} has no elements to look at")


def _checked_output(call: Call, point: Sequence[Array]) -> Tensor:
    out = call(_leaves(point))
    if not isinstance(out, Tensor):
        raise ValueError(f"f must return a Tensor, got a {type(out).__name__}")
    if out.size != 1:
        raise ValueError(
            f"f must return a single number, got shape {out.shape}; add .sum(), or take an element"
        )
    if not np.isfinite(out.data).all():
        raise ValueError(f"f is {out.item()} at these inputs; the microscope needs a finite value")
    if not np.array_equal(out.data, call(_leaves(point)).data):
        raise ValueError("f returns other values when called again; fix its random numbers")
    return out


def _checked_index(index: int | tuple[int, ...] | None, gradient: Array) -> tuple[int, ...]:
    if index is None:
        largest = int(np.nan_to_num(np.abs(gradient), nan=np.inf).argmax())
        return tuple(int(i) for i in np.unravel_index(largest, gradient.shape))
    given = index if isinstance(index, tuple) else (index,)
    if any(isinstance(i, bool) or not isinstance(i, int | np.integer) for i in given):
        raise TypeError(f"index must be whole numbers such as (0, 1), got {index!r}")
    if len(given) != gradient.ndim or any(
        not -size <= i < size for i, size in zip(given, gradient.shape, strict=True)
    ):
        raise ValueError(f"there is no element {given} in an input of shape {gradient.shape}")
    return tuple(int(i) % size for i, size in zip(given, gradient.shape, strict=True))
