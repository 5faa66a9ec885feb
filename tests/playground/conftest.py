"""What tests of the playground share: servers, silence, and a browser."""

import pytest

from nn.playground.tables import read_table
from tests.browsing import chromium
from tests.playground.talking import running
from tests.playground.visiting import flowers, opened, started


@pytest.fixture(scope="module")
def one():
    """A server for tests that leave it as it was."""
    with running() as found:
        yield found


@pytest.fixture
def silent(capfd):
    """Check that nothing was printed: no attack is worth a line, and a traceback would be one."""
    yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="package")
def browser():
    """One browser for all tests of pages: starting it takes longer than most of them."""
    with chromium() as running:
        yield running


# A person with a table ------------------------------------------------------------------------


@pytest.fixture(scope="package")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "flowers.csv"
    path.write_text(flowers(), "utf-8")
    return path


@pytest.fixture(scope="package")
def table(file):
    return read_table(str(file))


@pytest.fixture(scope="package")
def address(file):
    with started(file, folder=file.parent) as found:
        yield found


@pytest.fixture(scope="package")
def context(browser):
    found = browser.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
    yield found
    found.close()


@pytest.fixture
def enter(context, address):
    """Open the playground in a tab; what goes wrong on a page fails the test at its end."""
    pages = []

    def enter(state=""):
        pages.append(opened(context, address, state))
        return pages[-1]

    yield enter
    found = [text for page in pages for text in page.found]
    for page in context.pages:
        page.close()
    assert found == [], "\n".join(found)
