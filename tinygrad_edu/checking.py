"""Checks automatic gradients against numerical ones.

A random cotangent and a random direction turn a whole Jacobian into one number that both sides
must agree on; only when they do not is the worst element looked for. The numerical side is the
complex step where the computation can be evaluated on complex numbers, since that has no
round-off, and central differences elsewhere; always in float64.
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
from .leaving import values_of
from .scope import enable_grad
from .tensor import Array, Tensor, _computed

__all__ = ["GradientCheck", "check_gradients"]

Level: TypeAlias = Callable[[Sequence[Tensor], bool], Any]
"""A number that depends on the inputs; the flag asks for a graph of it."""

_COMPLEX_STEP = 1e-20  # any size will do, for nothing is subtracted
DIFFERENCE_STEP: float = np.finfo(np.float64).eps.item() ** (
    1 / 3
)  # balances truncation and round-off
# Relative and absolute: differences lose digits to the step, of the value as well as of the slope.
_TOLERANCES = {"complex step": (1e-8, 1e-12), "central differences": (1e-6, 1e-9)}
_MOST_ELEMENTS = 2_000  # looked at one by one when a check has failed


@dataclass(frozen=True)
class GradientCheck:
    """What a successful check has shown.

    Attributes
    ----------
    method : str
        The numerical method: ``"complex step"`` or ``"central differences"``.
    errors : tuple of float
        The largest relative error of each order.
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
        ``f(*tensors) -> Tensor``, of any shape, and the same at every call.
    *inputs : Tensor or array_like
        Where to check. Floating ones are copied as float64 and differentiated; others, such as
        labels, are passed on as they are.
    order : int
        How many times to differentiate; 2 checks second derivatives too.
    rtol : float, optional
        Allowed relative error; by default 1e-8 for the complex step, 1e-6 for differences.
    atol : float, optional
        Allowed absolute error on top of it, for gradients whose parts cancel to nothing; by
        default 1e-12 for the complex step, 1e-9 for differences.
    seed : int
        Of the random cotangent and directions.

    Returns
    -------
    GradientCheck

    Raises
    ------
    GradientError
        If the gradients differ. The message names the worst element, its index, both values and
        their ratio.
    ValueError
        If there is nothing to differentiate, or `f` gives other values when called again.

    Notes
    -----
    At a kink, such as ReLU at 0, both sides are right in their own way: move the inputs.
    The complex step is due to Squire and Trapp, "Using Complex Variables to Estimate Derivatives
    of Real Functions", 1998.

    Examples
    --------
    >>> from tinygrad_edu import check_gradients, tanh
    >>> check_gradients(lambda x, y: tanh(x) * y, [0.5, -1.0], [2.0, 3.0]).method
    'complex step'
    """
    if order < 1:
        raise ValueError(f"order must be >= 1, got {order}")
    generator = np.random.default_rng(seed)
    values = [values_of(x) for x in inputs]
    places = [i for i, value in enumerate(values) if value.dtype.kind == "f"]
    if not any(values[i].size for i in places):
        raise ValueError("no input of a floating dtype has elements; write 3.0 for 3")
    point = [values[i].astype(np.float64) for i in places]

    def call(tensors: Sequence[Tensor]) -> Tensor:
        arguments: list[Any] = list(inputs)
        for place, tensor in zip(places, tensors, strict=True):
            arguments[place] = tensor
        out = f(*arguments)
        if not isinstance(out, Tensor):
            raise ValueError(f"f must give a Tensor, got a {type(out).__name__}")
        return out

    with enable_grad():
        out = call(_leaves(point))
        if not np.array_equal(out.data, call(_leaves(point)).data, equal_nan=True):
            raise ValueError("f gives other values when called again; fix its random numbers")
        method = "complex step" if _is_analytic(call, out, point) else "central differences"
        usual = _TOLERANCES[method]
        tolerances = (usual[0] if rtol is None else rtol, usual[1] if atol is None else atol)
        level = _first_level(call, generator.normal(size=out.shape))
        errors = []
        for number in range(1, order + 1):
            if number > 1:
                level = _next_level(level, [generator.normal(size=x.shape) for x in point])
            directions = [generator.normal(size=x.shape) for x in point]
            error = _check_level(level, point, directions, places, number, method, tolerances)
            errors.append(error)
    return GradientCheck(method, tuple(errors))


def _is_analytic(
    call: Callable[[Sequence[Tensor]], Tensor], out: Tensor, point: Sequence[Array]
) -> bool:
    """Tell whether a function can be evaluated on complex numbers, all the way through."""
    if not all(t.node.primitive.analytic for t in graph_order(out)):  # type: ignore[union-attr]
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            call(_leaves([x.astype(np.complex128) for x in point]))
        except (TypeError, ValueError, np.exceptions.ComplexWarning):
            return False  # the user's code looks at the numbers, for example in a condition
    return True


def _first_level(call: Callable[[Sequence[Tensor]], Tensor], cotangent: Array) -> Level:
    """The output, weighed with a random cotangent and added up."""
    return lambda tensors, graph: (call(tensors) * cotangent).sum()


def _next_level(level: Level, weights: Sequence[Array]) -> Level:
    """The gradient of a level, weighed with random numbers and added up."""

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


def _check_level(
    level: Level,
    point: Sequence[Array],
    directions: Sequence[Array],
    places: Sequence[int],
    order: int,
    method: str,
    tolerances: tuple[float, float],
) -> float:
    """Compare the slope along a direction, and give the relative error."""
    leaves = _leaves(point)
    value = level(leaves, True)
    gradients = [np.zeros_like(x) for x in point]
    if isinstance(value, Tensor) and value.requires_grad:
        found = grad(value, leaves, allow_unused=True)
        gradients = [z if g is None else g for z, g in zip(gradients, found, strict=True)]
    slope = _complex_slope if method == "complex step" else _difference_slope
    rtol, atol = tolerances
    products = [g * v for g, v in zip(gradients, directions, strict=True)]
    automatic = float(sum(p.sum() for p in products))
    numerical = slope(level, point, directions)
    # Terms of opposite sign may cancel; an error is measured against their sizes.
    scale = max(sum(float(np.abs(p).sum()) for p in products), abs(numerical))
    difference = abs(automatic - numerical)
    if difference <= rtol * scale + atol:
        return difference / scale if difference > atol else 0.0
    worst = _worst_element(level, point, gradients, slope)
    elements = sum(x.size for x in point)
    raise GradientError(_describe(worst, places, order, method, difference / scale, rtol, elements))


def _complex_slope(level: Level, point: Sequence[Array], directions: Sequence[Array]) -> float:
    """Slope along a direction: the imaginary part that an imaginary step leaves."""
    moved = [x + 1j * _COMPLEX_STEP * v for x, v in zip(point, directions, strict=True)]
    return float(np.imag(_number(level(_leaves(moved), False)))) / _COMPLEX_STEP


def _difference_slope(level: Level, point: Sequence[Array], directions: Sequence[Array]) -> float:
    """Slope along a direction: the difference of a step forward and a step back."""
    # By the smallest input: a step that suits a large one would be a leap for the others.
    smallest = min(float(np.abs(x).min()) for x in point if x.size)
    step = DIFFERENCE_STEP * max(1.0, smallest)

    def at(sign: float) -> float:
        moved = [x + sign * step * v for x, v in zip(point, directions, strict=True)]
        return float(np.real(_number(level(_leaves(moved), False))))

    return (at(1.0) - at(-1.0)) / (2 * step)


def _number(value: Any) -> Any:
    return value._data if isinstance(value, Tensor) else value


def _leaves(arrays: Sequence[Array]) -> list[Tensor]:
    """Make leaves of arrays; complex ones too, which users cannot make."""
    leaves = [_computed(np.array(array), None) for array in arrays]
    for leaf in leaves:
        leaf._requires_grad = True
    return leaves


def _worst_element(
    level: Level,
    point: Sequence[Array],
    gradients: Sequence[Array],
    slope: Callable[..., float],
) -> tuple[int, tuple[int, ...], float, float]:
    """Find the element where the two sides differ most: its place, index and both values."""
    worst, largest = (0, (), 0.0, 0.0), -1.0
    looked_at = 0
    for position, x in enumerate(point):
        for index in np.ndindex(x.shape):
            if looked_at == _MOST_ELEMENTS:
                return worst
            looked_at += 1
            directions = [np.zeros_like(other) for other in point]
            directions[position][index] = 1.0
            automatic = float(gradients[position][index])
            numerical = slope(level, point, directions)
            difference = abs(automatic - numerical)
            if difference > largest or np.isnan(difference):
                worst, largest = (position, index, automatic, numerical), difference
                if np.isnan(difference):
                    return worst
    return worst


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
