"""Checks automatic gradients against numerical ones.

A random cotangent and a random direction reduce a whole Jacobian to one number, which must agree
on both sides; only otherwise, the worst element is searched. The numerical side is the complex
step, which has no round-off, if the computation can be evaluated on complex numbers, and central
differences otherwise; always in float64. `probing` draws the random numbers, and `slopes`
estimates how reliable a slope is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .autodiff import grad, graph_order
from .errors import GradientError
from .kinks import Sides, crossed, sides_of
from .leaving import values_of
from .probing import draw_apart, own_generator
from .scope import differentiating, enable_grad
from .slopes import CONFIRMED, DIFFERENCE_STEP, Finding, Slope, finding, measured_slope, term_sizes
from .tensor import Array, Tensor, _computed

__all__ = ["GradientCheck", "check_gradients"]

Level: TypeAlias = Callable[[Sequence[Tensor], bool], Any]
"""A number that depends on the inputs; the flag asks for a graph of it."""

_COMPLEX_STEP = 1e-20  # any size will do, because nothing is subtracted
_COMPLEX, _DIFFERENCES = "complex step", "central differences"
_TOLERANCES = {_COMPLEX: 1e-8, _DIFFERENCES: CONFIRMED}
_CANCELLED = 1e-12  # round-off, relative to the terms that cancel and to the value
_TRUNCATED = 1e3 * _COMPLEX_STEP**2
_SAME = 1e-3  # complex step and differences agree up to this
_MOST_ELEMENTS = 2_000  # examined one by one when a check has failed


@dataclass(frozen=True)
class GradientCheck:
    """The result of a successful check.

    Attributes
    ----------
    method : str
        The numerical method: ``"complex step"`` or ``"central differences"``.
    errors : tuple of float
        The largest relative error of each order.

    Examples
    --------
    >>> from tinygrad_edu import check_gradients
    >>> check = check_gradients(lambda x: x**3, [1.0, 2.0])
    >>> check.method, len(check.errors), max(check.errors) < 1e-8
    ('complex step', 2, True)
    """

    method: str
    errors: tuple[float, ...]


def check_gradients(
    f: Callable[..., Tensor],
    *inputs: Tensor | ArrayLike,
    order: int = 2,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
) -> GradientCheck:
    """Check the gradients of a function of tensors, and the gradients of those.

    Parameters
    ----------
    f : callable
        ``f(*tensors) -> Tensor``, of any shape; each call must return the same values.
    *inputs : Tensor or array_like
        Where to check. Floating ones are copied as float64 and differentiated; others, such as
        labels, are passed on unchanged.
    order : int
        How many times to differentiate; 2 checks second derivatives too.
    rtol : float, optional
        Allowed relative error; by default 1e-8 for the complex step, 1e-6 for differences.
    atol : float, optional
        Allowed absolute error in addition, for gradients in which terms cancel. By default, for the
        complex step, 1e-12 of these terms and of the output; for differences, the uncertainty from
        truncation and round-off.
    seed : int
        The seed of the random cotangent and directions. They also depend on the inputs, and no seed
        of NumPy's generators produces them; none of them equals an input, a constant or an output
        of `f`, or a multiple of these.

    Returns
    -------
    GradientCheck

    Raises
    ------
    GradientError
        If the gradients differ. The message names the worst element, its index, both values and
        their ratio. Also if round-off is too large for differences to decide.
    ValueError
        If there is nothing to differentiate, or `f` returns other values when called again.

    Notes
    -----
    At a kink, such as ReLU at 0, the two sides may differ although neither is wrong: move the
    inputs. The complex step is due to Squire and Trapp, "Using Complex Variables to Estimate
    Derivatives of Real Functions", 1998.

    Examples
    --------
    >>> from tinygrad_edu import check_gradients, tanh
    >>> check_gradients(lambda x, y: tanh(x) * y, [0.5, -1.0], [2.0, 3.0]).method
    'complex step'
    """
    if order < 1:
        raise ValueError(f"order must be >= 1, got {order}")
    values = [values_of(x) for x in inputs]
    places = [i for i, value in enumerate(values) if value.dtype.kind == "f"]
    if not any(values[i].size for i in places):
        raise ValueError("no input of a floating dtype has elements; write 3.0 for 3")
    point = [values[i].astype(np.float64) for i in places]

    last: list[Tensor] = []

    def call(tensors: Sequence[Tensor]) -> Tensor:
        arguments: list[Any] = list(inputs)
        for place, tensor in zip(places, tensors, strict=True):
            arguments[place] = tensor
        with differentiating():
            out = f(*arguments)
        if not isinstance(out, Tensor):
            raise ValueError(f"f must return a Tensor, got a {type(out).__name__}")
        last[:] = [out]
        return out

    with enable_grad():
        out = call(_leaves(point))
        if not np.array_equal(out.data, call(_leaves(point)).data, equal_nan=True):
            raise ValueError("f returns other values when called again; fix its random numbers")
        method = _COMPLEX if _is_analytic(call, out, point) else _DIFFERENCES
        generator = own_generator(seed, point)
        known = [*point, *numbers_of(out)]
        cotangent = draw_apart(generator, out.shape, known)
        level, height = _first_level(call, cotangent), float(np.abs(out.data * cotangent).sum())
        errors = []
        for number in range(1, order + 1):
            if number > 1:
                level = _next_level(level, [draw_apart(generator, x.shape, known) for x in point])
            directions = [draw_apart(generator, x.shape, known) for x in point]
            look = _Look(level, point, directions, places, number, method, rtol, atol, height, last)
            errors.append(look.error())
    return GradientCheck(method, tuple(errors))


def numbers_of(output: Tensor) -> list[Array]:
    """List the numbers in a computation: its output, its constants and its leaves."""
    order = graph_order(output)
    computed = {id(tensor._data) for tensor in order}
    found = [output._data]
    for tensor in order:
        assert tensor.node is not None
        values = [np.asarray(value) for value in tensor.node.values if id(value) not in computed]
        found += [value for value in values if value.dtype.kind == "f"]
    return found


def _is_analytic(
    call: Callable[[Sequence[Tensor]], Tensor], out: Tensor, point: Sequence[Array]
) -> bool:
    """Whether every operation of a function can be evaluated on complex numbers."""
    if not all(t.node.primitive.analytic for t in graph_order(out)):  # type: ignore[union-attr]
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            call(_leaves([x.astype(np.complex128) for x in point]))
        except (TypeError, ValueError, np.exceptions.ComplexWarning):
            return False  # f reads the numbers, for example in a condition
    return True


def _first_level(call: Callable[[Sequence[Tensor]], Tensor], cotangent: Array) -> Level:
    """Return the function itself: its output, times a random cotangent, added up."""
    return lambda tensors, graph: (call(tensors) * cotangent).sum()


def _next_level(level: Level, weights: Sequence[Array]) -> Level:
    """Return the gradient of a level, times random numbers, added up."""

    def weighed(tensors: Sequence[Tensor], graph: bool) -> Any:
        value = level(tensors, True)
        total: Any = 0.0
        if not isinstance(value, Tensor) or not value.requires_grad:  # constant: gradients of zero
            return total
        gradients = grad(value, tensors, create_graph=graph, allow_unused=True)
        for gradient, weight in zip(gradients, weights, strict=True):
            if gradient is not None:
                total = (gradient * weight).sum() + total
        return total

    return weighed


@dataclass(frozen=True)
class _Look:
    """One order of derivatives, checked along a direction.

    Attributes
    ----------
    level, point, directions, order, method
        What to differentiate, where, and how.
    places : sequence of int
        Which arguments of `f` the arrays of the point are.
    rtol, atol : float or None
    height : float
        The size of the output; its round-off may be in any gradient.
    last : list of Tensor
        What `f` returned last: its graph shows whether a step crosses a kink.
    """

    level: Level
    point: Sequence[Array]
    directions: Sequence[Array]
    places: Sequence[int]
    order: int
    method: str
    rtol: float | None
    atol: float | None
    height: float
    last: list[Tensor]

    def error(self) -> float:
        """Compare the slopes along the direction, and return the relative error."""
        leaves = _leaves(self.point)
        value = self.level(leaves, True)
        gradients = self._gradients(value, leaves)
        pairs = zip(gradients, self.directions, strict=True)
        directions = [_uphill(g, v) for g, v in pairs]
        products = [g * v for g, v in zip(gradients, directions, strict=True)]
        automatic = float(sum(p.sum() for p in products))
        size = sum(float(np.abs(p).sum()) for p in products)
        terms = _Terms(value, leaves, directions)
        method, slope = self._slope(directions, automatic, size)
        scale = max(size, abs(slope.value))
        allowed = _TOLERANCES[method] if self.rtol is None else self.rtol
        slack = allowed * scale + (self.atol or 0.0)
        difference = abs(automatic - slope.value)
        if method == _COMPLEX and self._is_round_off(difference, terms):
            return 0.0
        confirmed = difference <= slack and slope.uncertainty <= CONFIRMED * scale
        result: Finding = "agrees" if confirmed else "differs"
        if not confirmed and method != _COMPLEX:
            result = finding(slope, automatic, size, terms(), slack)
        relative = difference / scale if scale else difference
        if result != "agrees":
            raise GradientError(
                self._undecided(result, slope, automatic, directions)
                or self._differs(gradients, method, relative, allowed)
            )
        return relative if difference > max(self.atol or 0.0, 3 * slope.uncertainty) else 0.0

    def _undecided(
        self, result: Finding, slope: Slope, automatic: float, directions: Sequence[Array]
    ) -> str:
        """Explain why differences cannot decide; empty if they can."""
        why = ""
        if result == "undecided" and np.isfinite(slope.value):
            why = (
                f"the numerical slope is uncertain by {slope.uncertainty:.2g}, and the automatic "
                f"one is {automatic:.3g}; remove large terms that do not depend on the inputs "
                "from f"
            )
        elif np.isnan(slope.value) and (kink := self._kink(directions)):
            why = f"the inputs lie at a kink of {kink}, or next to one; move them"
        return f"gradient check at order {self.order} cannot be decided: {why}" if why else ""

    def _differs(
        self, gradients: Sequence[Array], method: str, relative: float, allowed: float
    ) -> str:
        worst, elements = self._worst(gradients, method), sum(x.size for x in self.point)
        return _describe(worst, self.places, self.order, method, relative, allowed, elements)

    def _gradients(self, value: Any, leaves: list[Tensor]) -> list[Array]:
        """Return the automatic gradients; zeros where the value does not depend on a leaf."""
        zeros = [np.zeros_like(x) for x in self.point]
        if not (isinstance(value, Tensor) and value.requires_grad):
            return zeros
        found = grad(value, leaves, allow_unused=True)
        return [z if g is None else g for z, g in zip(zeros, found, strict=True)]

    def _is_round_off(self, difference: float, terms: _Terms) -> bool:
        """Whether round-off of terms that cancel explains a difference to the complex step."""
        if self.atol is not None:
            return False
        return difference <= max(_CANCELLED * (terms() + self.height), _TRUNCATED)

    def _slope(
        self, directions: Sequence[Array], expected: float, size: float
    ) -> tuple[str, Slope]:
        """Measure the slope; by differences if the complex step disagrees with them."""
        usual = self._by_differences(directions, expected, size)
        if self.method == _DIFFERENCES:
            return self.method, usual
        exact = self._by_complex_step(directions)
        same = _SAME * max(size, abs(exact)) + 10 * usual.uncertainty
        # abs() and .real of complex numbers lose the imaginary part, which holds the slope.
        if usual.ends or not abs(usual.value - exact) > same:
            return self.method, Slope(exact, 0.0)
        return _DIFFERENCES, usual

    def _by_complex_step(self, directions: Sequence[Array]) -> float:
        """Return the imaginary part of the result of an imaginary step, divided by the step."""
        pairs = zip(self.point, directions, strict=True)
        moved = [x + 1j * _COMPLEX_STEP * v for x, v in pairs]
        return float(np.imag(_number(self.level(_leaves(moved), False)))) / _COMPLEX_STEP

    def _evaluated(self, directions: Sequence[Array], length: float) -> tuple[float, Sides]:
        """Compute the level after a step along directions, and the sides of kinks there."""
        moved = [x + length * v for x, v in zip(self.point, directions, strict=True)]
        with np.errstate(all="ignore"):
            value = float(np.real(_number(self.level(_leaves(moved), False))))
        return value, sides_of(self.last[0])

    def _kink(self, directions: Sequence[Array]) -> str:
        """Name the operation that has a kink at the inputs; empty if there is none."""
        here = self._evaluated(directions, 0.0)[1]
        ends = (self._evaluated(directions, step)[1] for step in (self._step(), -self._step()))
        return next(filter(None, (crossed(here, end) for end in ends)), "")

    def _step(self) -> float:
        # Scaled by the smallest input: a step for a large one would be too large for the others.
        smallest = min(float(np.abs(x).min()) for x in self.point if x.size)
        return DIFFERENCE_STEP * max(1.0, smallest)

    def _by_differences(self, directions: Sequence[Array], expected: float, size: float) -> Slope:
        here = self._evaluated(directions, 0.0)[1]

        def at(length: float) -> float | None:
            value, sides = self._evaluated(directions, length)
            return value if sides == here else None

        return measured_slope(at, self._step(), expected, size)

    def _worst(
        self, gradients: Sequence[Array], method: str
    ) -> tuple[int, tuple[int, ...], float, float]:
        """Find the element where both sides differ most: its place, index and both values."""
        worst, largest = (0, (), 0.0, 0.0), -1.0
        looked_at = 0
        for position, x in enumerate(self.point):
            for index in np.ndindex(x.shape):
                if looked_at == _MOST_ELEMENTS:
                    return worst
                looked_at += 1
                directions = [np.zeros_like(other) for other in self.point]
                directions[position][index] = 1.0
                automatic = float(gradients[position][index])
                if method == _COMPLEX:
                    numerical = self._by_complex_step(directions)
                else:
                    numerical = self._by_differences(directions, automatic, abs(automatic)).value
                difference = abs(automatic - numerical)
                if difference > largest or np.isnan(difference):
                    worst, largest = (position, index, automatic, numerical), difference
                    if np.isnan(difference):
                        return worst
        return worst


def _uphill(gradient: Array, direction: Array) -> Array:
    """Flip signs of a direction so that all products have one sign and no errors cancel."""
    signs = np.where(gradient > 0, 1.0, np.where(gradient < 0, -1.0, np.sign(direction)))
    turned: Array = np.abs(direction) * signs
    return turned


class _Terms:
    """The size of the terms that sum to a slope; measured only on demand."""

    def __init__(self, value: Any, leaves: Sequence[Tensor], directions: Sequence[Array]) -> None:
        self.value, self.pairs = value, list(zip(leaves, directions, strict=True))

    def __call__(self) -> float:
        if not (isinstance(self.value, Tensor) and self.value.requires_grad):
            return 0.0
        sizes = term_sizes(graph_order(self.value), self.value, np.ones(self.value.shape))
        return sum(sizes.get(leaf, 0.0) * float(np.abs(v).sum()) for leaf, v in self.pairs)


def _number(value: Any) -> Any:
    return value._data if isinstance(value, Tensor) else value


def _leaves(arrays: Sequence[Array]) -> list[Tensor]:
    """Make leaves of arrays, including complex ones, which users cannot create."""
    leaves = [_computed(np.array(array), None) for array in arrays]
    for leaf in leaves:
        leaf._requires_grad = True
    return leaves


def _describe(
    worst: tuple[int, tuple[int, ...], float, float],
    places: Sequence[int],
    order: int,
    method: str,
    error: float,
    tolerance: float,
    elements: int,
) -> str:
    position, index, automatic, numerical = worst
    ratio = automatic / numerical if numerical else float("nan")
    where = f"[{', '.join(map(str, index))}]" if index else ""
    among = f" of the first {_MOST_ELEMENTS:,}" if elements > _MOST_ELEMENTS else ""
    return (
        f"gradient check failed at order {order}: relative error {error:.3g}, allowed "
        f"{tolerance:g} ({method}); worst element{among}: input {places[position]}{where}, "
        f"automatic {automatic:.10g}, numerical {numerical:.10g}, ratio {ratio:.6g}"
    )
