"""Walking through the page in a real headless Chromium: steps, keys, links, what is spoken.

The page is opened from disk, without a network. Every visit is watched: a message on the console,
an error, a dialog or a refused resource fails the test (see `conftest`).
"""

import re

import pytest

from tinygrad_edu.texts import gradient_text

from .pages import (
    complete,
    count,
    reference,
    reference_network,
    scalars,
    sentence,
    shown,
    squeezed,
    step,
)

# Check 27 --------------------------------------------------------------------------------------


def test_opening_makes_one_request(visit, saved):
    page = visit(saved["complete"])
    assert page.requests == [f"file://{saved['complete']}"]
    assert page.title() == "A network"


def test_what_the_policy_forbids_is_seen_by_the_watch(visit, saved, browser):
    """The oracle of all the other tests: a style of an element's own is refused, and noticed."""
    context = browser.new_context()
    page = context.new_page()
    noticed = []
    page.on("console", lambda message: noticed.append(message.text))
    page.goto(f"file://{saved['scalars']}")
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("document.body.appendChild(document.createElement('img')).src = 'a.png'")
    page.wait_for_timeout(50)
    context.close()
    assert any("style" in text for text in noticed)
    assert any("img-src" in text or "default-src" in text for text in noticed)


# Checks 28 and 29: stepping --------------------------------------------------------------------


def test_arrow_keys_reach_the_last_step_and_home_returns(visit, saved):
    page = visit(saved["complete"])
    steps = sum(step.ends_operation for step in complete().story.steps)
    assert count(page) == steps == int(page.locator("#slider").get_attribute("max"))
    seen = [sentence(page)]
    assert page.locator("#previous").is_disabled()
    assert page.locator("#first").is_disabled()
    for number in range(2, steps + 1):
        page.keyboard.press("ArrowRight")
        assert step(page) == number
        seen.append(sentence(page))
    assert len(set(seen)) == steps
    assert page.locator("#next").is_disabled()
    assert page.locator("#last").is_disabled()
    page.keyboard.press("ArrowRight")
    assert step(page) == steps
    page.keyboard.press("ArrowLeft")
    assert step(page) == steps - 1
    page.keyboard.press("Home")
    assert step(page) == 1
    page.keyboard.press("End")
    assert step(page) == steps


def test_buttons_slider_and_phases_agree(visit, saved):
    page = visit(saved["complete"])
    kinds = [step.kind for step in complete().story.steps if step.ends_operation]
    for phase, kind in (("forward", "forward"), ("backward", "seed"), ("check", "check")):
        page.click(f".phase[data-phase={phase}]")
        assert step(page) == kinds.index(kind) + 1
        assert page.get_attribute(f".phase[data-phase={phase}]", "aria-pressed") == "true"
    page.click("#last")
    assert step(page) == len(kinds)
    assert page.get_attribute(".phase[data-phase=update]", "aria-pressed") == "true"
    page.click("#previous")
    page.click("#previous")
    page.click("#next")
    assert step(page) == len(kinds) - 1
    page.locator("#slider").fill("2")
    assert step(page) == 2
    text = page.get_attribute("#slider", "aria-valuetext")
    assert text == f"Step 2 of {len(kinds)}: forward through linear"
    page.click("#first")
    assert step(page) == 1
    page.keyboard.press("b")
    assert step(page) == kinds.index("seed") + 1
    page.keyboard.press("f")
    assert step(page) == 2


def test_a_button_that_is_switched_off_hands_its_focus_on(visit, saved):
    page = visit(saved["scalars"])
    page.focus("#next")
    for _ in range(count(page)):
        page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "previous"
    page.focus("#first")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "next"


