"""Pictures of graphs: the program `dot`, its absence and its failures, files, and hostile names."""

import os
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from nn import MLP, SGD, Linear, Module, softmax_cross_entropy
from tinygrad_edu import Tensor
from tinygrad_edu.drawing import DrawOptions, RenderError, dot_text, draw

from ..hostile_names import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
needs_dot = pytest.mark.skipif(
    shutil.which("dot") is None, reason="needs Graphviz: dot is not on PATH"
)

LABELS = [f"name {number}" for number in range(len(HOSTILE))]


def small_graph(name=None):
    x = Tensor([[1.0, -2.0]], name=name)
    w = Tensor([[0.5], [0.75]], requires_grad=True, name="w")
    loss = ((x @ w) ** 2).sum()
    loss.backward()
    return x, w, loss


def small_drawing(name=None, **settings):
    return draw(small_graph(name)[2], **settings)


def network_drawing(**settings):
    net = MLP([2, 3, 2], seed=0)
    x = Tensor(np.random.default_rng(0).normal(size=(4, 2)), dtype="float32", name="x")
    loss = softmax_cross_entropy(net(x), np.array([0, 1, 1, 0]))
    loss.backward()
    return draw(loss, names={"net": net, "loss": loss}, **settings)


def groups(svg):
    """The nodes of a picture: the group of each, by its own id without the prefix."""
    root = ElementTree.fromstring(svg)
    found = {}
    for group in root.iter(SVG + "g"):
        if "node" in group.get("class", "").split():
            found[group.get("id").rpartition("-")[2]] = group
    return found


def visible(group):
    """The text of a group, line by line, with ordinary blanks."""
    return [
        " ".join("".join(text.itertext()).replace("\xa0", " ").split())
        for text in group.iter(SVG + "text")
    ]


# SVG -------------------------------------------------------------------------------------------


@needs_dot
def test_svg_is_self_contained_in_a_page(tmp_path):
    drawing = network_drawing(title="a lesson")
    text = drawing.save(tmp_path / "g.svg").read_text(encoding="utf-8")
    assert text.startswith("<svg ")
    assert "DOCTYPE" not in text
    assert "<!--" not in text
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img"
    assert root.find(SVG + "title").text == "a lesson"
    assert "4 parameters" in root.find(SVG + "desc").text
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert os.listdir(tmp_path) == ["g.svg"]


@needs_dot
def test_parts_are_described_in_sentences():
    drawing = network_drawing()
    titles = {
        group.get("id").rpartition("-")[2]: group.find(SVG + "title").text
        for group in ElementTree.fromstring(drawing.svg()).iter(SVG + "g")
        if group.find(SVG + "title") is not None
    }
    weight = next(t for t in drawing.graph.tensors if t.name == "linear1.weight")
    assert titles[weight.id] == (
        f"parameter linear1.weight · W1, shape 2 by 3, gradient norm {weight.grad_norm}"
    )
    assert titles["o0"] == "operation linear, x @ W1 + b1"
    assert titles["m1"] == "module linear1 Linear(2 -> 3)"
    assert titles["o0f0"] == "x goes into linear as input"
    assert titles["o0b2"] == "gradient goes from linear to linear1.bias, sum axis 0"
    assert set(titles) > {n.id for n in (*drawing.graph.tensors, *drawing.graph.operations)}


@needs_dot
def test_two_pictures_in_one_page_share_no_id():
    first, second = (
        network_drawing().svg(),
        network_drawing(options=DrawOptions(legend=False)).svg(),
    )
    ids = [re.findall(r' id="([^"]*)"', svg) for svg in (first, second)]
    assert len(ids[0]) == len(set(ids[0])) > 10
    assert not set(ids[0]) & set(ids[1])


@needs_dot
def test_svg_does_not_change_with_the_tensors():
    _, w, loss = small_graph()
    drawing, early = draw(loss), draw(loss).svg()
    loss.backward()
    SGD([w], 0.1).step()
    assert drawing.svg() == early
    assert draw(loss).svg() != early


def height_of(svg, name):
    for group in groups(svg).values():
        if visible(group)[0] == name:
            return float(next(group.iter(SVG + "text")).get("y"))
    raise AssertionError(name)


class Between(Module):
    """Combines its parameters, whose order the picture is to keep."""

    def __init__(self, combine):
        self.a = Tensor([5.0], requires_grad=True)
        self.b = Tensor([3.0], requires_grad=True)
        self.combine = combine

    def forward(self):
        return self.combine(self.a, self.b)


