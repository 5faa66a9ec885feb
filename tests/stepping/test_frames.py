"""Tests what the frames of a story show: as many as steps, at rest, and equal to the page."""

import json
import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import numpy as np
import pytest

from nn import MLP, softmax_cross_entropy
from tinygrad_edu import Tensor
from tinygrad_edu.documents import Section, code
from tinygrad_edu.drawing.svg_figure import letters_without_glyph, svg_figure
from tinygrad_edu.palette import LIGHT
from tinygrad_edu.stepping import frames as frames_module
from tinygrad_edu.stepping import stepper
from tinygrad_edu.stepping.slide import Slides
from tinygrad_edu.stepping.slide_text import in_columns, wrapped

from .pages import complete, reference, scalars, squeezed

SVG = "{http://www.w3.org/2000/svg}"


def network(rows=4, structure=(2, 3, 2)):
    generator = np.random.default_rng(8)
    net = MLP(list(structure), generator=generator)
    x = Tensor(generator.normal(size=(rows, structure[0])), name="x")
    loss = softmax_cross_entropy(net(x), generator.integers(0, structure[-1], rows))
    return stepper(loss, model=net, title="A network")


def exported(page, folder, **options):
    return page.export(folder, **{"formats": ["svg"], "animation": None} | options)


def root_of(path):
    return ElementTree.fromstring(path.read_text("utf-8"))


def text_of(element):
    return squeezed(" ".join(part.text or "" for part in element.iter(f"{SVG}text")))


def parts_of(root):
    """All parts of the graph, by the ids that the page has."""
    named = (part for part in root.iter(f"{SVG}g") if part.get("id"))
    return {part.get("id").split("-", 2)[2]: part for part in named}


# What frames show -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [scalars, complete, network])
def test_there_is_a_frame_for_each_step_and_its_sentence(make, tmp_path):
    page = make()
    frames = exported(page, tmp_path / "frames")
    many = len(page.story.steps)
    assert len(frames) == many == len(frames.svg)
    assert frames.steps == tuple(range(1, many + 1))
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [
        *(f"frame-{number:03}.svg" for number in range(1, many + 1)),
        "frames.json",
    ]
    for number, (path, step) in enumerate(zip(frames.svg, page.story.steps, strict=True), 1):
        shown = text_of(root_of(path))
        assert squeezed(step.sentence) in shown
        assert f"step {number} of {many}" in shown


def states_of(page, number):
    """Value and gradient of each tensor at a step, from the table of the page."""
    found = {}
    for row in re.findall(r"<tr data-row=.*?</tr>", page.html(), re.S):
        body = ElementTree.fromstring(row)
        seen = []
        for cell in body.findall("td")[2:]:
            for span in cell.findall("span"):
                first, last = int(span.get("data-from", 0)), int(span.get("data-to", 10**6))
                if first <= number <= last:
                    seen.append(squeezed(span.text))
        found[body.get("data-row")] = seen
    return found


def check_states(page, path, number):
    parts = parts_of(root_of(path))
    roles = {tensor.id: tensor.role for tensor in page.story.graph.tensors}
    for name, (value, gradient) in states_of(page, number).items():
        shown = text_of(parts[name])
        assert value in shown, f"{name} is {value}, the frame shows {shown}"
        if roles[name] not in ("input", "constant"):
            assert gradient in shown, f"the gradient of {name} is {gradient}, not {shown}"


@pytest.mark.parametrize("make", [scalars, network])
def test_states_are_those_of_the_page_at_each_step(make, tmp_path):
    page = make()
    for number, path in enumerate(exported(page, tmp_path).svg):
        check_states(page, path, number)


def test_the_states_of_another_step_are_noticed(tmp_path):
    page = scalars()
    frames = exported(page, tmp_path).svg
    caught = 0
    for number in range(1, len(frames)):
        try:
            check_states(page, frames[number - 1], number)
        except AssertionError:
            caught += 1
    # Some steps only add what contains the text before: 1 and 1.5, or nothing at all: 0 and -0.
    assert caught >= 0.8 * (len(frames) - 1)


def outlines(root):
    """Where each box is."""
    found = {}
    for name, part in parts_of(root).items():
        if "node" in part.get("class"):
            shape = next(one for one in part if one.tag in (f"{SVG}rect", f"{SVG}ellipse"))
            places = ("x", "y", "width", "height", "cx", "cy", "rx", "ry")
            found[name] = tuple(shape.get(place) for place in places)
    return found


