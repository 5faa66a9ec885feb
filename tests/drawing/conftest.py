"""For all tests of drawing: Graphviz is looked for on PATH, which the tests set.

Whoever runs them may have named a program of their own.
"""

import pytest


@pytest.fixture(autouse=True)
def no_program_is_named(monkeypatch):
    monkeypatch.delenv("TINYGRAD_EDU_DOT", raising=False)
