"""The known functions in a graph, whichever way they were spelled, and slips at each of them.

Activations, softmax and losses that were written out are recognised by their values. The slips
of the library's function hold for them: the operation declares some, and an elementwise function
has those of its derivative. This file does not read code.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import ops
from ..autodiff import apply_chain_rule, graph_order
from ..errors import GradientError
from ..metadata import COMPOSED
from ..primitive import PRIMITIVES, Primitive
from ..recognising import Recognised, recognised
from ..recognising.functions import is_activation
from ..scope import enable_grad
from ..tensor import Tensor
from .network_mistakes import of_an_activation, of_its_values
from .results import Diagnosis
from .search import Search, agrees
from .site import Site

__all__ = ["Activation", "KnownFunction", "activations_of", "at_known_functions", "known_functions"]

Array: TypeAlias = NDArray[Any]
Wrong: TypeAlias = tuple[str, str, Callable[[Array], Any]]
"""The kind of a slip, its words, and the wrong gradient for a gradient that arrives."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownFunction:
    """A known function in a graph.

    Attributes
    ----------
    name : str
        Such as ``"relu"`` or ``"log_softmax"``.
    source, result : Tensor
        Its input and its output.
    arriving : ndarray
        The gradient of its output.
    total : ndarray
        The gradient of its input, with what comes from other uses of it.
    contribution : ndarray
        The part of it that this function sends.
    wrong : sequence of (kind, words, rule)
        The slips.
    """

    name: str
    source: Tensor
    result: Tensor
    arriving: Array
    total: Array
    contribution: Array
    wrong: Sequence[Wrong]

    def slips(self) -> Iterator[tuple[str, str, Array]]:
        """Yield the slips, each with the wrong gradient of the input."""
        for kind, words, rule in self.wrong:
            with np.errstate(all="ignore"):
                try:
                    found = self.total - self.contribution + np.asarray(rule(self.arriving))
                except (ValueError, TypeError, IndexError):
                    continue
            if found.shape == self.source.shape:
                yield kind, words, found


@dataclass(frozen=True, slots=True, eq=False)
class Activation(KnownFunction):
    """An elementwise function in a graph.

    Attributes
    ----------
    slope : ndarray
        Its derivative.
    gate : ndarray or None
        What the input is multiplied by, as in ``x * sigmoid(x)``.
    """

    slope: Array
    gate: Array | None

    def slopes(self) -> Iterator[tuple[str, str, Array]]:
        """Yield the slips, each with the derivative that was taken."""
        for kind, words, rule in self.wrong:
            with np.errstate(all="ignore"):
                try:
                    yield kind, words, np.asarray(rule(np.ones(self.slope.shape)))
                except (ValueError, TypeError, IndexError):
                    continue


def known_functions(search: Search) -> list[KnownFunction]:
    """List the functions of a graph that have slips, results first."""
    totals = {one.source: np.asarray(one.total) for one in search.sent}
    totals[search.output] = np.asarray(search.cotangent)
    found: list[KnownFunction] = []
    for one in recognised(search.order):
        if one.source in totals and one.result in totals:
            known = _known(one, totals[one.result], totals[one.source])
            found += [known] if known is not None else []
    return found


def activations_of(functions: Sequence[KnownFunction]) -> list[Activation]:
    """List the elementwise ones."""
    return [one for one in functions if isinstance(one, Activation)]


def _known(one: Recognised, arriving: Array, total: Array) -> KnownFunction | None:
    primitive = PRIMITIVES.get(one.name)
    if is_activation(one.name):
        return _activation(one, arriving, total)
    if primitive is None or not primitive.mistakes:
        return None
    if "targets" in one.params:
        return _loss(one, primitive, arriving, total)
    return _along_an_axis(one, primitive, arriving, total)


# Elementwise functions ------------------------------------------------------------------------


def _activation(one: Recognised, arriving: Array, total: Array) -> Activation | None:
    """Call the library's function on a copy of the input."""
    function: Any = getattr(ops, one.name, None)  # a person's own operation is not there
    if one.name in COMPOSED:
        function = COMPOSED[one.name].forward
    if function is None:
        return None
    x, out = one.source.data, one.result.data
    with enable_grad(), np.errstate(all="ignore"):
        call = function(Tensor(x, True), **one.params)
    if call.node is None:
        return None
    slope = slope_of(lambda values: function(values, **one.params), x)
    primitive = call.node.primitive
    if primitive.name == one.name and primitive.activation and not call.node.params:
        wrong = list(_at_a_site(Site(call, 0, 1, (), ()), out, x))
    else:
        wrong = list(_of_a_formula(one, function, x, out))
        forward = functools.partial(function, **one.params)
        wrong += [(slip.kind, slip.words, slip.rule)
                  for slip in of_its_values(one.name, forward, x, slope)]  # fmt: skip
    is_gated = any(kind == "contribution missing" for kind, _, _ in wrong)
    gate = out / x if is_gated else None
    sent = arriving * slope
    return Activation(one.name, one.source, one.result, arriving, total, sent, wrong, slope, gate)


def slope_of(function: Callable[..., Any], x: Array) -> Array:
    """Return the derivative of an elementwise function at some numbers.

    Examples
    --------
    >>> import numpy as np
    >>> slope_of(lambda x: x * x, np.array([1.0, -2.0]))
    array([ 2., -4.])
    """
    with enable_grad(), np.errstate(all="ignore"):
        source = Tensor(np.asarray(x, np.float64), True)
        out = function(source)
        found = apply_chain_rule(graph_order(out), out, np.ones(out.shape), {source})
    return np.asarray(found.get(source, np.zeros(source.shape)))


