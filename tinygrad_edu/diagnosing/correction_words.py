"""The names of mistakes: by the value of a wrong line, else by the correction that undoes them."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..following.quantities import Match
from ..following.repairing import Finding
from ..tensor import Tensor
from .activations import Activation, KnownFunction, activations_of
from .mistakes import slips_at
from .observations import SAYS_LITTLE
from .search import Search, agrees
from .value_words import Words, multiple, ratio_of, seen_in

__all__ = ["Words", "words_of"]

_BELIEVED = 1e-9


class _Case:
    """A mistake with all that is known of the function."""

    def __init__(
        self, finding: Finding, search: Search, functions: Sequence[KnownFunction]
    ) -> None:
        self.finding, self.search, self.functions = finding, search, functions
        self.activations: list[Activation] = activations_of(functions)
        self.what = finding.edit.what if finding.edit else ""
        # What is replaced, and by what.
        self.old = finding.edit.before if finding.edit else ""
        self.new = finding.edit.after if finding.edit else ""

    @cached_property
    def right(self) -> Any:
        """What is right instead of the value."""
        match, after = self.finding.match, self.finding.after
        if isinstance(after, tuple | list) and len(after) == 1:
            after = after[0]
        if isinstance(after, np.ndarray) or match is None:
            return after
        right = match.factor * match.quantity.array
        return right.T if match.arrangement == "transposed" else right

    @cached_property
    def value(self) -> Any:
        """What was computed; the array alone where a list of one is returned."""
        value = self.finding.before
        return value[0] if isinstance(value, tuple | list) and len(value) == 1 else value

    def weights(self) -> list[Tensor]:
        """List the inputs of the function that are factors of matrix products."""
        sites = [site for site in self.search.sites if site.primitive.matrix_product]
        inputs = {id(value) for site in sites for value in site.node.inputs}
        moved = [site.node.inputs[0] for site in self.search.sites
                 if site.primitive.carries and id(site.tensor) in inputs]  # fmt: skip
        found = inputs | set(map(id, moved))
        return [leaf for leaf in self.search.leaves.values() if id(leaf) in found]

    def computed(self, text: str) -> Any:
        """Compute an expression where the line runs; None if that fails."""
        try:
            return eval(text, dict(self.finding.scope.variables))
        except Exception:
            return None


def words_of(finding: Finding, search: Search, functions: Sequence[KnownFunction]) -> Words:
    """Name a mistake."""
    case = _Case(finding, search, functions)
    by_value = _slip(case)
    if by_value is not None and not _says_more(case, by_value):
        return by_value
    if not case.what:
        return _of_a_place(case)
    if case.what not in _BY_CORRECTION or case.what in _OF_FACTORS:
        found = _multiple(case)
        if found is not None:
            return found
    if case.finding.statement.kind == "test" and _ends_a_loop(case.finding.statement.node):
        told = f"the loop ends too early: {case.old} should be {case.new}, or no break at all"
        return Words("index", told)
    if case.what in _BY_CORRECTION:
        words: Words = _BY_CORRECTION[case.what](case)
        return words
    if not case.old or not case.new:
        return Words("formula", f"{case.old or case.new} is wrong")
    return Words("formula", f"{case.old} should be {case.new}")


# Corrections that may be of a factor, whose size says more.
_OF_FACTORS = ("sign", "operator", "constant", "drop factor")


def _ends_a_loop(node: ast.AST) -> bool:
    """Whether a condition has a break alone."""
    return isinstance(node, ast.If) and any(isinstance(one, ast.Break) for one in node.body)


def _says_more(case: _Case, by_value: Words) -> bool:
    """Whether the correction says more than the slip: ``(1 - a) is missing``."""
    if by_value.kind in SAYS_LITTLE:
        return case.what in _BY_CORRECTION
    is_factor = case.what == "add factor" and not case.new.startswith("1 /")
    return is_factor and by_value.kind == "value for the derivative"


def _of_a_place(case: _Case) -> Words:
    """Say what the value shows where no correction is known."""
    inputs = {name: leaf.data for name, leaf in case.search.leaves.items()}
    seen = _multiple(case) or seen_in(case.value, case.right, inputs)
    return seen or Words("formula", _what_it_should_be(case))


def _what_it_should_be(case: _Case) -> str:
    names = " or ".join(case.finding.statement.names)
    subject = f"{names} is" if names else "the result is"
    return f"{subject} wrong; no correction of one line was found that makes it right"


# By values ------------------------------------------------------------------------------------


def _slip(case: _Case) -> Words | None:
    """Name a mistake by its value: that of a known slip where the right value would be."""
    match, before = case.finding.match, case.value
    if match is None or not isinstance(before, np.ndarray) or before.dtype.kind not in "fiub":
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
    """Yield what known slips make of a gradient, or of the derivative of an activation."""
    tensor, search = match.quantity.tensor, case.search
    if match.quantity.kind != "gradient":
        for activation in case.activations if tensor is None else ():
            if agrees(activation.slope, match.quantity.array, _BELIEVED):
                yield from activation.slopes()
        return
    for function in case.functions:
        if function.source is tensor:
            yield from function.slips()
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
    before, after = case.value, case.right
    if not (isinstance(before, np.ndarray) and isinstance(after, np.ndarray)):
        return None
    if before.dtype.kind not in "fi" or after.dtype.kind not in "fi" or before.size < 2:
        return None
    ratio = ratio_of(before, after)
    if not ratio or abs(ratio - 1) < _BELIEVED:
        return None
    sites = case.search.sites[:1]
    return multiple(ratio, {n: n in site.means for site in sites for n in site.batches})


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
    return lambda case: Words(kind, f"{case.old} should be {case.new}")


def _always(kind: str, told: str) -> Any:
    return lambda case: Words(kind, told)


def _of_a_swap(case: _Case) -> Words:
    if "-" in case.old:
        return Words("sign", "the difference is the wrong way round")
    return Words("formula", f"{case.old} should be {case.new}")


def _of_a_reduction(case: _Case) -> Words:
    if "mean" in case.old and "sum" in case.new:
        return Words("bias averaged", "the mean was taken instead of the sum")
    if "sum" in case.old and "mean" in case.new:
        return Words("factor", "the sum was taken instead of the mean")
    return Words("formula", f"{case.old} should be {case.new}")


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
    before, after = case.computed(case.old), case.computed(case.new)
    told = f"{case.old} is used instead of {case.new}"
    if not isinstance(before, np.ndarray) or not isinstance(after, np.ndarray):
        return _of_an_index(case) or Words("wrong variable", told)
    leaves = [leaf.data for leaf in case.weights()]
    if any(_equal(after, leaf) for leaf in leaves):
        if any(_equal(before, leaf) for leaf in leaves):
            return Words("another weight", f"{told}: the weights of another layer")
        if any(_equal(before, array) for array in case.search.automatic.values()):
            return Words("another weight", f"{told}: the gradient of the weights, not the weights")
        return Words("another weight", told)
    of_index = _of_an_index(case)
    for one in case.activations if of_index is None else ():
        if _equal(before, one.source.data) and _equal(after, one.result.data):
            return Words("pre-activation", f"{told}: the values before {one.name}, not after it")
        if _equal(after, one.source.data) and _equal(before, one.result.data):
            return Words("post-activation", f"{told}: the values after {one.name}, not before it")
    return of_index or Words("wrong variable", told)


def _of_an_index(case: _Case) -> Words | None:
    """Name another element of the same list or array."""
    try:
        nodes = [ast.parse(text, mode="eval").body for text in (case.old, case.new)]
    except SyntaxError:
        return None
    match nodes:
        case [ast.Subscript(value=one, slice=here), ast.Subscript(value=other, slice=there)]:
            if ast.unparse(one) == ast.unparse(other):
                told = f"{ast.unparse(here)} should be {ast.unparse(there)}"
                return Words("index", f"{told}: {case.old} is used instead of {case.new}")
    return None


def _of_a_missing_factor(case: _Case) -> Words:
    values = case.computed(case.new)
    if isinstance(values, np.ndarray) and values.size > 1:
        for one in case.activations:
            if _equal(1.0 * values, one.slope):
                told = f"the derivative of {one.name} was forgotten: {case.new} is missing"
                return Words("no activation derivative", told)
        if _equal(values, case.search.cotangent):
            return Words("upstream missing", f"the upstream gradient {case.new} is missing")
    return _multiple(case) or Words("missing factor", f"the factor {case.new} is missing")


def _of_an_extra_factor(case: _Case) -> Words:
    text = case.old
    for sign in "*/":
        text = text.removeprefix(sign).strip()
    values = case.computed(text)
    if isinstance(values, np.ndarray) and values.size > 1:
        for one in case.activations:
            if _equal(1.0 * values, one.slope):
                told = f"the derivative of {one.name}, {text}, does not belong here"
                return Words("extra factor", told)
    return Words("extra factor", f"{case.old} does not belong here")


def _of_a_missing_term(case: _Case) -> Words:
    leaves = [leaf.data for leaf in case.search.leaves.values()]
    for one in case.finding.scope.arrays:
        names = case.new.replace("*", " ").replace("(", " ").replace(")", " ").split()
        is_leaf = one.text in names and any(_equal(one.value, leaf) for leaf in leaves)
        if is_leaf and case.finding.match is not None:
            told = f"the regularization term was forgotten: {case.new}"
            return Words("regularisation missing", told)
    return Words("contribution missing", f"the term {case.new} is missing")


def _of_an_extra_term(case: _Case) -> Words:
    leaves = [leaf.data for leaf in case.search.leaves.values()]
    if any(_equal(case.right, leaf) for leaf in leaves):
        told = f"the weights were changed before they are used here: {case.old}"
        return Words("updated too early", told)
    return Words("extra term", f"{case.old} does not belong here")


def _of_an_extra_statement(case: _Case) -> Words:
    leaves = [leaf.data for leaf in case.search.leaves.values()]
    for name in case.finding.statement.names:
        if any(_equal(case.computed(name), leaf) for leaf in leaves):
            told = f"{name} is changed before it is used again: this line does not belong here"
            return Words("extra statement", told)
    return Words("extra statement", "this line does not belong here")


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
    "slice": _should_be("index"),
    "count": _should_be("formula"),
    "factor inside": _should_be("factor"),
    "one-hot": _always("labels", "the labels are numbers of classes: one-hot labels are needed"),
    "early break": _always("early break", "the loop ends too early, by this break"),
    "range": _should_be("index"),
    "drop index": _should_be("index"),
    "comparison": _should_be("comparison"),
    "drop statement": _of_an_extra_statement,
}
