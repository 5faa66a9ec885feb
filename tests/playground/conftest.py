"""What tests of the playground's server share: a server for all tests of a file, and silence."""

import pytest

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
