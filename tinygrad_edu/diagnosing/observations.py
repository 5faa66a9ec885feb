"""What a difference shows without trying mistakes: where it begins, old gradients, round-off.

Each function looks for one thing, and returns nothing where it is not sure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..autodiff import apply_chain_rule
from ..tensor import Tensor
from ..tracing import Contribution, node_of
from .results import Diagnosis, GradientRow
from .search import Search, agrees

__all__ = [
    "BELIEVED",
    "LOSSES",
    "SAYS_LITTLE",
    "distinct",
    "doubt",
    "exchanged",
    "first_place",
    "merged",
    "observed",
    "other_term",
    "round_off",
    "stale",
]

Array = NDArray[Any]

# How close an explanation must be to be believed, and the round-off of float32; both relative to
# the largest element.
BELIEVED = 1e-9
# How part of a graph can be lost without an error.
LOSSES = ".data, .numpy(), .item(), .detach(), np.asarray(), float() and no_grad()"
_FLOAT32 = 2e-6
_MOSTLY = 1e-4  # relative to each element, for most of them: terms may cancel in some


def first_place(
    search: Search,
    rows: list[GradientRow],
    differing: list[str],
    advises: bool = True,
    diagnoses: Sequence[Diagnosis] = (),
) -> str:
    """Say where, going backwards, the gradients first differ, and what to look at."""
    names = {search.leaves[row.name]: row.name for row in rows}
    arrival: dict[str, int] = {}
    places: dict[str, Contribution] = {}
    for number, one in enumerate(search.sent):
        if one.source in names:
            arrival[names[one.source]] = number
            places[names[one.source]] = one
    order = sorted((row.name for row in rows), key=lambda name: arrival.get(name, -1))
    start = next((n for n, name in enumerate(order) if name in differing), 0)
    name, before = order[start], order[:start]
    verb = "agrees" if len(before) == 1 else "agree"
    right = f"going backwards, {', '.join(before)} {verb}; " if before else "going backwards, "
    here = f"the first that differs is {name}"
    if name not in places:
        return right + here
    place = search.place_of(places[name].tensor)
    is_elsewhere = any(one.place not in ("", place) for one in diagnoses)
    advice = _advice(rows, differing, order[start + 1 :], is_elsewhere) if advises else ""
    return f"{right}{here}, at {place}{advice}"


def _advice(
    rows: list[GradientRow], differing: list[str], later: list[str], is_elsewhere: bool
) -> str:
    """Say what to look at where gradients first differ, as far as the others show it."""
    if later and all(name in differing for name in later):
        return ": all that follow differ too, so look at what arrives there"
    cancelled = [row.name for row in rows if row.cancels]
    if cancelled and is_elsewhere:
        names = ", ".join(cancelled)
        return f": {names} cannot differ, because terms cancel, so look at what arrives there"
    if len(differing) == 1 and len(rows) > 1:
        return ": all others agree, so look at its own formula and what enters it"
    return ""


# Kinds that also fit whenever the first fits, and say less.
_LESS = {
    "sign": ("upstream missing",),
    "factor": ("upstream missing",),
    "bias averaged": ("factor",),
    "no activation derivative": ("derivative of another activation",),
    "regularisation missing": ("contribution missing",),
}

# Kinds that are also true of a slip that has a name, and do not say what was done.
SAYS_LITTLE = ("contribution missing", "other operand", "upstream missing")


def distinct(diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Drop diagnoses that another one says better."""
    said = {kind for one in diagnoses for kind in _LESS.get(one.kind, ())}
    return [one for one in diagnoses if one.kind not in said]


def exchanged(
    search: Search, given: Mapping[str, Array], differing: Sequence[str]
) -> list[Diagnosis]:
    """Recognize two gradients that were swapped, or all of them in reverse order."""
    names = [*given]
    if len(names) > 2 and _are_those_of(search, given, names, names[::-1]):
        told = "looks like this: the gradients are in reverse order, as if collected from the back"
        sentence = f"{told}; {', '.join(names[::-1])} were returned as {', '.join(names)}"
        return [Diagnosis("exchanged", sentence, "", tuple(differing))]
    for number, one in enumerate(differing):
        for other in differing[number + 1 :]:
            if _are_those_of(search, given, (one, other), (other, one)):
                told = f"looks like this: the gradients of {one} and {other} are swapped"
                return [Diagnosis("exchanged", told, "", (one, other))]
    return []


def _are_those_of(
    search: Search, given: Mapping[str, Array], names: Sequence[str], others: Sequence[str]
) -> bool:
    """Whether the gradients of some names are those of others."""
    return all(
        agrees(given[one], search.automatic[other], BELIEVED)
        for one, other in zip(names, others, strict=True)
    )


