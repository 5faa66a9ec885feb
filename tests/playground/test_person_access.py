"""Whether everybody can use the playground: axe-core, narrow windows, dark; and that what tests of
the page look for would be found.
"""

from pathlib import Path

import pytest

from tests.playground.visiting import SMALL, agrees, button, differences, done, opened

STATES = {
    "start": lambda page: None,
    "training": lambda page: (
        page.get_by_label("Speed").select_option("1 step a second"),
        button(page, "Train").click(),
        button(page, "Pause").wait_for(),
    ),
    "branch": lambda page: (
        done(page, button(page, "Pause").click),
        done(page, button(page, "Compare with another").click),
        done(page, button(page, "Lower learning rate of optimizer 1").click),
        done(page, button(page, "Step").click),
    ),
}


def serious(page, audit):
    """List what axe-core finds serious or critical; whether it looked at anything."""
    page.evaluate(audit)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    assert len(found["passes"]) > 20
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.fixture(scope="module")
def audit():
    axe = pytest.importorskip(
        "axe_playwright_python", reason="axe is missing; pip install axe-playwright-python"
    )
    return Path(axe.__file__).with_name("axe.min.js").read_text("utf-8")


VIEWS = [(1400, "light"), (420, "dark")]


def looked_at(page, audit, state):
    """Look at a page in both widths and both schemes; list what is wrong."""
    found = []
    for width, scheme in VIEWS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(100)  # the panels find their new size
        wide = page.evaluate("document.documentElement.scrollWidth")
        where = f"{state}, {width} px, {scheme}"
        if wide > width:
            found.append(f"{where}: the page is {wide} px wide")
        found += [f"{where}: {text}" for text in serious(page, audit)]
    page.set_viewport_size({"width": 1400, "height": 900})
    return found


def test_each_state_can_be_used_by_everybody_and_fits(enter, audit):
    page = enter()
    found = []
    for state, reach in STATES.items():
        reach(page)
        found += looked_at(page, audit, state)
    page.goto("about:blank")
    stopped = enter("data=hills&hidden=8relu&opt=SGD:lr=5")
    button(stopped, "Train").click()
    stopped.locator("#why").get_by_text("cannot be made").wait_for()
    found += looked_at(stopped, audit, "not finite")
    assert found == []


def test_what_is_wrong_is_found(context, address, table, audit):
    """The oracles of the other tests: each sees what is planted."""
    page = opened(context, address, f"{SMALL}&step=12")
    session = agrees(page, table)
    page.evaluate("document.querySelectorAll('#lanes .lane dl dd')[2].textContent = '9.87'")
    assert [text.partition(":")[0] for text in differences(page, session)] == ["losses"]
    session.step(1)
    assert {text.partition(":")[0] for text in differences(page, session)} >= {
        "weights of layer 1",
        "gradients of layer 2",
        "losses",
        "not the same bits",
    }
    assert page.found == []
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("document.body.append(document.createElement('input'))")
    page.evaluate("document.body.append(document.createElement('img'))")
    page.evaluate("document.querySelector('.top').style.width = '1600px'")
    wrong = " ".join(looked_at(page, audit, "planted"))
    assert all(text in wrong for text in ("image-alt", "label", "px wide"))
    assert any("style" in text for text in page.found)
    page.close()
