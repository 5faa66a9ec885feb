"""What tests of the playground share: a server for all tests of a file, silence, and a browser."""

import pytest

from tests.browsing import chromium
from tests.playground.talking import running


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
