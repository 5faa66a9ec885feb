"""Graphs that are too large: what is drawn of them, and an exact count of what is not."""

import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor
from tinygrad_edu.drawing import DrawOptions, GraphTooLargeError, draw
from tinygrad_edu.drawing.snapshot import SnapshotBuilder


def parameter(value=1.0):
    return Tensor(value, requires_grad=True)


def chain(length=12):
    x = parameter()
    for _ in range(length):
        x = -x
    return x


def tree(depth=4):
    return parameter() if depth == 0 else tree(depth - 1) * tree(depth - 1)


def diamond(depth=8):
    x = parameter()
    for _ in range(depth):
        x = x + x
    return x


def wide():
    return tg.concatenate([-parameter([float(i)]) for i in range(9)]).sum()


def with_numbers():
    x = parameter()
    for number in range(6):
        x = x * 2 + number
    return x


@pytest.mark.parametrize("make", [chain, tree, diamond, wide, with_numbers])
def test_what_is_left_out_is_counted(make):
    output = make()
    output.backward()
    whole = draw(output).graph
    count = len(whole.tensors) + len(whole.operations)
    for most in range(1, count + 2):
        drawing = draw(
            output, max_nodes=most, options=DrawOptions(on_large="truncate", engine="builtin")
        )
        graph, cards = drawing.graph, {card.id: card for card in drawing.picture.cards}
        drawn = len(graph.tensors) + len(graph.operations)
        assert len(cards) <= max(most, 2)
        assert graph.hidden == count - drawn
        if most >= count:
            assert (graph, graph.hidden) == (whole, 0)
            continue
        assert cards["more"].name == f"… {count - drawn:,} more"
        # It is a part of the whole, under the same ids, and it hangs together.
        assert {t.id for t in graph.tensors} <= {t.id for t in whole.tensors}
        names = {operation.id for operation in graph.operations}
        assert {edge.target for edge in graph.edges} == names
        ends = {wire.source for wire in drawing.picture.wires}
        ends |= {wire.target for wire in drawing.picture.wires}
        assert ends == set(cards)
        # Whatever has no operation in the picture, but had one, comes from what is left out.
        made = {operation.output for operation in graph.operations}
        computed = {operation.output for operation in whole.operations}
        cut = {t.id for t in graph.tensors if t.id in computed and t.id not in made}
        assert set(graph.cut) == cut
        assert {w.target for w in drawing.picture.wires if w.source == "more"} == cut
        assert f"… {count - drawn:,} more".replace(" ", "\xa0") in drawing.svg()
        assert drawing.dot.count(" more<") == 1
        assert drawing.picture.alt_texts["more"].startswith(f"{count - drawn:,} more")


def test_one_node_is_the_output():
    drawing = draw(chain(), max_nodes=1, options=DrawOptions(on_large="truncate"))
    assert [card.name for card in drawing.picture.cards][-1] == "… 24 more"
    assert len(drawing.picture.cards) == 2
    outputs = draw(chain(), chain(), max_nodes=1, options=DrawOptions(on_large="truncate"))
    assert [t.role for t in outputs.graph.tensors] == ["loss", "loss"]
    assert outputs.graph.hidden == 48


def test_those_next_to_the_output_are_drawn():
    names = [
        t.id
        for t in draw(chain(), max_nodes=8, options=DrawOptions(on_large="truncate")).graph.tensors
    ]
    assert names == ["t9", "t10", "t11", "t12"]


def test_a_thousand_are_written_with_a_comma():
    drawing = draw(chain(1000), options=DrawOptions(on_large="truncate"))
    assert drawing.picture.cards[-1].name == f"… {2001 - 249:,} more" == "… 1,752 more"


@pytest.mark.parametrize("make", [chain, tree, diamond, wide])
@pytest.mark.parametrize("view", ["auto", "ops"])
def test_by_default_they_are_refused_with_both_numbers(make, view):
    output = make()
    graph = draw(output).graph
    count = len(graph.tensors) + len(graph.operations)
    with pytest.raises(GraphTooLargeError, match=rf"{count} nodes.*max_nodes=5;") as caught:
        draw(output, max_nodes=5, view=view)
    message = str(caught.value)
    for remedy in ("view='layers'", "on_large='truncate'", f"max_nodes={count}"):
        assert remedy in message
    assert "\n" not in message
    draw(output, max_nodes=count)


def test_a_large_graph_needs_no_recursion_in_any_view():
    output = chain(5000)
    output.backward()
    for view, wires in (("ops", 10_000), ("layers", 5_001)):
        assert len(draw(output, max_nodes=20_000, view=view).picture.wires) == wires
    assert (
        draw(output, options=DrawOptions(on_large="truncate", engine="builtin"))
        .svg()
        .count('class="node ')
        == 250
    )
    deep = diamond(60)
    assert (
        len(draw(deep, max_nodes=30, options=DrawOptions(on_large="truncate")).picture.cards) <= 30
    )
    assert len(draw(deep, view="layers").picture.wires) == 121


def test_a_snapshot_alone_is_refused_too():
    assert SnapshotBuilder([chain()]).build("a chain").title == "a chain"
    with pytest.raises(GraphTooLargeError, match=r"25 nodes, more than max_nodes=24"):
        SnapshotBuilder([chain()]).build(max_nodes=24)
