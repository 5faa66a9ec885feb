"""Fixtures for the tests of training."""

import pytest


@pytest.fixture
def out(tmp_path):
    """A folder for the results of a training."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder
