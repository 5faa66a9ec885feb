"""A person's way through the playground, in a headless Chromium and with the real server.

A message on the console, an error, or something that the page's policy refuses fails each test.
"""

import base64
import re

import numpy as np
import pytest

from tests.playground.visiting import (
    SMALL,
    agrees,
    bits,
    bits_of,
    button,
    done,
    latest,
    numbers_in,
    opened,
    parameters,
    session_of,
    settled,
    started,
    train,
    until,
)


def choose_data(page, title):
    page.locator("#data label.kind", has_text=title).click()


# The way through -------------------------------------------------------------------------------


def test_a_person_builds_trains_goes_back_branches_and_returns(enter, table):
    page = enter()
    assert latest(page, "settings.data.file") == "flowers.csv"
    agrees(page, table)

    # Build: other data and back, a third layer, an activation, and the first layer frozen.
    done(page, lambda: choose_data(page, "Moons"))
    assert latest(page, "settings.data.name") == "moons"
    done(page, lambda: choose_data(page, "Your table"))
    done(page, lambda: button(page, "Add layer").click())
    activation = page.get_by_label("Activation of hidden layer 3")
    done(page, lambda: activation.select_option("sigmoid"))
    done(page, lambda: page.get_by_label("Fewer units in hidden layer 3").click())
    freeze = page.locator("#model li").first.get_by_role("button", name=re.compile("Freeze"))
    done(page, freeze.click)
    assert latest(page, "settings.hidden.at(-1)") == {"units": 7, "activation": "sigmoid"}
    built = agrees(page, table)

    # Train and pause.
    train(page, 60)
    trained, last = agrees(page, table), settled(page)
    assert trained.timeline.step >= 60
    first, *others = (parameter.data for parameter in trained.lane.network.parameters())
    before, *_ = (parameter.data for parameter in built.lane.network.parameters())
    assert first.tobytes() == before.tobytes()  # it was frozen
    assert np.abs(others[2]).max() > 0
    at_last = bits(page)

    # Go back by dragging the slider.
    box = page.locator("#timeline input[type=range]").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 8, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], middle)
    page.mouse.move(box["x"] + 0.4 * box["width"], middle)
    page.mouse.up()
    until(page, f"window.latest.step < {trained.timeline.step // 2}")
    settled(page)
    back = agrees(page, table)
    assert 0 < back.timeline.step < trained.timeline.step // 2

    # Branch: another learning rate, and on.
    rate = page.get_by_label("learning rate", exact=True)
    rate.fill("0.5")
    done(page, lambda: rate.press("Enter"))
    train(page, 30)
    branch = agrees(page, table)
    assert branch.position[0] == 1
    assert latest(page, "branches.length") == 2
    assert "change=" in branch.state
    rows = page.locator("#timeline .branch")
    assert rows.count() == 2
    assert "0.1 → 0.5" in rows.nth(1).inner_text()
    assert bits(page) != at_last

    # Return to the first branch: the same numbers.
    done(page, rows.nth(0).click)
    agrees(page, table)
    assert (settled(page), bits(page)) == (last, at_last)


def test_a_map_says_what_the_network_predicts(enter, table):
    page = enter(f"{SMALL}&step=200")
    session = session_of(page, table)
    canvas = page.locator("#lanes .plane canvas")
    canvas.focus()
    wrong, seen = [], set()
    for key in ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown"] * 3:
        page.keyboard.press(f"Shift+{key}")
        text = page.locator("#lanes .tip").inner_text()
        name, share, *place = text.partition(":")[0], *numbers_in(text.partition(":")[2])
        shares = session.predict(place)["probabilities"]
        best = session.data.classes[int(np.argmax(shares))]
        if max(shares) > 0.9 and (name != best or abs(share - 100 * max(shares)) > 8):
            wrong.append((text, best, shares))
        seen.add(name)
    assert wrong == []
    assert len(seen) > 1


