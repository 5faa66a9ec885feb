"""The built-in layout: places boxes in layers and routes lines, without Graphviz.

Coordinates run along the picture, from layer to layer, and across it, so that the same code serves
both directions. The content of boxes is irrelevant here.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from .layer_spacing import WIDE, Spacing

__all__ = ["Layout", "lay_out"]

Point: TypeAlias = tuple[float, float]
_Vertex: TypeAlias = Hashable
_Rules: TypeAlias = dict[tuple[_Vertex, _Vertex], int]
_Neighbours: TypeAlias = dict[_Vertex, list[_Vertex]]
_Pull: TypeAlias = tuple[_Vertex, float, float]  # towards what, at which offset, how strongly

LANES = 18.0  # across, for one line and its gradient
_SWEEPS, _RELAXATIONS = 8, 14
_MOST_BENDS = 20_000  # beyond this, long lines may run below boxes, or it takes too long


@dataclass(frozen=True, slots=True)
class Layout:
    """A finished layout; every point is a pair (along, across).

    Attributes
    ----------
    centers : dict of str to point
        The middle of each box.
    routes : tuple of tuple of point
        For each edge, pairs of points: the line bends between the two points of a pair, and runs
        straight elsewhere.
    """

    centers: dict[str, Point]
    routes: tuple[tuple[Point, ...], ...]


def lay_out(
    sizes: Mapping[str, Point],
    edges: Sequence[tuple[str, str]],
    groups: Mapping[str, tuple[str, ...]] | None = None,
    labels: Mapping[int, float] | None = None,
    spacing: Spacing = WIDE,
) -> Layout:
    """Place boxes in layers, so that every edge points forward and no two boxes overlap.

    Parameters
    ----------
    sizes : mapping of str to (along, across)
        The boxes.
    edges : sequence of (source, target)
        Without a cycle. Edges into the same box arrive in this order.
    groups : mapping of str to tuple of str, optional
        The groups that a box is in, from the outermost. If the edges allow it, no other box is in
        the layers of a group.
    labels : mapping of int to float, optional
        The length of straight line that an edge, by its number, needs for a label at its start.
    spacing : Spacing
        How far layers are apart.

    Returns
    -------
    Layout
        Equal arguments give equal layouts.

    Raises
    ------
    ValueError
        If the edges form a cycle.

    Examples
    --------
    >>> layout = lay_out({"a": (10, 10), "b": (10, 10)}, [("a", "b")])
    >>> layout.centers["a"] < layout.centers["b"]
    True
    """
    groups = groups or {}
    ranks = _ranks(list(sizes), edges, groups)
    picture = _Layering(sizes, edges, groups, ranks, spacing)
    picture.order()
    picture.relax()
    return picture.finish(labels or {})


def _ranks(
    names: list[str], edges: Sequence[tuple[str, str]], groups: Mapping[str, tuple[str, ...]]
) -> dict[str, int]:
    """Assign layers: each box after all its sources, and inputs just before their consumer."""
    plain: _Rules = dict.fromkeys(edges, 1)
    rules = _group_rules(edges, groups)
    found = _longest_ways(names, rules)
    if found is None:  # a group that is left and entered again shares layers
        rules = plain
        found = _longest_ways(names, plain)
    if found is None:
        raise ValueError("the edges form a cycle; a layered picture needs a graph without one")
    has_source = {target for _, target in edges}
    followers: dict[_Vertex, list[int]] = {}
    for (source, target), step in rules.items():
        followers.setdefault(source, []).append(found[target] - step)
    for name in names:
        if name not in has_source and name in followers:
            found[name] = min(followers[name])
    used = {rank: number for number, rank in enumerate(sorted({found[name] for name in names}))}
    return {name: used[found[name]] for name in names}


def _group_rules(edges: Sequence[tuple[str, str]], groups: Mapping[str, tuple[str, ...]]) -> _Rules:
    """Make each group begin after all its sources, and end before all its consumers."""
    rules: _Rules = {}
    for name, path in groups.items():
        for outer, inner in pairwise(path):
            rules[("begin", outer), ("begin", inner)] = 0
            rules[("end", inner), ("end", outer)] = 0
        if path:
            rules[("begin", path[-1]), name] = 0
            rules[name, ("end", path[-1])] = 0
    has_source = {target for _, target in edges}
    steps = []
    for source, target in edges:
        left, entered = groups.get(source, ()), groups.get(target, ())
        shared = len(_shared(left, entered))
        before: _Vertex = ("end", left[shared]) if len(left) > shared else source
        after: _Vertex = ("begin", entered[shared]) if len(entered) > shared else target
        steps.append((before, after))
        rules[before, after] = 1
    # An input goes just before its consumer, where no other group may continue.
    joined = {
        after for before, after in steps if isinstance(before, str) and before not in has_source
    }
    rules |= {(a, b): 2 for a, b in steps if b in joined and isinstance(a, tuple)}
    return rules


def _longest_ways(names: Iterable[str], rules: _Rules) -> dict[_Vertex, int] | None:
    """Count the steps of the longest way to each vertex; None if there is a cycle."""
    followers: dict[_Vertex, list[tuple[_Vertex, int]]] = {name: [] for name in names}
    missing: dict[_Vertex, int] = {}
    for (source, target), step in rules.items():
        followers.setdefault(source, []).append((target, step))
        followers.setdefault(target, [])
        missing[target] = missing.get(target, 0) + 1
    ready = [vertex for vertex in followers if vertex not in missing]
    ways = dict.fromkeys(ready, 0)
    for vertex in ready:  # grows during the loop
        for target, step in followers[vertex]:
            ways[target] = max(ways.get(target, 0), ways[vertex] + step)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    return ways if len(ready) == len(followers) else None


def _shared(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    count = 0
    while count < min(len(first), len(second)) and first[count] == second[count]:
        count += 1
    return first[:count]


class _Layering:
    """The layers during ordering: boxes, and a bend where a line passes a layer."""

    def __init__(
        self,
        sizes: Mapping[str, Point],
        edges: Sequence[tuple[str, str]],
        groups: Mapping[str, tuple[str, ...]],
        ranks: dict[str, int],
        spacing: Spacing,
    ) -> None:
        self.spacing = spacing
        self.boxes = sizes
        self.rank: dict[_Vertex, int] = {name: ranks[name] for name in sizes}
        self.groups: dict[_Vertex, tuple[str, ...]] = {name: groups.get(name, ()) for name in sizes}
        self.ways: list[list[_Vertex]] = []
        self.before: _Neighbours = {name: [] for name in sizes}
        self.after: _Neighbours = {name: [] for name in sizes}
        bends = 0
        for number, (source, target) in enumerate(edges):
            way: list[_Vertex] = [source]
            between = range(ranks[source] + 1, ranks[target])
            bends += len(between)
            for rank in between if bends <= _MOST_BENDS else ():
                bend = (number, rank)
                self.rank[bend] = rank
                self.groups[bend] = _shared(self.groups[source], self.groups[target])
                self.before[bend], self.after[bend] = [], []
                way.append(bend)
            way.append(target)
            self.ways.append(way)
        for way in self.ways:
            for here, there in pairwise(way):
                self.after[here].append(there)
                self.before[there].append(here)
        self.layers: list[list[_Vertex]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
        self.place: dict[_Vertex, int] = {}
        self.across: dict[_Vertex, float] = {}
        # Where each line leaves and reaches a box, relative to its middle.
        self.leaves: dict[tuple[int, int], float] = {}
        self.reaches: dict[tuple[int, int], float] = {}

    def order(self) -> None:
        """Order each layer for few crossings."""
        for vertex in self._first_order():
            self.layers[self.rank[vertex]].append(vertex)
        self._keep([self._grouped(layer) for layer in self.layers])
        best, fewest = [layer[:] for layer in self.layers], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            forward = sweep % 2 == 0
            for layer in self.layers if forward else self.layers[::-1]:
                near = {vertex: self._median(vertex, forward) for vertex in layer}
                layer.sort(key=lambda vertex: (near[vertex], self.place[vertex]))
                layer[:] = self._grouped(layer)
                self.place.update((vertex, number) for number, vertex in enumerate(layer))
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [layer[:] for layer in self.layers], crossings
        self._keep(best)
        self._spread_lines()

    def _keep(self, layers: list[list[_Vertex]]) -> None:
        self.layers = layers
        for layer in layers:
            self.place.update((vertex, number) for number, vertex in enumerate(layer))

    def _first_order(self) -> list[_Vertex]:
        """Walk back from the last boxes, first operands first."""
        seen: set[_Vertex] = set()
        found: list[_Vertex] = []
        for last in (vertex for vertex, targets in self.after.items() if not targets):
            stack: list[tuple[_Vertex, bool]] = [(last, False)]
            while stack:
                vertex, done = stack.pop()
                if done:
                    found.append(vertex)
                elif vertex not in seen:
                    seen.add(vertex)
                    stack.append((vertex, True))
                    stack += [(source, False) for source in self.before[vertex][::-1]]
        return found

    def _grouped(self, layer: list[_Vertex]) -> list[_Vertex]:
        """Move the members of each group together, to the mean of their places."""
        members: dict[str, list[int]] = {}
        for number, vertex in enumerate(layer):
            for group in self.groups[vertex]:
                members.setdefault(group, []).append(number)
        middle = {group: sum(places) / len(places) for group, places in members.items()}
        keys = {
            vertex: [*((middle[group], group) for group in self.groups[vertex]), (number, "")]
            for number, vertex in enumerate(layer)
        }
        return sorted(layer, key=keys.__getitem__)

    def _median(self, vertex: _Vertex, forward: bool) -> float:
        near = self.before[vertex] if forward else self.after[vertex]
        if not near:
            return self.place[vertex]
        places = sorted(
            self.place[other] + (0.0 if forward else self._arrival(vertex, other)) for other in near
        )
        return (places[(len(places) - 1) // 2] + places[len(places) // 2]) / 2

    def _arrival(self, source: _Vertex, target: _Vertex) -> float:
        """Separate the operands of one box by less than one place."""
        arriving = self.before[target]
        return arriving.index(source) / (len(arriving) + 1) - 0.5

    def _crossings(self) -> int:
        count = 0
        for layer in self.layers[1:]:
            ends = [
                (self.place[source], number, position)
                for number, vertex in enumerate(layer)
                for position, source in enumerate(self.before[vertex])
            ]
            passed: list[tuple[int, int]] = []
            for _, number, position in sorted(ends):
                count += len(passed) - bisect_right(passed, (number, position))
                insort(passed, (number, position))
        return count

    def _spread_lines(self) -> None:
        """Order lines that leave a box by their targets, and lines that arrive as given."""
        leaving: dict[_Vertex, list[tuple[int, int, int, int]]] = {}
        arriving: dict[_Vertex, list[tuple[int, int]]] = {}
        for number, way in enumerate(self.ways):
            for hop, (here, there) in enumerate(pairwise(way)):
                arriving.setdefault(there, []).append((number, hop))
                key = (self.place[there], len(arriving[there]), number, hop)
                leaving.setdefault(here, []).append(key)
        for vertex, lines in leaving.items():
            for (*_, number, hop), offset in self._offsets(vertex, sorted(lines)):
                self.leaves[number, hop] = offset
        for vertex, ends in arriving.items():
            for (number, hop), offset in self._offsets(vertex, ends):
                self.reaches[number, hop] = offset

    def _offsets(
        self, vertex: _Vertex, lines: Sequence[tuple[int, ...]]
    ) -> list[tuple[tuple[int, ...], float]]:
        step = min(LANES, 0.8 * self._size(vertex) / len(lines))
        return [(line, (i - (len(lines) - 1) / 2) * step) for i, line in enumerate(lines)]

    def _size(self, vertex: _Vertex) -> float:
        return self.boxes[vertex][1] if isinstance(vertex, str) else LANES

    def _distance(self, upper: _Vertex, lower: _Vertex) -> float:
        """Return the smallest distance between the middles of two neighbours."""
        above, below = self.groups[upper], self.groups[lower]
        shared = len(_shared(above, below))
        borders = WIDE.group_end * (len(above) - shared)
        borders += WIDE.group_start * (len(below) - shared)
        gap = self.spacing.between if isinstance(upper, str) or isinstance(lower, str) else 0.0
        return (self._size(upper) + self._size(lower)) / 2 + gap + borders

    def relax(self) -> None:
        """Pull boxes towards their neighbours along lines, without changing the order."""
        for layer in self.layers:
            self._settle(layer, dict.fromkeys(layer, (0.0, 1.0)))
        pulls: dict[_Vertex, tuple[list[_Pull], list[_Pull]]] = {
            vertex: ([], []) for vertex in self.rank
        }
        for number, way in enumerate(self.ways):
            for hop, (here, there) in enumerate(pairwise(way)):
                bend = self.leaves[number, hop] - self.reaches[number, hop]
                bends = (not isinstance(here, str)) + (not isinstance(there, str))
                weight = (1.0, 3.0, 8.0)[bends]  # long lines should be straight
                pulls[there][0].append((here, bend, weight))
                pulls[here][1].append((there, -bend, weight))
        for round in range(_RELAXATIONS):
            forward = round % 2 == 0
            both = round >= _RELAXATIONS - 4
            for layer in self.layers if forward else self.layers[::-1]:
                wishes = {}
                for vertex in layer:
                    back, ahead = pulls[vertex]
                    felt = back + ahead if both else (back if forward else ahead)
                    wishes[vertex] = self._wish(vertex, felt)
                self._settle(layer, wishes)

    def _wish(self, vertex: _Vertex, felt: list[_Pull]) -> tuple[float, float]:
        if not felt:
            return self.across[vertex], 0.1
        total = sum(weight for _, _, weight in felt)
        middle = sum((self.across[other] + bend) * weight for other, bend, weight in felt)
        return middle / total, total

    def _settle(self, layer: list[_Vertex], wishes: dict[_Vertex, tuple[float, float]]) -> None:
        """Place a layer as close to its wishes as order and distances allow.

        Least squares: neighbours with conflicting wishes are merged into a block, at their mean.
        """
        starts, start = [], 0.0
        blocks: list[tuple[float, float, int]] = []  # where, weight, how many
        for number, vertex in enumerate(layer):
            start += self._distance(layer[number - 1], vertex) if number else 0.0
            starts.append(start)
            wish, weight = wishes[vertex]
            where, count = wish - start, 1
            while blocks and blocks[-1][0] >= where:
                other, its_weight, its_count = blocks.pop()
                where = (where * weight + other * its_weight) / (weight + its_weight)
                weight, count = weight + its_weight, count + its_count
            blocks.append((where, weight, count))
        found = [where for where, _, count in blocks for _ in range(count)]
        for vertex, where, start in zip(layer, found, starts, strict=True):
            self.across[vertex] = where + start

    def finish(self, labels: Mapping[int, float]) -> Layout:
        """Place the layers along the picture."""
        spacing = self.spacing
        leads, heights = [0.0] * len(self.layers), [0.0] * len(self.layers)
        for number, way in enumerate(self.ways):
            rank = self.rank[way[0]]
            leads[rank] = max(leads[rank], labels.get(number, 0.0))
            for hop, (here, there) in enumerate(pairwise(way)):
                height = self._end(there, number, hop) - self._start(here, number, hop)
                heights[self.rank[here]] = max(heights[self.rank[here]], abs(height))
        middles, leaves, arrives = [], [], []
        position = 0.0
        for rank, layer in enumerate(self.layers):
            width = max(self.boxes[name][0] for name in layer if isinstance(name, str))
            middles.append(position + width / 2)
            end = position + width + leads[rank] + self._borders(rank, 1)
            leaves.append(end + spacing.before_curve)
            arrives.append(position - self._borders(rank, -1) - spacing.after_curve)
            bend = max(spacing.smallest_gap, spacing.slope * heights[rank])
            gap = min(bend, spacing.largest_gap)
            following = self._borders(rank + 1, -1) if rank + 1 < len(self.layers) else 0.0
            position = leaves[-1] + gap + following + spacing.after_curve
        routes = []
        for number, way in enumerate(self.ways):
            route: list[Point] = []
            for hop, (here, there) in enumerate(pairwise(way)):
                route.append((leaves[self.rank[here]], self._start(here, number, hop)))
                route.append((arrives[self.rank[there]], self._end(there, number, hop)))
            routes.append(tuple(route))
        centers = {name: (middles[self.rank[name]], self.across[name]) for name in self.boxes}
        return Layout(centers, tuple(routes))

    def _start(self, vertex: _Vertex, number: int, hop: int) -> float:
        return self.across[vertex] + self.leaves[number, hop]

    def _end(self, vertex: _Vertex, number: int, hop: int) -> float:
        return self.across[vertex] + self.reaches[number, hop]

    def _borders(self, rank: int, step: int) -> float:
        """Return the room for the borders of groups that begin or end next to a layer."""
        here = {group for vertex in self.layers[rank] for group in self.groups[vertex]}
        neighbour = rank + step
        if 0 <= neighbour < len(self.layers):
            here -= {group for vertex in self.layers[neighbour] for group in self.groups[vertex]}
        return len(here) * (self.spacing.group_end if step > 0 else self.spacing.group_start)
