"""The numerical microscope: how wrong differences are, step by step, for one chosen gradient.

A large step cuts the curve short (truncation), a small one loses digits (round-off), and the best
step lies between. The reference is the automatic gradient, computed in float64; whether that is
right is the business of `check_gradients`; a note says so where differences do not confirm it.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checking import _is_analytic, _leaves
from ..leaving import values_of
from ..scope import enable_grad
from ..slopes import CONFIRMED, DIFFERENCE_STEP, finding, measured_slope
from ..tensor import Tensor
from .observations import LOSSES
from .step_errors import (
    CENTRAL,
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

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Microscope", "microscope"]

Array: TypeAlias = NDArray[Any]

_WIDTH = 100  # of the text, in columns


@dataclass(frozen=True, eq=False, repr=False)
class Microscope:
    """What `microscope` has seen.

    Attributes
    ----------
    place : str
        Which element is looked at: ``"input 0[1]"``.
    reference : float
        The automatic gradient there, in float64.
    curves : tuple of Curve
        The methods in float64, then in float32.
    guides : tuple of Guide
        What theory expects of them.
    kink : Kink or None
    notes : tuple of str
        What else has to be known to read the numbers.

    Examples
    --------
    >>> from tinygrad_edu import microscope
    >>> seen = microscope(lambda x: (x**3).sum(), [2.0])
    >>> seen.place, seen.reference
    ('input 0[0]', 12.0)
    """

    place: str
    reference: float
    curves: tuple[Curve, ...]
    guides: tuple[Guide, ...]
    kink: Kink | None
    notes: tuple[str, ...]

    def curve(self, method: str, dtype: str = "float64") -> Curve | None:
        """Give the curve of a method, or None if it could not be used."""
        found = [c for c in self.curves if (c.method, c.dtype) == (method, dtype)]
        return found[0] if found else None

    @property
    def caption(self) -> str:
        """Why 1e-5, and why float64, in a sentence with the numbers of this gradient."""
        double, single = self.curve(CENTRAL), self.curve(CENTRAL, "float32")
        assert double is not None
        assert single is not None
        sentence = (
            "Why 1e-5: with central differences truncation falls as h², round-off grows as "
            f"eps·|f|/h, and they meet near eps^(1/3) = {double.theory:.0e}"
        )
        if np.isfinite(double.best_error):
            sentence += f" (here the best step is {double.best_step:.0e})"
        if np.isfinite(single.best_error) and single.best_error > double.best_error:
            sentence += (
                f"; why float64: the best that float32 can do is an error of "
                f"{single.best_error:.0e}, where float64 gets to {double.best_error:.0e}"
            )
        return sentence + "."

    @property
    def title(self) -> str:
        """Which gradient it is, and its value."""
        return f"Gradient with respect to {self.place}, automatic in float64: {self.reference:.6g}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What has to be said below a table or a figure."""
        kink = (f"Kink: {self.kink}.",) if self.kink is not None else ()
        return (*kink, *(f"Note: {note}." for note in self.notes), self.caption)

    def __str__(self) -> str:
        from .microscope_figure import text_table

        told = [
            textwrap.fill(sentence, _WIDTH, break_long_words=False, break_on_hyphens=False)
            for sentence in self.sentences
        ]
        return "\n".join([self.title, "", *text_table(self), "", *told])

    def __repr__(self) -> str:  # at the prompt: hundreds of numbers in arrays are of no use there
        return str(self)

    def figure(self) -> Figure:
        """Draw error against step, float64 and float32 side by side."""
        from .microscope_figure import microscope_figure

        return microscope_figure(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Show itself in a notebook: the table, and the figure below it."""
        from ..notebook_tables import or_none
        from .microscope_figure import microscope_page

        bundle = {"text/plain": or_none(str, self) or object.__repr__(self)}
        shown = or_none(microscope_page, self)
        return bundle if shown is None else bundle | {"text/html": shown}


def microscope(
    f: Callable[..., Tensor],
    *inputs: Tensor | ArrayLike,
    of: int = 0,
    index: int | tuple[int, ...] | None = None,
) -> Microscope:
    """Look at the error of numerical differentiation, from a step of 1e-1 down to 1e-16.

    Parameters
    ----------
    f : callable
        ``f(*tensors) -> Tensor``, a single number such as a loss, the same at every call.
    *inputs : Tensor or array_like
        Where to look. Floating ones are copied; others, such as labels, are passed on.
    of : int
        The position of the input whose gradient is looked at.
    index : int or tuple of int, optional
        Which element of it; by default the one with the largest gradient.

    Returns
    -------
    Microscope
        Print it, or call ``.figure()``.

    Raises
    ------
    TypeError
        If `f` is no function, or `of` or `index` are no whole numbers.
    ValueError
        If `f` gives no single finite number, or other values when called again, or does not
        depend on that input; or if there is no such element.

    Notes
    -----
    The reference is the automatic gradient in float64. For the curves in float32 all inputs are
    rounded to float32, and the reference is computed in float64 where they are then: their
    errors are those of the method, not of having moved.

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
    if not callable(f) or isinstance(f, Tensor):
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
        return f(*arguments)

    with enable_grad(), np.errstate(all="ignore"), warnings.catch_warnings():
        # Far away from the point, or in float32, functions may well overflow.
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
        curves, guides, notes = [], [], []
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
                    f"of inputs in {dtype} f gives {computed_in}: it brings numbers of its own in"
                )
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


def _doubt(
    call: Call,
    point: Sequence[Array],
    which: int,
    element: tuple[int, ...],
    reference: float,
    of: int,
) -> str:
    """Say so if differences do not confirm the automatic gradient, whatever the step is."""

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
        raise ValueError(f"f must give a Tensor, got a {type(out).__name__}")
    if out.size != 1:
        raise ValueError(
            f"f must give a single number, got shape {out.shape}; add .sum(), or choose an element"
        )
    if not np.isfinite(out.data).all():
        raise ValueError(f"f is {out.item()} at these inputs; the microscope needs a finite value")
    if not np.array_equal(out.data, call(_leaves(point)).data):
        raise ValueError("f gives other values when called again; fix its random numbers")
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
