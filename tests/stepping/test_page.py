"""The page as a file: what is in it and what is not, without a browser."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

import tinygrad_edu.stepping as stepping
from nn import Linear, Module
from tinygrad_edu import Tensor
from tinygrad_edu.documents import Section, code
from tinygrad_edu.documents.html import formula_html
from tinygrad_edu.drawing.layers import layers_picture
from tinygrad_edu.drawing.options import DrawOptions
from tinygrad_edu.drawing.words import full_name
from tinygrad_edu.explaining.inline import formula
from tinygrad_edu.stepping import Stepper
from tinygrad_edu.stepping.page_figure import figure
from tinygrad_edu.stepping.page_states import as_ranges, first_lit, lights, result_versions
from tinygrad_edu.stepping.page_text import panels
from tinygrad_edu.stepping.steps import Stage, Step, Story
from tinygrad_edu.texts import gradient_text

from ..hostile_names import HOSTILE
from .pages import complete, reference, reference_network, scalars

VOID = {"meta", "input", "br", "link", "img"}


class Outline(HTMLParser):
    """All elements of a page, with their attributes and their own text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(page)
        self.close()
        assert self.open == [], "elements that are not closed"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        self.elements.append([tag, dict(attrs), "", [name for name, _ in self.open]])
        if tag not in VOID:
            self.open.append((tag, len(self.elements) - 1))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if self.open:
            self.elements[self.open[-1][1]][2] += data

    def all(self, tag, **attributes):
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [
            (own, text)
            for name, own, text, _ in self.elements
            if name == tag and wanted.items() <= own.items()
        ]


@pytest.fixture(scope="module")
def page():
    return reference().html()


@pytest.fixture(scope="module")
def outline(page):
    return Outline(page)


# Check 26: size, sameness, privacy -------------------------------------------------------------


def test_the_reference_page_is_small(page):
    size = len(page.encode())
    assert size <= 120_000, f"{size:,} bytes"
    empty = Outline(page)
    own = sum(len(empty.all(tag)[0][1].encode()) for tag in ("style", "script"))
    assert own <= 34_000, "style sheet and script; the template has 6,000 more"


@pytest.mark.needs("processes")
def test_two_exports_are_the_same_byte_for_byte():
    program = "import hashlib; from tests.stepping.pages import complete;"
    program += "print(hashlib.sha256(complete().html().encode()).hexdigest())"
    here = hashlib.sha256(complete().html().encode()).hexdigest()
    there = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert here == there


def test_nothing_leads_out_of_the_page(page):
    without = page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http://" not in without
    assert "https://" not in without
    # No place of this machine: neither the package's nor the user's own.
    for place in (stepping.__path__[0], sys.prefix, Path.cwd(), Path.home(), tempfile.gettempdir()):
        assert f"{place}{os.sep}" not in page
    assert not re.search(r"\b20\d\d-\d\d|0x[0-9a-f]{6}|\d\d:\d\d", page)
    assert "href=" not in page.split("<script>")[0]
    assert "src=" not in page
    assert ' style="' not in page


# Check 38 and the policy -----------------------------------------------------------------------


def test_the_script_writes_no_markup_and_evaluates_nothing(outline):
    [(_, script)] = outline.all("script")
    found = re.search(
        r"innerHTML|outerHTML|insertAdjacent|eval\(|document\.write|Function\(", script
    )
    assert found is None
    assert "localStorage" not in script
    assert "cookie" not in script


def test_the_policy_names_this_script_and_this_style_sheet(outline):
    [(policy, _)] = outline.all("meta", http_equiv="Content-Security-Policy")
    for tag in ("script", "style"):
        [(_, text)] = outline.all(tag)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy["content"]
    assert policy["content"].startswith("default-src 'none'")
    assert "unsafe" not in policy["content"]


# Structure -------------------------------------------------------------------------------------