def merged(search: Search, diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Merge equal diagnoses of several gradients, in the order of the backward pass."""
    arrival = {one.source: number for number, one in enumerate(search.sent)}
    ordered = sorted(
        diagnoses, key=lambda diagnosis: arrival.get(search.leaves[diagnosis.explains[0]], -1)
    )
    found: dict[str, list[Diagnosis]] = {}
    for diagnosis in ordered:
        found.setdefault(diagnosis.kind, []).append(diagnosis)
    return [_joined(same) for same in found.values()]


def _joined(same: Sequence[Diagnosis]) -> Diagnosis:
    first = same[0]
    names = dict.fromkeys(name for one in same for name in one.explains)
    more = [name for name in names if name not in first.explains]
    told = f"{first.sentence}; the same in {', '.join(more)}" if more else first.sentence
    return Diagnosis(first.kind, told, first.place, tuple(names))


def stale(
    search: Search,
    fitted: Mapping[str, Array],
    differing: Sequence[str],
    previous: Mapping[str, Any] | None,
) -> list[Diagnosis]:
    """Recognize gradients of the previous step."""
    if not previous:
        return []
    for words, keep in (
        ("the gradient of the previous step was added: it was not set to zero", 1.0),
        ("this is the gradient of the previous step", 0.0),
    ):
        expected = {
            name: keep * search.automatic[name] + np.asarray(previous[name], np.float64)
            for name in differing
            if name in previous and np.shape(previous[name]) == search.automatic[name].shape
        }
        if len(expected) == len(differing) and all(
            agrees(fitted[name], expected[name], BELIEVED) for name in differing
        ):
            told = f"looks like this: {words} ({', '.join(differing)})"
            return [Diagnosis("stale gradient", told, "", tuple(differing))]
    return []


def round_off(
    search: Search, fitted: Mapping[str, Array], differing: Sequence[str]
) -> list[Diagnosis]:
    """Recognize gradients that were computed in single precision."""
    pairs = [(fitted[name], search.automatic[name]) for name in differing]
    if all(agrees(found, expected, _FLOAT32) for found, expected in pairs) and _is_single(
        np.concatenate([found.reshape(-1) for found, _ in pairs]),
        np.concatenate([expected.reshape(-1) for _, expected in pairs]),
    ):
        worst = max(
            float(np.abs(fitted[name] - search.automatic[name]).max()) for name in differing
        )
        told = f"looks like this: float32 was used on the way; differences of {worst:.1g} are its "
        return [Diagnosis("float32", told + "round-off, not a mistake", "", tuple(differing))]
    return []


def _is_single(found: Array, expected: Array) -> bool:
    """Tell the round-off of float32 from other small differences.

    It is small relative to most elements, and either all numbers are exact in float32, or many
    are off, in both directions.
    """
    with np.errstate(all="ignore"):
        relative = ((found - expected) / np.abs(expected))[expected != 0]
        fits = bool((found.astype(np.float32) == found).all())
    off = relative[np.abs(relative) > BELIEVED]
    if off.size and float(np.median(np.abs(off))) > _MOSTLY:
        return False
    if fits:
        return True
    both = bool((off > 0).any() and (off < 0).any())
    return 2 * off.size >= found.size and (both or off.size < 4) and found.size > 1


def observed(search: Search, fitted: Mapping[str, Array], differing: Sequence[str]) -> list[str]:
    """Say what is true of gradients that no mistake explains: all zero, a constant ratio, ..."""
    with np.errstate(all="ignore"):
        found = [(name, _observation(search, fitted[name], name)) for name in differing]
        silent = [name for name, words in found if not words]
        found += _of_one_sample(search, fitted, silent)
    groups: dict[str, list[str]] = {}
    for name, words in found:
        if words:
            groups.setdefault(words, []).append(name)
    return [f"{_listed(names)}: {words}" for words, names in groups.items()]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _observation(search: Search, array: Array, name: str) -> str:
    right, value = search.automatic[name], search.leaves[name].data
    if not np.isfinite(array).all():
        return "not all elements are finite"
    if not array.any():
        return "every element is 0"
    ratio = _ratio(array, right)
    if ratio and array.size > 1:
        return f"every element is {ratio:.4g} times the right one"
    for other, gradient in search.automatic.items():
        if other != name and gradient.shape == array.shape and agrees(array, gradient, BELIEVED):
            return f"this is the gradient of {other}"
    step = _ratio(value - array, right)
    if step > 0 and array.size > 1:
        return f"this is the updated value, {name} - {step:.4g} times its gradient"
    if array.shape == value.shape and agrees(array, value, BELIEVED):
        return f"this is {name} itself, not its gradient"
    turned = _ratio(array.T, right) if array.ndim == 2 and array.size > 1 else 0.0
    if turned:
        is_scaled = abs(turned - 1) > BELIEVED
        return "it is transposed" + is_scaled * f", and {turned:.4g} times the right one"
    is_alike = array.size > 3 and array.shape == right.shape
    if is_alike and agrees(np.sort(array, axis=None), np.sort(right, axis=None), BELIEVED):
        return "the numbers are right, but in another order"
    return ""


def _of_one_sample(
    search: Search, fitted: Mapping[str, Array], names: Sequence[str]
) -> list[tuple[str, str]]:
    """Recognize the gradients of the first or last sample: = instead of += in a loop over them."""
    totals = {one.source: np.asarray(one.total) for one in search.sent}
    outputs = next((t for t in search.order if t.ndim > 1 and t in totals), None)
    while outputs is not None and node_of(outputs).primitive.carries:
        source = node_of(outputs).inputs[0]
        if not isinstance(source, Tensor) or source.node is None or source.ndim < outputs.ndim:
            break
        outputs = source  # a sequence of scores, before its steps become rows
    if not names or outputs is None or outputs.node is None or len(outputs.data) < 2:
        return []
    found = []
    wanted = {search.leaves[name] for name in names}
    for place, which in ((-1, "last"), (0, "first")):
        part = np.zeros_like(totals[outputs])
        part[place] = totals[outputs][place]
        alone = apply_chain_rule(search.below(outputs), outputs, part, wanted)
        for name in names:
            gradient = alone.get(search.leaves[name])
            if gradient is not None and agrees(fitted[name], np.asarray(gradient), BELIEVED):
                found.append((name, f"this is the gradient of the {which} sample alone"))
    return found


def _ratio(array: Array, right: Array) -> float:
    """Return the factor by which an array is a multiple of another one; 0 if it is not."""
    square = float((right * right).sum())
    if array.shape != right.shape or not square:
        return 0.0
    ratio = float((array * right).sum()) / square
    return ratio if agrees(array, ratio * right, BELIEVED) else 0.0


def doubt(row: GradientRow) -> str:
    """Say why an automatic gradient cannot be trusted; "" if it can."""
    measured = row.measured
    if measured.finding not in ("differs", "undecided"):
        return ""
    automatic = float(row.automatic[measured.index])
    numerical = float(row.numerical[measured.index])
    at = f" at [{', '.join(map(str, measured.index))}]" if measured.index else ""
    if not np.isfinite(numerical):
        return f"{row.name}: cannot be decided{at}: f is not finite there or next to it"
    if measured.finding == "undecided":
        return (
            f"{row.name}: cannot be decided{at}: the numerical slope is "
            f"uncertain by {measured.uncertainty:.2g}, and the automatic gradient is "
            f"{automatic:.4g}; remove large terms that do not depend on {row.name} from f"
        )
    found = (
        f"{row.name}{at}: the automatic gradient is {automatic:.4g}, the numerical one "
        f"{numerical:.4g}"
    )
    if not np.isfinite(automatic):
        return f"{found}: a rule in the graph returns a number that is not finite"
    return (
        f"{found}, and {_sides_with(row)}; part of the graph of f was lost between the output and "
        f"{row.name}: look in f for {LOSSES}, or for a wrong rule of your own"
    )


def _sides_with(row: GradientRow) -> str:
    """Say which of the two the gradient by hand agrees with."""
    if row.verdict.agree:
        return "yours agrees with the automatic one: both are wrong"
    known = np.isfinite(row.numerical)
    if row.manual is not None and agrees(row.manual[known], row.numerical[known], 1e-5):
        return "yours agrees with the numerical one: the automatic one is wrong"
    return "yours agrees with neither"


def other_term(
    search: Search, fitted: Mapping[str, Array], differing: Sequence[str]
) -> list[Diagnosis]:
    """Recognize an extra term that is a multiple of the values, as regularization adds it."""
    ratios, own = [], []
    for name in differing:
        value, automatic = search.leaves[name].data, search.automatic[name]
        with np.errstate(all="ignore"):
            extra = fitted[name] - automatic
        if value.size < 2 or not value.any() or not np.isfinite(extra).all():
            return []
        share = float((automatic * value).sum() / (value * value).sum())
        if agrees(automatic, share * value, 1e-8):
            return []  # the gradient itself is a multiple of the values, so this proves nothing
        ratio = float((extra * value).sum() / (value * value).sum())
        if not agrees(extra, ratio * value, 1e-8):
            return []
        ratios.append(ratio)
        own.append(search.pull(search.leaves[name]))
    if ratios[0] < 0 or max(ratios) - min(ratios) > 1e-8 * ratios[0]:
        return []
    if any(own):  # f has such a term, and its slip would have been found
        return []
    told = f"a regularization term, {ratios[0]:.4g} times the values, that f does not have"
    sentence = f"looks like this: it has {told} ({', '.join(differing)})"
    return [Diagnosis("regularisation missing", sentence, "", tuple(differing))]
