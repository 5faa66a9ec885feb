"""Tests what a reader of a picture can check, with both engines.

Layers, themes, contributions, verdicts, truncation and hostile names have files of their own.
"""

import base64
import functools
import hashlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, Linear, softmax_cross_entropy
from tinygrad_edu import Tensor
from tinygrad_edu.drawing import DrawOptions, draw
from tinygrad_edu.drawing.operands import operand_letter

from .test_draw_render import SVG, groups, needs_dot, network_drawing, visible
from .test_engines import without_graphviz

ENGINES = ["builtin", pytest.param("dot", marks=needs_dot)]


def parameter(values, name=None):
    return Tensor(values, requires_grad=True, name=name)


def shown(drawing, name):
    """All text of the node with that name, in one line."""
    nodes = groups(drawing.svg())
    (own,) = [card.id for card in drawing.picture.cards if card.name == name]
    return " ".join(" ".join(visible(nodes[own])).split())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("view", ["ops", "layers"])
@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("theme", ["light", "dark", "mono"])
def test_an_svg_has_a_title_a_description_and_the_size_of_its_drawing(
    engine, view, direction, theme, tmp_path
):
    drawing = network_drawing(
        view=view, direction=direction, theme=theme, options=DrawOptions(engine=engine)
    )
    text = drawing.save(tmp_path / "g.svg").read_text(encoding="utf-8")
    assert "DOCTYPE" not in text
    root = ElementTree.fromstring(text)
    assert root.tag == SVG + "svg"
    assert (root.get("role"), root[0].tag, root[1].tag) == ("img", SVG + "title", SVG + "desc")
    assert root.get("aria-labelledby").split() == [root[0].get("id"), root[1].get("id")]
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(name.startswith("tinygrad-") for name in ids)
    assert os.listdir(tmp_path) == ["g.svg"]


SCRIPT = """
import hashlib, sys
sys.path.insert(0, {root!r})
from tests.drawing.test_draw_render import network_drawing
from tinygrad_edu import DrawOptions
for view in ("ops", "layers"):
    for theme in ("light", "dark", "mono"):
        options = DrawOptions(engine="builtin", rules=True)
        drawing = network_drawing(view=view, theme=theme, options=options)
        text = drawing.dot + drawing.svg() + drawing.html() + drawing.table() + drawing.to_json()
        print(hashlib.sha256(text.encode()).hexdigest(), hex(id(drawing)) in text)
"""


