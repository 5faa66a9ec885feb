"""Tests the built-in layout on 200 random graphs and on small ones made by hand."""

import itertools
import random

import numpy as np
import pytest

from tinygrad_edu.drawing.layer_spacing import DENSE, WIDE
from tinygrad_edu.drawing.layout import lay_out


def random_graph(seed):
    """Boxes of all sizes, edges from smaller to larger numbers, and a few nested groups."""
    draw = random.Random(seed)
    count = draw.randint(1, 200)
    names = [f"n{number}" for number in range(count)]
    draw.shuffle(names)
    sizes = {name: (draw.uniform(10, 150), draw.uniform(10, 90)) for name in names}
    pairs = [sorted(draw.choices(range(count), k=2)) for _ in range(draw.randint(0, 2 * count))]
    edges = [(names[source], names[target]) for source, target in pairs if source != target]
    paths = [(), (), ("a",), ("a", "b"), ("c",)]
    groups = {name: draw.choice(paths) for name in names} if seed % 2 else None
    return sizes, edges, groups


def overlapping(layout, sizes):
    """The pairs of boxes that share a point."""
    names = list(sizes)
    centers = np.array([layout.centers[name] for name in names])
    halves = np.array([sizes[name] for name in names]) / 2
    apart = np.abs(centers[:, None] - centers) >= halves[:, None] + halves
    pairs = np.argwhere(np.triu(~apart.any(axis=-1), 1))
    return [(names[first], names[second]) for first, second in pairs]


@pytest.mark.parametrize("block", range(10))
def test_200_random_graphs(block):
    for seed in range(20 * block, 20 * block + 20):
        sizes, edges, groups = random_graph(seed)
        spacing = DENSE if seed % 3 == 0 else WIDE
        layout = lay_out(sizes, edges, groups, spacing=spacing)
        assert set(layout.centers) == set(sizes)
        assert not overlapping(layout, sizes)
        for (source, target), route in zip(edges, layout.routes, strict=True):
            ahead = [
                layout.centers[source][0] + sizes[source][0] / 2,
                *(along for along, _ in route),
                layout.centers[target][0] - sizes[target][0] / 2,
            ]
            assert ahead == sorted(ahead)
            assert len(set(ahead)) == len(ahead)
        if seed % 4 == 0:
            again = lay_out(dict(sizes), list(edges), groups, spacing=spacing)
            assert (again.centers, again.routes) == (layout.centers, layout.routes)


def test_the_test_of_overlaps_notices_one():
    layout = lay_out({"a": (10, 10), "b": (10, 10)}, [])
    assert not overlapping(layout, {"a": (10, 10), "b": (10, 10)})
    assert overlapping(layout, {"a": (10, 90), "b": (10, 90)}) == [("a", "b")]


def test_nothing_and_cycles():
    assert lay_out({}, []).centers == {}
    with pytest.raises(ValueError, match="cycle"):
        lay_out({"a": (1, 1), "b": (1, 1)}, [("a", "b"), ("b", "a")])


def boxes(*names):
    return dict.fromkeys(names, (20.0, 20.0))


def test_a_source_is_just_before_its_consumer():
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("late", "d")]
    centers = lay_out(boxes("a", "b", "c", "d", "late"), edges).centers
    assert centers["late"][0] == centers["c"][0]


def test_a_chain_is_straight():
    centers = lay_out(boxes(*"abcd"), list(itertools.pairwise("abcd"))).centers
    assert len({round(across, 6) for _, across in centers.values()}) == 1


def test_operands_arrive_in_their_order():
    for operands in itertools.permutations("abc"):
        edges = [(operand, "op") for operand in operands]
        layout = lay_out(boxes("a", "b", "c", "op"), edges)
        heights = [layout.centers[operand][1] for operand in operands]
        assert heights == sorted(heights)
        arrivals = [route[-1][1] for route in layout.routes]
        assert arrivals == sorted(set(arrivals))


def test_crossings_are_undone():
    # Walked from the outputs, the order of the first layer crosses that of the second.
    edges = [("a", "x"), ("b", "x"), ("b", "y"), ("c", "y"), ("c", "z"), ("a", "w"), ("d", "z")]
    edges += [("d", "v"), ("c", "w")]
    layout = lay_out(boxes(*"abcdxyzwv"), edges)
    lines = [(route[0][1], route[-1][1]) for route in layout.routes]
    crossings = sum(
        (first[0] - second[0]) * (first[1] - second[1]) < 0
        for first, second in itertools.combinations(lines, 2)
    )
    assert crossings == 2  # a ring of six boxes in two layers cannot have fewer


def test_a_group_has_its_layers_for_itself():
    edges = [("x", "m1"), ("w", "m1"), ("m1", "m2"), ("m2", "end"), ("labels", "end")]
    groups = {"w": ("net",), "m1": ("net", "layer"), "m2": ("net",)}
    centers = lay_out(boxes("x", "w", "m1", "m2", "end", "labels"), edges, groups).centers
    inside = [centers[name][0] for name in ("w", "m1", "m2")]
    for name in ("x", "end", "labels"):
        assert not min(inside) <= centers[name][0] <= max(inside)


def test_a_group_that_is_left_and_entered_again_is_laid_out_as_if_it_were_none():
    edges = [("a", "b"), ("b", "c")]
    layout = lay_out(boxes(*"abc"), edges, {"a": ("g",), "c": ("g",)})
    assert layout.centers["a"][0] < layout.centers["b"][0] < layout.centers["c"][0]


def test_a_label_gets_its_room():
    edges = [("a", "b")]
    plain, labelled = (lay_out(boxes("a", "b"), edges, None, labels) for labels in (None, {0: 70}))
    assert labelled.routes[0][0][0] - plain.routes[0][0][0] == 70


def test_very_many_long_lines_do_without_bends(monkeypatch):
    from tinygrad_edu.drawing import layout as module

    monkeypatch.setattr(module, "_MOST_BENDS", 1)
    edges = [*itertools.pairwise("abcde"), ("a", "e")]
    found = lay_out(boxes(*"abcde"), edges)
    assert len(found.routes[-1]) == 2
    assert not overlapping(found, boxes(*"abcde"))
