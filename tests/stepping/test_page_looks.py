"""Looking at the page in a real headless Chromium: colours, paper, narrow windows, no script.

Every visit is watched, as in `test_page_in_browser`.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from nn import MLP, softmax_cross_entropy
from tinygrad_edu import Tensor
from tinygrad_edu.stepping import stepper

from ..hostile_names import HOSTILE
from .pages import count, scalars, squeezed, step, walk

CONTRAST = """
() => {
  const parse = (text) => {
    const numbers = (text.match(/[\\d.]+/g) || []).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    const alpha = numbers.length > 3 ? numbers[3] : 1;
    return { rgb: numbers.slice(0, 3).map((x) => x * scale), alpha: alpha };
  };
  const light = (rgb) => {
    const linear = (x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.map((x) => linear(x / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (part) => {
    for (let one = part; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.alpha > 0.9) { return color.rgb; }
    }
    return [255, 255, 255];
  };
  const poor = [];
  let seen = 0;
  document.querySelectorAll("body *:not(svg *):not(script):not(option)").forEach((part) => {
    const own = Array.from(part.childNodes).some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || part.closest(":disabled") || !part.getClientRects().length) { return; }
    const [a, b] = [light(parse(getComputedStyle(part).color).rgb), light(ground(part))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    seen += 1;
    if (contrast < 4.5) { poor.push(`${part.outerHTML.slice(0, 80)}: ${contrast.toFixed(2)}`); }
  });
  return { seen, poor };
}
"""
CUT_OFF = """
() => Array.from(document.querySelectorAll("button, .sentence, .count, h1, h3"))
  .filter((part) => part.getClientRects().length && part.scrollWidth > part.clientWidth + 2)
  .map((part) => part.outerHTML)
"""


# Check 36: without a script, and on paper -------------------------------------------------------


def test_without_a_script_graph_and_table_are_seen(visit, saved):
    page = visit(saved["complete"], script=False)
    assert page.locator("[data-figure=ops] svg").is_visible()
    assert page.locator("table").is_visible()
    assert page.locator(".panel:visible").count() == 1
    assert page.locator(".toolbar").is_hidden()
    assert page.locator("noscript").count() == 1
    assert page.locator("g.edge.bwd:visible").count() > 3


def test_paper_gets_the_finished_figure_and_the_table(visit, saved):
    page = visit(saved["complete"], "#step=2")
    assert page.locator("g.edge.bwd:visible").count() == 0
    page.emulate_media(media="print")
    page.wait_for_selector("g.edge.bwd:not(.off)", state="attached")
    assert page.locator(".toolbar").is_hidden()
    assert page.locator(".account").is_hidden()
    assert page.locator("[data-figure=ops] svg").is_visible()
    assert "not computed" not in page.locator("table").inner_text()
    page.emulate_media(media="screen")
    page.wait_for_selector("g.edge.bwd:not(.off)", state="detached")
    assert step(page) == 2


# Check 37: colours, and narrow windows ----------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast(visit, saved, scheme):
    page = visit(saved["complete"], "#step=8&node=t1", color_scheme=scheme)
    for _ in range(3):
        found = page.evaluate(CONTRAST)
        assert found["poor"] == []
        assert found["seen"] > 60
        page.keyboard.press("n")


def test_forced_colours_are_those_of_the_system(visit, saved):
    page = visit(saved["complete"], "#step=8", forced_colors="active")
    fill = "getComputedStyle(document.querySelector('#t1 > rect')).fill"
    assert page.evaluate(fill) == page.evaluate(
        "() => { const own = document.body; own.style.color = 'Canvas';"
        "return getComputedStyle(own).color; }"
    )
    assert len(page.screenshot()) > 20_000


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844), (320, 640)])
def test_no_window_scrolls_sideways_or_cuts_text(visit, saved, width, height):
    page = visit(saved["complete"], "#step=8&node=t1", width=width, height=height)
    look = f"() => [document.documentElement.scrollWidth, ({CUT_OFF})()]"
    seen = walk(page, look)
    assert len(seen) == count(page) - 7
    for wide, cut in seen:
        assert wide <= width
        assert cut == []
    assert page.locator("#next").is_visible()


def test_panes_keep_their_height(visit, saved):
    page = visit(saved["complete"])
    heights = walk(page, "() => document.querySelector('.board').getBoundingClientRect().height")
    assert len(heights) == count(page)
    assert len(set(heights)) == 1


# Check 39, and what leaves the page -------------------------------------------------------------


def test_hostile_names_are_shown_as_text(visit, tmp_path):
    page = visit(scalars().save(tmp_path / "harmless.html"))
    for number, name in enumerate([HOSTILE[1], HOSTILE[2], HOSTILE[18], HOSTILE[20]]):
        made = scalars((name, "b"))
        page.goto(f"file://{made.save(tmp_path / f'{number}.html')}#step=3&node=t0")
        first = made.story.graph.tensors[0].name
        assert squeezed(page.locator("tr[data-row=t0] th").inner_text()) == squeezed(first)
        assert squeezed(page.get_attribute("#t0", "aria-label")) == squeezed(f"parameter {first}")
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 1


def test_the_picture_is_saved_as_it_is_seen(visit, saved, tmp_path):
    page = visit(saved["complete"], "#step=2")
    with page.expect_download() as waiting:
        page.click("#download")
    assert waiting.value.suggested_filename == "step-2.svg"
    waiting.value.save_as(tmp_path / "step.svg")
    text = (tmp_path / "step.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in text
    assert 'class="off' not in text
    words = " ".join(root.itertext())
    assert "not\xa0computed" in words
    assert "linear1.weight" in words


def test_a_link_is_copied_or_offered(visit, saved, browser):
    page = visit(saved["scalars"], "#step=3", permissions=["clipboard-read", "clipboard-write"])
    page.click("#copy")
    page.wait_for_selector("#copied:not(.off)")
    assert "step=3" in page.evaluate("navigator.clipboard.readText()")
    page = visit(saved["scalars"], "#step=3")
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }"
    )
    page.click("#copy")
    page.wait_for_selector("#linking[open]")
    assert page.locator("#link").input_value() == page.url
    page.click("#linked")
    assert page.locator("#linking").is_hidden()


# What is known at a step -----------------------------------------------------------------------


def unfinished():
    """A page of a loss that `backward` was not called on."""
    net = MLP([2, 3, 2], seed=0)
    x = Tensor([[0.5, -1.0], [1.5, 0.25]], name="x", dtype="float32")
    return net, stepper(softmax_cross_entropy(net(x), np.array([0, 1])), model=net)


def test_layers_show_gradients_without_a_backward_before(visit, tmp_path):
    net, made = unfinished()
    page = visit(made.save(tmp_path / "page.html"), "#view=layers&step=99")
    texts = page.locator("[data-figure=layers] g.node text:not(.off)")
    assert not any("computed" in text for text in texts.all_text_contents())
    page.keyboard.press("Home")
    before = [text.replace("\xa0", " ").strip() for text in texts.all_text_contents()]
    assert before.count("not computed") >= 2
    # The numbers are those that a backward pass leaves.
    norms = {node.name: node.norm for node in made.story.graph.tensors if node.role == "parameter"}
    batch = Tensor([[0.5, -1.0], [1.5, 0.25]], dtype="float32")
    softmax_cross_entropy(net(batch), np.array([0, 1])).backward()
    for name, parameter in net.named_parameters():
        assert norms[name] == pytest.approx(np.linalg.norm(parameter.grad), rel=1e-5)


def test_gradients_of_other_passes_are_not_those_of_the_story():
    net, made = unfinished()
    for parameter in net.parameters():
        parameter.grad = np.full(parameter.shape, 1e6, "float32")
    x = Tensor([[0.5, -1.0], [1.5, 0.25]], name="x", dtype="float32")
    again = stepper(softmax_cross_entropy(net(x), np.array([0, 1])), model=net)
    norms = [
        [node.norm for node in one.story.graph.tensors if node.role == "parameter"]
        for one in (made, again)
    ]
    assert norms[0] == norms[1]


def test_the_panel_of_a_tensor_knows_no_more_than_its_step(visit, saved):
    page = visit(saved["scalars"], "#detail=edge")
    names = {one.get_attribute("aria-label"): one for one in page.locator("#canvas g.node").all()}
    (a,) = [node for label, node in names.items() if label.startswith("parameter a")]
    a.dispatch_event("click")
    panel = page.locator(".detail:not(.off)")
    table = page.locator("tr.chosen td.gradient > span:not(.off)")
    seen = []
    while True:
        shown = panel.inner_text()
        cell = table.inner_text().split("\n")[0]
        text = shown.partition("Gradient that arrives here")[2]
        seen.append(text.count("contribution "))
        if "not computed" in cell:
            assert "not computed yet" in text
        else:
            number = cell.split()[0]
            assert re.search(rf"(g = |so far: ){re.escape(number)}", text), (cell, text)
        if page.locator("#next").is_disabled():
            break
        page.keyboard.press("ArrowRight")
    assert seen[0] == 0
    assert seen[-1] == 3
    assert seen == sorted(seen)
    assert set(seen) == {0, 1, 2, 3}


def test_the_panel_of_an_operation_knows_no_more_than_its_step(visit, saved):
    page = visit(saved["scalars"], "#detail=edge")
    page.locator("#canvas g.node[aria-label^='operation divide']").dispatch_event("click")
    panel = page.locator(".detail:not(.off)")
    assert panel.inner_text().count("not yet") == 2, "neither its inputs nor its derivatives"
    assert "nothing yet: its gradient is not complete" in panel.inner_text()
    page.keyboard.press("End")
    assert "not yet" not in panel.inner_text()
    assert "upstream × local" in panel.inner_text()


def test_the_space_bar_does_not_press_again_what_was_clicked(visit, saved):
    page = visit(saved["scalars"])
    page.locator("#next").click()
    assert page.locator("#now").inner_text() == "2"
    page.keyboard.press(" ")
    assert page.locator("#now").inner_text() == "2"
    assert page.locator("#play-off").is_visible(), "it plays"
    page.keyboard.press(" ")
    assert page.locator("#play-on").is_visible()
    assert page.locator("#now").inner_text() == "2"
    # Who comes by keys presses it.
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "next"
    page.keyboard.press(" ")
    assert page.locator("#now").inner_text() == "3"


@pytest.mark.parametrize("width", [320, 420, 700])
def test_nothing_of_the_table_is_cut_off(visit, saved, width):
    page = visit(saved["complete"], "#step=99", width=width)
    cells = page.locator("td.gradient > span:not(.off)")
    boxes = cells.evaluate_all("all => all.map((one) => one.getBoundingClientRect().toJSON())")
    assert len(boxes) > 5
    for box in boxes:
        assert box["left"] >= 0
        assert box["right"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("table").get_attribute("role") == "table"
    assert page.get_by_role("row").count() == page.locator("tr").count()


# The whole picture, and little room for controls -----------------------------------------------


def share_shown(page):
    """Which part of the picture is inside of its pane, and the scale that is written."""
    share = page.evaluate("""() => {
      const pane = document.getElementById("canvas"), frame = pane.getBoundingClientRect();
      const box = pane.querySelector("[data-figure]:not(.off) svg").getBoundingClientRect();
      const shown = (from, to, start, room) => Math.min(to, start + room) - Math.max(from, start);
      const wide = shown(box.left, box.right, frame.left, pane.clientWidth);
      const high = shown(box.top, box.bottom, frame.top, pane.clientHeight);
      return wide * high / (box.width * box.height);
    }""")
    return share, int(page.locator("#percent").inner_text())


def test_the_whole_graph_is_shown_first_and_by_fit(visit, saved):
    page = visit(saved["complete"], width=1400, height=900)
    share, scale = share_shown(page)
    assert share == pytest.approx(1.0, abs=0.01)
    assert scale >= 38
    walk(page, "() => 0")
    assert share_shown(page) == (share, scale), "no step moves the picture"
    for _ in range(4):
        page.locator("#larger").click()
    assert share_shown(page)[0] < 0.9
    page.locator("#fit").click()
    assert share_shown(page) == (share, scale)


def test_a_large_graph_stays_readable(visit, tmp_path):
    x = Tensor(0.5, requires_grad=True, name="x")
    y = x
    for _ in range(40):
        y = y * x
    page = visit(stepper(y).save(tmp_path / "long.html"), width=1400, height=900)
    share, scale = share_shown(page)
    assert scale == 38
    assert share < 0.9


def test_names_are_larger_where_the_picture_is_small(visit, saved):
    page = visit(saved["complete"], width=1400, height=900)
    size = "() => getComputedStyle(document.querySelector('#t1 text[font-weight]')).fontSize"
    assert page.evaluate(size) == "17px"
    with page.expect_download() as download:
        page.locator("#download").click()
    text = Path(download.value.path()).read_text("utf-8")
    assert 'font-size="17px"' not in text
    for _ in range(5):
        page.locator("#larger").click()
    assert page.evaluate(size) == "11px"


def test_controls_take_less_than_a_fifth_of_a_phone(visit, saved):
    page = visit(saved["complete"], width=420, height=900)
    top = page.locator("#first").bounding_box()["y"]
    canvas = page.locator("#canvas").bounding_box()["y"]
    assert canvas - top < 900 / 5
    help_ = page.locator("#help").bounding_box()
    table = page.locator("table").bounding_box()
    assert help_["y"] > table["y"] + table["height"], "what is rarely needed comes last"
    page.set_viewport_size({"width": 1400, "height": 900})
    assert page.locator("#help").bounding_box()["y"] < 60