def test_nothing_moves_from_frame_to_frame(tmp_path):
    roots = [root_of(path) for path in exported(network(), tmp_path).svg]
    assert (
        len({(root.get("viewBox"), root.get("width"), root.get("height")) for root in roots}) == 1
    )
    assert roots[0].get("viewBox") == "0 0 1920 1080"
    places = [outlines(root) for root in roots]
    assert len(places[0]) > 10
    assert all(place == places[0] for place in places)
    # The groups that move and enlarge the graph.
    assert len({re.findall(r'transform="(scale[^"]*)"', ElementTree.tostring(root, "unicode"))[0]
                for root in roots}) == 1  # fmt: skip


def test_what_a_step_changes_is_lit_and_what_it_reads_is_ringed(tmp_path):
    page = scalars()
    for path, step in zip(exported(page, tmp_path).svg, page.story.steps, strict=True):
        lit = {*step.writes, *step.edges} | ({step.operation} if step.operation else set())
        widths = {"lit": set(), "ringed": set()}
        for name, part in parts_of(root_of(path)).items():
            looks = [(one.get("stroke-width"), one.get("stroke-dasharray")) for one in part]
            if any(width in ("3", "3.5") for width, _ in looks[:1]):
                widths["lit"].add(name)
            if ("2.5", "2,4") in looks:
                widths["ringed"].add(name)
        thick = {one.id for one in page.story.graph.tensors if one.role in ("loss", "output")}
        assert widths["lit"] - thick == lit - thick
        assert widths["ringed"] == set(step.reads) - lit


def test_lines_back_appear_with_their_gradients(tmp_path):
    page = scalars()
    backward = [
        {name for name, part in parts_of(root_of(path)).items() if "bwd" in part.get("class")}
        for path in exported(page, tmp_path).svg
    ]
    seed = next(n for n, step in enumerate(page.story.steps) if step.kind == "seed")
    assert not any(backward[: seed + 1])
    assert all(before <= after for before, after in pairwise(backward))
    assert backward[-1]


@pytest.mark.parametrize(
    ("only", "kinds"), [("forward", {"forward"}), ("backward", {"seed", "backward"})]
)
def test_one_pass_alone_keeps_the_numbers_of_the_steps(only, kinds, tmp_path):
    page = scalars()
    frames = exported(page, tmp_path, only=only)
    assert {page.story.steps[step - 1].kind for step in frames.steps} == kinds
    many = sum(step.kind in kinds for step in page.story.steps)
    assert len(frames) == many == len(list(tmp_path.glob("*.svg")))
    assert f"step {frames.steps[0]} of {len(page.story.steps)}" in text_of(root_of(frames.svg[0]))
    listed = json.loads((tmp_path / "frames.json").read_text("utf-8"))
    assert [one["step"] for one in listed["frames"]] == list(frames.steps)
    assert listed["frames"][0]["sentence"] == page.story.steps[frames.steps[0] - 1].sentence


def test_letters_are_large(tmp_path):
    frames = exported(network(), tmp_path)
    smallest, texts = [], []
    for path in frames.svg:
        root = root_of(path)
        scale = float(re.search(r"scale\(([\d.]+)\)", path.read_text("utf-8"))[1])
        graph = [
            float(text.get("font-size"))
            for part in parts_of(root).values()
            for text in part.iter(f"{SVG}text")
        ]
        smallest.append(min(graph) * scale / 1080)
        others = root.findall(f"{SVG}g[@class]/{SVG}text")
        texts.append(min(float(text.get("font-size")) for text in others))
    assert min(texts) >= 20
    assert np.median(texts) >= 24
    assert np.allclose(smallest, frames.letters, rtol=1e-3)
    assert frames.letters > 0.012


def test_text_stays_on_the_canvas(tmp_path):
    for path in exported(complete(), tmp_path).svg:
        for text in root_of(path).findall(f"{SVG}g[@class='text']/{SVG}text"):
            assert 48 <= float(text.get("x")) < 1872
            assert float(text.get("y")) < 1080 - 50


def test_what_has_no_room_is_counted(tmp_path):
    """The text of an update is long."""
    shown = text_of(root_of(exported(complete(), tmp_path).svg[-1]))
    assert re.search(r"… \d+ more on the page", shown)


def test_a_graph_by_layers(tmp_path):
    frames = exported(network(), tmp_path, view="layers", theme="dark")
    assert "linear1" in text_of(root_of(frames.svg[0]))
    with pytest.raises(ValueError, match="needs modules, and this graph has none; use view='ops'"):
        exported(scalars(), tmp_path / "none", view="layers")
    assert not (tmp_path / "none").exists()