def test_a_nudged_weight_moves_the_loss_as_its_gradient_said(enter, table):
    page = enter(f"{SMALL}&step=40")
    before = session_of(page, table)
    unit = page.locator("#network button.unit").nth(2)  # the first unit of the first layer
    unit.click()
    size = page.get_by_label("Nudge the bias by")
    size.fill("0.01")
    done(page, lambda: button(page, "Make the bias larger").click())
    text = page.locator("#network .nudged").inner_text()
    after = agrees(page, table)
    old, new = (parameters(session)[0][1] for session in (before, after))
    assert new - old == pytest.approx([0.01, 0, 0, 0], abs=1e-7)
    losses = [session.lane.gradients(*session.timeline.batch())[0] for session in (before, after)]
    slope = parameters(before)[0][3][0]
    difference = losses[1] - losses[0]
    assert difference == pytest.approx(0.01 * slope, rel=0.1)
    for expected in (0.01 * slope, difference):
        assert any(found == pytest.approx(expected, rel=0.01) for found in numbers_in(text)), text
    assert after.position == (1, 40)


def test_explaining_opens_exactly_this_batch_and_these_weights(enter, table, context):
    page = enter(f"{SMALL}&opt=Adam:lr=0.01&step=33")
    session = session_of(page, table)
    with context.expect_page() as new:
        page.get_by_role("link", name=re.compile("Explain")).click()
    stepper = new.value
    stepper.wait_for_load_state()
    assert stepper.title() == "Step 34 of Adam lr 0.01: 5 rows"
    stepper.keyboard.press("End")
    x, labels = session.timeline.batch()
    expected = {"x": x, "labels": labels}
    names = (("W1", "b1"), ("W2", "b2"))
    for (w, b), (weight, bias, slope, bias_slope) in zip(names, parameters(session), strict=True):
        expected |= {w: weight, b: bias, f"d{w}": slope, f"d{b}": bias_slope}
    found = stepper_numbers(stepper)
    assert expected.keys() <= found.keys()
    for name, array in expected.items():
        shown = found[name].reshape(array.shape)
        most = 1e-4 * float(np.abs(array).max())
        assert shown == pytest.approx(array, rel=1e-3, abs=most), name


def stepper_numbers(page):
    """Return the values and gradients that the stepper shows at its last step, by name."""
    found = {}
    for row in page.locator("tr[data-row]").all():
        name, _, _, value, gradient = (cell.inner_text() for cell in row.locator("td, th").all())
        found[name.split(" · ")[-1].strip()] = np.array(numbers_in(value))
        if "[" in gradient:
            found[gradient.split()[0]] = np.array(numbers_in(gradient.partition("[")[2]))
    return found


# The address, and what goes wrong -------------------------------------------------------------


def test_an_address_opens_the_same_state_in_a_second_tab(enter, table):
    page = enter(f"{SMALL}&opt=Adam;SGD:lr=0.3:momentum=0.9&step=25")
    done(page, lambda: page.locator("#lanes .lane-head").nth(1).click())
    train(page, 20)
    rate = page.get_by_label("Lower learning rate of optimizer 2")
    done(page, rate.click)
    train(page, 20)
    second = enter(settled(page))
    assert settled(second) == settled(page)
    assert latest(second, "selected") == 1
    assert bits(second) == bits(page) == bits_of(session_of(page, table))
    # From there, both train on in the same way.
    for tab in (page, second):
        for _ in range(2):
            done(tab, lambda tab=tab: button(tab, "Step").click())
    assert bits(second) == bits(page)


