"""The names of mistakes, by the correction that undoes them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..following.repairing import Finding
from ..following.scope import Reference
from .search import Search, agrees

__all__ = ["Words", "words_of"]


class Words(NamedTuple):
    """The kind of a mistake, and what was done."""

    kind: str
    told: str


def words_of(finding: Finding, search: Search) -> Words:
    """Name a mistake by its correction."""
    edit = finding.edit
    if edit is None:
        return Words("formula", "its result is wrong, and all it reads is right")
    by_value = _of_values(finding, search)
    if by_value is not None:
        return by_value
    before, after = edit.before, edit.after
    match edit.what:
        case "sign":
            return Words("sign", "the sign is flipped")
        case "swap":
            is_difference = "-" in before
            told = "the difference is the wrong way round" if is_difference else "it is upside down"
            return Words("sign" if is_difference else "formula", told)
        case "transpose":
            return Words("transposed", f"{before} should be {after}")
        case "flip":
            return Words("flipped", f"{before} should be {after}")
        case "name" | "variable":
            return _of_a_name(finding, search)
        case "drop factor":
            return Words("extra factor", f"the factor {before} is too much")
        case "add factor":
            return _of_a_factor(finding, search)
        case "add term":
            return _of_a_term(finding, search)
        case "drop term":
            return Words("extra term", f"the term {before} is too much")
        case "accumulate":
            return Words(
                "contribution missing", "only the last one counts: = in the place of +="
            )
        case "overwrite":
            return Words("extra term", "it is added to what was there: += instead of =")
        case "reduction":
            return Words("bias averaged" if "mean" in before else "reduction",
                         f"{before} should be {after}")  # fmt: skip
        case "axis" | "drop reduction":
            return Words("wrong axis", f"{before} should be {after}")
        case "keepdims":
            return Words("shape", f"{before} should be {after}")
        case "not summed":
            return Words("bias not summed", "it is not summed over the batch")
        case "softmax":
            return Words(
                "softmax elementwise",
                "each output of a softmax depends on all inputs of its row, so the sum is needed",
            )
        case "index" | "range" | "drop index":
            return Words("index", f"{before} should be {after}")
        case "drop statement":
            return Words("extra statement", "the line is too much")
    if not before or not after:
        return Words("formula", f"{before or after} is wrong")
    return Words("formula", f"{before} should be {after}")


def _of_values(finding: Finding, search: Search) -> Words | None:
    """Name a mistake whose result is a multiple of the right one."""
    before, after = finding.before, finding.after
    if not (isinstance(before, np.ndarray) and isinstance(after, np.ndarray)):
        return None
    if before.shape != after.shape or before.dtype.kind not in "fi" or after.dtype.kind not in "fi":
        return None
    if before.size < 2:
        return None
    if agrees(before, -after, 1e-9):
        return Words("sign", "the sign is flipped")
    square = float((after * after).sum())
    ratio = float((before * after).sum()) / square if square else 0.0
    if not ratio or not agrees(before, ratio * after, 1e-9):
        return None
    return Words("factor", _multiple(ratio, search))


def _multiple(ratio: float, search: Search) -> str:
    sizes = {n for site in search.sites[:1] for n in site.batches}
    whole = abs(ratio) if abs(ratio) >= 1 else 1 / abs(ratio)
    is_whole = abs(whole - round(whole)) < 1e-8
    if is_whole and round(whole) in sizes and ratio > 1:
        return f"the mean over {round(whole)} was forgotten: it is {ratio:.6g} times too large"
    if is_whole and round(whole) in sizes and 0 < ratio < 1:
        return f"the mean over {round(whole)} was taken twice: it is 1/{round(whole)} of what it should be"
    if abs(ratio - 2) < 1e-9:
        return "an extra factor of 2"
    if abs(ratio - 0.5) < 1e-9:
        return "half of what it should be"
    return f"every element is {ratio:.4g} times what it should be"


def _reference(text: str, finding: Finding) -> Reference | None:
    plain = text.replace('"', "'")
    return next((one for one in finding.scope.references if one.text == plain), None)


def _leaf(reference: Reference | None, search: Search) -> str:
    """Return which input a variable is, if it is one."""
    for name, leaf in search.leaves.items():
        if reference is not None and _equal(reference.value, leaf.data):
            return name
    return ""


def _gradient(reference: Reference | None, search: Search) -> str:
    """Return of which input a variable is the gradient."""
    for name, array in search.automatic.items():
        if reference is not None and _equal(reference.value, array):
            return name
    return ""


def _equal(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    if one.size != other.size or one.size < 2 or one.dtype.kind not in "fiu":
        return False
    if one.shape != other.shape:
        if one.ndim != 2 or one.T.shape != other.shape:
            return False
        one = one.T
    return agrees(one.astype(np.float64), other, 1e-12)


def _of_a_name(finding: Finding, search: Search) -> Words:
    edit = finding.edit
    assert edit is not None
    before, after = _reference(edit.before, finding), _reference(edit.after, finding)
    told = f"{edit.before} is used instead of {edit.after}"
    if _leaf(after, search):
        if _leaf(before, search):
            return Words("another weight", f"{told}: the weights of another layer")
        if _gradient(before, search):
            return Words("another weight", f"{told}: the gradient of the weights, not the weights")
        return Words("another weight", told)
    if before is not None and after is not None and _is_before(before, after, search):
        return Words("pre-activation", f"{told}: the values before the activation")
    if before is not None and after is not None and _is_before(after, before, search):
        return Words("post-activation", f"{told}: the values after the activation")
    return Words("wrong variable", told)


def _is_before(one: Reference, other: Reference, search: Search) -> bool:
    """Whether a value is the input of an activation, and another one its output."""
    for site in search.sites:
        if site.is_unary and _equal(one.value, site.node.values[0]):
            if _equal(other.value, site.tensor.data):
                return True
    return False


def _of_a_factor(finding: Finding, search: Search) -> Words:
    edit = finding.edit
    assert edit is not None
    factor = edit.after
    values = None
    try:
        values = eval(factor, dict(finding.scope.variables))
    except Exception:
        pass
    if isinstance(values, np.ndarray) and values.size > 1:
        for site in search.sites:
            if site.is_unary and _equal(1.0 * values, site.local()):
                name = site.primitive.name
                told = f"the derivative of {name} was forgotten: the factor {factor} is missing"
                return Words("no activation derivative", told)
        if _equal(values, search.cotangent):
            return Words("upstream missing", f"the upstream gradient {factor} is missing")
    return Words("missing factor", f"the factor {factor} is missing")


def _of_a_term(finding: Finding, search: Search) -> Words:
    edit = finding.edit
    assert edit is not None
    names = {name for name in finding.scope.variables if name in edit.after}
    for reference in finding.scope.arrays:
        if reference.text in names and _leaf(reference, search):
            told = f"the regularization term was forgotten: {edit.after}"
            return Words("regularisation missing", told)
    return Words("contribution missing", f"the term {edit.after} is missing")