def _bound(rule: Callable[..., Any], *values: Any, **params: Any) -> Callable[[Array], Any]:
    return lambda g: rule(g, *values, **params)


def _at_a_site(site: Site, out: Array, x: Array) -> Iterator[Wrong]:
    for slip in of_an_activation(site):
        yield slip.kind, slip.words, _bound(slip.rule, out, x)


def _of_a_formula(one: Recognised, function: Any, x: Array, out: Array) -> Iterator[Wrong]:
    """Yield slips at an activation that is composed of operations, or has parameters."""
    name, params = one.name, one.params

    def times(slope: Array) -> Callable[[Array], Any]:
        return lambda g: g * slope

    yield (
        "no activation derivative",
        f"the derivative of {name} was forgotten: the gradient passed through it unchanged",
        lambda g: g,
    )
    yield (
        "derivative at the output",
        f"the derivative of {name} was taken at its output, not at its input",
        times(slope_of(lambda values: function(values, **params), out)),
    )
    for other in PRIMITIVES.values():
        if other.activation and other.name != name and hasattr(ops, other.name):
            words = f"the derivative of {other.name} was taken for that of {name}"
            slope = slope_of(getattr(ops, other.name), x)
            yield "derivative of another activation", words, times(slope)


# Functions whose operation declares mistakes --------------------------------------------------


def _along_an_axis(
    one: Recognised, primitive: Primitive, arriving: Array, total: Array
) -> KnownFunction | None:
    if one.source.shape != one.result.shape or one.params.get("axis") is None:
        return None
    values, params = (one.result.data, one.source.data), {"axis": one.params["axis"]}
    wrong = [(mistake.kind, mistake.words, _bound(mistake.rule, *values, **params))
             for mistake in primitive.mistakes]  # fmt: skip
    right, *others = primitive.rules_for(1)
    if right is None or others:  # an operation of several arrays, as layer_norm
        return None
    sent = np.asarray(right(arriving, *values, **params))
    return KnownFunction(one.name, one.source, one.result, arriving, total, sent, wrong)


def _loss(
    one: Recognised, primitive: Primitive, arriving: Array, total: Array
) -> KnownFunction | None:
    """Read a loss of logits as the library's, which has samples as rows and takes the mean."""
    if one.params.get("of"):
        return None
    z, targets = one.source.data, np.asarray(one.params["targets"])
    in_columns = one.params.get("axis") == 0
    if "axis" in one.params:
        z, count = (z.T, z.shape[1]) if in_columns else (z, z.shape[0])
    else:
        targets, count = np.broadcast_to(targets.astype(np.float64), z.shape), z.size
    scale = count / one.params["count"]

    def of(rule: Callable[..., Any]) -> Callable[[Array], Any]:
        def wrong(g: Array) -> Array:
            found = np.asarray(rule(np.reshape(scale * g, ()), one.result.data, z, targets))
            return found.T if in_columns else found

        return wrong

    right = primitive.rules_for(2)[0]
    if right is None:
        return None
    said = _in_columns if in_columns else str
    wrong = [(mistake.kind, said(mistake.words), of(mistake.rule))
             for mistake in primitive.mistakes if not mistake.position]  # fmt: skip
    sent = of(right)(arriving)
    return KnownFunction(one.name, one.source, one.result, arriving, total, sent, wrong)


_SWAPPED = {"axis 0": "axis 1", "axis 1": "axis 0", "row": "column", "rows": "columns"}


def _in_columns(words: str) -> str:
    """Say it of samples as columns.

    Examples
    --------
    >>> _in_columns("over axis 0, the batch; each row")
    'over axis 1, the batch; each column'
    """
    return re.sub(r"axis [01]|\brows?\b", lambda found: _SWAPPED[found[0]], words)


# Without the code -----------------------------------------------------------------------------


def at_known_functions(
    search: Search, manual: Mapping[str, Array], differing: Sequence[str], tolerance: float
) -> list[Diagnosis]:
    """List the slips at functions that were written out which reproduce gradients by hand."""
    found = []
    for one in known_functions(search):
        node = one.result.node
        if node is not None and node.primitive.name == one.name:
            continue  # a single operation: its slips are tried already
        for kind, words, wrong in one.slips():
            gradients = _with_total(search, one.source, wrong - one.total, manual)
            if gradients is not None and all(
                agrees(gradients[name], manual[name], tolerance, search.automatic[name])
                for name in manual
            ):
                place = search.place_of(one.result)
                sentence = f"looks like this: {words} (at {place})"
                found.append(Diagnosis(kind, sentence, place, tuple(differing)))
    return found


def _with_total(
    search: Search, source: Tensor, change: Array, names: Mapping[str, Any]
) -> dict[str, Array] | None:
    """Compute gradients with another gradient of a tensor."""
    if source.node is None:
        found = {source: change}
    else:
        wanted = {search.leaves[name] for name in names}
        try:
            with np.errstate(all="ignore"):
                found = apply_chain_rule(search.below(source), source, change, wanted)
        except (ValueError, TypeError, IndexError, GradientError):
            return None
    return {name: search.automatic[name] + np.asarray(found.get(search.leaves[name], 0.0))
            for name in names}  # fmt: skip
