"""Slopes by central differences, each with its uncertainty from truncation and round-off.

A check has one of three results: the automatic gradient is confirmed, refuted, or differences
cannot decide. If one step is not enough, the slope is measured with several, and the step with the
most stable result is used. The caller evaluates the function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np

from .probing import own_generator
from .tensor import Tensor
from .tracing import sent_alone

__all__ = [
    "CONFIRMED",
    "DIFFERENCE_STEP",
    "Finding",
    "Slope",
    "finding",
    "measured_slope",
    "term_sizes",
]

Finding: TypeAlias = Literal["agrees", "differs", "undecided", "kink"]

DIFFERENCE_STEP: float = np.finfo(np.float64).eps.item() ** (
    1 / 3
)  # balances truncation and round-off
CONFIRMED = 1e-6  # of the largest element: differences lose two thirds of the digits
_DECIDED = 0.01  # the largest relative uncertainty of a known slope
_ZERO = 1e-12  # of the terms that cancel: a smaller gradient is their round-off
_ROUND_OFF = 8  # in units of the last digit, for the sums in a function
_GROWTH, _STEPS = 4.0, range(-1, 9)
_CLOSER, _CLOSEST = 64.0, 3  # factor that shortens a step across a kink; number of tries
_SCATTER = 3  # a result may be farther away than its neighbours


@dataclass(frozen=True, slots=True)
class Slope:
    """A measured slope.

    Attributes
    ----------
    value : float
        NaN where a step crosses a kink, or the function is not finite.
    uncertainty : float
        From truncation and round-off; infinite if the results do not settle.
    ends : tuple of float
        The slopes of both sides if they differ, because the point lies at a kink.
    """

    value: float
    uncertainty: float
    ends: tuple[float, ...] = ()


def measured_slope(
    at: Callable[[float], float | None], step: float, expected: float, size: float
) -> Slope:
    """Measure the slope of a function of one number, at 0.

    Parameters
    ----------
    at : callable
        Returns the function's value at a number; None if a kink is between 0 and that number.
    step : float
        The usual step; others are tried only if its result differs from the expected one.
    expected : float
        The automatic gradient.
    size : float
        How large gradients are here.
    """
    step, first, resolution = _without_kink(at, step)
    close = abs(first - expected) <= CONFIRMED * size and resolution <= _DECIDED * size
    if close or not np.isfinite(first):
        return Slope(first, resolution if np.isfinite(first) else np.inf)
    found = []
    for power in _STEPS:
        slope, resolution = _difference(at, step * _GROWTH**power)
        if not np.isfinite(slope):
            break
        found.append((slope, resolution))
    best = _settled([slope for slope, _ in found], [noise for _, noise in found])
    value, uncertainty = (found[best[0]][0], best[1]) if best else (first, np.inf)
    return Slope(value, uncertainty, _ends(at, step))


def _without_kink(at: Callable[[float], float | None], step: float) -> tuple[float, float, float]:
    """Shorten a step until it crosses no kink; return it with its difference and resolution."""
    for shortened in range(_CLOSEST):
        shorter = step / _CLOSER**shortened
        first, resolution = _difference(at, shorter)
        if np.isfinite(first):
            break
    return shorter, first, resolution


def _settled(slopes: list[float], digits: list[float]) -> tuple[int, float] | None:
    """Find the step with the least uncertain slope, and how uncertain that is.

    The change of the slope from step to step shows truncation. Jumps at smaller steps show
    round-off inside the function, which falls as the step grows; if the function is quantized,
    neighbours can be equal by chance.
    """
    jumps = [abs(after - before) for before, after in pairwise(slopes)]
    best, noise = None, 0.0
    for number, jump in enumerate(jumps):
        # The jump of the next step counts too: its round-off is four times as large here.
        after = _GROWTH * jumps[number + 1] if number + 1 < len(jumps) else jump
        noise = max(noise / _GROWTH, jump, after)
        uncertainty = noise + digits[number]
        if best is None or uncertainty < best[1]:
            best = number, uncertainty
    return best


def _difference(at: Callable[[float], float | None], step: float) -> tuple[float, float]:
    """Return the central difference, and its uncertainty from the last digits of both values."""
    ahead, behind = at(step), at(-step)
    if ahead is None or behind is None:
        return np.nan, np.inf
    with np.errstate(all="ignore"):
        digit = float(np.spacing(max(abs(ahead), abs(behind))))
        return (ahead - behind) / (2 * step), _ROUND_OFF * digit / (2 * step)


def _ends(at: Callable[[float], float | None], step: float) -> tuple[float, ...]:
    """Return the slopes of both sides if they differ by the same amount for all steps.

    For a smooth function the two slopes converge as the step gets smaller, while round-off grows.
    """
    here = at(0.0)
    sides = []
    for length in (step, 16 * step, 256 * step):
        ahead, behind = at(length), at(-length)
        if here is None or ahead is None or behind is None:
            return ()
        sides.append(((ahead - here) / length, (here - behind) / length))
    gaps = [abs(ahead - behind) for ahead, behind in sides]
    return tuple(sorted(sides[0])) if 0 < max(gaps) < 2 * min(gaps) else ()


def finding(slope: Slope, expected: float, size: float, terms: float, allowed: float) -> Finding:
    """Decide whether a measured slope confirms an automatic gradient.

    Parameters
    ----------
    slope : Slope
    expected : float
        The automatic gradient.
    size : float
        How large gradients are here.
    terms : float
        The size of the terms that sum to the gradient; see `term_sizes`.
    allowed : float
        The tolerated difference, in addition to the uncertainty of the slope.
    """
    if not np.isfinite(slope.value):
        return "undecided"
    slack = allowed + _SCATTER * slope.uncertainty
    if not abs(slope.value - expected) <= slack:
        low, high = slope.ends or (np.inf, -np.inf)
        margin = 1e-3 * (high - low)
        return "kink" if low - margin <= expected <= high + margin else "differs"
    # If terms cancel, the gradient is 0, but a measured slope is never exactly 0.
    known = _DECIDED * size if size > _ZERO * terms else 0.1 * _DECIDED * (terms or 1.0)
    return "agrees" if slope.uncertainty <= known else "undecided"


def term_sizes(order: list[Tensor], output: Tensor, cotangent: Any) -> dict[Tensor, float]:
    """Measure the largest terms that sum to each gradient.

    Every contribution is changed randomly by up to half, so that terms do not cancel.

    Examples
    --------
    >>> from tinygrad_edu.autodiff import graph_order
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = (x - x.mean()).sum()                                 # its gradient is 0
    >>> 0.1 < term_sizes(graph_order(y), y, np.ones(()))[x] < 3
    True
    """
    generator = own_generator(0, [])
    arrived: dict[Tensor, Any] = {output: np.asarray(cotangent, np.float64)}
    with np.errstate(all="ignore"):
        for tensor in order:
            if tensor not in arrived:
                continue
            for sent in sent_alone(tensor, arrived[tensor]).values():
                given = np.asarray(sent.contribution)
                changed = given * generator.uniform(0.5, 1.5, given.shape)
                arrived[sent.source] = arrived.get(sent.source, 0.0) + changed
    return {
        tensor: float(np.nan_to_num(np.abs(g)).max(initial=0.0)) for tensor, g in arrived.items()
    }
