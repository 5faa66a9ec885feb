"""The stand-in for safetensors writes and reads what the package does, if that is installed."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent / "stand_in"
RANDOM = np.random.default_rng(4)
ARRAYS = {
    "b.weight": RANDOM.normal(size=(3, 4)).astype("f4"),
    "a": RANDOM.normal(size=(2, 1, 3)),
    "c": RANDOM.normal(size=()),
    "text": RANDOM.integers(0, 255, 5).astype("u1"),
    "counts": RANDOM.integers(0, 255, 7).astype("i8"),
    "empty": np.zeros((0, 2), "f4"),
    "mask": RANDOM.random(3) < 0.5,
}


@pytest.fixture
def both(monkeypatch):
    """The stand-in and the package."""
    package = pytest.importorskip("safetensors.numpy")
    if Path(package.__file__).is_relative_to(FOLDER):
        pytest.skip("this system has no build of safetensors")
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(FOLDER))
    stand_in = importlib.import_module("safetensors.numpy")
    assert stand_in is not package
    return stand_in, package


@pytest.mark.parametrize("metadata", [None, {"note": "ä"}])
def test_same_bytes(both, metadata):
    stand_in, package = both
    assert stand_in.save(ARRAYS, metadata) == package.save(ARRAYS, metadata)


def test_each_reads_the_file_of_the_other(both, tmp_path):
    for writer, reader in (both, both[::-1]):
        writer.save_file(ARRAYS, tmp_path / "a")
        read = reader.load_file(tmp_path / "a")
        assert read.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            assert read[name].dtype == array.dtype
            np.testing.assert_array_equal(read[name], array, strict=True)
