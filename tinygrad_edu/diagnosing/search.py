"""Finds the slip that explains why gradients by hand differ from automatic ones.

A slip is believed only if, made at one place or at all places of its kind, it reproduces all
gradients by hand. If none does, there is no diagnosis.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..autodiff import apply_chain_rule, graph_order
from ..calls import called_in
from ..drawing.module_tree import ModuleTree
from ..errors import GradientError
from ..hooks import hooked
from ..ops.shape import sum_to
from ..probing import own_generator
from ..tensor import Tensor, _computed
from ..tracing import Contribution, node_of, sent_alone, trace_gradients
from .averages import averaged_over, batch_sizes
from .mistakes import ORDER, slips_at
from .results import Diagnosis
from .site import Site, Slip, passes_linearly, scale_after

__all__ = ["Search"]

Array = NDArray[Any]

_LATER = 4  # operations to look ahead, past a bias and an activation
_MOST_WORK = 400_000  # of all trials together, in small operations: a few seconds
_FLOATING_OPERATIONS = 30_000  # of a matrix product; they take as long as one small operation


class Search:
    """A graph with its gradients, on which slips are tried.

    Parameters
    ----------
    output : Tensor
        Where gradients start.
    cotangent : array
        The gradient of the output.
    leaves : mapping of str to Tensor
        The inputs by name.
    """

    def __init__(self, output: Tensor, cotangent: Any, leaves: Mapping[str, Tensor]) -> None:
        self.output, self.cotangent, self.leaves = output, cotangent, leaves
        self.order = graph_order(output)
        self.numbers = {tensor: number for number, tensor in enumerate(self.order)}
        self.modules = ModuleTree(map(node_of, self.order[::-1]), {})
        self.calls = called_in(self.order)
        self._parts = {part: call.name for call in self.calls.values() for part in call.parts}
        self.paths = {call.id: _path(call.path, call.kind) for call in self.modules.calls}
        self.sent: list[Contribution] = trace_gradients(self.order, output, cotangent)
        self.gave_up = False
        self.by_edge = {(one.tensor, one.position): one for one in self.sent}
        self.orders: dict[Tensor, list[Tensor]] = {}
        self.weights = {tensor: 1 + _flops(tensor) / _FLOATING_OPERATIONS for tensor in self.order}
        self._added: dict[Tensor, bool] = {}
        self.automatic = self._gathered()
        self.sites = self._sites()
        self.site_at = {(site.tensor, site.position): site for site in self.sites}

    def _gathered(self) -> dict[str, Array]:
        totals: dict[Tensor, Any] = {one.source: one.total for one in self.sent}
        if self.output.node is None:  # f returns an input unchanged
            totals[self.output] = self.cotangent
        return {
            name: np.asarray(totals.get(leaf, np.zeros(leaf.shape)))
            for name, leaf in self.leaves.items()
        }

    def _sites(self) -> list[Site]:
        counts: dict[Tensor, int] = {}
        for one in self.sent:
            counts[one.source] = counts.get(one.source, 0) + 1
        weights = tuple(leaf for leaf in self.leaves.values() if leaf.ndim == 2)
        means = averaged_over(self.order)
        rows = batch_sizes(self.order)
        sizes = dict.fromkeys((*means, *rows))
        batches = tuple(n for n in sizes if n > 2 or n in means)
        users: dict[Tensor, list[Tensor]] = {}
        for tensor in self.order:
            for value in node_of(tensor).inputs:
                if isinstance(value, Tensor):
                    users.setdefault(value, []).append(tensor)
        sites = []
        for one in self.sent:
            later: list[Array] = []
            tensor = one.tensor
            while len(users.get(tensor, ())) == 1 and len(later) < _LATER:
                tensor = users[tensor][0]
                later.append(tensor.data)
            sites.append(
                Site(
                    one.tensor,
                    one.position,
                    counts[one.source],
                    batches,
                    weights,
                    tuple(later),
                    means,
                    self._is_added(one.tensor, users),
                    scale_after(one.tensor, users),
                    rows,
                )
            )
        return sites

    def _is_added(self, tensor: Tensor, users: Mapping[Tensor, list[Tensor]]) -> bool:
        """Whether the output depends on a tensor by sums and constant factors alone."""
        if tensor not in self._added:
            after = users.get(tensor, [])
            self._added[tensor] = tensor is self.output or (
                len(after) == 1
                and passes_linearly(after[0], tensor)
                and self._is_added(after[0], users)
            )
        return self._added[tensor]

    def pull(self, leaf: Tensor) -> float:
        """Return how strongly regularization pulls a leaf, as a multiple of its values."""
        pulls = {(site.tensor, site.position) for site in self.sites if site.is_pull}
        total = sum(
            (np.asarray(one.contribution) for one in self.sent
             if one.source is leaf and (one.tensor, one.position) in pulls),
            start=np.zeros(leaf.shape),
        )  # fmt: skip
        square = float((leaf.data * leaf.data).sum())
        return float((total * leaf.data).sum()) / square if square else 0.0

    def floor(self, leaf: Tensor) -> float:
        """Return what round-off may be left where the terms of a gradient cancel.

        It depends on the size of the terms. They are measured in three ways: the contribution
        before broadcasting is undone; the contribution for a randomly changed upstream gradient,
        whose terms do not cancel; and the upstream gradient itself where a rule multiplies it
        with differences of probabilities.
        """
        size, generator = 0.0, own_generator(0, [])
        # What an operation only moves, as the reshape of a bias, was added up before.
        sources = [leaf]
        for one in self.sent[::-1]:
            if any(one.source is source for source in sources):
                if node_of(one.tensor).primitive.carries:
                    sources.append(one.tensor)
                upstream = np.asarray(one.upstream)
                changed = upstream * generator.uniform(0.5, 1.5, upstream.shape)
                terms = [one.given, sent_alone(one.tensor, changed)[one.position].given]
                terms += [upstream] if node_of(one.tensor).primitive.applies else []
                size = max(size, *(float(np.abs(term).max(initial=0.0)) for term in terms))
        return 64 * float(np.finfo(np.float64).eps) * size

    # Trying ---------------------------------------------------------------------------------

    @cached_property
    def twins(self) -> dict[Tensor, Tensor]:
        """Copy the graph, inputs first, for trials to change its rules; it has no hooks."""
        twins: dict[Tensor, Tensor] = {}
        for tensor in reversed(self.order):
            node = node_of(tensor)
            inputs = tuple(
                twins.get(value, value) if isinstance(value, Tensor) else value
                for value in node.inputs
            )
            # Values of a twin count as written when they were computed, which is before its use.
            twins[tensor] = _computed(tensor._data, replace(node, inputs=inputs, module_call=None))
        return twins

    def with_slips(
        self, slips: Mapping[tuple[Tensor, int], Slip], names: Collection[str]
    ) -> dict[str, Array] | None:
        """Compute some of the gradients with these slips; None if a slip fails."""
        order = list(self.twins.values())[::-1]
        wanted = {self.leaves[name] for name in names}
        wrong: dict[Tensor, list[Any]] = {}
        for (tensor, position), slip in slips.items():
            node = node_of(tensor)
            rules = wrong.setdefault(tensor, list(node.primitive.rules_for(len(node.inputs))))
            rules[position] = _as_rule(slip)
        try:
            for tensor, rules in wrong.items():
                primitive = replace(
                    node_of(tensor).primitive, rules=tuple(rules), each=None, together=None
                )
                node_of(self.twins[tensor]).primitive = primitive
            with np.errstate(all="ignore"):
                found = apply_chain_rule(order, self.twins[self.output], self.cotangent, wanted)
        except (ValueError, TypeError, IndexError, GradientError):
            return None
        finally:
            for tensor in wrong:
                node_of(self.twins[tensor]).primitive = node_of(tensor).primitive
        leaves = {name: self.leaves[name] for name in names}
        return {
            name: np.asarray(found.get(leaf, np.zeros(leaf.shape))) for name, leaf in leaves.items()
        }

    def with_one(self, site: Site, slip: Slip, names: Collection[str]) -> dict[str, Array] | None:
        """Like `with_slips` for a single slip: gradients are linear in what it changes.

        Only the change is propagated, and only to the leaves that are asked for.
        """
        sent, node, source = self.by_edge[site.tensor, site.position], site.node, site.source
        with np.errstate(all="ignore"):
            try:
                wrong = np.asarray(
                    slip.rule(sent.upstream, site.tensor.data, *node.values, **node.params)
                )
                if wrong.shape != source.shape:  # refuses what was not broadcast
                    wrong = sum_to.primitive.forward(wrong, source.shape)
                change = wrong - sent.contribution
                if source.node is None:
                    found = {source: change}
                else:
                    wanted = {self.leaves[name] for name in names}
                    found = apply_chain_rule(self.below(source), source, change, wanted)
            except (ValueError, TypeError, IndexError, GradientError):
                return None
            return {
                name: self.automatic[name] + np.asarray(found.get(self.leaves[name], 0.0))
                for name in names
            }

    def below(self, tensor: Tensor) -> list[Tensor]:
        """List the graph below a tensor, in the order of the backward pass."""
        if tensor not in self.orders:
            self.orders[tensor] = graph_order(tensor)
        return self.orders[tensor]

    def work(self, order: list[Tensor]) -> float:
        """Estimate the work of a backward pass through operations, in small operations."""
        return sum(self.weights[tensor] for tensor in order)

    def explain(
        self, manual: Mapping[str, Array], differing: Sequence[str], tolerance: float
    ) -> list[Diagnosis]:
        """List the slips that reproduce these gradients by hand, the likeliest first."""
        arrival = {one.source: number for number, one in enumerate(self.sent)}
        nearest = min(differing, key=lambda name: arrival.get(self.leaves[name], -1))
        # Where terms cancel, as before a batch norm, a gradient is round-off with any slip.
        floors = {name: self.floor(self.leaves[name]) for name in manual}

        is_hooked = any(id(tensor) in hooked for tensor in (*self.order, *self.leaves.values()))

        def fits(slips: Mapping[tuple[Tensor, int], Slip], names: Collection[str]) -> bool:
            if len(slips) == 1 and not is_hooked:
                ((edge, slip),) = slips.items()
                gradients = self.with_one(self.site_at[edge], slip, names)
            else:
                gradients = self.with_slips(slips, names)
            return gradients is not None and all(
                agrees(gradients[name], manual[name], tolerance, self.automatic[name])
                or _within(gradients[name], manual[name], floors[name])
                for name in names
            )

        found: list[tuple[tuple[Any, ...], Diagnosis]] = []
        whole, done = self.work(self.order), 0.0
        for rank, (places, slip, slips) in enumerate(self._candidates(differing)):
            sources = [node_of(tensor).inputs[position] for tensor, position in slips]
            alone = len(slips) == 1 and not is_hooked
            work = 1 + (self.work(self.below(sources[0])) if alone else whole)
            if work > 1 and done + work > _MOST_WORK:
                self.gave_up = True  # but try what takes little, such as slips at a leaf
                continue
            done += work
            # Check the gradient next to the output first: it rules out most slips.
            if fits(slips, [nearest]) and fits(slips, manual):
                key = (
                    len(set(places)) > 1,
                    ORDER.index(slip.kind),
                    not slip.is_usual,
                    len(differing) == 1 and not _at_leaves(slips),
                    rank,
                )
                found.append((key, _diagnosis(slip, places, differing)))
        found.sort(key=lambda pair: pair[0])
        return _each_kind_once([diagnosis for _, diagnosis in found])

    def _candidates(
        self, differing: Sequence[str]
    ) -> Iterator[tuple[list[str], Slip, dict[tuple[Tensor, int], Slip]]]:
        """Yield single slips that reach all differing gradients, then the same slip everywhere."""
        wanted = {self.leaves[name] for name in differing}
        together: dict[tuple[Any, ...], list[tuple[Site, Slip]]] = {}
        for site in self.sites:
            reached, place = self._reached(site.source), self.place(site)
            seen: dict[tuple[str, str], int] = {}
            for slip in slips_at(site):
                what = slip.kind, slip.words
                seen[what] = seen.get(what, 0) + 1
                # In x * x, a slip affects both factors, unless one is forgotten.
                alone = not site.is_repeated or slip.kind == "contribution missing"
                if wanted <= reached and alone:
                    yield [place], slip, {(site.tensor, site.position): slip}
                here = (site, slip)
                position = -1 if site.is_repeated else site.position
                together.setdefault((site.primitive.name, position, what, seen[what]), []).append(
                    here
                )
                together.setdefault((site.tensor, what, seen[what]), []).append(here)
                function = self._parts.get(site.tensor)
                if function is not None:  # all convolutions, but not the windows of a pool
                    key = (function, site.primitive.name, position, what, seen[what])
                    together.setdefault(key, []).append(here)
                if slip.kind in ("contribution missing", "regularisation missing"):
                    together.setdefault((site.primitive.name, slip.kind), []).append(here)
        for group in together.values():
            if len(group) > 1:
                slips = {(site.tensor, site.position): slip for site, slip in group}
                places = [self.place(site) for site, _ in group]
                yield places, group[0][1], slips

    def _reached(self, source: Tensor) -> set[Tensor]:
        """List the leaves that a gradient at a tensor reaches."""
        if source.node is None:
            return {source}
        found: set[Tensor] = set()
        stack, seen = [source], {source}
        while stack:
            tensor = stack.pop()
            if tensor.node is None:
                found.add(tensor)
                continue
            for value in tensor.node.inputs:
                if isinstance(value, Tensor) and value.requires_grad and value not in seen:
                    seen.add(value)
                    stack.append(value)
        return found

    # Places ---------------------------------------------------------------------------------

    def place(self, site: Site) -> str:
        """Name the operation that sends a gradient, by what it is computed from."""
        return self.place_of(site.tensor)

    def place_of(self, tensor: Tensor) -> str:
        """Name an operation: by its module, by its inputs, or by the operation before it."""
        node = node_of(tensor)
        call = self.modules.id_of(node.module_call)
        if call is not None:
            return self.paths[call]
        names = {leaf: name for name, leaf in self.leaves.items()}
        used = [names[v] for v in node.inputs if isinstance(v, Tensor) and v in names]
        called = self.calls.get(tensor)
        if called is not None:  # a part of a function is named by the function
            given = called.leaves()
            used = [name for leaf, name in names.items() if leaf in given]
            tensor, node = called.result, node_of(called.result)
        made = node.primitive.name if called is None else called.name
        if used:
            return f"{made} of {', '.join(dict.fromkeys(used))}"
        # An operation without named inputs is named by the operation before it.
        below = self._nearest(tensor, names)
        number = len(self.order) - self.numbers[tensor]
        where = f" after {below}" if below else f", operation {number} of {len(self.order)}"
        return made + where

    def _nearest(self, tensor: Tensor, names: Mapping[Tensor, str]) -> str:
        for value in node_of(tensor).inputs:
            while isinstance(value, Tensor) and value.node is not None:
                used = [names[v] for v in value.node.inputs if isinstance(v, Tensor) and v in names]
                if used:
                    return f"the {value.node.primitive.name} of {', '.join(dict.fromkeys(used))}"
                value = value.node.inputs[0]
        return ""


def _path(path: str, kind: str) -> str:
    """Name a layer by its path; a number alone says too little.

    Examples
    --------
    >>> _path("body.3", "Conv2d(1 -> 2)"), _path("body.norm", "LayerNorm"), _path("", "ReLU")
    ('Conv2d body.3', 'body.norm', 'ReLU')
    """
    kind = kind.partition("(")[0]
    return f"{kind} {path}" if path.rpartition(".")[2].isdigit() else path or kind


def agrees(found: Array, expected: Array, tolerance: float, beside: Array | None = None) -> bool:
    """Compare arrays relative to their largest element, or to that of a third array.

    Where terms cancel, the round-off is relative to the terms, which the third array holds.
    """
    if found.shape != expected.shape:
        return False
    if not found.size:
        return True
    with np.errstate(all="ignore"):
        others = (found, expected) if beside is None else (found, expected, beside)
        size = max(float(np.abs(array).max()) for array in others)
        difference = float(np.abs(found - expected).max())
    return bool(np.isfinite(size)) and (difference <= tolerance * size or size == 0)


def _within(found: Array, expected: Array, floor: float) -> bool:
    """Whether arrays differ by round-off."""
    if found.shape != expected.shape:
        return False
    with np.errstate(all="ignore"):
        return bool(np.abs(found - expected).max(initial=0.0) <= floor)


def _flops(tensor: Tensor) -> int:
    """Estimate the floating-point operations of the backward pass of one operation."""
    node = node_of(tensor)
    inner = np.shape(node.values[0])[-1:] if node.primitive.matrix_product else ()
    return 4 * tensor.size * (inner[0] if inner else 1)


def _at_leaves(slips: Mapping[tuple[Tensor, int], Slip]) -> bool:
    return all(node_of(tensor).inputs[position].node is None for tensor, position in slips)


def _as_rule(slip: Slip) -> Any:
    """Make a rule of a slip; it ignores the residual, which belongs to the right rule."""
    rule = slip.rule

    def wrong(g: Any, out: Any, *inputs: Any, residual: Any = None, **params: Any) -> Any:
        return rule(g, out, *inputs, **params)

    return wrong


def _diagnosis(slip: Slip, places: list[str], differing: Sequence[str]) -> Diagnosis:
    where = " and ".join(dict.fromkeys(places)) if len(places) <= 4 else f"{len(places)} places"
    sentence = f"looks like this: {slip.words} (at {where})"
    return Diagnosis(slip.kind, sentence, where, tuple(differing))


def _each_kind_once(diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    found: dict[str, Diagnosis] = {}
    for diagnosis in diagnoses:
        found.setdefault(diagnosis.kind, diagnosis)
    return list(found.values())
