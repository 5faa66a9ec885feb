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


def watched(context):
    """Open a tab that lists what goes wrong in `page.found`, and its requests."""
    page = context.new_page()
    page.set_default_timeout(5000)
    page.requests, page.found = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("console", lambda message: page.found.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: page.found.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (page.found.append("dialog"), dialog.dismiss()))
    return page


def watch_the_policy(page):
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " (event) => console.error('refused: ' + event.violatedDirective));"
    )


@pytest.fixture(scope="package")
def tab(browser):
    """One tab for all tests: a new one takes longer than to load a page, which starts anew."""
    context = browser.new_context()
    page = watched(context)
    watch_the_policy(page)
    yield page
    context.close()


# What a reader's browser is set to, unless a test says otherwise.
MEDIA = {"reduced_motion": "reduce", "color_scheme": "light", "forced_colors": "none"}


@pytest.fixture
def visit(browser, tab):
    """Open a file as a reader does; whatever goes wrong during the test fails it at its end."""
    opened = []
    with ExitStack() as stack:

        def visit(path, address="", width=1440, height=900, script=True, **options):
            size = {"width": width, "height": height}
            if opened or not script or not options.keys() <= MEDIA.keys():
                context = browser.new_context(
                    viewport=size, java_script_enabled=script, **{**MEDIA, **options}
                )
                stack.callback(context.close)
                page = watched(context)
                if script:
                    watch_the_policy(page)
            else:
                page = tab
                page.set_viewport_size(size)
                page.emulate_media(media="screen", **{**MEDIA, **options})
                page.mouse.move(0, 0)
                page.requests.clear()
            opened.append(page)
            page.goto(f"file://{path}{address}")
            return page

        yield visit
        if tab in opened:
            tab.goto("about:blank")  # the next test loads its page, whatever was open here
        found = [text for page in opened for text in page.found]
        tab.found.clear()
    assert found == []


@pytest.fixture(scope="package")
def saved(tmp_path_factory):
    """The pages as files."""
    folder = tmp_path_factory.mktemp("pages")
    made = {"reference": reference(), "complete": complete(), "scalars": scalars()}
    return {name: one.save(folder / f"{name}.html") for name, one in made.items()}
