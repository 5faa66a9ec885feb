"""Whether a person finds out why: a dead unit, a rising loss, overfitting, a network that cannot
learn, what a unit computes; and whether the first screen shows what matters.
"""

import re

import numpy as np
import pytest

from nn.playground.tables import read_table
from tests.playground.visiting import numbers_in, session_of, until

DEAD = "data=spirals&hidden=8relu,8relu&step=400&change=200:opt=SGD:lr=3"


def test_a_dead_unit_a_dead_layer_and_a_rising_loss_are_explained(enter):
    page = enter(DEAD)
    assert "All units of layer 2 are dead" in page.locator(".net-dead").inner_text()
    page.locator(".unit.dead").first.click()
    assert "negative for every training row" in page.locator(".peek .meaning").inner_text()
    page.keyboard.press("Escape")
    remark = page.locator(".remark")
    assert "The training loss rises" in remark.inner_text()
    back = remark.get_by_role("button")
    step = int(numbers_in(back.inner_text())[0])
    assert step <= 200  # before the learning rate was raised
    back.click()
    page.locator(".place", has_text=f"Step {step}").wait_for()
    assert not page.locator(".net-dead").is_visible()


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("data=circles&hidden=&step=300", "can only draw straight borders"),
        (
            "data=moons&points=60&noise=0.5&hidden=32tanh,32tanh&opt=Adam:lr=0.02&step=1500",
            "overfitting",
        ),
        ("data=moons&step=300", None),
        ("data=spirals&hidden=8relu,8relu&opt=SGD:lr=0.3&step=700", None),  # a jagged curve
    ],
)
def test_curves_are_remarked_on_where_there_is_a_reason(enter, state, text):
    remark = enter(state).locator(".remark")
    if text is None:
        assert not remark.is_visible()
    else:
        assert text in remark.inner_text()


def test_the_formula_of_a_unit_gives_its_outputs(enter):
    """The formula has three figures; its value over the rows must have the range that is shown."""
    page = enter("data=circles&step=100")
    page.locator(".unit").nth(4).click()  # unit 3 of layer 1
    text = page.locator(".peek .formula").inner_text()
    signs = re.fullmatch(r"output = tanh\((.+) × x1 ([+−]) (.+) × x2 ([+−]) (.+)\)", text)
    first, *others = signs.groups()
    a = numbers_in(first)[0]
    b, c = (numbers_in(others[n] + others[n + 1])[0] for n in (0, 2))
    x = session_of(page).data.train
    values = np.tanh(a * x[:, 0] + b * x[:, 1] + c)
    shown = page.locator(".peek dd").last.inner_text()
    assert numbers_in(shown) == pytest.approx([values.min(), values.max()], abs=0.01)


@pytest.mark.parametrize(
    "changes", ["", "&change=20:opt=SGD:lr=0.05", "&change=9:l2=0.1&change=20:l2=0&change=30:l2=1"]
)
def test_the_first_screen_has_map_loss_and_curve(enter, changes):
    page = enter(f"data=circles{changes}&step=50")
    for part in ("#network canvas", "#lanes canvas", "#lanes dl", "#curves canvas", ".chart-read"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] + box["height"] <= 900, part


def test_the_first_screen_of_a_phone_has_the_network_and_the_loss(enter):
    page = enter("data=circles&step=50")
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_timeout(200)  # the panels find their new size
    loss = page.locator("#timeline .loss")
    assert numbers_in(loss.inner_text()) == numbers_in(
        page.locator("#lanes dl > :nth-child(6)").inner_text()
    )
    for part in (loss, page.locator("#network .stage")):
        box = part.bounding_box()
        assert box["y"] + box["height"] <= 900


def test_a_phone_goes_to_a_part_of_the_page(enter):
    page = enter("data=circles&step=50")
    page.set_viewport_size({"width": 420, "height": 900})
    before = page.url
    page.locator(".jumps").get_by_text("Data").click()
    page.wait_for_timeout(300)
    top = page.locator("#data-title").bounding_box()["y"]
    header = page.locator(".top").bounding_box()
    assert header["y"] + header["height"] <= top < 250
    assert page.url == before


