"""Tests that the built-in painter shows what Graphviz shows: parts, texts, colours and frames."""

from xml.etree import ElementTree

import numpy as np
import pytest

from nn import Linear, Module
from tinygrad_edu import Tensor
from tinygrad_edu.drawing import DrawOptions, draw
from tinygrad_edu.drawing.boxes import card_box, text_width
from tinygrad_edu.drawing.picture import Card, Row
from tinygrad_edu.palette import LIGHT
from tinygrad_edu.scope import ModuleCall

from ..hostile_names import HOSTILE
from .test_draw_render import LABELS, SVG, groups, network_drawing, small_drawing, visible


def built(output, **options):
    return draw(output, options=DrawOptions(engine="builtin", **options))


def parts(svg, css):
    """The groups of a class, by their own id without the prefix."""
    return {
        group.get("id").rpartition("-")[2]: group
        for group in ElementTree.fromstring(svg).iter(SVG + "g")
        if css in group.get("class", "").split()
    }


def rectangle(group):
    shape = next(group.iter(SVG + "rect"))
    x, y, width, height = (float(shape.get(name)) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def outline(group):
    """The bounds of a node, be it a box or an ellipse."""
    shape = next(group.iter(SVG + "ellipse"), None)
    if shape is None:
        return rectangle(group)
    x, y, wide, high = (float(shape.get(name)) for name in ("cx", "cy", "rx", "ry"))
    return x - wide, y - high, x + wide, y + high


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_all_is_there_and_said(direction):
    drawing = network_drawing(
        direction=direction, title="a lesson", options=DrawOptions(engine="builtin")
    )
    svg = drawing.svg()
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.find(SVG + "title").text == "a lesson"
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    graph = drawing.graph
    nodes = groups(svg)
    assert set(nodes) == {node.id for node in (*graph.tensors, *graph.operations)}
    assert nodes["o0"].find(SVG + "title").text == "operation linear, x @ W1 + b1"
    for tensor in graph.tensors:
        shown = " ".join(visible(nodes[tensor.id]))
        texts = [text for _, value in (*tensor.rows, ("", tensor.grad)) for text in value.split()]
        for text in (tensor.name, tensor.tag, *texts):
            assert text in shown
    assert len(parts(svg, "fwd")) == len(graph.edges) + len(graph.operations)
    returning = [edge for edge in graph.edges if edge.has_gradient]
    backward = parts(svg, "bwd")
    assert len(backward) == len(returning) + len(graph.operations)
    path = next(backward["o0b2"].iter(SVG + "path"))
    assert (path.get("stroke"), path.get("stroke-dasharray")) == (LIGHT.gradient, "5,3")
    assert sum("Σ axis 0" in text for text in visible(root)) == 2
    assert set(parts(svg, "module")) == {call.id for call in graph.calls}
    assert {"parameter", "operation", "module", "gradient"} <= set(visible(root))


def test_two_pictures_are_the_same_and_the_legend_can_be_left_out():
    first, second = (network_drawing(options=DrawOptions(engine="builtin")).svg() for _ in range(2))
    assert first == second
    bare = ElementTree.fromstring(
        network_drawing(options=DrawOptions(engine="builtin", legend=False)).svg()
    )
    assert "operation" not in visible(bare)
    assert not any("4 operations, 10" in line for line in visible(bare))


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_frames_hold_their_members_and_nothing_else(direction):
    drawing = network_drawing(direction=direction, options=DrawOptions(engine="builtin"))
    svg = drawing.svg()
    nodes, frames = groups(svg), parts(svg, "cluster")
    parents = {call.id: call.parent for call in drawing.graph.calls}
    for node in (*drawing.graph.tensors, *drawing.graph.operations):
        path, call = set(), node.call
        while call is not None:
            path.add(call)
            call = parents[call]
        left, top, right, bottom = outline(nodes[node.id])
        for name, frame in frames.items():
            x, y, end, low = rectangle(frame)
            inside = x < left and y < top and right < end and bottom < low
            apart = end <= left or right <= x or low <= top or bottom <= y
            assert inside if name in path else apart


class Branches(Module):
    """Two layers side by side, whose frames would get in each other's way."""

    def __init__(self):
        generator = np.random.default_rng(0)
        self.layers = [Linear(2, 3, generator=generator, dtype=float) for _ in range(3)]

    def forward(self, x):
        first, second, third = (layer(x) for layer in self.layers)
        return first @ second.T @ third * Tensor(2.0) + 1


def test_a_module_without_a_frame_is_named_on_its_nodes():
    x = Tensor(np.ones((4, 2)), name="x")
    drawing = built(Branches()(x).sum())
    svg = drawing.svg()
    nodes, frames = groups(svg), parts(svg, "cluster")
    calls = {call.id: call for call in drawing.graph.calls}
    missing = set(calls) - set(frames)
    assert missing
    for node in (*drawing.graph.tensors, *drawing.graph.operations):
        tags = [line for line in visible(nodes[node.id]) if line.startswith("in ")]
        assert len(tags) == (node.call in missing)


def test_a_frame_in_a_module_without_one_says_the_whole_name():
    class Layer:
        def named_children(self):
            return [("inner", inner)]

    inner = Layer()
    outer = ModuleCall(Layer(), None)
    first = Tensor(1.0, requires_grad=True) * 2
    first.node.module_call = ModuleCall(inner, outer)
    between = first * 3  # a stranger between two members
    last = between * 4
    last.node.module_call = outer
    drawing = built(last)
    frames = parts(drawing.svg(), "cluster")
    assert set(frames) == {call.id for call in drawing.graph.calls if call.parent is not None}
    title = next(call for call in drawing.graph.calls if call.parent is not None)
    texts = visible(ElementTree.fromstring(drawing.svg()))
    assert f"{title.path} {title.kind}" in texts


def test_scalars_letters_warnings_and_constants():
    a = Tensor(5.0, requires_grad=True, name="a")
    b = Tensor([np.nan, 1.0], requires_grad=True, name="学習")
    output = ((a - b) ** 2).sum()
    svg = built(output, backward=True).svg()
    root = ElementTree.fromstring(svg)
    assert {"1", "2", "5"} <= set(visible(root))
    assert "⚠ 1 NaN" in visible(root)
    assert f'stroke="{LIGHT.warning}"' in svg
    assert "bwd" not in built(output, backward=False).svg()


def test_the_first_operand_is_the_upper_one():
    a = Tensor(5.0, requires_grad=True, name="a")
    b = Tensor(3.0, requires_grad=True, name="b")
    for output, order in ((a - b, "ab"), (b - a, "ba"), (b / a, "ba")):
        found = {
            visible(group)[0]: outline(group)[1] for group in groups(built(output).svg()).values()
        }
        assert found[order[0]] < found[order[1]]


def test_a_tensor_alone():
    assert set(groups(built(Tensor(1.0), legend=False).svg())) == {"t0"}


def test_no_line_runs_out_of_the_picture():
    root = ElementTree.fromstring(network_drawing(options=DrawOptions(engine="builtin")).svg())
    drawing = root.find(f"{SVG}g/{SVG}g")
    move = [float(word) for word in drawing.get("transform")[10:-1].split()]
    for path in drawing.iter(SVG + "path"):
        for point in path.get("d").replace("Z", "").split():
            x, y = map(float, point.lstrip("MLC").split(","))
            assert 0 <= x + move[0] <= float(root.get("width"))
            assert 0 <= y + move[1] <= float(root.get("height"))


@pytest.mark.parametrize("name", HOSTILE, ids=LABELS)
def test_hostile_names_are_only_text(name):
    drawing = small_drawing(name, title=name, options=DrawOptions(engine="builtin"))
    svg = drawing.svg()
    nodes = groups(svg)
    assert set(nodes) == set(
        groups(small_drawing("x", options=DrawOptions(engine="builtin")).svg())
    )
    assert visible(nodes["t0"])[0] == drawing.graph.tensors[0].name
    for word in ("<script", "<image", "href"):
        assert word not in svg


def test_a_gradient_fits_to_the_right_of_its_matrix():
    matrix = "[[1 2]\n [3 4]]"
    rows = (Row("data", matrix), Row("grad δ1", matrix, "gradient"))
    below = card_box(Card("t0", "input", "x", rows=rows))
    beside = card_box(Card("t0", "input", "x", rows=rows, is_broad=True))
    assert beside.height < below.height
    assert beside.width > below.width
    data = [text for text in beside.texts if text.mono and text.ink == "text"]
    grad = [text for text in beside.texts if text.mono and text.ink == "gradient"]
    assert [text.y for text in data] == [text.y for text in grad]
    ends = max(text.x + text_width(text.text, 10, mono=True) for text in data)
    ((left, top, bottom),) = beside.bands
    label = next(text.x for text in beside.texts if text.text == "grad δ1")
    assert ends < left < label < min(text.x for text in grad)
    assert top < min(text.y for text in grad)
    assert max(text.y for text in grad) < bottom < beside.height
    # A single number or a short one stays below.
    short = (Row("data", "3"), Row("grad", "1", "gradient"))
    assert card_box(Card("t0", "input", "x", rows=short, is_broad=True)).height == (
        card_box(Card("t0", "input", "x", rows=short)).height
    )
