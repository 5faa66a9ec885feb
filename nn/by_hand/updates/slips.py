"""Update rules as equations, and the slips that people make in them.

A slip is a rule with other equations, so the numbers that it produces can be compared with those
of a step written by hand. `rules` has the same rules as functions; nothing is compared here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["EQUATIONS", "Equations", "Slip", "conventions_of", "equation_of", "slips_of", "step_of"]

Array: TypeAlias = NDArray[Any]
Equations: TypeAlias = tuple[tuple[str, str], ...]

_L2 = ("g", "g + weight_decay * w")
_SCALED = ("d", "g / (sqrt(s) + eps)")
_MOMENTS = (
    ("m", "beta1 * m + (1 - beta1) * g"),
    ("v", "beta2 * v + (1 - beta2) * g**2"),
    ("m_hat", "m / (1 - beta1**t)"),
    ("v_hat", "v / (1 - beta2**t)"),
    ("d", "m_hat / (sqrt(v_hat) + eps)"),
)

# In this order they are computed; a name with 0 is the value before the step.
EQUATIONS: dict[str, Equations] = {
    "sgd": (_L2, ("w", "w - lr * g")),
    "momentum": (_L2, ("v", "momentum * v + g"), ("w", "w - lr * v")),
    "classic_momentum": (_L2, ("v", "momentum * v - lr * g"), ("w", "w + v")),
    "nesterov": (_L2, ("v", "momentum * v + g"), ("d", "g + momentum * v"), ("w", "w - lr * d")),
    "adagrad": (_L2, ("s", "s + g**2"), _SCALED, ("w", "w - lr * d")),
    "rmsprop": (_L2, ("s", "beta2 * s + (1 - beta2) * g**2"), _SCALED, ("w", "w - lr * d")),
    "adam": (_L2, *_MOMENTS, ("w", "w - lr * d")),
    "adamw": (("decay", "lr * weight_decay * w"), *_MOMENTS, ("w", "w - decay - lr * d")),
}


@dataclass(frozen=True, slots=True)
class Slip:
    """A way to write a rule that is not the textbook's.

    Attributes
    ----------
    kind : str
        Such as ``"lr missing"``.
    words : str
        What was done.
    changes : mapping of str to str
        The equations that differ; one with a ``+`` before its name follows all others.
    """

    kind: str
    words: str
    changes: Mapping[str, str] = field(hash=False)

    def equations(self, rule: str) -> Equations:
        """Return all equations of a rule with this slip."""
        known = tuple((name, self.changes.get(name, text)) for name, text in EQUATIONS[rule])
        more = ((name[1:], text) for name, text in self.changes.items() if name[0] == "+")
        return (*known, *more)


@functools.lru_cache(maxsize=1024)
def _compiled(text: str) -> CodeType:
    return compile(text, "<equation>", "eval")


def step_of(equations: Equations, values: Mapping[str, Any]) -> dict[str, Any]:
    """Compute the equations of one step.

    Parameters
    ----------
    equations : tuple of (name, expression)
    values : mapping
        The parameter, its gradient, the state, and the settings, by the names of the equations.

    Returns
    -------
    dict
        All values after the step, also those on the way.

    Examples
    --------
    >>> step_of(EQUATIONS["sgd"], {"w": 1.0, "g": 2.0, "lr": 0.5, "weight_decay": 0.0})["w"]
    0.0
    """
    names = {"__builtins__": {}, "sqrt": np.sqrt, "abs": np.abs, "sign": np.sign}
    names |= {f"{name}0": values[name] for name in ("w", "g", "m", "v", "s") if name in values}
    names.update(values)
    with np.errstate(all="ignore"):
        for name, text in equations:
            names[name] = eval(_compiled(text), names)  # the equations of this file
    return names


def equation_of(rule: str, slip: Slip) -> str:
    """Return the textbook's equation where a slip differs first; empty if it adds one.

    Examples
    --------
    >>> equation_of("sgd", slips_of("sgd", {"weight_decay": 0.0})[0])
    'w = w - lr * g'
    """
    known = dict(EQUATIONS[rule])
    return next((f"{name} = {known[name]}" for name in slip.changes if name in known), "")


def _direction(rule: str) -> str:
    return {"sgd": "g", "momentum": "v"}.get(rule, "d")


def slips_of(rule: str, settings: Mapping[str, float]) -> list[Slip]:
    """List the slips of a rule, the commonest first.

    Parameters
    ----------
    rule : str
        Other than ``"classic_momentum"``, whose parameters are those of ``"momentum"``.
    settings : mapping of str to float
        Where weight_decay is 0, slips of the decay do not exist.
    """
    found = [*_of_the_rate(rule), *_OF_THE_RULE[rule]]
    if settings.get("weight_decay"):
        found += _of_decay(rule)
    return found


def _of_the_rate(rule: str) -> Iterator[Slip]:
    decay = " - decay" if rule == "adamw" else ""
    d = _direction(rule)
    yield Slip("gradient added", "the step goes uphill: the gradient is added instead of "
               "subtracted", {"w": f"w{decay} + lr * {d}"})  # fmt: skip
    yield Slip("lr missing", "the learning rate is missing", {"w": f"w{decay} - {d}"})
    yield Slip("lr squared", "the learning rate is used twice: lr * lr",
               {"w": f"w{decay} - lr**2 * {d}"})  # fmt: skip
    yield Slip("lr divides", "divided by the learning rate instead of multiplied by it",
               {"w": f"w{decay} - {d} / lr"})  # fmt: skip
    yield Slip("wrong order", "the difference is the wrong way round: lr * step - w",
               {"w": f"lr * {d} - w{decay}"})  # fmt: skip
    for sign in ("", "-"):
        yield Slip("step alone", "the new parameter is the step alone: w is missing",
                   {"w": f"{sign}lr * {d}"})  # fmt: skip
    yield Slip("parameter and gradient exchanged", "parameter and gradient are exchanged",
               _exchanged(rule, d))  # fmt: skip


def _exchanged(rule: str, d: str) -> dict[str, str]:
    """Return the equations in which the parameter is used as the gradient, and the reverse."""
    if rule != "adamw":
        return {"w": f"g0 - lr * {d}", "g": "w0 + weight_decay * g0"}
    return {
        "w": f"g0 - decay - lr * {d}",
        "decay": "lr * weight_decay * g0",
        "m": "beta1 * m + (1 - beta1) * w0",
        "v": "beta2 * v + (1 - beta2) * w0**2",
    }


def _of_decay(rule: str) -> Iterator[Slip]:
    """Yield slips of weight decay, which belongs to the gradient or, in AdamW, to the parameter."""
    d, is_decoupled = _direction(rule), rule == "adamw"
    where, without = ("decay", "0") if is_decoupled else ("g", "g")
    twice = "weight decay is counted twice: the penalty is weight_decay / 2 * w**2, and its "
    twice += "derivative weight_decay * w"
    amounts = [
        ("decay twice", "weight decay is applied twice" if is_decoupled else twice,
         "2 * weight_decay * w"),
        ("bias decayed", "the biases are decayed too; only weights are", "decay_all * w"),
        ("decay sign", "weight decay has the wrong sign: the weights grow", "-weight_decay * w"),
    ]  # fmt: skip
    yield Slip("decay missing", "weight decay is missing", {where: without})
    for kind, words, amount in amounts:
        yield Slip(kind, words, {where: f"lr * {amount}" if is_decoupled else f"g + {amount}"})
    yield from _of_decoupled_decay() if is_decoupled else _of_coupled_decay(d)
    yield Slip("decay after", "the weights are decayed after the update: the decay takes the new "
               "weights",
               {where: without, "w": f"(w - lr * {d}) * (1 - lr * weight_decay)"})  # fmt: skip
    if rule not in ("sgd", "adamw"):
        yield Slip("decay decoupled", "weight decay is applied to the parameter directly, as in "
                   "AdamW; here it belongs to the gradient",
                   {"g": "g", "w": f"w - lr * {d} - lr * weight_decay * w"})  # fmt: skip


def _of_coupled_decay(d: str) -> Iterator[Slip]:
    yield Slip("decay halved", "weight decay is halved", {"g": "g + weight_decay * w / 2"})
    yield Slip("decay of the sign", "weight decay of L1, weight_decay * sign(w), instead of L2",
               {"g": "g + weight_decay * sign(w)"})  # fmt: skip
    yield Slip("decay of the square", "the penalty itself is added, not its derivative",
               {"g": "g + weight_decay * w**2"})  # fmt: skip
    yield Slip("decay without lr", "weight decay is not multiplied by the learning rate",
               {"g": "g", "w": f"w - lr * {d} - weight_decay * w"})  # fmt: skip


def _of_decoupled_decay() -> Iterator[Slip]:
    moments = {
        "m": "beta1 * m + (1 - beta1) * (g + weight_decay * w)",
        "v": "beta2 * v + (1 - beta2) * (g + weight_decay * w)**2",
    }
    yield Slip("decay lr squared", "weight decay is multiplied by the learning rate twice",
               {"decay": "lr**2 * weight_decay * w"})  # fmt: skip
    yield Slip("decay coupled", "weight decay is added to the gradient, as in Adam with L2; AdamW "
               "applies it to the parameter directly", {"decay": "0", **moments})  # fmt: skip
    yield Slip("decay twice", "weight decay is applied twice: in the gradient and to the parameter",
               moments)  # fmt: skip


_VELOCITY = [
    Slip("momentum sign", "momentum has the wrong sign", {"v": "g - momentum * v"}),
    Slip("state not kept", "the velocity is not kept between the steps, or not used",
         {"v": "g"}),
    Slip("gradient averaged", "the gradient is multiplied by 1 - momentum: that is a moving "
         "average", {"v": "momentum * v + (1 - momentum) * g"}),
    Slip("momentum on the gradient", "momentum multiplies the gradient instead of the velocity",
         {"v": "v + momentum * g"}),
    Slip("momentum missing", "momentum is missing: the velocity is the sum of all gradients",
         {"v": "v + g"}),
    Slip("momentum exchanged", "momentum and 1 - momentum are exchanged",
         {"v": "(1 - momentum) * v + momentum * g"}),
    Slip("momentum exchanged", "the velocity is multiplied by 1 - momentum instead of momentum",
         {"v": "(1 - momentum) * v + g"}),
    Slip("momentum times lr", "the learning rate also multiplies the old velocity",
         {"v": "lr * momentum * v + g"}),
]  # fmt: skip

_MOMENTUM = [
    *_VELOCITY,
    Slip("used before the update", "the parameter moves by the old velocity: the velocity is "
         "updated after its use", {"w": "w - lr * v0"}),
    Slip("another rule", "this is Nesterov's step: plain momentum moves by the velocity alone",
         {"w": "w - lr * (g + momentum * v)"}),
    Slip("gradient twice", "the gradient is used twice: it is in the velocity already",
         {"w": "w - lr * (v + g)"}),
    Slip("momentum twice", "momentum is used twice", {"w": "w - lr * momentum * v"}),
]  # fmt: skip

_NESTEROV = [
    *_VELOCITY,
    Slip("another rule", "this is plain momentum: it is Nesterov's method only if g is the gradient"
         " at the point ahead, w - lr * momentum * v", {"d": "v"}),
    Slip("gradient missing", "the gradient is missing in the step ahead", {"d": "momentum * v"}),
    Slip("momentum missing", "momentum is missing in the step ahead", {"d": "g + v"}),
    Slip("velocities exchanged", "the old and the new velocity are exchanged",
         {"d": "(1 + momentum) * v0 - momentum * v"}),
    Slip("velocity sign", "the old velocity has the wrong sign in the step ahead",
         {"d": "(1 + momentum) * v + momentum * v0"}),
]  # fmt: skip

_SCALE = [
    Slip("square root missing", "the square root of s is missing", {"d": "g / (s + eps)"}),
    Slip("eps missing", "eps is missing", {"d": "g / sqrt(s)"}),
    Slip("used before the update", "s is updated after its use", {"d": "g / (sqrt(s0) + eps)"}),
    Slip("multiplied", "the step is multiplied by the square root instead of divided by it",
         {"d": "g * (sqrt(s) + eps)"}),
]  # fmt: skip

_ADAGRAD = [
    *_SCALE,
    Slip("state not kept", "the squares are not summed over the steps", {"s": "g**2"}),
    Slip("square missing", "the gradient is not squared", {"s": "s + g"}),
    Slip("square missing", "the gradient is not squared", {"s": "s + abs(g)"}),
]

_RMSPROP = [
    *_SCALE,
    Slip("weights exchanged", "beta2 and 1 - beta2 are exchanged",
         {"s": "(1 - beta2) * s + beta2 * g**2"}),
    Slip("1 - beta missing", "the factor 1 - beta2 is missing", {"s": "beta2 * s + g**2"}),
    Slip("state not kept", "s is not kept between the steps", {"s": "(1 - beta2) * g**2"}),
    Slip("another rule", "the squares are summed, as in AdaGrad", {"s": "s + g**2"}),
    Slip("square missing", "the gradient is not squared", {"s": "beta2 * s + (1 - beta2) * g"}),
    Slip("square missing", "the gradient is not squared",
         {"s": "beta2 * s + (1 - beta2) * abs(g)"}),
    Slip("square of all", "1 - beta2 is squared too",
         {"s": "beta2 * s + ((1 - beta2) * g)**2"}),
    Slip("bias correction", "s is corrected for its start at 0, which RMSProp does not do",
         {"d": "g / (sqrt(s / (1 - beta2**t)) + eps)"}),
]  # fmt: skip

_ADAM = [
    Slip("no bias correction", "the bias correction is missing", {"m_hat": "m", "v_hat": "v"}),
    Slip("no bias correction", "the bias correction of m is missing", {"m_hat": "m"}),
    Slip("no bias correction", "the bias correction of v is missing", {"v_hat": "v"}),
    Slip("t from 0", "t counts from 0, it must be 1 in the first step",
         {"m_hat": "m / (1 - beta1**(t - 1))", "v_hat": "v / (1 - beta2**(t - 1))"}),
    Slip("t one too large", "t is one too large, it must be 1 in the first step",
         {"m_hat": "m / (1 - beta1**(t + 1))", "v_hat": "v / (1 - beta2**(t + 1))"}),
    Slip("t stays at 1", "t stays at 1, or beta is used instead of its power",
         {"m_hat": "m / (1 - beta1)", "v_hat": "v / (1 - beta2)"}),
    Slip("no power", "beta * t is used instead of beta**t",
         {"m_hat": "m / (1 - beta1 * t)", "v_hat": "v / (1 - beta2 * t)"}),
    Slip("eps in the root", "eps is inside the square root", {"d": "m_hat / sqrt(v_hat + eps)"}),
    Slip("eps missing", "eps is missing", {"d": "m_hat / sqrt(v_hat)"}),
    Slip("betas exchanged", "beta1 and beta2 are exchanged",
         {"m": "beta2 * m + (1 - beta2) * g", "v": "beta1 * v + (1 - beta1) * g**2",
          "m_hat": "m / (1 - beta2**t)", "v_hat": "v / (1 - beta1**t)"}),
    Slip("betas exchanged", "beta1 and beta2 are exchanged in the moments",
         {"m": "beta2 * m + (1 - beta2) * g", "v": "beta1 * v + (1 - beta1) * g**2"}),
    Slip("betas exchanged", "beta1 and beta2 are exchanged in the bias correction",
         {"m_hat": "m / (1 - beta2**t)", "v_hat": "v / (1 - beta1**t)"}),
    Slip("betas exchanged", "beta1 is used instead of beta2 in the correction of v",
         {"v_hat": "v / (1 - beta1**t)"}),
    Slip("square root missing", "the square root of v is missing",
         {"d": "m_hat / (v_hat + eps)"}),
    Slip("square missing", "the gradient is not squared in v",
         {"v": "beta2 * v + (1 - beta2) * g"}),
    Slip("square missing", "the gradient is not squared in v",
         {"v": "beta2 * v + (1 - beta2) * abs(g)"}),
    Slip("square of all", "1 - beta2 is squared too",
         {"v": "beta2 * v + ((1 - beta2) * g)**2"}),
    Slip("square of m", "v averages m**2 instead of g**2",
         {"v": "beta2 * v + (1 - beta2) * m**2"}),
    Slip("used before the update", "m is updated after its use", {"m_hat": "m0 / (1 - beta1**t)"}),
    Slip("used before the update", "v is updated after its use", {"v_hat": "v0 / (1 - beta2**t)"}),
    Slip("used before the update", "m and v are updated after their use",
         {"m_hat": "m0 / (1 - beta1**t)", "v_hat": "v0 / (1 - beta2**t)"}),
    Slip("state not kept", "m is not kept between the steps", {"m": "(1 - beta1) * g"}),
    Slip("state not kept", "v is not kept between the steps", {"v": "(1 - beta2) * g**2"}),
    Slip("state not kept", "neither m nor v is kept between the steps",
         {"m": "(1 - beta1) * g", "v": "(1 - beta2) * g**2"}),
    Slip("another rule", "the gradient is used instead of m: this is RMSProp with a bias "
         "correction", {"d": "g / (sqrt(v_hat) + eps)"}),
    Slip("1 - beta missing", "the factor 1 - beta1 is missing", {"m": "beta1 * m + g"}),
    Slip("1 - beta missing", "the factor 1 - beta2 is missing", {"v": "beta2 * v + g**2"}),
    Slip("1 - beta missing", "the factors 1 - beta1 and 1 - beta2 are missing",
         {"m": "beta1 * m + g", "v": "beta2 * v + g**2"}),
    Slip("weights exchanged", "beta1 and 1 - beta1 are exchanged",
         {"m": "(1 - beta1) * m + beta1 * g"}),
    Slip("weights exchanged", "beta2 and 1 - beta2 are exchanged",
         {"v": "(1 - beta2) * v + beta2 * g**2"}),
    Slip("corrected twice", "the corrected moments are kept as the state, and are corrected again",
         {"+m": "m_hat", "+v": "v_hat"}),
    Slip("state exchanged", "m and v are returned in the wrong order",
         {"+first": "m", "+m": "v", "+v": "first"}),
    Slip("correction multiplies", "the bias correction multiplies instead of dividing",
         {"m_hat": "m * (1 - beta1**t)", "v_hat": "v * (1 - beta2**t)"}),
    Slip("square root missing", "the square root of 1 - beta2**t is missing in the learning rate",
         {"d": "m_hat * (1 - beta2**t) / (sqrt(v) + eps)"}),
    Slip("multiplied", "the step is multiplied by the square root instead of divided by it",
         {"d": "m_hat * (sqrt(v_hat) + eps)"}),
]  # fmt: skip

_OF_THE_RULE: dict[str, Sequence[Slip]] = {
    "sgd": [],
    "momentum": _MOMENTUM,
    "nesterov": _NESTEROV,
    "adagrad": _ADAGRAD,
    "rmsprop": _RMSPROP,
    "adam": _ADAM,
    "adamw": _ADAM,
}


_ROOT = Slip("convention", "eps is inside the square root, as in some textbooks; PyTorch adds it "
             "outside", {"d": "g / sqrt(s + eps)"})  # fmt: skip
_HAT = Slip("convention", "eps is added to the square root of the uncorrected v, as in the second "
            "form of the paper",
            {"d": "m_hat / (sqrt(v_hat) + eps * sqrt(v_hat / v))"})  # fmt: skip
_PAPER = Slip("convention", "weight decay is not multiplied by lr, as in the paper; PyTorch "
              "multiplies", {"decay": "weight_decay * w"})  # fmt: skip


def conventions_of(rule: str, settings: Mapping[str, float]) -> list[Slip]:
    """List other ways to write a rule that are right too.

    Examples
    --------
    >>> [one.words[:30] for one in conventions_of("rmsprop", {})]
    ['eps is inside the square root,']
    """
    if rule in ("adagrad", "rmsprop"):
        return [_ROOT]
    if rule == "adamw" and settings.get("weight_decay"):
        return [_HAT, _PAPER]
    return [_HAT] if rule in ("adam", "adamw") else []