def test_detail_has_a_separate_step_for_each_gradient(visit, saved):
    page = visit(saved["scalars"])
    story = scalars().story
    page.click(".by[data-by=edge]")
    assert count(page) == len(story.steps)
    for number, one in enumerate(story.steps, 1):
        assert step(page) == number
        assert squeezed(sentence(page)) == squeezed(one.sentence)
        page.keyboard.press("n")
    page.click(".by[data-by=op]")
    assert step(page) == count(page) == sum(step.ends_operation for step in story.steps)


# Checks 30 and 31: numbers ---------------------------------------------------------------------


def test_final_gradients_are_those_of_backward(visit, saved):
    net, _ = reference_network()
    page = visit(saved["reference"])
    ids = {tensor.name: tensor.id for tensor in reference().story.graph.tensors}
    names = dict(net.named_parameters())
    for name in names:
        assert shown(page, ids[name])[1] == "not computed"
    page.keyboard.press("End")
    for name, parameter in names.items():
        expected, _, _ = gradient_text(parameter.grad, True)
        assert shown(page, ids[name])[1] == expected
        drawn = page.locator(f"#{ids[name]} text:not(.off)").all_text_contents()
        assert squeezed(expected) in squeezed(" ".join(drawn))


def test_contributions_are_counted_before_the_producer_fires(visit, saved):
    page = visit(saved["scalars"])
    page.click(".by[data-by=edge]")
    found = []
    for _ in range(count(page)):
        text = page.locator(".panel:not(.off)").inner_text()
        found += re.findall(r"grad\(a\).*contribution (\d) of 3", squeezed(text))
        page.keyboard.press("n")
    assert found == ["1", "2", "3"]
    cell = page.locator("tr[data-row=t0] td.gradient")
    assert cell.locator("small").all_text_contents()[:2] == ["1 of 3", "2 of 3"]


# Check 32: links -------------------------------------------------------------------------------


def test_links_open_at_their_step_and_nonsense_is_ignored(visit, saved):
    page = visit(saved["complete"], "#step=7&view=layers&node=t1&detail=edge")
    assert step(page) == 7
    assert page.locator("[data-figure=layers]").is_visible()
    assert page.locator("[data-figure=ops]").is_hidden()
    assert page.get_attribute(".by[data-by=edge]", "aria-pressed") == "true"
    assert page.locator(".detail[data-node=t1]").is_visible()
    page.keyboard.press("n")
    assert "step=8" in page.url
    assert "node=t1" in page.url
    page.goto("about:blank")
    page.goto(f"file://{saved['complete']}#step=999&view=<b>&detail=all&node=t99999&x=1")
    assert step(page) == count(page)
    assert page.locator("[data-figure=ops]").is_visible()
    assert "node" not in page.url
    page.evaluate("window.location.hash = 'step=<script>'")
    page.wait_for_timeout(30)
    assert step(page) == count(page)
    page.evaluate("window.location.hash = 'step=3'")
    page.wait_for_timeout(30)
    assert step(page) == 3
    page.evaluate("window.location.hash = 'step=0'")
    page.wait_for_timeout(30)
    assert step(page) == 1
    page.goto("about:blank")
    page.goto(f"file://{saved['scalars']}#view=layers&step=2")
    assert page.locator("[data-figure=ops]").is_visible()
    assert step(page) == 2


def test_in_a_frame_of_a_notebook_there_are_no_links(visit, tmp_path):
    frame = tmp_path / "notebook.html"
    shell = scalars()._repr_mimebundle_()["text/html"]
    frame.write_text(f"<!DOCTYPE html><meta charset=utf-8>{shell}", encoding="utf-8")
    page = visit(frame)
    inner = page.frame_locator("iframe")
    inner.locator("#next").click()
    inner.locator("#next").click()
    assert inner.locator("#now").inner_text() == "3"
    assert inner.locator("#copy").is_hidden()
    assert page.url == f"file://{frame}"
    assert len(page.requests) <= 2  # the file, and the text of the frame


# Check 33: keyboard and focus ------------------------------------------------------------------


