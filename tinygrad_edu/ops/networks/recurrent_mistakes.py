"""Wrong gradients that people derive for recurrent layers, by back-propagation through time.

The declarations of these operations list them, and `check_manual` tries them. Nothing else computes
with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...facts import Mistake

__all__ = ["OF_LSTM", "OF_RNN"]

Array = NDArray[Any]


def _mistakes(
    words: str, kind: str, rule: Callable[..., tuple[Any, ...]], positions: int
) -> tuple[Mistake, ...]:
    """Declare one mistake for all inputs: what is wrong in a step reaches all of them."""

    def at(position: int) -> Callable[..., Any]:
        return lambda *given, **params: rule(*given, **params)[position]

    return tuple(Mistake(kind, words, at(position), position) for position in range(positions))


def _before(first: Array, states: Array) -> Array:
    return np.concatenate([first[None], states[:-1]])


def _added_up(before: Array, dz: Array, steps: slice = slice(None)) -> Array:
    return np.asarray(np.einsum("tni,tnj->ij", before[steps], dz[steps]))


# What concerns both, in the same words. The kind "through time" is of steps and states.
_TRUNCATED = "the gradient of a hidden state was not passed on to the step before"
_H_NOW = "h[t] was taken instead of h[t - 1] in the gradient of the recurrent weights"
_ALL_STEPS = "the upstream gradient of the last state was added at every step"
_LAST_ALONE = "the upstream gradients of all states but the last were left out"
_ONE_STEP = (
    "only the {} step counts in the gradient of the recurrent weights: = instead of +=, which "
    "adds up all steps"
)

# What arrives from outside, by the name of the mistake.
_UPSTREAM: Mapping[str, Callable[[Array], Array]] = {
    "": lambda g: g,
    "all steps": lambda g: np.broadcast_to(g[-1], g.shape),
    "last alone": lambda g: np.concatenate([np.zeros_like(g[:-1]), g[-1:]]),
}

# The simple network ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rnn:
    """The backward pass of a simple network, with one thing wrong."""

    slope: Callable[[Array, Array], Array] | None = None
    passes_on: bool = True
    upstream: str = ""
    is_turned: bool = False
    takes_now: bool = False
    steps: tuple[int | None, int | None] = (None, None)

    def __call__(
        self, g: Array, out: Array, gates: Array, weight: Array, h0: Array, nonlinearity: str = ""
    ) -> tuple[Array, Array, Array]:
        before = _before(h0, out)
        slope = (out > 0) * 1.0 if nonlinearity == "relu" else 1 - out**2
        if self.slope is not None:
            slope = self.slope(out, before)
        g, back = _UPSTREAM[self.upstream](g), weight if self.is_turned else weight.T
        dz, dh = np.zeros_like(g), np.zeros_like(h0)
        for t in range(len(g) - 1, -1, -1):
            dz[t] = (g[t] + dh) * slope[t]
            dh = dz[t] @ back if self.passes_on else np.zeros_like(h0)
        return dz, _added_up(out if self.takes_now else before, dz, slice(*self.steps)), dh


OF_RNN = (
    *_mistakes(
        "the derivative of the activation was forgotten: it is 1 - h[t]**2 for tanh",
        "no activation derivative",
        _Rnn(slope=lambda h, before: np.ones_like(h)),
        3,
    ),
    *_mistakes(
        "1 - h[t] was taken as the derivative of tanh; it is 1 - h[t]**2",
        "value for the derivative",
        _Rnn(slope=lambda h, before: 1 - h),
        3,
    ),
    *_mistakes(
        "the derivative of the activation was taken at h[t - 1]; at step t it is 1 - h[t]**2",
        "through time",
        _Rnn(slope=lambda h, before: 1 - before**2),
        3,
    ),
    *_mistakes(
        "the derivative of tanh was taken at its output: h[t] is tanh(z) already, so it is "
        "1 - h[t]**2",
        "derivative at the output",
        _Rnn(slope=lambda h, before: 1 - np.tanh(h) ** 2),
        3,
    ),
    *_mistakes(_TRUNCATED, "through time", _Rnn(passes_on=False), 3),
    *_mistakes(_ALL_STEPS, "through time", _Rnn(upstream="all steps"), 3),
    *_mistakes(_LAST_ALONE, "through time", _Rnn(upstream="last alone"), 3),
    *_mistakes(
        "on the way to the step before, the gradient was multiplied by W, not by its transpose: "
        "dz @ W.T is right",
        "transposed",
        _Rnn(is_turned=True),
        3,
    ),
    *_mistakes(_H_NOW, "through time", _Rnn(takes_now=True), 3)[1:2],
    *_mistakes(_ONE_STEP.format("first"), "not added up", _Rnn(steps=(0, 1)), 3)[1:2],
    *_mistakes(_ONE_STEP.format("last"), "not added up", _Rnn(steps=(-1, None)), 3)[1:2],
)

# LSTM -----------------------------------------------------------------------------------------

_GATES = ("i", "f", "n", "o")


@dataclass(frozen=True, slots=True)
class _Lstm:
    """The backward pass of an LSTM, with one thing wrong."""

    slopes: Callable[[Array, Array, Array, Array], tuple[Array, ...]] | None = None
    slope_of_cell: Callable[[Array], Array] | None = None
    passes_h: bool = True
    passes_c: bool = True
    keeps: Callable[[Array], Array] | None = None
    shows: Callable[[Array], Array] | None = None
    into: Callable[[Array, Array, Array, Array, Array], tuple[Array, ...]] | None = None
    order: tuple[int, ...] = (0, 1, 2, 3)
    upstream: str = ""
    takes_now: bool = False
    steps: tuple[int | None, int | None] = (None, None)

    def __call__(
        self, g: Array, out: Array, gates: Array, weight: Array, h0: Array, c0: Array
    ) -> tuple[Array, Array, Array, Array]:
        (hidden, cells), before = out, _before(h0, out[0])
        cells_before, size = _before(c0, cells), len(weight)
        z = gates + before @ weight
        i, f, n, o = (z[..., k * size : (k + 1) * size] for k in range(4))
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        n, shown = np.tanh(n), np.tanh(cells)
        slopes: tuple[Array, ...] = (i * (1 - i), f * (1 - f), 1 - n**2, o * (1 - o))
        slopes = slopes if self.slopes is None else self.slopes(i, f, n, o)
        of_cell = 1 - shown**2 if self.slope_of_cell is None else self.slope_of_cell(cells)
        into: tuple[Array, ...] = (n, cells_before, i, shown)
        into = into if self.into is None else self.into(i, n, cells, cells_before, shown)
        kept = f if self.keeps is None else self.keeps(f)
        opened = o if self.shows is None else self.shows(o)
        g_h, g_c = _UPSTREAM[self.upstream](g[0]), g[1]
        dz, dh, dc = np.zeros_like(z), np.zeros_like(h0), np.zeros_like(c0)
        for t in range(len(hidden) - 1, -1, -1):
            dh = g_h[t] + dh
            dc = g_c[t] + dc + dh * opened[t] * of_cell[t]
            parts = [(dc, dc, dc, dh)[k] * into[k][t] * slopes[k][t] for k in range(4)]
            dz[t] = np.concatenate([parts[k] for k in self.order], axis=-1)
            dh = dz[t] @ weight.T if self.passes_h else np.zeros_like(h0)
            dc = dc * kept[t] if self.passes_c else np.zeros_like(c0)
        dweight = _added_up(hidden if self.takes_now else before, dz, slice(*self.steps))
        return dz, dweight, dh, dc


def _slopes(gate: int, slope: Callable[[Array], Array]) -> Callable[..., tuple[Array, ...]]:
    """Return the slopes of all gates, with that of one of them replaced."""

    def slopes(*gates: Array) -> tuple[Array, ...]:
        right = [a * (1 - a) for a in gates]
        right[2] = 1 - gates[2] ** 2
        right[gate] = slope(gates[gate])
        return tuple(right)

    return slopes


def _swapped(one: int, other: int) -> tuple[int, ...]:
    order = [0, 1, 2, 3]
    order[one], order[other] = other, one
    return tuple(order)


def _of_gates() -> tuple[Mistake, ...]:
    """Declare what can be wrong at a single gate."""
    found: list[Mistake] = []
    for k, gate in enumerate(_GATES):
        name, right = ("tanh", f"1 - {gate}**2") if k == 2 else ("sigmoid", f"{gate} (1 - {gate})")
        wrong = _Lstm(slopes=_slopes(k, np.ones_like))
        words = f"the derivative of {name} at the gate {gate} was forgotten: {right}"
        found += _mistakes(words, "no activation derivative", wrong, 4)
        other, slope = (
            ("sigmoid", lambda a: a * (1 - a)) if k == 2 else ("tanh", lambda a: 1 - a**2)
        )
        wrong = _Lstm(slopes=_slopes(k, slope))
        words = f"the derivative of {other} was taken at the gate {gate}; that of {name} is {right}"
        found += _mistakes(words, "derivative of another activation", wrong, 4)
        half = f"1 - {gate} was taken as the derivative of {name} at the gate {gate}; it is {right}"
        wrong = _Lstm(slopes=_slopes(k, lambda a: 1 - a))
        found += _mistakes(half, "value for the derivative", wrong, 4)
        for place in range(k + 1, 4):
            words = f"the gradients of the gates {gate} and {_GATES[place]} are exchanged"
            found += _mistakes(words, "exchanged", _Lstm(order=_swapped(k, place)), 4)
    return tuple(found)


_ALL_SLOPES = "the derivatives of all gates were forgotten: σ (1 - σ) and, for tanh, 1 - tanh**2"

OF_LSTM = (
    *_of_gates(),
    *_mistakes(
        _ALL_SLOPES,
        "no activation derivative",
        _Lstm(slopes=lambda *gates: tuple(map(np.ones_like, gates))),
        4,
    ),
    *_mistakes(
        "the derivative of tanh(c[t]) was forgotten on the way from h[t] to c[t]: 1 - tanh(c)**2",
        "no activation derivative",
        _Lstm(slope_of_cell=np.ones_like),
        4,
    ),
    *_mistakes(
        "1 - c[t]**2 was taken as the derivative of tanh(c[t]); it is 1 - tanh(c[t])**2",
        "derivative at the input",
        _Lstm(slope_of_cell=lambda c: 1 - c**2),
        4,
    ),
    *_mistakes(_TRUNCATED, "through time", _Lstm(passes_h=False), 4),
    *_mistakes(
        "the gradient of a cell was not passed on to the step before: dc[t] gets dc[t + 1] * f",
        "through time",
        _Lstm(passes_c=False),
        4,
    ),
    *_mistakes(
        "neither hidden state nor cell passed its gradient on to the step before",
        "through time",
        _Lstm(passes_h=False, passes_c=False),
        4,
    ),
    *_mistakes(
        "the forget gate was left out on the way to the cell before: dc[t] gets dc[t + 1] * f",
        "through time",
        _Lstm(keeps=np.ones_like),
        4,
    ),
    *_mistakes(
        "the output gate was left out on the way from h[t] to c[t]: dc gets dh * o * (1 - tanh²)",
        "other operand",
        _Lstm(shows=np.ones_like),
        4,
    ),
    *_mistakes(
        "c[t] was taken instead of c[t - 1] in the gradient of the forget gate",
        "through time",
        _Lstm(into=lambda i, n, c, before, shown: (n, c, i, shown)),
        4,
    ),
    *_mistakes(
        "tanh(c[t]) was left out of the gradient of the output gate",
        "other operand",
        _Lstm(into=lambda i, n, c, before, shown: (n, before, i, np.ones_like(c))),
        4,
    ),
    *_mistakes(
        "c[t] was taken instead of tanh(c[t]) in the gradient of the output gate",
        "pre-activation",
        _Lstm(into=lambda i, n, c, before, shown: (n, before, i, c)),
        4,
    ),
    *_mistakes(_ALL_STEPS, "through time", _Lstm(upstream="all steps"), 4),
    *_mistakes(_LAST_ALONE, "through time", _Lstm(upstream="last alone"), 4),
    *_mistakes(_H_NOW, "through time", _Lstm(takes_now=True), 4)[1:2],
    *_mistakes(_ONE_STEP.format("first"), "not added up", _Lstm(steps=(0, 1)), 4)[1:2],
    *_mistakes(_ONE_STEP.format("last"), "not added up", _Lstm(steps=(-1, None)), 4)[1:2],
)
