"""A headless Chromium for the tests of the page; each visit is watched for errors."""

import os
from contextlib import ExitStack, contextmanager

import pytest

from .pages import complete, reference, scalars

CHROMIUM = "/usr/bin/chromium"
INSTALL = "pip install playwright && sudo apt-get install chromium"


@contextmanager
def chromium():
    """Start a browser, or skip the test."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason=f"playwright is not installed; {INSTALL}"
    )
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is not there; {INSTALL}")
    with playwright.sync_playwright() as engine:
        running = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="package")
def browser():
    """One browser for all tests of this folder: starting it takes longer than most of them."""
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser):
    """Open a file as a reader does; whatever goes wrong during the test fails it at its end."""
    found = []
    with ExitStack() as stack:

        def visit(path, address="", width=1440, height=900, script=True, **media):
            context = browser.new_context(
                viewport={"width": width, "height": height},
                java_script_enabled=script,
                **{"reduced_motion": "reduce", **media},
            )
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(5000)
            page.requests = []
            page.on("request", lambda request: page.requests.append(request.url))
            page.on("console", lambda message: found.append(f"console: {message.text}"))
            page.on("pageerror", lambda error: found.append(f"error: {error}"))
            page.on("dialog", lambda dialog: (found.append("dialog"), dialog.dismiss()))
            if script:
                page.add_init_script(
                    "document.addEventListener('securitypolicyviolation',"
                    " (event) => console.error('refused: ' + event.violatedDirective));"
                )
            page.goto(f"file://{path}{address}")
            return page

        yield visit
    assert found == []


@pytest.fixture(scope="package")
def saved(tmp_path_factory):
    """The pages as files."""
    folder = tmp_path_factory.mktemp("pages")
    made = {"reference": reference(), "complete": complete(), "scalars": scalars()}
    return {name: one.save(folder / f"{name}.html") for name, one in made.items()}
