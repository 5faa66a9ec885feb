"""Tests loading a classifier from a file: what it costs, and what a subclass keeps."""

import tracemalloc

import numpy as np
import pytest

from nn import Classifier
from nn.files import SavedNetwork, write_legacy, write_native


@pytest.mark.parametrize("write", [write_native, write_legacy])
def test_loading_takes_the_memory_of_the_file_twice(tmp_path, monkeypatch, write):
    generator = np.random.default_rng(0)
    shapes = ((2000, 1500), (1500, 300))
    weights = [generator.random(shape, dtype=np.float32) for shape in shapes]
    names = [f"f{i}" for i in range(2000)]
    saved = SavedNetwork(weights, [np.zeros(n, np.float32) for _, n in shapes], feature_names=names)
    path = write(tmp_path / "model", saved)
    Classifier.load(path)  # what is imported for it is not counted
    size = path.stat().st_size

    def draw(*_):
        raise AssertionError("random weights are drawn, which nobody needs")

    monkeypatch.setattr("nn.mlp.he_normal", draw)
    tracemalloc.start()
    try:
        net = Classifier.load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * size + 2 * 2**20
    np.testing.assert_array_equal(net.network.layers[1].weight.data, weights[1])


def test_a_subclass_is_loaded_with_what_its_constructor_adds(tmp_path):
    class Named(Classifier):
        def __init__(self, structure, base_address, **settings):
            super().__init__(structure, base_address, **settings)
            self.name = "net"

    weights = [np.arange(6.0).reshape(3, 2)]
    saved = SavedNetwork(weights, [np.ones(2)], scale=4, feature_names=["a", "b", "c"])
    loaded = Named.load(write_native(tmp_path / "model.safetensors", saved))
    assert (type(loaded), loaded.name) == (Named, "net")
    assert loaded.base_address == tmp_path
    np.testing.assert_array_equal(loaded.saved().weights[0], weights[0])
    np.testing.assert_array_equal(loaded.predict([[4, 0, 0], [0, 0, -8]]), [1, 0])
