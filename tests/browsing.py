"""A headless Chromium for all tests of pages. It only opens tabs and lists what goes wrong in them;
what a page has to show is tested where the page is.
"""

import os
from contextlib import contextmanager

import pytest

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
    """Write what the page's policy refuses to the console."""
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " (event) => console.error('refused: ' + event.violatedDirective));"
    )