def test_ids_are_unique_and_references_lead_somewhere(outline):
    ids = [own["id"] for _, own, _, _ in outline.elements if "id" in own]
    assert len(ids) == len(set(ids))
    for _, own, _, _ in outline.elements:
        for name in ("aria-labelledby", "aria-describedby", "data-inputs", "data-next"):
            for target in own.get(name, "").split():
                assert target in ids, f"{name} of {own}"


def test_check_28_steps_are_the_operations_there_and_back():
    story = complete().story
    operations = len(story.graph.operations)
    reached = {step.operation for step in story.steps if step.kind == "backward"}
    steps = [step for step in story.steps if step.ends_operation]
    assert len(steps) == 1 + operations + 1 + len(reached) + 1 + 1
    assert f"{len(steps)} steps" in repr(complete())


def test_check_36_without_a_script_the_last_step_is_shown(outline):
    """Exactly what is seen at the last step carries no class `off`."""
    last = len(reference().story.steps) - 1
    timed = [own for _, own, _, _ in outline.elements if {"data-from", "data-to"} & own.keys()]
    assert len(timed) > 60
    for own in timed:
        seen = int(own.get("data-from", 0)) <= last <= int(own.get("data-to", last))
        hidden = "off" in own.get("class", "").split()
        assert hidden != (seen and own.get("data-detail") != "edge"), own
    shown = [own for own, _ in outline.all("section") if own.get("class") == "panel"]
    assert len(shown) == 1


def test_nodes_are_buttons_with_sentences(outline):
    nodes = [own for own, _ in outline.all("g", role="button")]
    assert len(nodes) > 20
    labels = {own["id"]: own["aria-label"] for own in nodes}
    assert labels["t1"] == "parameter linear1.weight · W1, shape 2 by 3"
    assert labels["o0"].startswith("operation linear")
    assert labels["L-m1"].startswith("module linear1")
    assert all(own["tabindex"] == "-1" for own in nodes)
    roots = outline.all("svg", role="graphics-document document")
    assert len(roots) == 2
    for root, _ in roots:
        for name, tag in (("aria-labelledby", "title"), ("aria-describedby", "desc")):
            assert outline.all(tag, id=root[name])[0][1]


def test_the_table_has_a_caption_and_scopes(outline):
    tensors = reference().story.graph.tensors
    assert outline.all("caption")[0][1]
    assert len(outline.all("th", scope="col")) == 5
    assert [text for _, text in outline.all("th", scope="row")] == [full_name(t) for t in tensors]


def test_check_30_gradients_are_written_as_python_writes_them(outline, page):
    net, _ = reference_network()
    texts = [text for own, text in outline.all("span") if "data-from" in own or not own]
    for name, parameter in net.named_parameters():
        assert gradient_text(parameter.grad, True)[0] in texts, name


def test_colours_are_variables_and_all_of_them_are_defined(outline, page):
    [(_, style)] = outline.all("style")
    used = set(re.findall(r"var\((--[\w-]+)\)", page))
    assert used <= set(re.findall(r"(--[\w-]+):", style))
    drawing = page[page.index('data-figure="ops"') : page.index('id="panel"')]
    assert not re.search(r"#[0-9A-Fa-f]{6}", drawing)


def test_check_39_hostile_names_are_text():
    for number, name in enumerate(HOSTILE):
        made = scalars((name, f"second {number}"))
        text = made.html()
        outline = Outline(text)
        assert len(outline.all("script")) == 1
        assert not outline.all("img")
        assert outline.elements[0][0] == "html"
        tensors = made.story.graph.tensors
        assert [text for _, text in outline.all("th", scope="row")] == [
            full_name(t) for t in tensors
        ]
        assert not re.search("[\x00-\x08\x0e-\x1f\u202e\ud800]", text)
        json.loads(made.to_json())


# What a step lights ----------------------------------------------------------------------------


def stepped(kind, operation=None, reads=(), writes=(), edges=(), ends=True, **more):
    return Step(kind, kind, (), (), "", operation, reads, writes, edges, ends, **more)


def story_of(*steps):
    story = scalars().story
    return Story(story.graph, steps, {"t2": 1}, {"t0": (Stage(2, "3", "1 of 2"),)}, {}, ())


