"""The page with a trained network, opened from disk in a headless Chromium.

Its predictions are compared with those of the engine, and a drawing with what `nn.data.drawing`
makes of the same picture. A message on the console, an error, a dialog or a refused resource fails
the test.
"""

import base64
import re

import numpy as np
import pytest

from nn import Linear
from nn.data.drawing import read_drawing
from nn.playground.exports import write
from nn.playground.exports.page import page_of
from nn.playground.exports.trained import trained
from nn.playground.session import Session
from nn.playground.tables import read_table
from tinygrad_edu import Tensor

from ..browsing import watch_the_policy, watched
from ..hostile_names import HOSTILE
from .test_exports import table_text

SIX = "hidden=7relu,6tanh,5sigmoid,6leaky_relu,7gelu,6silu"
LEFT = '</script><script>alert("1")</script>'
RIGHT = "<img src=x onerror=alert(1)> & \u202e&amp;"


def hostile_table(rows=40):
    """A table whose columns and classes have hostile names; three columns make number fields."""
    text = table_text([LEFT.replace('"', '""'), RIGHT, "a", "kind"], rows=0)
    g = np.random.default_rng(2)
    lines = [
        f'{g.normal():.3f},{g.normal(30, 5):.2f},{g.normal():.2f},"{"<b>x</b>" if k % 2 else "z"}"'
        for k in range(rows)
    ]
    return read_table(text + "\n".join(lines) + "\n", "<script>.csv")


def table_session():
    session = Session.open("data=csv", hostile_table())
    session.step(30)
    return session


SESSIONS = {
    "activations": lambda: Session.open(f"data=spirals&classes=3&opt=Adam&{SIX}&step=150"),
    "regression": lambda: Session.open("data=hills&opt=Adam&hidden=9gelu,9tanh&step=200"),
    "linear": lambda: Session.open("data=blobs&classes=5&hidden=&step=60"),
    "digits": lambda: Session.open("data=digits&points=600&hidden=24relu&batch=32&step=150"),
    "table": table_session,
}


@pytest.fixture(scope="module")
def sessions():
    return {name: make() for name, make in SESSIONS.items()}