@needs_dot
@pytest.mark.parametrize("backward", [False, True])
def test_the_first_operand_is_the_upper_one(backward):
    a = Tensor(5.0, requires_grad=True, name="a")
    b = Tensor(3.0, requires_grad=True, name="b")
    for output, upper, lower in ((a - b, "a", "b"), (b - a, "b", "a"), (b / a, "b", "a")):
        svg = draw(output, options=DrawOptions(backward=backward)).svg()
        assert height_of(svg, upper) < height_of(svg, lower)
    for combine, upper, lower in (
        (lambda a, b: a - b, "a", "b"),
        (lambda a, b: b - a, "b", "a"),
    ):
        svg = draw(Between(combine)(), options=DrawOptions(backward=backward)).svg()
        assert height_of(svg, upper) < height_of(svg, lower)


# Files -----------------------------------------------------------------------------------------


@needs_dot
def test_every_format_is_saved(tmp_path):
    drawing = network_drawing()
    starts = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<svg", "dot": b"digraph", "gv": b"dig"}
    for ending, start in {**starts, "json": b"{", "txt": b"Computation"}.items():
        path = drawing.save(tmp_path / f"g.{ending.upper()}")
        assert path.read_bytes().startswith(start)
    assert len(os.listdir(tmp_path)) == 7


def test_other_endings_are_refused(tmp_path):
    for name in ("g.bmpx", "g", "svg"):
        with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf"):
            small_drawing().save(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        small_drawing().save(tmp_path / "no" / "g.dot")
    assert os.listdir(tmp_path) == []


@needs_dot
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_dot_says_nothing_about_the_text(direction):
    drawing = network_drawing(direction=direction)
    done = subprocess.run(
        ["dot", "-Tsvg"], input=drawing.dot.encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_to_graphviz():
    graphviz = pytest.importorskip("graphviz")
    source = small_drawing().to_graphviz()
    assert isinstance(source, graphviz.Source)
    assert source.source == small_drawing().dot


def test_to_graphviz_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match="pip install graphviz"):
        draw(Tensor(1.0)).to_graphviz()


@needs_dot
def test_the_legend_is_inside_the_file():
    drawing = network_drawing()
    assert ">operation<" in drawing.svg()
    assert ">operation<" not in network_drawing(options=DrawOptions(legend=False)).svg()


# Notebooks -------------------------------------------------------------------------------------


@needs_dot
def test_a_notebook_gets_picture_and_table():
    drawing = network_drawing()
    bundle = drawing._repr_mimebundle_()
    assert bundle["image/svg+xml"] == drawing.svg()
    assert bundle["text/plain"] == drawing.table()


# Hostile names ---------------------------------------------------------------------------------


def check_hostile(drawing, named_id, plain_ids):
    """The name is text in one node, and nothing else in the picture has changed."""
    svg = drawing.svg()
    found = groups(svg)
    assert set(found) == plain_ids
    shown = next(t.name for t in drawing.graph.tensors if t.id == named_id)
    assert visible(found[named_id])[0] == shown
    for word in ("<script", "javascript:", "<image", "href"):
        assert word not in svg


@needs_dot
@pytest.mark.parametrize("name", HOSTILE, ids=LABELS)
def test_hostile_names_are_only_text(name):
    plain = set(groups(small_drawing("x").svg()))
    check_hostile(small_drawing(name), "t0", plain)
    x, w, loss = small_graph()
    check_hostile(draw(loss, names={name: x}), "t0", plain)
    check_hostile(draw(loss, names={name: w}), "t1", plain)
    draw(loss, names={name: x})._repr_mimebundle_()


@needs_dot
def test_a_name_of_a_megabyte():
    drawing = small_drawing("<b>" * 350_000)
    assert len(drawing.dot) < 20_000
    check_hostile(drawing, "t0", set(groups(small_drawing("x").svg())))


@needs_dot
@pytest.mark.parametrize("name", HOSTILE, ids=LABELS)
def test_hostile_titles_and_modules_are_only_text(name):
    class Odd(Module):
        def __init__(self):
            self.inner = Linear(2, 1, dtype=float, generator=np.random.default_rng(0))
            self.inner.describe = lambda: name

        def forward(self, x):
            return self.inner(x)

        def describe(self):
            return name

    odd = Odd()
    drawing = draw(odd(np.ones((1, 2))), title=name, names={name: odd})
    svg = drawing.svg()
    assert set(groups(svg)) == {"t0", "t1", "t2", "t3", "o0"}
    assert "<script" not in svg
    assert name.strip() == "" or drawing.graph.title


@needs_dot
def test_the_hostile_test_notices_missing_escapes(monkeypatch):
    plain = set(groups(small_drawing("x").svg()))
    monkeypatch.setattr(dot_text, "_html", lambda text: text or " ")
    missed = []
    for name in HOSTILE:
        try:
            check_hostile(small_drawing(name), "t0", plain)
            missed.append(name)
        except (AssertionError, RenderError):
            pass
    assert len(missed) < len(HOSTILE) - 7
