"""Names that have broken graph drawings, in every place where a picture takes text from outside.

One graph has the same hostile text at all of them. What is drawn must have the same parts as with
a harmless name, in every format, by both engines and in both views.
"""

import dataclasses
import json
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from nn import Linear, Module
from tinygrad_edu import Tensor
from tinygrad_edu.drawing import DrawOptions, draw
from tinygrad_edu.texts import clean

from ..hostile_names import HOSTILE
from .test_draw_render import LABELS, SVG, needs_dot, visible

NAMES = [*HOSTILE, "<b>" * 350_000]
IDS = [*LABELS, "a megabyte"]
ENGINES = ["builtin", pytest.param("dot", marks=needs_dot)]
SVG_TAGS = {"svg", "title", "desc", "g", "path", "polygon", "ellipse", "text", "rect", "polyline"}
HTML_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "div", "table", "caption"),
    *("thead", "tbody", "tr", "th", "td"),
    *SVG_TAGS,
}


class Net(Module):
    def __init__(self, name):
        setattr(self, name, Linear(2, 2, dtype=float, generator=np.random.default_rng(0)))
        vars(self)[name].describe = lambda: name
        self.table = {name: Linear(2, 1, dtype=float, generator=np.random.default_rng(1))}

    def forward(self, x):
        first, second = (child for _, child in self.named_children())
        return second(first(x))

    def describe(self):
        return next(iter(self.table))


def poisoned(name, view="auto", engine="auto"):
    """Draw a graph with the same text at every place where there can be any."""
    try:
        kind = type(name, (Net,), {})
    except ValueError:  # Python itself refuses some names of classes
        kind = Net
    net = kind(name)
    x = Tensor([[1.0, -2.0]], name=name)
    scale = Tensor([[2.0]], requires_grad=True, name=name)
    product = net(x) * scale
    node = product.node
    node.primitive = dataclasses.replace(
        node.primitive,
        rules=(lambda g, out, a, b, **params: g * b, lambda g, out, a, b, **params: g * a),
        **dict.fromkeys(("name", "symbol", "formula"), name),
        derivatives=(name, name),
    )
    node.params = {name: 1, "mode": name, "parts": (name, slice(None))}
    loss = product.sum()
    loss.backward()
    return draw(
        loss,
        names={name: net, f"{name}loss": loss},
        compare={scale: scale.grad},
        title=name,
        view=view,
        options=DrawOptions(engine=engine, rules=True),
    )


@cache
def harmless(engine, view):
    """The graph with a harmless name, to compare with."""
    return poisoned("plain", engine=engine, view=view)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.attributes, self.text = set(), set(), []

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")


def shape(svg):
    """The parts of a picture: kind, class and id of each group."""
    root = ElementTree.fromstring(svg)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= SVG_TAGS
    for element in root.iter():
        for attribute in element.attrib:
            assert not attribute.lower().startswith("on")
            assert "href" not in attribute
    groups = [
        (g.get("class"), (g.get("id") or "").rpartition("-")[2]) for g in root.iter(SVG + "g")
    ]
    return sorted((css, own) for css, own in groups if css)


def shape_of_graph(text):
    """What is in a snapshot, without its texts."""
    graph = json.loads(text)
    tensors = [(t["id"], t["role"], t["shape"], t["uses"], t["call"]) for t in graph["tensors"]]
    operations = [(o["id"], o["output"], len(o["params"])) for o in graph["operations"]]
    edges = [(e["source"], e["target"], e["position"]) for e in graph["edges"]]
    return tensors, operations, edges, [(c["id"], c["parent"]) for c in graph["calls"]]


def check_text(text):
    """No character that is not text, and none that turns or hides others."""
    text.encode("utf-8")
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b-\u200f\ud800-\udfff]", text
    )
    assert len(text) < 100_000


@pytest.mark.parametrize("view", ["ops", "layers"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_everywhere_at_once(name, engine, view, tmp_path):
    drawing = poisoned(name, engine=engine, view=view)
    plain = harmless(engine, view)
    for ending in ("svg", "html", "dot", "json", "txt"):
        text = drawing.save(tmp_path / f"g.{ending}").read_text(encoding="utf-8")
        check_text(text)
        if ending in ("svg", "html"):
            for word in ("<script", "<img", "<image", "<!--", "]]>"):
                assert word not in text.lower()
    assert shape(drawing.svg()) == shape(plain.svg())
    # Lines of a name without any letter are left out, and nothing else changes.
    assert shape_of_graph(drawing.to_json()) == shape_of_graph(plain.to_json())
    assert len(drawing.table().splitlines()) == len(plain.table().splitlines())
    found, expected = Tags(), Tags()
    found.feed(drawing.html())
    expected.feed(plain.html())
    assert found.found == expected.found <= HTML_TAGS
    assert found.attributes == expected.attributes
    shown = clean(name)
    if shown:
        texts = " ".join(visible(ElementTree.fromstring(drawing.svg())))
        assert " ".join(shown.split()) in texts
        assert shown in "".join(found.text).replace("\xa0", " ")


@needs_dot
@pytest.mark.parametrize("view", ["ops", "layers"])
@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_graphviz_has_nothing_to_say(name, view):
    text = poisoned(name, view=view).dot
    assert text.count("digraph") == 1
    done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_as_keys_of_gradients_to_compare_with(name):
    w = Tensor([1.0, 2.0], requires_grad=True, name=name)
    loss = (w * w).sum()
    loss.backward()
    if not clean(name):
        with pytest.raises(ValueError, match="found '', expected one of these names: t0"):
            draw(loss, compare={name: [2.0, 4.0]})
        return
    assert draw(loss, compare={name: [2.0, 4.0]}).graph.tensors[0].manual == "✓ max|Δ| 0"
    with pytest.raises(ValueError, match="has shape") as caught:
        draw(loss, compare={name: [2.0]})
    check_text(str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_in_messages(name):
    x = Tensor(1.0, requires_grad=True, name=name)
    for settings in (
        {"compare": {f"no {name}": 1.0}},
        {"view": "layers", "options": DrawOptions(expand={f"no {name}"})},
    ):
        with pytest.raises(ValueError, match="no") as caught:
            draw(x * 2, **settings)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 600


def test_the_checks_notice_what_they_are_for():
    with pytest.raises(AssertionError):
        shape('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')
    with pytest.raises(AssertionError):
        shape('<svg xmlns="http://www.w3.org/2000/svg"><g onclick="x"/></svg>')
    for text in ("a\x01b", "abc\u202edef"):
        with pytest.raises(AssertionError):
            check_text(text)
    assert len(NAMES) == 22
    assert sys.getsizeof(NAMES[-1]) > 1_000_000
