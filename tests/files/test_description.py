"""Names of features and classes, and ranges: checked, kept by both layouts, and read safely."""

import numpy as np
import pytest

from nn.files import SavedNetwork, read_network, write_legacy, write_native

NAMES = ("sepal length (cm)", 'a "quoted",\nname', "花弁", "", "\\x1b[2J", "\x1b[2J\udc80")
CLASSES = ("setosa", "versicolor", "été")


def described(features=6, outputs=3, **changes):
    """A network that knows everything about its data."""
    source = np.random.default_rng(7)
    ranges = np.sort(source.normal(size=(features, 2)), axis=1)
    parts = {"feature_names": NAMES, "feature_ranges": ranges, "classes": CLASSES, "scale": 255}
    arrays = (source.normal(size=(features, outputs)),), (source.normal(size=outputs),)
    return SavedNetwork(*arrays, **(parts | changes))


def assert_same(found, expected):
    assert found.feature_names == expected.feature_names
    assert found.classes == expected.classes
    np.testing.assert_array_equal(found.feature_ranges, expected.feature_ranges)
    np.testing.assert_array_equal(found.weights[0], expected.weights[0], strict=True)
    np.testing.assert_array_equal(found.biases[0], expected.biases[0], strict=True)
    assert (found.activation, found.scale) == (expected.activation, expected.scale)


@pytest.mark.parametrize("write", [write_native, write_legacy])
def test_both_layouts_keep_names_ranges_and_classes(write, tmp_path):
    saved = described()
    assert_same(read_network(write(tmp_path / "model", saved)), saved)
    plain = described(feature_names=None, feature_ranges=None, classes=None)
    found = read_network(write(tmp_path / "model", plain))
    assert (found.feature_names, found.feature_ranges, found.classes) == (None, None, None)
