"""Finds the slip that explains why gradients by hand differ from automatic ones.

A slip is believed only if, made at one place or at all places of its kind, it gives all gradients
as they were derived by hand: then it looks like that slip. Where none does, nothing is said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..autodiff import apply_chain_rule, graph_order
from ..drawing.module_tree import ModuleTree
from ..errors import GradientError
from ..primitive import Node
from ..tensor import Tensor, _computed
from ..tracing import Contribution, node_of, trace_gradients
from .mistakes import ORDER, slips_at
from .site import Site, Slip

__all__ = ["Diagnosis", "Search"]

Array = NDArray[Any]

_LATER = 4  # steps that are looked ahead, past a bias and an activation
_MOST_STEPS = 150_000  # operations that are gone back through in trials: a second or two


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a mismatch looks like.

    Attributes
    ----------
    kind : str
        Such as ``"sign"``.
    sentence : str
        What it looks like, where, and what to do.
    place : str
        The operation or module where it happened; empty if it is everywhere.
    explains : tuple of str
        The gradients that it explains.
    """

    kind: str
    sentence: str
    place: str
    explains: tuple[str, ...]


class Search:
    """Knows a graph and its gradients, and tries slips on it.

    Parameters
    ----------
    output : Tensor
        Where gradients start.
    cotangent : array
        With what they start.
    leaves : mapping of str to Tensor
        The inputs by name.
    """

    def __init__(self, output: Tensor, cotangent: Any, leaves: Mapping[str, Tensor]) -> None:
        self.output, self.cotangent, self.leaves = output, cotangent, leaves
        self.order = graph_order(output)
        self.numbers = {tensor: number for number, tensor in enumerate(self.order)}
        self.modules = ModuleTree(map(node_of, self.order[::-1]), {})
        self.paths = {call.id: call.path or call.kind for call in self.modules.calls}
        self.sent: list[Contribution] = trace_gradients(self.order, output, cotangent)
        self.gave_up = False
        self.automatic = self._gathered()
        self.sites = self._sites()

    def _gathered(self) -> dict[str, Array]:
        totals: dict[Tensor, Any] = {one.source: one.total for one in self.sent}
        return {
            name: np.asarray(totals.get(leaf, np.zeros(leaf.shape)))
            for name, leaf in self.leaves.items()
        }

    def _sites(self) -> list[Site]:
        counts: dict[Tensor, int] = {}
        for one in self.sent:
            counts[one.source] = counts.get(one.source, 0) + 1
        weights = tuple(leaf for leaf in self.leaves.values() if leaf.ndim == 2)
        batches = self._batches()
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
                )
            )
        return sites

    def _batches(self) -> tuple[int, ...]:
        """Collect the numbers that something was averaged over, or could have been."""
        found: dict[int, None] = {}
        for tensor in self.order:
            node = node_of(tensor)
            sizes = [np.shape(value) for value in node.values]
            if not tensor.ndim and sizes and sizes[0]:
                found[sizes[0][0]] = None
                found[int(np.prod(sizes[0]))] = None
            if tensor.ndim == 2:
                found[tensor.shape[0]] = None
            if node.primitive.name == "mean" and tensor.size:
                found[int(np.prod(sizes[0])) // tensor.size] = None
        return tuple(n for n in found if n > 2)

    def pull(self, leaf: Tensor) -> float:
        """Say by how much a leaf is pulled towards zero, as a multiple of its values."""
        pulls = {(site.tensor, site.position) for site in self.sites if site.is_pull}
        total = sum(
            (np.asarray(one.contribution) for one in self.sent
             if one.source is leaf and (one.tensor, one.position) in pulls),
            start=np.zeros(leaf.shape),
        )  # fmt: skip
        square = float((leaf.data * leaf.data).sum())
        return float((total * leaf.data).sum()) / square if square else 0.0

    # Trying ---------------------------------------------------------------------------------

    def with_slips(
        self, slips: Mapping[tuple[Tensor, int], Slip], names: Collection[str]
    ) -> dict[str, Array] | None:
        """Compute some of the gradients that somebody gets who makes these slips; None if none."""
        twins: dict[Tensor, Tensor] = {}
        for tensor in reversed(self.order):
            node = node_of(tensor)
            rules = list(node.primitive.rules_for(len(node.inputs)))
            for position in range(len(rules)):
                if (tensor, position) in slips:
                    rules[position] = _in_shape(slips[tensor, position], node, position)
            wrong = replace(node.primitive, rules=tuple(rules), each=None)
            inputs = tuple(
                twins.get(value, value) if isinstance(value, Tensor) else value
                for value in node.inputs
            )
            # Values of a twin count as written when they were computed, which is before its use.
            twins[tensor] = _computed(
                tensor._data,
                Node(wrong, inputs, node.values, node.params, node.residual, node.sequence, None),
            )
        order = [twins[tensor] for tensor in self.order]
        wanted = {self.leaves[name] for name in names}
        with np.errstate(all="ignore"):
            try:
                found = apply_chain_rule(order, twins[self.output], self.cotangent, wanted)
            except (ValueError, TypeError, IndexError, GradientError):
                return None
        leaves = {name: self.leaves[name] for name in names}
        return {
            name: np.asarray(found.get(leaf, np.zeros(leaf.shape))) for name, leaf in leaves.items()
        }

    def explain(
        self, manual: Mapping[str, Array], differing: Sequence[str], tolerance: float
    ) -> list[Diagnosis]:
        """List what gives exactly these gradients by hand, the likeliest first."""
        arrival = {one.source: number for number, one in enumerate(self.sent)}
        nearest = min(differing, key=lambda name: arrival.get(self.leaves[name], -1))

        def fits(slips: Mapping[tuple[Tensor, int], Slip], names: Collection[str]) -> bool:
            gradients = self.with_slips(slips, names)
            return gradients is not None and all(
                agrees(gradients[name], manual[name], tolerance, self.automatic[name])
                for name in names
            )

        found: list[tuple[tuple[Any, ...], Diagnosis]] = []
        for rank, (places, slip, slips) in enumerate(self._candidates(differing)):
            if rank * len(self.order) > _MOST_STEPS:
                self.gave_up = True
                break
            # The gradient next to the output first: for most slips that is all it takes.
            if fits(slips, [nearest]) and fits(slips, manual):
                key = (len(set(places)) > 1, ORDER.index(slip.kind), not slip.is_usual, rank)
                found.append((key, _diagnosis(slip, places, differing)))
        found.sort(key=lambda pair: pair[0])
        return _each_kind_once([diagnosis for _, diagnosis in found])

    def _candidates(
        self, differing: Sequence[str]
    ) -> Iterator[tuple[list[str], Slip, dict[tuple[Tensor, int], Slip]]]:
        """Give single slips where they reach all that differs, then the same slip everywhere."""
        wanted = {self.leaves[name] for name in differing}
        together: dict[tuple[Any, ...], list[tuple[Site, Slip]]] = {}
        for site in self.sites:
            reached, place = self._reached(site.source), self.place(site)
            seen: dict[tuple[str, str], int] = {}
            for slip in slips_at(site):
                what = slip.kind, slip.words
                seen[what] = seen.get(what, 0) + 1
                # In x * x, one factor alone is not what somebody gets wrong, unless forgotten.
                alone = not site.is_repeated or slip.kind == "contribution missing"
                if wanted <= reached and alone:
                    yield [place], slip, {(site.tensor, site.position): slip}
                here = (site, slip)
                position = -1 if site.is_repeated else site.position
                together.setdefault((site.name, position, what, seen[what]), []).append(here)
                together.setdefault((site.tensor, what, seen[what]), []).append(here)
                if slip.kind in ("contribution missing", "regularisation missing"):
                    together.setdefault((site.name, slip.kind), []).append(here)
        for group in together.values():
            if len(group) > 1:
                slips = {(site.tensor, site.position): slip for site, slip in group}
                places = [self.place(site) for site, _ in group]
                yield places, group[0][1], slips

    def _reached(self, source: Tensor) -> set[Tensor]:
        """List the leaves that a gradient arriving at a tensor goes on to."""
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
        """Name an operation: by its module, by the inputs that it uses, or by what is before."""
        node = node_of(tensor)
        call = self.modules.id_of(node.module_call)
        if call is not None:
            return self.paths[call]
        names = {leaf: name for name, leaf in self.leaves.items()}
        used = [names[v] for v in node.inputs if isinstance(v, Tensor) and v in names]
        if used:
            return f"{node.primitive.name} of {', '.join(dict.fromkeys(used))}"
        # An operation without inputs of its own is known by what comes before it.
        below = self._nearest(tensor, names)
        number = len(self.order) - self.numbers[tensor]
        where = f" after {below}" if below else f", operation {number} of {len(self.order)}"
        return node.primitive.name + where

    def _nearest(self, tensor: Tensor, names: Mapping[Tensor, str]) -> str:
        for value in node_of(tensor).inputs:
            while isinstance(value, Tensor) and value.node is not None:
                used = [names[v] for v in value.node.inputs if isinstance(v, Tensor) and v in names]
                if used:
                    return f"the {value.node.primitive.name} of {', '.join(dict.fromkeys(used))}"
                value = value.node.inputs[0]
        return ""


def agrees(found: Array, expected: Array, tolerance: float, beside: Array | None = None) -> bool:
    """Compare relative to the largest element of both, or of something beside them.

    Sums that cancel to nothing leave round-off, whose size is that of what was summed.
    """
    if found.shape != expected.shape:
        return False
    if not found.size:
        return True
    with np.errstate(all="ignore"):
        others = (found, expected) if beside is None else (found, expected, beside)
        size = max(float(np.abs(array).max()) for array in others)
        difference = float(np.abs(found - expected).max())
    return difference <= tolerance * size or size == 0


def _in_shape(slip: Slip, node: Node, position: int) -> Any:
    """Keep a wrong rule from failing where it gives its result in another layout."""
    del node, position
    rule = slip.rule

    def wrong(g: Any, out: Any, *inputs: Any, residual: Any = None, **params: Any) -> Any:
        try:
            return rule(g, out, *inputs, **params)
        except TypeError:
            return rule(g, out, *inputs, residual=residual, **params)

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
