"""Files that were changed at random: each is an error of one kind, or loads."""

import os

import pytest

from tests import fuzzing

# In all 20,000 files; `make test-thorough` reads 1,000,000.
COUNTS = {"pickles": 11_000, "native files": 1_000, "texts": 4_000, "states": 4_000}
TIMES = 50 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 1


@pytest.mark.hypothesis  # `make test-thorough` runs it
@pytest.mark.filterwarnings("ignore:.*not floating numbers:nn.errors.DataWarning")
@pytest.mark.parametrize("kind", COUNTS)
def test_changed_files_raise_one_kind_of_error_or_load(kind):
    count = COUNTS[kind] * TIMES
    loaded, causes = fuzzing.mutate_many(kind, count, seed=20_000)
    assert causes == {"None"}, "only the net of a reader caught one of these"
    if kind == "native files":
        assert loaded == 0, "a change that the checksums did not notice"
    else:
        assert 0 < loaded < count, "some changes do no harm, and not all are harmless"


def test_another_exception_is_noticed(monkeypatch):
    def fail(self, data):
        raise KeyError("oops")

    monkeypatch.setattr(fuzzing.States, "read", fail)
    with pytest.raises(KeyError, match="oops") as caught:
        fuzzing.mutate_many("states", 1, seed=0)
    assert caught.value.__notes__[0].startswith("for the file b'")
