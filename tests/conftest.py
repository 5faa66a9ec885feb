"""Settings of all tests: how many examples Hypothesis draws, and which, and what tests do without:
waiting for the disk, looking for garbage among the tests themselves, and operations of other tests.

Tests carry no settings of their own, because those would override the profile: the budget is
here. `make test-thorough` asks for the profile of that name.
"""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

from tests import platforms

# Where a gate decides, the same examples every time: it fails for what changed, not by chance.
settings.register_profile("gate", max_examples=50, deadline=None, derandomize=True, database=None)
# At a desk, other examples every time; what failed is kept, and tried first in the next run.
settings.register_profile("free", max_examples=50, deadline=None)
# In WebAssembly a test takes about seven times as long, and so does drawing its examples.
settings.register_profile(
    "wasm",
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", max_examples=1000, deadline=None, print_blob=True)
_usual = "gate" if "CI" in os.environ else "free"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", _usual))


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk():
    """No test is about a power failure but those in `files/`, which have the true one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def operations_of_this_test():
    """Remove the operations that a test, a docstring or a page declared."""
    from tinygrad_edu.primitive import PRIMITIVES

    before = dict(PRIMITIVES)
    yield
    if before != PRIMITIVES:
        PRIMITIVES.clear()
        PRIMITIVES.update(before)


def pytest_collection_modifyitems(items):
    """Expect tests to fail where the platform lacks what they need."""
    for item in items:
        platforms.mark(item)


def pytest_collection(session):
    """Collect no garbage while tests are collected, because they all stay."""
    gc.disable()


def pytest_collection_finish(session):
    """Keep the tests themselves, millions of objects, out of each later collection."""
    gc.freeze()
    gc.enable()