def test_a_large_network_has_its_shapes_and_means(tmp_path):
    page = network(rows=9, structure=(30, 40, 3))
    for number, path in enumerate(exported(page, tmp_path).svg):
        parts = parts_of(root_of(path))
        for name, (_, gradient) in states_of(page, number).items():
            if name in ("t3", "t4"):
                assert gradient in text_of(parts[name])
                assert "shape (9, 40)" in text_of(parts[name])


def test_a_graph_that_is_too_large_is_refused_before_anything_is_written(tmp_path):
    deep = network(structure=(2, *[4] * 9, 2))
    with pytest.raises(ValueError, match=r"0\.\d% of the height.*use view='layers'"):
        exported(deep, tmp_path / "deep")
    total = Tensor(1.0, requires_grad=True)
    for _ in range(40):
        total = total * 2
    with pytest.raises(ValueError, match="use a smaller graph, or step through an earlier tensor"):
        exported(stepper(total), tmp_path / "deep")
    assert not (tmp_path / "deep").exists()


# Parts ------------------------------------------------------------------------------------------


def test_the_figure_of_an_svg():
    source = (
        '<svg viewBox="0 0 40 20"><title>t</title><g transform="translate(20 0) scale(2)">'
        '<rect x="0" y="0" width="10" height="5" fill="#ff0000"/>'
        '<path d="M0,6 L10,6 L10,10 L0,10 Z" fill="#0000ff"/></g>'
        '<rect x="0" y="0" width="20" height="20" rx="6" fill="#00ff00"/></svg>'
    )
    figure = svg_figure(ElementTree.fromstring(source), 7.5)
    image = np.asarray(frames_module._pixels(figure, (400, 200)))
    assert image[50, 300].tolist() == [255, 0, 0]
    assert image[160, 300].tolist() == [0, 0, 255]
    assert image[100, 100].tolist() == [0, 255, 0]
    assert image[2, 2].tolist() == [255, 255, 255], "a round corner"


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("<image/>", "<image>"),
        ('<g transform="rotate(90)"/>', r"transform='rotate\(90\)'"),
        ('<path d="M0,0 Q1,1 2,2"/>', "'Q' in a path"),
        ('<path d="M0,0 L1,1 2,2"/>', "'2' in a path"),
    ],
)
def test_a_part_that_the_painter_does_not_write_is_an_error(part, found):
    root = ElementTree.fromstring(f'<svg viewBox="0 0 1 1">{part}</svg>')
    with pytest.raises(ValueError, match=f"does not write {found}"):
        svg_figure(root, 1.0)


def test_letters_of_the_story_have_glyphs():
    assert letters_without_glyph("δΔσΣₖₙ∂×·→⚠‖ᵀ²… θ η µ ≤ −") == ""
    assert letters_without_glyph("字") == "字"


def test_long_sentences_and_words_are_cut_not_lost(tmp_path):
    names = [Tensor(1.0, requires_grad=True, name=f"a{n} " + "wide" * 20) for n in range(2)]
    slides = Slides(stepper(names[0] * names[1]).story, "ops", LIGHT, 16 / 9)
    step = slides.story.steps[1]
    long = type(step)(step.kind, "word " * 200, step.sections, operation=step.operation)
    slides.story = type(slides.story)(
        slides.story.graph, (slides.story.steps[0], long), *[{}] * 3, ()
    )
    del slides.__dict__["_sentence_size"]
    shown = [part.text for part in slides.slide(1).iter("text")]
    assert sum(text.endswith("…") for text in shown) == 1
    assert all(len(line) < 40 for line in wrapped("x" * 500, 300, 20))


def test_a_line_of_code_that_is_wider_than_the_canvas_is_wrapped():
    words, _ = in_columns([Section("A", ([code("12 + " * 30 + "x")],))], 400, 400, 20)
    texts = [word.text for word in words[1:]]
    assert "".join(texts).replace(" ", "") == "12+" * 30 + "x"
    assert max(map(len, texts)) * 20 * 0.605 <= 400


def test_columns_do_not_break_an_array():
    sections = reference().story.steps[2].sections
    for size in (20, 26, 34):
        words, _ = in_columns(sections, 1800, 260, size)
        columns = {}
        for word in words:
            columns.setdefault(word.x, []).append(word.text)
        for texts in columns.values():
            assert not texts[0].lstrip().startswith("[")


def test_a_section_that_is_too_long_is_cut():
    array = "shape (9, 1): " + "\n               ".join(["[[1]", *[" [1]"] * 8])
    words, left_out = in_columns([Section("A", ([code(array)],))], 400, 100, 20)
    assert left_out == 1
    assert words[-1].text == "…"