@pytest.mark.needs("processes")
def test_two_processes_draw_the_same_bytes_in_every_view_and_theme():
    script = SCRIPT.format(root=os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    outputs = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        assert b"True" not in done.stdout
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(set(outputs.pop().split(b"\n")[:6])) == 6


@pytest.mark.parametrize("engine", ENGINES)
def test_not_computed_and_zero_are_two_things(engine):
    x = Tensor([[1.0, 2.0]], name="x")
    w = parameter([[-1.0], [-1.0]], "w")
    loss = tg.relu(x @ w).sum()
    before = draw(loss, options=DrawOptions(engine=engine))
    computed = [t for t in before.graph.tensors if t.role != "input"]
    assert [t.grad for t in computed] == ["not computed"] * 4
    assert shown(before, "w").endswith("grad not computed")
    assert shown(before, "x").endswith("grad none (constant)")
    loss.backward()
    w.grad = None
    loss.backward()
    after = draw(loss, options=DrawOptions(engine=engine))
    assert shown(after, "w").endswith("grad 0 (all zero)")
    assert "not computed" not in after.svg()


@pytest.mark.parametrize("engine", ENGINES)
def test_values_are_written_as_their_size_allows(engine):
    scalar, square = (
        parameter(0.693147, "scalar"),
        parameter(np.arange(9.0).reshape(3, 3), "square"),
    )
    large = parameter(np.linspace(-1.2, 3.4, 640).reshape(64, 10), "large")
    bad = parameter([1.0, np.nan, np.inf], "bad")
    total = scalar + square.sum() + large.sum() + bad.sum()
    drawing = draw(total, options=DrawOptions(engine=engine))
    assert "data 0.6931" in shown(drawing, "scalar")
    assert "[[0 1 2] [3 4 5] [6 7 8]]" in shown(drawing, "square")
    text = shown(drawing, "large")
    for part in ("(64, 10) · f64", "mean 1.1", "range -1.2 … 3.4"):
        assert part in text
    assert "1 NaN, 1 inf" in shown(drawing, "bad")
    assert "data NaN" in shown(drawing, drawing.graph.tensors[-1].name)
    warned = groups(drawing.svg())[drawing.graph.tensors[-1].id]
    assert any("NaN" in line for line in visible(warned))


@pytest.mark.parametrize(
    ("values", "there", "missing"),
    [
        ("full", ["[[", "63]"], ["mean"]),
        ("stats", ["mean 31.5", "range 0 … 63"], ["[["]),
        ("shape", ["(8, 8) · f64"], ["mean", "[["]),
        ("none", ["grad"], ["mean", "[[", "(8, 8)"]),
        ("auto", ["mean 31.5"], ["[["]),
    ],
)
def test_how_much_is_said_of_values_can_be_chosen(values, there, missing):
    x = parameter(np.arange(64.0).reshape(8, 8), "x")
    drawing = draw(x.sum(), options=DrawOptions(values=values, engine="builtin"))
    text = shown(drawing, "x")
    assert all(part in text for part in there)
    assert not any(part in text for part in missing)
    assert drawing.table()
    assert drawing.html()
    total = drawing.picture.alt_texts[drawing.graph.tensors[-1].id]
    is_said = values not in ("shape", "none")
    assert (", value 2016," if is_said else ", a single number,") in total
    with pytest.raises(ValueError, match="unknown values 'all'; known are 'auto', 'full'"):
        draw(x.sum(), options=DrawOptions(values="all"))


@pytest.mark.parametrize("engine", ENGINES)
def test_rules_are_written_at_operations(engine):
    a, b = parameter(3.0, "a"), parameter(2.0, "b")
    drawing = draw(a * b, options=DrawOptions(rules=True, engine=engine))
    assert "to a: g * b to b: g * a" in shown(drawing, "multiply")
    assert "to a" not in draw(a * b, options=DrawOptions(engine=engine)).svg()
    layered = draw(a * b, view="layers", options=DrawOptions(rules=True, engine=engine))
    assert "to a: g * b" in shown(layered, "multiply")
    only_one = draw(Tensor(1.0) * b, options=DrawOptions(rules=True))
    assert [operand for operand, _ in only_one.graph.operations[0].rules] == ["b"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("view", ["ops", "layers"])
def test_nothing_is_changed_by_drawing_whatever_is_asked_for(engine, view, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = MLP([2, 3, 2], seed=0)
    x = Tensor(np.ones((4, 2)), dtype="float32")
    loss = softmax_cross_entropy(net(x), np.array([0, 1, 1, 0]))
    loss.backward()
    tensors, queue = [], [loss]
    while queue:
        tensors.append(queue.pop())
        if tensors[-1].node is not None:
            queue += [t for t in tensors[-1].node.inputs if isinstance(t, Tensor)]
    before = [(t.numpy(), None if t.grad is None else t.grad.copy(), t.node) for t in tensors]
    gradients = {name: p.grad for name, p in net.named_parameters()}
    state = np.random.default_rng(7).bit_generator.state
    sequence = (loss * 1).node.sequence
    drawing = draw(
        loss,
        names=locals(),
        view=view,
        compare=gradients,
        options=DrawOptions(engine=engine, rules=True),
    )
    assert drawing.svg()
    assert drawing.html()
    assert drawing._repr_mimebundle_()
    assert (loss * 1).node.sequence == sequence + 1
    assert np.random.default_rng(7).bit_generator.state == state
    assert os.listdir(tmp_path) == []
    for tensor, (values, grad, node) in zip(tensors, before, strict=True):
        np.testing.assert_array_equal(tensor.data, values)
        assert tensor.node is node
        assert (tensor.grad is None) == (grad is None)
        assert grad is None or np.array_equal(tensor.grad, grad)


def test_operations_with_any_number_of_operands_say_which_is_which():
    a, b = parameter([[1.0, 2.0]], "a"), parameter([3.0, 4.0], "b")
    drawing = draw(tg.einsum("ij,j->i", a, b))
    assert drawing.graph.operations[0].params[0][1] == "ij,j->i"
    # What it sums over are its own indices: nothing was stretched.
    assert [edge.summed_axes for edge in drawing.graph.edges] == [(), ()]
    joined = tg.concatenate([b, b, b]).node.primitive
    assert [operand_letter(joined, place) for place in range(3)] == ["x", "y", "input 3"]


def test_a_network_names_its_parameters_where_they_are_used_outside_of_it():
    net = Linear(2, 2, dtype=float)
    product = (net.weight * net.bias).sum()  # the network itself is not called
    names = [t.name for t in draw(product, model=net).graph.tensors]
    assert names[:2] == ["weight", "bias"]
    given = draw(product, model=net, names={"w": net.weight}).graph.tensors
    assert given[0].name == "w"
    with pytest.raises(TypeError, match=r"model needs a method named_parameters.*a list has none"):
        draw(product, model=[net])


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("view", ["ops", "layers"])
def test_a_page_is_self_contained_and_has_everything_in_a_table(engine, view, tmp_path):
    drawing = network_drawing(
        view=view, title="a <lesson> & more", options=DrawOptions(engine=engine)
    )
    text = drawing.save(tmp_path / "g.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    names = [tag for tag, _ in page.tags]
    assert "script" not in names
    assert not [tag for tag, attributes in page.tags if {"src", "href", "style"} & set(attributes)]
    addresses = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}
    rows = len(drawing.table().splitlines()) - 4
    assert names.count("tr") == rows + 1
    assert [a.get("scope") for tag, a in page.tags if tag == "th"].count("row") == rows
    (policy,) = [a["content"] for tag, a in page.tags if a.get("http-equiv")]
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "<h1>a &lt;lesson&gt; &amp; more</h1>" in text


def test_without_graphviz_page_and_notebook_have_every_node(tmp_path, monkeypatch):
    without_graphviz(monkeypatch)
    for view in ("ops", "layers"):
        drawing = network_drawing(view=view)
        ids = {card.id for card in drawing.picture.cards}
        page = drawing.save(tmp_path / "g.html").read_text(encoding="utf-8")
        assert set(re.findall(r'id="tinygrad-[0-9a-f]{8}-([a-z]+\d+)" class="node', page)) == ids
        assert page.replace("\xa0", " ").count("drawn without Graphviz") == 1
        bundle = network_drawing(
            view=view, options=DrawOptions(notebook_png=True)
        )._repr_mimebundle_()
        assert set(groups(bundle["image/svg+xml"])) == ids
        assert "image/png" not in bundle
        assert bundle["text/plain"].count("install Graphviz") == 1


@needs_dot
def test_a_notebook_may_have_a_png_too():
    bundle = network_drawing(options=DrawOptions(notebook_png=True))._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert "image/png" not in network_drawing()._repr_mimebundle_()


def test_a_picture_is_opened_in_the_browser_only_when_asked(monkeypatch):
    import webbrowser

    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    drawing = network_drawing(options=DrawOptions(engine="builtin"))
    assert opened == []
    drawing.show()
    (address,) = opened
    assert address.startswith("file:///")
    path = address.removeprefix("file://")
    with open(path, encoding="utf-8") as file:
        assert file.read() == drawing.html()
    os.remove(path)


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("view", ["ops", "layers"])
def test_no_label_hides_another_one(direction, view):
    """Of the built-in layout: no two texts of one picture overlap."""
    a, b = parameter(3.0, "a"), parameter([1.0, 2.0], "b")
    middle = tg.tanh(a * a + a * 7)
    loss = ((middle * b - middle / 3 + middle) ** 2).sum() + a * middle
    loss.backward()
    options = DrawOptions(engine="builtin")
    for make in (functools.partial(draw, loss), network_drawing):
        drawing = make(direction=direction, view=view, options=options)
        root = ElementTree.fromstring(drawing.svg())
        texts = []
        for element in root.find(SVG + "g").find(SVG + "g").iter(SVG + "text"):
            size, text = float(element.get("font-size")), element.text.strip("\xa0")
            width = 0.5 * size * len(text)  # rather narrow: nothing is to be found by mistake
            x = float(element.get("x"))
            x -= {"middle": width / 2, "end": width}.get(element.get("text-anchor"), 0)
            y = float(element.get("y"))
            texts.append((x, y - 0.7 * size, x + width, y, text))
        assert len(texts) > 20
        for number, one in enumerate(texts):
            for other in texts[:number]:
                apart = one[0] >= other[2] or other[0] >= one[2]
                assert apart or one[1] >= other[3] or other[1] >= one[3], (one, other)
