"""A browser for the tests of the page; each visit is watched for errors."""

from contextlib import ExitStack

import pytest

from ..browsing import chromium, watch_the_policy, watched
from .pages import complete, reference, scalars


@pytest.fixture(scope="package")
def browser():
    """One browser for all tests of this folder: starting it takes longer than most of them."""
    with chromium() as running:
        yield running


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
