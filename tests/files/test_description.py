"""Names of features and classes, and ranges: checked, kept by both layouts, and read safely."""

import numpy as np
import pytest
import safetensors.numpy

from nn.errors import DataWarning, ModelFileError
from nn.files import SavedNetwork, read_network, write_legacy, write_native
from tests.files.in_memory import native_bytes, read_native

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


@pytest.mark.parametrize("write", [write_native, write_legacy])
def test_equal_networks_make_equal_files(write, tmp_path):
    first, second = (write(tmp_path / name, described()) for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert write(tmp_path / "c", read_network(first)).read_bytes() == first.read_bytes()


def test_names_are_read_back_whatever_they_are(tmp_path):
    odd = [
        "",
        " ",
        "\n",
        ",\n",
        '"',
        '",\n"',
        "\\",
        "[]",
        "null",
        "\0",
        "\udcff",
        "𝔘",
        "a" * 10_000,
    ]
    saved = described(len(odd), 1, feature_names=odd, classes=["no,\n", "yes"])
    for write in (write_native, write_legacy):
        assert_same(read_network(write(tmp_path / "a", saved)), saved)


def test_ranges_are_read_back_to_the_last_bit(tmp_path):
    numbers = [[-0.0, 5e-324], [-1.7976931348623157e308, 0.1], [1 / 3, 1 / 3]]
    saved = described(3, 1, feature_names=None, feature_ranges=numbers, classes=None)
    for write in (write_native, write_legacy):
        found = read_network(write(tmp_path / "a", saved))
        assert found.feature_ranges is not None
        assert found.feature_ranges.tobytes() == np.array(numbers).tobytes()


@pytest.mark.parametrize(
    ("part", "kind", "words"),
    [
        ({"feature_names": NAMES[:5]}, ValueError, "5 names, the network takes 6 features"),
        ({"feature_names": "abcdef"}, TypeError, "is 'abcdef'; expected a list"),
        ({"feature_names": 5}, TypeError, "is '5'; expected a list"),
        ({"feature_ranges": [["a", "b"]] * 6}, ValueError, "cannot be converted to numbers"),
        ({"feature_ranges": [[1], [1, 2]]}, ValueError, "cannot be converted to numbers"),
        ({"feature_names": [*NAMES[:5], 1]}, TypeError, r"feature_names\[5\] is a int"),
        ({"feature_names": [*NAMES[:5], NAMES[0]]}, ValueError, r"'sepal length \(cm\)' twice"),
        ({"feature_names": ["x" * 2**25, *"abcde"]}, ValueError, "33554437 characters"),
        ({"feature_ranges": [[0, 1]] * 5}, ValueError, r"shape \(5, 2\), expected \(6, 2\)"),
        ({"feature_ranges": np.zeros(6)}, ValueError, r"shape \(6,\)"),
        ({"feature_ranges": [[0, 1]] * 5 + [[1, 0]]}, ValueError, r"\[5\] is \[1.0, 0.0\]"),
        ({"feature_ranges": [[0, np.nan]] * 6}, ValueError, r"\[0\] is \[0.0, nan\]"),
        ({"feature_ranges": [[0, np.inf]] * 6}, ValueError, r"\[0\] is \[0.0, inf\]"),
        ({"classes": []}, ValueError, "0 names, a network of 3 outputs has 1 to 3"),
        ({"classes": ["a", "b", "c", "d"]}, ValueError, "4 names"),
        ({"classes": ["a", "a"]}, ValueError, "'a' twice"),
        ({"classes": [b"a"]}, TypeError, r"classes\[0\] is a bytes"),
    ],
)
def test_parts_that_do_not_fit_make_no_network(part, kind, words):
    with pytest.raises(kind, match=words):
        described(**part)


def test_single_output_has_two_classes():
    assert described(outputs=1, classes=["no", "yes"]).classes == ("no", "yes")
    with pytest.raises(ValueError, match="3 names"):
        described(outputs=1)


def test_ranges_of_the_caller_are_copied():
    mine = np.zeros((6, 2))
    saved = described(feature_ranges=mine)
    mine += 1
    assert saved.feature_ranges is not None
    assert saved.feature_ranges.sum() == 0


PAIR = {"weights.0": np.ones((2, 3)), "biases.0": np.zeros(3)}
WRONG = {
    "names that are no list": ({"feature_names": '"a",\n"b"'}, "expected a list"),
    "names that are not ASCII": ({"feature_names": '["a",\n"é"]'}, "expected a list"),
    "too many names": ({"feature_names": '["a",\n"b",\n"c"]'}, "3 entries.*room for 2"),
    "too few names": ({"feature_names": '["a"]'}, "1 names, the network takes 2"),
    "names that are numbers": ({"feature_names": "[1,\n2]"}, "holds '1', expected a text"),
    "names without an end": ({"feature_names": '["a,\n"b"]'}, "expected a text in quotation"),
    "two names on a line": ({"feature_names": '["a",\n"b","c"]'}, "expected a text in quotation"),
    "same names": ({"feature_names": '["a",\n"a"]'}, "'a' twice"),
    "ranges that are numbers": ({"feature_ranges": "[1,\n2]"}, "two numbers in brackets"),
    "ranges of three": ({"feature_ranges": "[[1,2,3],\n[1,2,3]]"}, "two numbers in brackets"),
    "ranges in words": ({"feature_ranges": "[[a,b],\n[1,2]]"}, "two numbers in brackets"),
    "ranges without end": ({"feature_ranges": "[[0,1],\n(0,1)]"}, "two numbers in brackets"),
    "a single range": ({"feature_ranges": "[[0,1]]"}, r"shape \(1, 2\), expected \(2, 2\)"),
    "infinite ranges": ({"feature_ranges": "[[0,1],\n[0,1e999]]"}, "inf"),
    "too many classes": ({"class_names": '["a",\n"b",\n"c",\n"d"]'}, "4 entries.*room for 3"),
}


@pytest.mark.parametrize("case", WRONG)
def test_texts_that_do_not_fit_are_errors_of_the_file(case, tmp_path):
    texts, words = WRONG[case]
    (tmp_path / "a").write_bytes(native_bytes(PAIR, texts))
    with pytest.raises(ModelFileError, match=words) as caught:
        read_network(tmp_path / "a")
    assert str(caught.value).startswith(f"{tmp_path / 'a'}: ")
    assert str(caught.value).isprintable()


def test_other_programs_may_mean_other_things_by_our_names(tmp_path):
    texts = {"feature_names": "none of your business", "class_names": "?", "scale": "2"}
    safetensors.numpy.save_file(PAIR, tmp_path / "a", texts)
    with pytest.warns(DataWarning, match="nothing was verified"):
        found = read_network(tmp_path / "a")
    assert (found.scale, found.feature_names, found.classes) == (2, None, None)


def test_long_texts_are_behind_the_numbers_and_every_reader_finds_the_arrays(tmp_path):
    names = [f"column {i}" for i in range(40_000)]
    saved = described(40_000, 1, feature_names=names, feature_ranges=None, classes=None)
    data = write_native(tmp_path / "a", saved).read_bytes()
    arrays = safetensors.numpy.load(data)
    assert set(arrays) == {"weights.0", "biases.0", "text.feature_names"}
    assert bytes(arrays["text.feature_names"]).startswith(b'["column 0",\n"column 1"')
    assert "feature_names" in read_native(data)[1]
    data = bytearray(data)
    data[-3] = 0xFF
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ModelFileError, match="checksum of the numbers"):
        read_network(tmp_path / "a")


def test_text_behind_the_numbers_must_be_ascii():
    """In a file of which nobody has the checksums."""
    arrays = {"text.a": np.frombuffer(b"\xff", np.uint8)}
    with pytest.raises(ModelFileError, match=r"'text\.a' is not ASCII"):
        read_native(safetensors.numpy.save(arrays))
    with pytest.raises(ValueError, match=r"'text\.a' is a name for the texts"):
        native_bytes({"text.a": np.ones(1)}, {})
