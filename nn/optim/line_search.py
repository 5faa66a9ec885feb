"""A line search: how far to go in a direction so that the loss falls enough.

It is used by `lbfgs.py`, and knows the loss as a function of one number only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Point", "strong_wolfe"]

_ARMIJO, _CURVATURE = 1e-4, 0.9  # the constants c1 and c2 of the conditions


@dataclass(frozen=True, slots=True)
class Point:
    """The loss at a distance along the direction.

    Attributes
    ----------
    t : float
        The distance.
    loss, slope : float
        The loss, and its derivative along the direction.
    gradient : ndarray
    """

    t: float
    loss: float
    slope: float
    gradient: Any


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, t: float, shortest: float, most: int
) -> tuple[Point, int]:
    """Search a point with less loss and a flatter slope: the strong Wolfe conditions.

    The loss must fall by at least ``1e-4 * t * |slope at the start|``, and the slope must be at
    most 0.9 times as steep. A bracket around such a point is found first, and then made smaller by
    cubic interpolation.

    Source: Nocedal and Wright, "Numerical Optimization" (2006), algorithms 3.5 and 3.6, with the
    safeguards of minFunc, which PyTorch uses too.

    Parameters
    ----------
    evaluate : callable
        Returns the point at a distance.
    start : Point
        At distance 0, with a negative slope.
    t : float
        The first distance to try.
    shortest : float
        A bracket shorter than this is not divided.
    most : int
        The number of evaluations after the first.

    Returns
    -------
    tuple of (Point, int)
        The best point, and the number of evaluations.
    """
    bracket, rounds = _bracket(evaluate, start, t, most)
    if len(bracket) == 1:
        return bracket[0], rounds + 1
    return _zoom(evaluate, start, bracket, shortest, rounds, most)


def _is_flat(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -_CURVATURE * start.slope


def _is_high(point: Point, start: Point) -> bool:
    return point.loss > start.loss + _ARMIJO * point.t * start.slope


def _bracket(
    evaluate: Callable[[float], Point], start: Point, t: float, most: int
) -> tuple[list[Point], int]:
    """Return two points around a good one, or the good one alone, and the number of rounds."""
    before, new = start, evaluate(t)
    for rounds in range(most):
        if _is_high(new, start) or (rounds > 1 and new.loss >= before.loss):
            return [before, new], rounds
        if _is_flat(new, start):
            return [new], rounds
        if new.slope >= 0:
            return [before, new], rounds
        limits = (new.t + 0.01 * (new.t - before.t), new.t * 10)
        before, new = new, evaluate(_lowest(before, new, limits))
    return [start, new], most


def _zoom(
    evaluate: Callable[[float], Point],
    start: Point,
    bracket: list[Point],
    shortest: float,
    rounds: int,
    most: int,
) -> tuple[Point, int]:
    """Make the bracket smaller until it contains a good point; return the lowest one."""
    low, high = sorted(bracket, key=lambda point: point.loss)  # stable: the first if equal
    was_close = False
    while rounds < most and abs(high.t - low.t) >= shortest:
        t, was_close = _inside(low, high, was_close)
        new = evaluate(t)
        rounds += 1
        if _is_high(new, start) or new.loss >= low.loss:
            low, high = (low, new) if low.loss <= new.loss else (new, low)
            continue
        if _is_flat(new, start):
            low = new
            break
        if new.slope * (high.t - low.t) >= 0:
            high = low
        low = new
    return low, rounds + 1


def _inside(low: Point, high: Point, was_close: bool) -> tuple[float, bool]:
    """Return the next distance to try, and whether it is close to an end of the bracket.

    The second time in a row, it is moved away from the end, so that the bracket becomes smaller.
    """
    left, right = sorted((low.t, high.t))
    t = _lowest(low, high, (left, right))
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if was_close or t >= right or t <= left:
        return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
    return t, True


def _lowest(one: Point, other: Point, limits: tuple[float, float]) -> float:
    """Return where the cubic through two points, with their slopes, is lowest within limits."""
    if one.t > other.t:
        one, other = other, one
    left, right = limits
    d1 = one.slope + other.slope - 3 * (one.loss - other.loss) / (one.t - other.t)
    square = d1 * d1 - one.slope * other.slope
    if not square >= 0:
        return (left + right) / 2
    d2 = math.sqrt(square)
    divisor = other.slope - one.slope + 2 * d2
    if divisor == 0:
        return (left + right) / 2
    t = other.t - (other.t - one.t) * ((other.slope + d2 - d1) / divisor)
    return min(max(t, left), right)