def test_a_whole_operation_lights_what_its_steps_light():
    story = story_of(
        stepped("overview"),
        stepped("forward", "o0", ("t0", "t1"), ("t2",), ("o0f0", "o0f")),
        stepped("backward", "o0", ("t2",), ("t0",), ("o0b0",), ends=False),
        stepped("backward", "o0", ("t2",), ("t1",), ("o0b1",)),
    )
    found = lights(story)
    assert found["o0"] == {"data-lit": "1-3"}
    assert found["t0"] == {"data-lit": "2", "data-lit-op": "3", "data-ring": "1"}
    assert found["t1"] == {"data-lit": "3", "data-ring": "1"}
    assert first_lit(story) == {"o0f0": 1, "o0f": 1, "o0b0": 2, "o0b1": 3}


def test_what_an_operation_has_lit_is_not_ringed_at_its_end():
    story = story_of(
        stepped("backward", "o0", (), ("t0",), ends=False),
        stepped("backward", "o0", ("t0",), ("t1",)),
    )
    expected = {"data-lit": "0", "data-lit-op": "1", "data-ring": "1", "data-ring-op": ""}
    assert lights(story)["t0"] == expected


def test_texts_follow_each_other_without_a_gap():
    story = story_of(*(stepped("overview") for _ in range(4)))
    spans = [(one.text, one.first, one.last) for one in result_versions(story, "t0", "gradient")]
    assert spans == [("not computed", 0, 1), ("3", 2, None)]
    spans = [(one.text, one.first, one.last) for one in result_versions(story, "t2", "value")]
    assert spans == [("not yet", 0, 0), ("-6", 1, None)]
    [always] = result_versions(story, "t1", "gradient")
    assert (always.text, always.first, always.last) == (story.graph.tensors[1].grad, 0, None)
    assert as_ranges([5, 1, 2, 3]) == "1-3 5"


def test_a_contribution_is_seen_from_the_step_that_brings_it():
    story = scalars().story
    first = first_lit(story)
    root = figure(story, "ops")
    labels = [part for part in root.iter("g") if part.get("class", "").startswith("label")]
    found = sorted((label.find("text").text, int(label.get("data-from"))) for label in labels)
    expected = [
        (edge.contribution, first[f"{edge.target}b{edge.position}"])
        for edge in story.graph.edges
        if edge.contribution
    ]
    assert len(expected) == 9
    assert found == sorted(expected)


def test_a_gradient_that_never_comes_is_never_seen():
    root = figure(story_of(stepped("overview"), stepped("seed")), "ops")
    ways = [part for part in root.iter("g") if part.get("class", "").split()[-2:-1] == ["bwd"]]
    assert len(ways) > 5
    assert all("off" in way.get("class").split() for way in ways)
    assert all(int(way.get("data-from")) == 2 for way in ways)


def test_lines_are_set_in_columns_and_formulas_without_latex():
    matrix = code("shape (2, 2): [[1 2]\n" + " " * 14 + "[3 4]]")
    lines = (
        ["d out / d x = ", formula("g @ W.T")],
        ["  upstream g         ", code("1 < 2")],
        ["    ", "plain"],
        ["x: ", matrix],
        [code("[[1]\n [2]]")],
    )
    step = Step("overview", "a <b>", (Section("A & B", lines), Section("", (["end"],))))
    text = panels(story_of(step))
    assert "a &lt;b&gt;</h2><h3>A &amp; B</h3>" in text
    assert '<span class="formula"><i>g</i> @ <i>W</i><sup>T</sup></span>' in text
    assert '<div class="line in1 pair"><div>upstream g</div><div><code>1 &lt; 2<' in text
    assert '<div class="line in2">plain</div>' in text
    assert "<code>shape (2, 2)</code><pre>[[1 2]\n[3 4]]</pre>" in text
    assert "<pre>[[1]\n [2]]</pre>" in text
    assert formula_html("a < exp(b2)") == "<i>a</i> &lt; exp(<i>b2</i>)"