@pytest.fixture(scope="module")
def files(sessions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, session in sessions.items():
        (folder / f"{name}.html").write_bytes(write(session, "html")[2])
    return folder


@pytest.fixture(scope="module")
def tab(browser):
    """One tab for all tests: a new one takes longer than to load a page, which starts anew."""
    context = browser.new_context(offline=True)
    page = watched(context)
    watch_the_policy(page)
    yield page
    context.close()


@pytest.fixture
def visit(tab, files):
    """Open a page; whatever goes wrong with it fails the test at its end."""

    def visit(name, width=1400, scheme="light"):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        tab.requests.clear()
        tab.goto(f"file://{files / name}.html")
        return tab

    yield visit
    tab.goto("about:blank")
    found = list(tab.found)
    tab.found.clear()
    assert found == []


def exact(session, rows):
    """The answers in double precision, by the layers of the network themselves."""
    data = session.data
    value = (np.asarray(rows) - data.centre) / data.scale
    for module in session.lane.network:
        if isinstance(module, Linear):
            weight, bias = module.weight.data, module.bias.data
            value = value @ weight.astype(np.float64) + bias.astype(np.float64)
        else:
            value = module(Tensor(value)).data
    if data.problem == "regression":
        return value * data.target_scale + data.target_centre
    grown = np.exp(value - value.max(1, keepdims=True))
    return grown / grown.sum(1, keepdims=True)


def predicted(page, rows):
    """The answers of the page, computed by its own function."""
    return np.array(page.evaluate("(rows) => rows.map(predict)", np.asarray(rows).tolist()))


def engine(session, row):
    found = session.predict(row)
    return found["probabilities"] if "probabilities" in found else [found["value"]]


@pytest.mark.parametrize("name", SESSIONS)
def test_the_page_predicts_what_the_engine_predicts(visit, sessions, name):
    session, page = sessions[name], visit(name)
    data, g = session.data, np.random.default_rng(7)
    spread = g.choice([0.3, 1.0, 3.0], (60, 1))  # also far from the training data
    scaled = g.normal(size=(60, len(data.features))) * spread
    rows = g.uniform(size=(60, 64)) if name == "digits" else scaled * data.scale + data.centre
    found = predicted(page, rows)
    assert np.ptp(found, axis=0).max() > 0.1  # the answers differ
    assert np.abs(found - exact(session, rows)).max() < 1e-12
    by_engine = np.array([engine(session, row) for row in rows.tolist()])
    assert np.abs(found - by_engine).max() < 1e-6


def test_the_oracle_sees_another_weight(visit, sessions):
    session, page = sessions["activations"], visit("activations")
    page.evaluate("layers[3].weight[5] += 0.001")
    rows = np.random.default_rng(1).normal(size=(20, 2))
    assert np.abs(predicted(page, rows) - exact(session, rows)).max() > 1e-7


def test_the_page_loads_nothing_and_has_no_address(visit, files):
    for name in SESSIONS:
        page = visit(name)
        assert page.requests == [f"file://{files / name}.html"]
        text = (files / f"{name}.html").read_text("utf-8")
        without_svg = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|innerHTML|eval\(|document\.write|/work|/tmp", without_svg)
        assert text.count("<script") == 2
        size = sum(len(base64.b64decode(found)) for found in re.findall(r'"weight":"(.*?)"', text))
        assert len(text.encode()) < 45_000 + 1.5 * size


def test_equal_sessions_make_equal_pages(sessions):
    again = SESSIONS["linear"]()
    assert write(again, "html") == write(sessions["linear"], "html")


# Hostile names -----------------------------------------------------------------------------------


def test_names_of_a_table_are_shown_as_text(visit):
    page = visit("table")
    labels = page.locator("#numbers label").all_inner_texts()
    assert labels[0].startswith(LEFT)
    assert labels[1].startswith(r"<img src=x onerror=alert(1)> & \u202e&amp;")
    assert page.title() == "<script>.csv: a 3-8-8-2 network"
    assert page.locator("#bars .name").all_inner_texts() == ["<b>x</b>", "z"]
    assert "<script>.csv, kind from 3 columns" in page.locator("dl").inner_text()
    assert page.locator("img, b, #numbers script").count() == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_changes_the_elements_of_a_page(sessions, name):
    from dataclasses import replace

    usual = trained(sessions["table"])
    feature = replace(usual.features[0], name=name)
    features = (feature, *usual.features[1:])
    other = replace(
        usual, title=name, lead=name, features=features, classes=(name, "z"), about=((name, name),)
    )
    text = page_of(other)
    tags = re.findall(r"</?[a-zA-Z!]\w*", text)
    expected = re.findall(r"</?[a-zA-Z!]\w*", page_of(replace(usual, about=(("a", "b"),))))
    assert tags == expected
    text.encode("utf-8")


# Digits ------------------------------------------------------------------------------------------

# Strokes in shares of the field: a 3, a small 1 in a corner, a dot, and one that crosses the edge.
DRAWINGS = {
    "three": [(0.3, 0.2), (0.62, 0.18), (0.5, 0.45), (0.66, 0.62), (0.5, 0.85), (0.28, 0.78)],
    "small": [(0.1, 0.12), (0.13, 0.22)],
    "wide": [(0.02, 0.5), (0.98, 0.55)],
    "large": [(0.2, 0.02), (0.21, 0.99)],
}
PICTURE = """() => { const c = document.createElement("canvas"); c.width = c.height = INK_SIDE;
  const pen = c.getContext("2d"), image = pen.createImageData(INK_SIDE, INK_SIDE);
  window.drawn.forEach((v, n) => image.data.set([v, v, v, 255], 4 * n));
  pen.putImageData(image, 0, 0); return c.toDataURL("image/png"); }"""


def test_a_drawing_is_prepared_as_a_picture_is(visit, sessions, tmp_path):
    page = visit("digits")
    for name in DRAWINGS:
        compare_with_a_picture(page, sessions["digits"].data, tmp_path / "drawn.png", name)


def compare_with_a_picture(page, data, file, name):
    points = [[112 * x, 112 * y] for x, y in DRAWINGS[name]]
    page.evaluate(
        """(points) => { window.drawn = blank(); points.slice(1).forEach(([x, y], i) =>
          stroke(window.drawn, points[i][0], points[i][1], x, y, 5)); }""",
        points,
    )
    found = np.array(page.evaluate("Array.from(digitOf(window.drawn))"))
    file.write_bytes(base64.b64decode(page.evaluate(PICTURE).partition(",")[2]))
    expected = read_drawing(file, 64, ranges=[[0, 1]] * 64, means=data.train.mean(0)).row
    assert expected.max() == 1
    assert np.abs(found - expected).max() < 1e-6, name


def draw(page, name):
    box = page.locator("#ink").bounding_box()
    places = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in DRAWINGS[name]
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def test_a_digit_is_drawn_recognised_and_cleared(visit):
    page = visit("digits")
    assert page.locator("#answer").inner_text() == "–"
    assert page.locator("#doubt").inner_text() == "Nothing is drawn yet."
    draw(page, "three")
    assert page.locator("#answer").inner_text().startswith("3, ")
    assert page.locator("#bars .best").inner_text().split()[0] == "3"
    assert page.get_attribute("#seen", "aria-label") == "What the network gets: your drawing"
    page.click("#clear")
    assert page.locator("#doubt").inner_text() == "Nothing is drawn yet."
    box = page.locator("#ink").bounding_box()
    page.mouse.click(box["x"] + 50, box["y"] + 60)
    assert page.locator("#answer").inner_text() != "–"


def test_a_digit_is_drawn_by_keyboard(visit):
    page = visit("digits")
    page.focus("#ink")
    for _ in range(6):
        page.keyboard.press("ArrowUp")
    assert page.locator("#answer").inner_text() == "–"  # the pen is not down yet
    page.keyboard.press(" ")
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    found = page.locator("#answer").inner_text()
    assert found[0] in "0123456789"
    page.keyboard.press("Delete")  # it lifts the pen, too
    assert page.locator("#answer").inner_text() == "–"


def test_a_test_image_is_taken(visit, sessions):
    page, session = visit("digits"), sessions["digits"]
    data = session.data
    for digit in (0, 7):
        page.click(f"#examples button:has-text('{digit}')")
        row = data.test[np.flatnonzero(data.test_labels == digit)[0]]
        best = int(np.argmax(session.predict(row.tolist())["probabilities"]))
        assert page.locator("#bars .best").inner_text().split()[0] == str(best)


# Points and numbers ------------------------------------------------------------------------------


def test_a_point_is_dragged_and_moved_by_keys(visit, sessions):
    page, session = visit("activations"), sessions["activations"]
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.up()
    values = [float(page.input_value(f"#value-{i}")) for i in (0, 1)]
    assert values == pytest.approx([0.6, 0.6], abs=0.01)
    shares = session.predict(values)["probabilities"]
    best = int(np.argmax(shares))
    assert page.locator("#answer").inner_text().startswith(f"class {best}, ")
    page.focus("#map")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowDown")
    moved = [float(page.input_value(f"#value-{i}")) for i in (0, 1)]
    assert moved == pytest.approx([values[0] - 0.24, values[1] - 0.048], abs=1e-3)
    marks = page.locator("#marks .dot").count()
    assert marks == len(session.data.train)


def test_the_map_has_the_winner_of_each_place(visit, sessions):
    """Colours of the canvas are compared with the class that the engine finds there."""
    page, session = visit("linear"), sessions["linear"]
    found = page.evaluate("""() => { const canvas = document.getElementById("answers"),
      side = canvas.width, data = canvas.getContext("2d").getImageData(0, 0, side, side).data;
      return { side, pixels: [10, 35, 60, 85].flatMap((row) => [12, 40, 70, 90].map((column) =>
        [row, column, [0, 1, 2].map((k) => data[4 * (row * side + column) + k])])),
        inks: [0, 1, 2, 3, 4].map((k) => channels(`class-${k}`)), paper: channels("page") }; }""")
    low, high = -1.2, 1.2
    winners = set()
    for row, column, pixel in found["pixels"]:
        x = low + (high - low) * (column + 0.5) / found["side"]
        y = high - (high - low) * (row + 0.5) / found["side"]
        winner = int(np.argmax(session.predict([x, y])["probabilities"]))
        paper = np.array(found["paper"])
        way = np.array(pixel) - paper
        ways = np.array(found["inks"]) - paper
        cosine = ways @ way / np.linalg.norm(ways, axis=1) / np.linalg.norm(way)
        assert int(np.argmax(cosine)) == winner
        winners.add(winner)
    assert len(winners) >= 4


def test_a_value_outside_of_the_data_and_one_that_is_not_a_number(visit):
    page = visit("table")
    page.fill("#value-2", "1000")
    assert "a = 1000 is outside of the training data" in page.locator("#doubt").inner_text()
    page.fill("#value-2", "")
    assert page.locator("#answer").inner_text() == "–"
    assert "a is not a number; enter one." in page.locator("#doubt").inner_text()
    page.click("#again")
    assert "outside" not in page.locator("#doubt").inner_text()
    assert page.locator("#answer").inner_text() != "–"
    before = float(page.input_value("#value-1"))
    page.focus("#numbers input[type=range] >> nth=1")
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("#value-1")) > before


def test_a_column_of_text_is_a_choice(visit, files):
    """Its features are 1 and 0, never something between."""
    g = np.random.default_rng(4)
    colours = ["red", "blue", "<i>", "red"]
    rows = [f"{colours[k % 4]},{g.normal():.2f},{'ab'[k % 4 > 1]}" for k in range(40)]
    table = read_table("\n".join(["colour,size,kind", *rows, ""]), "things.csv")
    session = Session.open("data=csv", table)
    session.step(100)
    (files / "choice.html").write_bytes(write(session, "html")[2])
    page = visit("choice")
    assert page.locator("#numbers .number").count() == 2
    select = page.locator("#numbers select")
    assert select.locator("option:checked").inner_text() == "red"  # the most frequent one
    assert sorted(select.locator("option").all_inner_texts()) == ["<i>", "blue", "red"]
    page.fill("#numbers input[type=number]", "0.25")
    for colour in ("<i>", "blue", "red"):
        select.select_option(colour)
        wanted = {"colour = " + colour: 1.0, "size": 0.25}
        found = session.predict([wanted.get(name, 0.0) for name in session.data.features])
        best = int(np.argmax(found["probabilities"]))
        shown = page.locator("#answer").inner_text()
        share = round(100 * found["probabilities"][best])
        assert shown == f"{session.data.classes[best]}, {share} %"


def test_numbers_of_a_narrow_range_differ(visit, files):
    """Four digits would show 1000000 for all of them."""
    rows = [f"{1e6 + k % 7},{-1e-9 * (k % 5)},{k % 3},{2e5 + k % 11 / 2}" for k in range(40)]
    session = Session.open("data=csv", read_table("\n".join(["a,b,c,y", *rows, ""]), "narrow.csv"))
    session.step(20)
    (files / "narrow.html").write_bytes(write(session, "html")[2])
    page = visit("narrow")
    ends = page.locator("#numbers small").all_inner_texts()
    assert ends == ["1000000 to 1000006", "-4e-9 to 0", "0 to 2"]
    low, high = page.locator("#bars .limits span").all_inner_texts()
    assert (low, high) == ("200000", "200005")
    page.fill("#value-0", "1000002.5")
    answer = float(page.locator("#answer").inner_text().removeprefix("y = "))
    row = [float(page.input_value(f"#value-{i}")) for i in range(3)]
    wanted = session.predict(row)["value"]
    assert answer == pytest.approx(wanted, abs=1e-2)


def test_the_page_says_when_the_network_is_not_sure(visit):
    page = visit("linear")
    doubts = page.evaluate("""() => [[0.5, 0.3, 0.1, 0.06, 0.04], [0.7, 0.2, 0.05, 0.03, 0.02]].map(
      (answer) => { show(answer, []); return document.getElementById("doubt").textContent; })""")
    assert doubts == ["Not sure: class 0 (50 %) or class 1 (30 %)?", ""]


def test_a_regression_shows_its_value(visit, sessions):
    page, session = visit("regression"), sessions["regression"]
    page.fill("#value-0", "0.5")
    page.fill("#value-1", "0.5")
    value = session.predict([0.5, 0.5])["value"]
    shown = page.locator("#answer").inner_text()
    assert shown.startswith("y = ")
    assert float(shown.removeprefix("y = ")) == pytest.approx(value, rel=1e-3)


# Looks and access --------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["digits", "activations", "table"])
def test_a_narrow_window_has_one_column_and_no_overflow(visit, name, scheme):
    page = visit(name, width=420, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    tops = [
        box["y"] for box in (pane.bounding_box() for pane in page.locator(".pane").all()) if box
    ]
    assert tops == sorted(tops)
    background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


def test_what_is_spoken_is_what_is_shown(visit):
    page = visit("digits")
    page.click("#examples button >> nth=0")
    page.wait_for_selector("#said:has-text('%')", state="attached")
    assert page.locator("#said").inner_text().startswith(page.locator("#answer").inner_text())
    for control in page.locator("button, input, canvas[tabindex], [role=application]").all():
        spoken = control.evaluate(
            "(e) => e.getAttribute('aria-label') || e.textContent || e.labels?.[0]?.textContent"
        )
        assert spoken


def test_without_scripts_the_page_says_so(browser, files):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"file://{files / 'digits'}.html")
    assert "needs scripts" in page.locator("noscript").inner_text()
    assert "How it was trained" in page.locator("main").inner_text()
    context.close()
