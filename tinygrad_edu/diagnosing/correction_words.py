"""The names of mistakes: by the value of a wrong line, else by the correction that undoes them."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..following.quantities import Match
from ..following.repairing import Finding
from ..following.scope import Reference
from ..tensor import Tensor
from .activations import Activation
from .mistakes import slips_at
from .search import Search, agrees

__all__ = ["Words", "words_of"]

_BELIEVED = 1e-9


class Words(NamedTuple):
    """The kind of a mistake, and what was done."""

    kind: str
    told: str


class _Case(NamedTuple):
    """A mistake with all that is known of the function."""

    finding: Finding
    search: Search
    activations: Sequence[Activation]

    @property
    def before(self) -> str:
        return self.finding.edit.before if self.finding.edit else ""

    @property
    def after(self) -> str:
        return self.finding.edit.after if self.finding.edit else ""

    def reference(self, text: str) -> Reference | None:
        """Return the variable of a name."""
        plain = text.replace('"', "'")
        return next((one for one in self.finding.scope.references if one.text == plain), None)

    def weights(self) -> list[Tensor]:
        """List the inputs of the function that are factors of matrix products."""
        sites = [site for site in self.search.sites if site.primitive.matrix_product]
        inputs = {id(value) for site in sites for value in site.node.inputs}
        moved = [site.node.inputs[0] for site in self.search.sites
                 if site.primitive.carries and id(site.tensor) in inputs]  # fmt: skip
        found = inputs | set(map(id, moved))
        return [leaf for leaf in self.search.leaves.values() if id(leaf) in found]

    def value(self, text: str) -> Any:
        """Compute an expression where the line runs; None if that fails."""
        try:
            return eval(text, dict(self.finding.scope.variables))
        except Exception:
            return None


def words_of(finding: Finding, search: Search, activations: Sequence[Activation]) -> Words:
    """Name a mistake."""
    case = _Case(finding, search, activations)
    what = finding.edit.what if finding.edit else ""
    by_value = _slip(case)
    if by_value is not None:
        return by_value
    if not what:
        return Words("formula", _what_it_should_be(case))
    if what not in _BY_CORRECTION or what in ("sign", "operator", "constant", "drop factor"):
        multiple = _multiple(case)
        if multiple is not None:
            return multiple
    if what in _BY_CORRECTION:
        found: Words = _BY_CORRECTION[what](case)
        return found
    if not case.before or not case.after:
        return Words("formula", f"{case.before or case.after} is wrong")
    return Words("formula", f"{case.before} should be {case.after}")


def _what_it_should_be(case: _Case) -> str:
    names = " or ".join(case.finding.statement.names)
    subject = f"{names} is" if names else "the result is"
    return f"{subject} wrong; no correction of one line was found that makes it right"


# By values ------------------------------------------------------------------------------------


def _slip(case: _Case) -> Words | None:
    """Name a mistake by its value: that of a known slip where the right value would be."""
    match, before = case.finding.match, case.finding.before
    if match is None or match.quantity.tensor is None or match.quantity.kind != "gradient":
        return None
    if not isinstance(before, np.ndarray):
        return None
    value = _arranged(before, match)
    right = match.factor * match.quantity.array
    if value is None or agrees(value, right, _BELIEVED):
        return None
    for kind, told, wrong in _wrong_values(case, match):
        wrong = match.factor * wrong
        if wrong.shape == value.shape and agrees(wrong, value, _BELIEVED):
            return Words(kind, told)
    return None


def _wrong_values(case: _Case, match: Match) -> Iterator[tuple[str, str, NDArray[Any]]]:
    """Yield what known slips make of a gradient."""
    tensor, search = match.quantity.tensor, case.search
    for activation in case.activations:
        if activation.source is tensor:
            for slip, wrong in activation.slips():
                yield slip.kind, slip.words, wrong
    sites = [site for site in search.sites if site.source is tensor]
    if len(sites) != 1:
        return
    (site,) = sites
    sent = search.by_edge[site.tensor, site.position]
    for slip in slips_at(site):
        if not slip.is_usual or slip.kind in ("factor", "sign"):
            continue
        try:
            with np.errstate(all="ignore"):
                wrong = slip.rule(
                    sent.upstream, site.tensor.data, *site.node.values, **site.node.params
                )
        except (ValueError, TypeError, IndexError):
            continue
        yield slip.kind, slip.words, np.asarray(wrong)


def _arranged(array: NDArray[Any], match: Match) -> NDArray[Any] | None:
    shape = match.quantity.array.shape
    if match.arrangement == "transposed":
        array = array.T
    return array if array.shape == shape else None


def _multiple(case: _Case) -> Words | None:
    """Name a mistake whose result is a multiple of the right one."""
    before, after = case.finding.before, case.finding.after
    if not (isinstance(before, np.ndarray) and isinstance(after, np.ndarray)):
        return None
    if before.shape != after.shape or before.dtype.kind not in "fi" or after.dtype.kind not in "fi":
        return None
    if before.size < 2:
        return None
    if agrees(before, -after, _BELIEVED):
        return Words("sign", "the sign is flipped")
    square = float((after * after).sum())
    ratio = float((before * after).sum()) / square if square else 0.0
    if not ratio or not agrees(before, ratio * after, _BELIEVED):
        return None
    return Words("factor", _of_a_ratio(ratio, case.search))


def _of_a_ratio(ratio: float, search: Search) -> str:
    sizes = {n for site in search.sites[:1] for n in site.batches}
    whole = abs(ratio) if abs(ratio) >= 1 else 1 / abs(ratio)
    n = round(whole) if abs(whole - round(whole)) < 1e-8 else 0
    if n in sizes and ratio > 1:
        return f"the mean over {n} was forgotten: it is {n} times too large"
    if n in sizes and 0 < ratio < 1:
        return f"the mean over {n} was taken twice: it is 1/{n} of what it should be"
    if abs(ratio - 2) < 1e-9:
        return "an extra factor of 2"
    if abs(ratio - 0.5) < 1e-9:
        return "half of what it should be"
    return f"every element is {ratio:.4g} times what it should be"


def difference(line: str, right: str, names: Sequence[str]) -> Words:
    """Name a mistake by the difference of a line to the right one, which an earlier line has."""
    one, other = _tokens(line), _tokens(right)
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        start = min(len(one), len(other))
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    wrong, missing = ("".join(tokens[start : len(tokens) - end]) for tokens in (one, other))
    if not wrong:
        return Words("contribution missing" if missing[:1] in "+-" else "formula",
                     f"{missing} is missing")  # fmt: skip
    if not missing:
        return Words("extra factor", f"{wrong} does not belong here")
    if start + end > 2:
        return Words("formula", f"{wrong} should be {missing}")
    what = f"{names[0]} is right before this line" if names else "the value before it is right"
    return Words("extra statement", f"{what}, which does not belong here")


def _tokens(text: str) -> list[str]:
    found = tokenize.generate_tokens(io.StringIO(text).readline)
    return [token.string for token in found if token.string.strip()]


# By corrections -------------------------------------------------------------------------------


def _should_be(kind: str) -> Any:
    return lambda case: Words(kind, f"{case.before} should be {case.after}")


def _always(kind: str, told: str) -> Any:
    return lambda case: Words(kind, told)


def _of_a_swap(case: _Case) -> Words:
    if "-" in case.before:
        return Words("sign", "the difference is the wrong way round")
    return Words("formula", f"{case.before} should be {case.after}")


def _of_a_reduction(case: _Case) -> Words:
    if "mean" in case.before and "sum" in case.after:
        return Words("bias averaged", "the mean was taken instead of the sum")
    if "sum" in case.before and "mean" in case.after:
        return Words("factor", "the sum was taken instead of the mean")
    return Words("formula", f"{case.before} should be {case.after}")


def _equal(one: Any, other: Any) -> bool:
    """Whether two arrays are equal, up to transposition."""
    one, other = np.asarray(one), np.asarray(other)
    if one.size != other.size or one.size < 2 or one.dtype.kind not in "fiub":
        return False
    if one.shape != other.shape:
        if one.ndim != 2 or one.T.shape != other.shape:
            return False
        one = one.T
    return agrees(one.astype(np.float64), other.astype(np.float64), 1e-12)


def _of_a_name(case: _Case) -> Words:
    before, after = case.reference(case.before), case.reference(case.after)
    told = f"{case.before} is used instead of {case.after}"
    if before is None or after is None:
        return Words("wrong variable", told)
    leaves = [leaf.data for leaf in case.weights()]
    if any(_equal(after.value, leaf) for leaf in leaves):
        if any(_equal(before.value, leaf) for leaf in leaves):
            return Words("another weight", f"{told}: the weights of another layer")
        if any(_equal(before.value, array) for array in case.search.automatic.values()):
            return Words("another weight", f"{told}: the gradient of the weights, not the weights")
        return Words("another weight", told)
    for one in case.activations:
        if _equal(before.value, one.source.data) and _equal(after.value, one.result.data):
            return Words("pre-activation", f"{told}: the values before {one.name}, not after it")
        if _equal(after.value, one.source.data) and _equal(before.value, one.result.data):
            return Words("post-activation", f"{told}: the values after {one.name}, not before it")
    return Words("wrong variable", told)


def _of_a_missing_factor(case: _Case) -> Words:
    values = case.value(case.after)
    if isinstance(values, np.ndarray) and values.size > 1:
        for one in case.activations:
            if _equal(1.0 * values, one.site.local()):
                told = f"the derivative of {one.name} was forgotten: {case.after} is missing"
                return Words("no activation derivative", told)
        if _equal(values, case.search.cotangent):
            return Words("upstream missing", f"the upstream gradient {case.after} is missing")
    return _multiple(case) or Words("missing factor", f"the factor {case.after} is missing")


def _of_an_extra_factor(case: _Case) -> Words:
    text = case.before
    for sign in "*/":
        text = text.removeprefix(sign).strip()
    values = case.value(text)
    if isinstance(values, np.ndarray) and values.size > 1:
        for one in case.activations:
            if _equal(1.0 * values, one.site.local()):
                told = f"the derivative of {one.name}, {text}, does not belong here"
                return Words("extra factor", told)
    return Words("extra factor", f"{case.before} does not belong here")


def _of_a_missing_term(case: _Case) -> Words:
    leaves = [leaf.data for leaf in case.search.leaves.values()]
    for one in case.finding.scope.arrays:
        names = case.after.replace("*", " ").replace("(", " ").replace(")", " ").split()
        is_leaf = one.text in names and any(_equal(one.value, leaf) for leaf in leaves)
        if is_leaf and case.finding.match is not None:
            told = f"the regularization term was forgotten: {case.after}"
            return Words("regularisation missing", told)
    return Words("contribution missing", f"the term {case.after} is missing")


def _of_an_extra_term(case: _Case) -> Words:
    leaves = [leaf.data for leaf in case.search.leaves.values()]
    if any(_equal(case.finding.after, leaf) for leaf in leaves):
        told = f"the weights were changed before they are used here: {case.before}"
        return Words("updated too early", told)
    return Words("extra term", f"{case.before} does not belong here")


_BY_CORRECTION = {
    "sign": _always("sign", "the sign is flipped"),
    "swap": _of_a_swap,
    "transpose": _should_be("transposed"),
    "flip": _should_be("flipped"),
    "name": _of_a_name,
    "variable": _of_a_name,
    "drop factor": _of_an_extra_factor,
    "add factor": _of_a_missing_factor,
    "add term": _of_a_missing_term,
    "drop term": _of_an_extra_term,
    "accumulate": _always(
        "contribution missing", "only the last contribution counts: = instead of +="
    ),
    "overwrite": _always("extra term", "it is added to what was there: += instead of ="),
    "scatter": _always(
        "contribution missing",
        "of equal indices only the last one counts: np.add.at adds all of them",
    ),
    "reduction": _of_a_reduction,
    "axis": _should_be("wrong axis"),
    "drop reduction": _should_be("wrong axis"),
    "keepdims": _should_be("shape"),
    "not summed": _always("bias not summed", "it was not summed over the batch"),
    "softmax": _always(
        "softmax elementwise",
        "each output of a softmax depends on all inputs of its row, so a sum is missing",
    ),
    "index": _should_be("index"),
    "range": _should_be("index"),
    "drop index": _should_be("index"),
    "comparison": _should_be("formula"),
    "drop statement": _always("extra statement", "this line does not belong here"),
}