def test_numbers_that_are_not_finite_are_explained(enter):
    page = enter("data=hills&hidden=8relu&opt=SGD;Adam")
    rate = page.get_by_label("learning rate of optimizer 1", exact=True)
    rate.fill("1e30")
    rate.press("Enter")
    page.get_by_text("SGD lr: 1e+30, expected a number").and_(page.locator("#toast")).wait_for()
    assert page.found.pop().endswith("400 (Bad Request)")  # the browser reports each refusal
    assert rate.input_value() == "0.1"
    train(page, 20)
    rate.fill("3")
    done(page, lambda: rate.press("Enter"))
    button(page, "Train").click()
    why = page.locator("#why")
    why.get_by_text("cannot be made").wait_for()
    until(page, "window.latest.step > window.latest.lanes[0].stopped.step")  # Adam trains on
    done(page, lambda: button(page, "Pause").click())

    # The reason is that of a session in this process, which comes there in one go.
    session = session_of(page)
    reason = session.why_stopped(0)
    assert reason.text in why.inner_text()
    done(page, lambda: why.get_by_role("button", name="Back to the last finite step").click())
    assert latest(page, "step") == reason.step
    session.seek(1, reason.step)
    assert bits(page) == bits_of(session)
    weights = [parameter.data for parameter in session.lane.network.parameters()]
    assert all(np.isfinite(one).all() for one in weights)
    session.step(1)
    after = [parameter.data for parameter in session.lane.network.parameters()]
    assert all(one.tobytes() == other.tobytes() for one, other in zip(weights, after, strict=True))

    done(page, lambda: button(page, "To the last step").click())
    done(page, lambda: why.get_by_role("button", name="where the loss was lowest").click())
    assert latest(page, "step") < reason.step
    done(page, lambda: button(page, "To the last step").click())
    done(page, lambda: why.get_by_role("button", name="From step 0 with a tenth").click())
    until(page, "window.latest.settings.optimizers[0].lr === 0.3")
    assert latest(page, "step") == 0


def test_the_way_by_keyboard_alone(enter, table):
    page = enter(SMALL)
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert reached[0] == "Skip to the network"
    assert {"Train", "Step", "Restart", "Export"} <= set(reached)
    page.evaluate("document.activeElement.blur()")
    before = latest(page, "step")
    page.keyboard.press(" ")
    until(page, f"window.latest.step > {before + 20}")
    page.keyboard.press(" ")
    until(page, "!window.latest.playing")
    settled(page)
    here = latest(page, "step")
    for key, step in (
        ("ArrowLeft", here - 1),
        ("ArrowRight", here),
        ("Shift+ArrowLeft", here - 10),
        ("ArrowRight", here - 9),
    ):
        done(page, lambda key=key: page.keyboard.press(key))
        assert latest(page, "step") == step
    page.focus("#timeline input[type=range]")
    done(page, lambda: page.keyboard.press("Home"))
    assert latest(page, "step") == 0
    done(page, lambda: page.keyboard.press("End"))
    assert latest(page, "step") == here
    agrees(page, table)
    walk_to_a_weight(page)
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").get_by_role("heading", name="Keys").is_visible()
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0


def walk_to_a_weight(page):
    """By arrows from a unit to a line; Enter opens its card, and a button there nudges it."""
    page.focus("#network button.unit[tabindex='0']")
    page.keyboard.press("ArrowRight")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    weight, gradient = latest(page, "network.layers[0].weights.data"), numbers_in(label)[-1]
    value = np.frombuffer(base64.b64decode(weight), "<f4")[0]
    assert numbers_in(label)[-2] == pytest.approx(value, rel=0.01)
    slopes = latest(page, "network.layers[0].gradients.data")
    slope = np.frombuffer(base64.b64decode(slopes), "<f4")[0]
    assert gradient == pytest.approx(slope, rel=0.01)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # from the field to the button with a plus
    done(page, lambda: page.keyboard.press("Enter"))
    nudged = np.frombuffer(base64.b64decode(latest(page, "network.layers[0].weights.data")), "<f4")
    assert nudged[0] == pytest.approx(value + 0.1, rel=1e-5)


def test_a_server_that_stops_while_it_trains_is_reported(browser, tmp_path):
    context = browser.new_context()
    with started(folder=tmp_path) as address:
        page = opened(context, address)
        button(page, "Train").click()
        until(page, "window.latest.step > 20")
    note = page.get_by_text(
        "The playground was stopped; start it again with tinygrad-edu playground"
    )
    note.first.wait_for()
    step = page.evaluate("window.latest.step")
    assert f"step={step}" in page.evaluate("window.latest.state")
    assert [text for text in page.found if "ERR_CONNECTION_REFUSED" not in text] == []
    context.close()