def test_tab_goes_from_the_controls_to_the_graph_the_account_and_the_table(visit, saved):
    page = visit(saved["reference"], "#step=3")
    where = "const at = document.activeElement; "
    places = []
    for _ in range(60):
        page.keyboard.press("Tab")
        places.append(
            page.evaluate(
                "() => {"
                + where
                + "return ['.extras', '.toolbar', '#canvas', '#panel', '.tensors']"
                ".find((one) => at.closest && at.closest(one)) || ''; }"
            )
        )
        ring = page.evaluate(
            "() => {" + where + "const look = getComputedStyle(at);"
            "return at === document.body || parseFloat(look.outlineWidth) >= 3; }"
        )
        assert ring, "the focus is not seen"
        if places[-1] == ".tensors":
            break
    order = [place for place in dict.fromkeys(places) if place]
    assert order == [".extras", ".toolbar", "#canvas", "#panel", ".tensors"]
    assert places.count("#canvas") == 1


def test_arrow_keys_walk_the_graph_and_enter_explains(visit, saved):
    page = visit(saved["scalars"])
    at = "document.activeElement.id"
    page.focus("#t0")
    page.keyboard.press("ArrowDown")
    operation = page.evaluate(at)
    assert operation.startswith("o")
    page.keyboard.press("ArrowDown")
    result = page.evaluate(at)
    assert result.startswith("t")
    page.keyboard.press("ArrowUp")
    assert page.evaluate(at) == operation
    page.keyboard.press("ArrowUp")
    assert page.evaluate(at) == "t0"
    assert page.locator("g.node[tabindex='0']").count() == 1
    assert step(page) == 1, "arrows that walk do not step"
    page.keyboard.press("n")
    assert step(page) == 2
    assert page.evaluate(at) == "t0"
    page.keyboard.press("Enter")
    assert page.locator(".detail[data-node=t0]").is_visible()
    assert page.get_attribute("#t0", "aria-pressed") == "true"
    page.keyboard.press("Escape")
    assert page.locator("#about").is_hidden()
    page.locator("#o0").click()
    assert page.locator(".detail[data-node=o0]").is_visible()
    page.click("#close")
    assert page.locator("#about").is_hidden()