def test_layers_light_up_for_what_happens_inside(outline):
    story = reference().story
    picture = layers_picture(story.graph, DrawOptions(), backward=True)
    boxes = [card.id for card in picture.cards if card.role == "module"]
    lit = {own["id"]: own.get("data-lit", "") for own, _ in outline.all("g", role="button")}
    assert len(boxes) == 3
    for box in boxes:
        assert lit[f"L-{box}"], box
    ways = [own for own, _ in outline.all("g") if "edge" in own.get("class", "")]
    layered = [own for own in ways if own["id"].startswith("L-") and "bwd" in own["class"]]
    assert [own for own in layered if "off" not in own["class"].split()]


class Block(Module):
    """A layer whose input is added to its output: an operation next to a module."""

    def __init__(self):
        super().__init__()
        self.inner = Linear(2, 2)

    def forward(self, x):
        return x + self.inner(x)


def test_an_operation_next_to_a_module_stays_an_operation():
    block, x = Block(), Tensor([[1.0, 2.0]], requires_grad=True, name="x")
    story = stepping.stepper(block(x).sum(), model=block, names={"block": block}).story
    root = figure(story, "layers")
    nodes = {part.get("id"): part for part in root.iter("g") if "node" in part.get("class", "")}
    (added,) = [op.id for op in story.graph.operations if op.name == "add"]
    assert f"L-{added}" in nodes
    (inner,) = [call.id for call in story.graph.calls if call.name == "inner"]
    forward = [place for place, step in enumerate(story.steps) if step.operation == added]
    assert nodes[f"L-{added}"].get("data-lit").split()[0] == str(forward[0])
    assert nodes[f"L-{inner}"].get("data-next") == f"L-{added}"
    ways = [part for part in root.iter("g") if "bwd" in part.get("class", "")]
    assert ways
    assert all("off" not in way.get("class").split() for way in ways)


# The object ------------------------------------------------------------------------------------


def test_save_writes_the_page_or_nothing(tmp_path):
    made = scalars()
    path = made.save(tmp_path / "s.html")
    assert path.read_text(encoding="utf-8") == made.html()
    for wrong in ("s.svg", "s", "s.htm"):
        with pytest.raises(ValueError, match=r"saved as \.html, got"):
            made.save(tmp_path / wrong)
    with pytest.raises(FileNotFoundError, match="create it first"):
        made.save(tmp_path / "absent" / "s.html")
    assert [one.name for one in tmp_path.iterdir()] == ["s.html"]


def test_large_pages_warn_and_too_large_ones_are_refused(tmp_path, monkeypatch):
    made, path = scalars(), tmp_path / "s.html"
    monkeypatch.setattr(stepping, "LARGE", 10_000)
    with pytest.warns(UserWarning, match=r"the page has 0\.1 MB, which is slow"):
        made.save(path)
    path.unlink()
    monkeypatch.setattr(stepping, "TOO_LARGE", 20_000)
    with pytest.raises(ValueError, match="pass force=True"):
        made.save(path)
    assert not path.exists()
    with pytest.warns(UserWarning, match="slow"):
        made.save(path, force=True)
    assert path.exists()


def test_a_notebook_gets_a_frame_and_a_table():
    made = scalars()
    bundle = made._repr_mimebundle_()
    outline = Outline(bundle["text/html"])
    [(frame, _)] = outline.all("iframe")
    assert frame["srcdoc"] == made.html()
    assert frame["sandbox"] == "allow-scripts allow-downloads"
    assert frame["title"] == "Numbers"
    assert frame["loading"] == "lazy"
    assert "resize:vertical" in frame["style"]
    assert outline.all("pre")[0][1] == made.table()
    assert made.table() in bundle["text/plain"]


def test_a_notebook_never_gets_a_traceback():
    broken = Stepper(None)
    assert list(broken._repr_mimebundle_()) == ["text/plain"]
    assert "there is no page" in broken._repr_mimebundle_()["text/plain"]