@pytest.mark.parametrize("state", ["opt=Adam", "opt=SGD:momentum=0.9&l2=0.01"])
def test_a_card_has_what_the_next_step_makes_of_a_weight(enter, state):
    """The card shows old and new to three figures; the new one is there after a step."""
    page = enter(f"data=circles&{state}&step=30")
    page.locator(".unit").nth(4).click()  # unit 3 of layer 1
    rows = page.locator(".peek dd")
    page.locator(".peek dd", has_text="→").wait_for()
    session = session_of(page)
    bias = session.lane.network.parameters()[1]
    old = float(bias.data[2])
    session.step(1)
    new = float(bias.data[2])
    assert numbers_in(rows.nth(2).inner_text()) == pytest.approx([old, new], rel=0.006)
    sign = "▲" if new > old else "▼"
    assert rows.nth(3).inner_text().startswith(sign)
    assert numbers_in(rows.nth(3).inner_text()) == pytest.approx([abs(new - old)], rel=0.006)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Step", exact=True).click()
    page.locator(".place", has_text="Step 31").wait_for()
    page.locator(".unit").nth(4).click()
    assert numbers_in(rows.nth(0).inner_text()) == pytest.approx([new], rel=0.006)


def test_gradients_have_their_colours_again_after_a_run_that_diverged(enter):
    """Next to gradients of 1e19, those of the step before it would all be grey."""
    state = "data=hills&opt=SGD:momentum=0.9&change=100:opt=SGD:lr=1:momentum=0.9&step=200"
    page = enter(state)
    page.get_by_role("button", name="where the loss was lowest").click()
    page.locator(".place", has_text="Step 97").wait_for()
    page.mouse.move(1, 1)
    drawn = "document.querySelector('#network canvas').toDataURL()"
    page.wait_for_timeout(300)
    found = page.evaluate(drawn)
    fresh = enter("data=hills&opt=SGD:momentum=0.9&step=97")
    fresh.mouse.move(1, 1)
    fresh.wait_for_timeout(300)
    assert fresh.evaluate(drawn) == found


def test_a_card_asks_for_no_next_step_while_training(enter):
    page = enter("data=circles")
    asked = []
    page.on("request", lambda request: asked.append('"do":"next"' in (request.post_data or "")))
    page.get_by_label("Speed").select_option("1 step a frame")
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator(".place", has_text=re.compile("Step [1-9]")).wait_for()  # it trains, and shows it
    page.locator(".unit").nth(4).click()
    page.locator(".peek dd", has_text="when paused").wait_for()
    page.wait_for_timeout(600)
    assert len(asked) > 5
    assert not any(asked)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.locator(".peek dd", has_text="→").wait_for()
    assert sum(asked) == 1
    page.wait_for_timeout(400)  # a card that only passes by would have gone
    assert page.locator(".peek .close").is_visible()


def test_a_table_whose_label_cannot_be_predicted_is_asked_about(enter, tmp_path):
    """The run stays until the choice; then the page trains on the columns that were chosen."""
    text = "a,b,label\n" + "".join(f"{i / 7},{i % 3},x\n" for i in range(60))
    (tmp_path / "bad.csv").write_text(text, "utf-8")
    page = enter("data=circles&step=5")
    page.locator("input[type=file]").set_input_files(tmp_path / "bad.csv")
    problem = page.locator(".table-box .problem")
    problem.wait_for()
    assert "'label' has 1 different value" in problem.inner_text()
    assert page.locator(".place").inner_text() == "Step 5"
    predict = page.get_by_label("Column to predict")
    assert predict.input_value() == "a"
    assert predict.locator("option:disabled").inner_text() == "label (1 value)"
    predict.select_option("b")
    page.get_by_role("button", name="Train on these columns").click()
    page.locator(".place", has_text="Step 0").wait_for()
    assert not problem.is_visible()
    session = session_of(page, read_table(text, "bad.csv"))
    assert session.data.features == ("a",)
    assert session.data.outputs == 3


def test_a_long_way_to_a_step_is_announced_where_it_matters(enter):
    page = enter("data=circles&step=20")
    page.evaluate("location.hash = 'data=circles&step=1000000'")
    way = page.locator(".advice", has_text="On the way to step 1,000,000: ")
    way.wait_for()
    explain = page.get_by_role("link", name="Explain")
    assert "1,000,000; explained when it is there" in explain.get_attribute("title")
    assert "step=" not in explain.get_attribute("href")  # that where the way ends
    page.get_by_role("button", name="Export").click()
    assert "exported when it is there" in page.locator("dialog .hint").first.inner_text()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator("#toast", has_text="stopped on the way").wait_for()
    until(page, "window.latest.playing")
    assert not way.is_visible()
    assert "when it is there" not in explain.get_attribute("title")


def test_restart_says_which_settings_hold(enter):
    page = enter("data=circles&change=20:opt=SGD:lr=0.05&step=30")
    restart = page.get_by_role("button", name="Restart")
    assert "with the settings of branch 1" in restart.get_attribute("title")
    restart.click()
    page.locator("#toast", has_text="with the settings of branch 1").wait_for()
    assert "opt=SGD:lr=0.05" in session_of(page).state
    assert "same settings" in restart.get_attribute("title")