def test_typing_in_the_search_never_steps(visit, saved):
    page = visit(saved["reference"])
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("bn f")
    assert step(page) == 1
    page.locator("#search").fill("linear1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    page.keyboard.press("Backspace")
    assert step(page) == 1
    assert (
        int(page.locator("#hits").inner_text()) == page.locator("svg:visible .found").count() == 2
    )
    page.keyboard.press("Enter")
    assert page.locator(".detail[data-node=t1]").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#search").input_value() == ""
    assert page.locator(".found").count() == 0


def test_shortcuts_can_be_switched_off(visit, saved):
    page = visit(saved["scalars"])
    page.keyboard.press("?")
    assert page.locator("#helping").is_visible()
    page.keyboard.press("n")
    assert step(page) == 1, "the help is open"
    page.uncheck("#shortcuts")
    page.click("#helped")
    for key in ("n", "ArrowRight", "End", "f", " "):
        page.keyboard.press(key)
    assert step(page) == 1
    # The space bar has scrolled the page, which may still be under way: a click without a place.
    page.evaluate("document.getElementById('next').click()")
    assert step(page) == 2


def test_zoom_and_themes(visit, saved):
    page = visit(saved["scalars"], color_scheme="light")
    first = int(page.locator("#percent").inner_text())
    page.keyboard.press("+")
    page.click("#larger")
    assert int(page.locator("#percent").inner_text()) == pytest.approx(first * 1.44, abs=1)
    page.keyboard.press("-")
    page.click("#smaller")
    page.click("#larger")
    page.keyboard.press("0")
    assert int(page.locator("#percent").inner_text()) == first
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.select_option("#theme", "dark")
    assert page.evaluate(ground) == "rgb(20, 24, 28)"
    page.emulate_media(color_scheme="dark")
    page.select_option("#theme", "light")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.select_option("#theme", "")
    assert page.evaluate(ground) == "rgb(20, 24, 28)"


def test_the_lit_operation_is_brought_into_view(visit, saved):
    page = visit(saved["complete"], width=1024, height=700)
    for _ in range(count(page)):
        outside = page.evaluate(
            "() => { const frame = document.getElementById('canvas').getBoundingClientRect();"
            "return Array.from(document.querySelectorAll('[data-figure]:not(.off) .op.lit'))"
            ".filter((node) => { const box = node.getBoundingClientRect();"
            "return box.top < frame.top || box.bottom > frame.bottom"
            " || box.left < frame.left || box.right > frame.right; }).map((node) => node.id); }"
        )
        assert outside == []
        page.keyboard.press("n")


# Checks 34 and 35: movement, and what is spoken ------------------------------------------------


def test_reduced_motion_has_no_transitions(visit, saved):
    moving = "document.getAnimations().length"
    page = visit(saved["scalars"], reduced_motion="reduce")
    for _ in range(count(page)):
        assert page.evaluate(moving) == 0
        page.keyboard.press("n")
    page = visit(saved["scalars"], "#step=2", reduced_motion="no-preference")
    # In one go, or they can be over before anybody looks.
    stepped = f"() => {{ document.getElementById('next').click(); return {moving}; }}"
    assert page.evaluate(stepped) > 0, "the oracle sees those that there are"


def test_the_live_region_says_the_sentence(visit, saved):
    page = visit(saved["reference"])
    graph = reference().story.graph
    for _ in range(count(page)):
        assert squeezed(page.locator("#said").inner_text()) == squeezed(sentence(page))
        assert page.get_attribute("#said", "aria-live") == "polite"
        for name in page.locator("tr.lit").evaluate_all("all => all.map((row) => row.dataset.row)"):
            drawn = squeezed(" ".join(page.locator(f"#{name} text:not(.off)").all_text_contents()))
            for part in shown(page, name):
                # Counts are only in the table, and words between the parts of a value.
                for word in re.sub(r"\d+ of \d+$", "", part).replace(",", " ").split():
                    assert word in drawn.replace(",", " "), (name, part, drawn)
        page.keyboard.press("n")
    assert len(graph.operations) + 2 < count(page)


def test_play_is_silent_until_it_pauses(visit, saved):
    page = visit(saved["scalars"])
    page.clock.install()
    page.reload()
    page.select_option("#speed", "2")
    before = page.locator("#said").inner_text()
    page.click("#play")
    page.clock.run_for(2700)
    assert step(page) == 3
    assert page.get_attribute("#said", "aria-live") == "off"
    assert page.locator("#said").inner_text() == before
    page.select_option("#speed", "0.5")
    page.clock.run_for(5300)
    assert step(page) == 4
    page.click("#play")
    assert page.get_attribute("#said", "aria-live") == "polite"
    assert squeezed(page.locator("#said").inner_text()) == squeezed(sentence(page))
    page.clock.run_for(20_000)
    assert step(page) == 4
    page.keyboard.press("End")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    assert step(page) == 1, "at its end it starts anew"
    page.clock.run_for(5300 * count(page))
    assert step(page) == count(page)
    assert page.locator("#play-on").is_visible()
    assert squeezed(page.locator("#said").inner_text()) == squeezed(sentence(page))


def test_what_a_screen_reader_finds(visit, saved):
    page = visit(saved["reference"], "#step=3")
    tree = page.locator("body").aria_snapshot()
    for part in (
        'group "Steps"',
        'button "Next"',
        'slider "Step"',
        'button "parameter linear1.weight · W1, shape 2 by 3"',
        'region "Table of all tensors"',
        'columnheader "Gradient"',
        'rowheader "linear1.weight · W1"',
    ):
        assert part in tree, part
