"""Files are written durably in these tests, as outside of tests."""

import os

import pytest

fsync = os.fsync


@pytest.fixture(scope="package", autouse=True)
def waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield
