"""What a file holds about preparation, task and training: checked, kept, and never misread."""

import dataclasses
import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest

from nn.errors import DataWarning, ModelFileError
from nn.files import SavedNetwork, read_network, saved_parts, write_legacy, write_native, write_pair
from tests.files.in_memory import native_bytes

DATA = Path(__file__).parent / "data"
FIELDS = [field.name for field in dataclasses.fields(SavedNetwork)]
VALUES = ((), ("female", "male, or\nnot"), (), ("", "\udc80", "é"))


def prepared(**changes):
    """Two columns of numbers and two of text, which make 7 inputs."""
    source = np.random.default_rng(3)
    parts = {
        "feature_names": ("age", "sex", "fare", "port"),
        "feature_values": VALUES,
        "feature_fills": [29.5, 1, np.nan, 2],
        "feature_means": [1 / 3, 0, 1e300, 0],
        "feature_ranges": [[0, 80], [0, 1], [-1, 5], [0, 2]],
        "missing": "median",
        "input_means": source.normal(size=7),
        "input_deviations": source.uniform(0.5, 2, size=7),
        "label_name": 'a "label"\n',
        "id_name": "Id, or\nso",
        "dropped_names": ("Name", "Ticket, \u00e9"),
        "dropout": 0.25,
        "history_columns": ("epoch", "loss"),
        "history": ((1, 0.1), (2, None), (3, float("inf"))),
        "classes": ("no", "yes"),
    }
    arrays = [source.normal(size=(7, 2))], [source.normal(size=2)]
    return SavedNetwork(*arrays, **(parts | changes))


def regression(**changes):
    parts = {"task": "regression", "target_mean": 1 / 3, "target_deviation": 1e-9}
    return SavedNetwork([np.ones((2, 1))], [np.ones(1)], **(parts | changes))


def assert_same(found, expected):
    for name in FIELDS:
        one, other = getattr(found, name), getattr(expected, name)
        if isinstance(other, np.ndarray):
            np.testing.assert_array_equal(one, other, strict=True)
        elif name in ("weights", "biases"):
            for left, right in zip(one, other, strict=True):
                np.testing.assert_array_equal(left, right, strict=True)
        else:
            assert (one, type(one)) == (other, type(other)), name


@pytest.mark.parametrize(
    "network",
    [
        prepared(),
        regression(),
        regression(target_mean=0, target_deviation=1),
        prepared(history=()),
        prepared(feature_fills=None, feature_ranges=None, missing="drop"),
    ],
)
def test_native_files_keep_every_part(network, tmp_path):
    path = write_native(tmp_path / "a", network)
    found = read_network(path)
    assert_same(found, network)
    assert write_native(tmp_path / "b", found).read_bytes() == path.read_bytes()


def test_every_field_has_another_value_in_these_tests():
    """So that no field is forgotten in the files."""
    plain = SavedNetwork([np.ones((7, 2))], [np.ones(2)])
    others = [prepared(), regression(), prepared(**SCALED), prepared(learned=False)]
    others += [dataclasses.replace(plain, activation="tanh", faintest_row=0.5)]
    same = [
        name
        for name in FIELDS
        if all(repr(getattr(other, name)) == repr(getattr(plain, name)) for other in others)
    ]
    assert same == []


SCALED = {"input_means": None, "input_deviations": None, "scale": 255}


@pytest.mark.parametrize("name", ["0.1.0", "version_1"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pkl"])
def test_files_of_older_versions_are_read_as_before(name, suffix):
    parts = runpy.run_path(str(DATA / "make_models.py"))["parts"]()
    path = DATA / "models" / f"{name}{suffix}"
    if name == "0.1.0":  # which stored only the arrays and the scale
        names = ("feature_names", "feature_ranges", "classes", "faintest_row", "learned")
        parts = {key: part for key, part in parts.items() if key not in names}
        if suffix == ".pkl":  # in which the scale was a part of the first layer
            first, second = parts["weights"]
            parts |= {"weights": ((first / 16), second), "scale": 1}
    assert_same(read_network(path), SavedNetwork(**parts))


def test_file_without_new_parts_is_the_same_as_before(tmp_path):
    for name in ("version_1.safetensors", "version_1.pkl"):
        old = DATA / "models" / name
        write = write_native if old.suffix == ".safetensors" else write_legacy
        texts = f'"numpy":"{np.__version__}"'.encode()
        if old.suffix == ".safetensors" and texts not in old.read_bytes():
            continue  # another version of NumPy is installed here
        assert write(tmp_path / name, read_network(old)).read_bytes() == old.read_bytes()


@pytest.mark.parametrize(
    ("changes", "version"),
    [
        ({}, b"2"),
        ({"feature_values": None}, b"2"),
        (SCALED, b"2"),
        ({**SCALED, "feature_values": None}, b"1"),
    ],
)
def test_file_that_an_older_program_would_misread_has_version_2(changes, version, tmp_path):
    unknown = {"feature_names": None, "feature_fills": None, "feature_means": None}
    saved = prepared(**unknown, feature_ranges=None, **changes)
    data = write_native(tmp_path / "a", saved).read_bytes()
    assert b'"format_version":"%b"' % version in data
    assert b'"format_version":"2"' in write_native(tmp_path / "b", regression()).read_bytes()


NAMES = {"feature_values": None, "feature_names": None, "feature_ranges": None}
ALL_NUMBERS = NAMES | {"feature_fills": None, "feature_means": None}


def outputs(network, x):
    """What the network computes, as the original program does: one line a layer, in NumPy."""
    if network.input_means is not None:
        x = (x - network.input_means) / network.input_deviations
    x = x / network.scale
    for weight, bias in zip(network.weights[:-1], network.biases[:-1], strict=True):
        x = np.maximum(x @ weight + bias, 0)
    return x @ network.weights[-1] + network.biases[-1]


def standardised():
    """Columns whose means are huge compared with their deviations, in float32."""
    source = np.random.default_rng(0)
    arrays = [source.normal(size=size).astype("f4") for size in ((3, 8), (8, 2), 8, 2)]
    return SavedNetwork(
        arrays[:2],
        arrays[2:],
        input_means=[1e6, 0, -3e-7],
        input_deviations=[0.5, 1, 1e-9],
        classes=["a", "b"],
        feature_names=["x", "y", "z"],
    )


def test_pickle_of_a_standardised_network_takes_features_as_they_are(tmp_path):
    saved = standardised()
    x = np.random.default_rng(1).normal(size=(50, 3)) * saved.input_deviations + saved.input_means
    written = write_pair(tmp_path, saved)
    assert written.note is None
    assert_same(read_network(written.native), saved)
    expected = outputs(saved, x)
    content = pickle.loads(written.legacy.read_bytes())
    hidden = np.maximum(x @ content["weights"][0] + content["bias"][0], 0)  # the original's lines
    original = hidden @ content["weights"][1] + content["bias"][1]
    np.testing.assert_allclose(original, expected, rtol=1e-7, atol=1e-7)
    found = read_network(written.legacy)
    assert (found.input_means, found.scale, found.classes) == (None, 1, ("a", "b"))
    np.testing.assert_array_equal(outputs(found, x), original)


def test_folded_pickle_and_what_is_made_from_it_are_the_same_model(tmp_path):
    """No warning that the two files hold different models; warnings are errors here."""
    written = write_pair(tmp_path, standardised())
    read_network(written.native)
    found = read_network(written.legacy)
    write_native(written.native, found)
    read_network(written.native)
    read_network(written.legacy)
    write_native(written.native, dataclasses.replace(found, scale=2))
    for path in written[:2]:
        with pytest.warns(DataWarning, match="holds another model"):
            read_network(path)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (prepared(), "columns of text"),
        (prepared(**ALL_NUMBERS | {"feature_fills": [0] * 7}), "replace missing cells"),
        (regression(), "the task 'regression'"),
        (
            SavedNetwork(
                [np.full((1, 1), 1e300)], [[0.0]], input_means=[0], input_deviations=[1e-300]
            ),
            "deviations so small",
        ),
    ],
)
def test_what_the_pickle_cannot_store_has_only_the_native_file(network, words, tmp_path):
    with pytest.raises(ValueError, match=f"no place for .*{words}.*write_native"):
        write_legacy(tmp_path / "a", network)
    note = write_pair(tmp_path, network).note
    assert note is not None
    assert "is not written: the legacy layout has no place for " in note
    assert words in note
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    write_pair(tmp_path, standardised())
    assert "held another model and was removed" in str(write_pair(tmp_path, network).note)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"task": "ranking"}, ValueError, r"task is 'ranking', expected one of \['classif"),
        ({"missing": "mode"}, ValueError, "missing is 'mode', expected one of"),
        ({"feature_values": VALUES[:3]}, ValueError, "makes 4 inputs, the network takes 7"),
        ({"feature_values": "ab"}, TypeError, "is 'ab'; expected a list of lists"),
        ({"feature_values": ((), "ab")}, TypeError, r"feature_values\[1\] is 'ab'"),
        ({"feature_values": ((1,),)}, TypeError, r"feature_values\[0\]\[0\] is a int"),
        ({"feature_values": (("a", "a"),)}, ValueError, r"feature_values\[0\] holds 'a' twice"),
        ({"feature_names": ["a"] * 7}, ValueError, "twice"),
        ({"feature_names": list("abcdefg")}, ValueError, "7 names, the network takes 4 features"),
        ({"feature_fills": [0, 2, 0, 0]}, ValueError, r"\[1\] is 2.0, expected the code of one of"),
        ({"feature_fills": [0, 0.5, 0, 0]}, ValueError, r"feature_fills\[1\] is 0.5"),
        ({"feature_fills": [np.inf, 0, 0, 0]}, ValueError, "expected a finite number or NaN"),
        ({"feature_fills": [0, 0]}, ValueError, r"shape \(2,\), expected \(4,\)"),
        ({"feature_means": [0, 0, 0, np.nan]}, ValueError, r"feature_means\[3\] is nan"),
        ({"feature_means": ["a"]}, ValueError, "feature_means cannot be converted to numbers"),
        ({"input_means": None}, ValueError, "only one of input_means and input_deviations"),
        ({"scale": 2}, ValueError, "scale is 2.0, expected 1 for standardised"),
        ({"input_means": [0] * 4}, ValueError, r"shape \(4,\), expected \(7,\)"),
        ({"input_deviations": [1] * 6 + [0]}, ValueError, r"\[6\] is 0.0, expected a positive"),
        ({"input_deviations": [1] * 6 + [np.nan]}, ValueError, r"\[6\] is nan"),
        ({"target_mean": 1}, ValueError, "only a regression predicts numbers"),
        ({"target_mean": np.nan}, ValueError, "target_mean is nan"),
        ({"target_deviation": 0}, ValueError, "target_deviation is 0.0, expected a positive"),
        ({"task": "regression"}, ValueError, "a regression has no classes"),
        ({"label_name": 1}, TypeError, "label_name is a int"),
        ({"dropout": 1}, ValueError, "dropout is 1.0, expected 0 or more, below 1"),
        ({"dropout": float("nan")}, ValueError, "dropout is nan"),
        ({"history": None}, ValueError, "only one of history and history_columns"),
        ({"history": [[1]]}, ValueError, r"history\[0\] has 1 numbers, history_columns names 2"),
        ({"history": [[1, "a"]]}, ValueError, r"history\[0\] holds something that is not a number"),
        ({"history_columns": []}, ValueError, "history_columns is empty"),
    ],
)
def test_parts_that_do_not_fit_make_no_network(changes, kind, words):
    with pytest.raises(kind, match=words):
        prepared(**changes)


PAIR = {"weights.0": np.ones((2, 3)), "biases.0": np.zeros(3)}
VALUES_TEXT = '["a",\n"b"]'
HISTORY = {"history_columns": '["epoch",\n"loss"]'}
WRONG = {
    "task": ({"task": "x" * 99}, "task is 'x{40}', expected one of"),
    "missing": ({"missing": ""}, "missing is ''"),
    "values without counts": ({"feature_values": VALUES_TEXT}, "feature_value_counts is ''"),
    "more values than counts": (
        {"feature_values": VALUES_TEXT, "feature_value_counts": "[1]"},
        "more or fewer",
    ),
    "fewer values than counts": (
        {"feature_values": VALUES_TEXT, "feature_value_counts": "[999999999]"},
        "more or fewer",
    ),
    "negative count": (
        {"feature_values": VALUES_TEXT, "feature_value_counts": "[-1]"},
        "holds '-1', expected a whole",
    ),
    "values of too many inputs": (
        {"feature_values": VALUES_TEXT, "feature_value_counts": "[2,\n0]"},
        "makes 3 inputs",
    ),
    "too many fills": ({"feature_fills": "[1,\n2,\n3]"}, "3 entries, the network has room for 2"),
    "fills in words": ({"feature_fills": "[one,\n2]"}, "feature_fills is 'one', expected a num"),
    "means that are null": ({"feature_means": "[null,\n2]"}, r"feature_means\[0\] is nan"),
    "deviations alone": ({"input_deviations": "[1,\n1]"}, "only one of"),
    "negative deviations": (
        {"input_means": "[1,\n1]", "input_deviations": "[1,\n-1]"},
        r"input_deviations\[1\] is -1.0",
    ),
    "dropout": ({"dropout": "1"}, "dropout is 1.0"),
    "label": ({"label_name": "y"}, "label_name holds 'y', expected a text in quot"),
    "history of other length": (HISTORY | {"history": "[[1, 2],\n[1]]"}, r"history\[1\] has 1"),
    "history of lists": (
        HISTORY | {"history": "[[[1], 2]]"},
        r"history is '\[1\]', expected a num",
    ),
    "history of more": (HISTORY | {"history": "[[1, 2, 3]]"}, "expected 2 numbers"),
    "history of numbers": (HISTORY | {"history": "[1, 2]"}, "expected numbers in brackets"),
    "history without columns": ({"history": "[[1, 2]]"}, "history_columns is ''"),
}


@pytest.mark.parametrize("case", WRONG)
def test_texts_that_do_not_fit_are_errors_of_the_file(case, tmp_path):
    texts, words = WRONG[case]
    (tmp_path / "a").write_bytes(native_bytes(PAIR, texts))
    with pytest.raises(ModelFileError, match=words) as caught:
        read_network(tmp_path / "a")
    assert str(caught.value).startswith(f"{tmp_path / 'a'}: ")
    assert len(str(caught.value)) < 400


def test_long_history_is_thinned_to_what_a_file_may_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(saved_parts, "MOST_HISTORY_NUMBERS", 20)
    rows = [(float(n), 0.5) for n in range(1, 33)]
    kept = prepared(history=rows).history
    assert kept is not None
    assert kept == (*rows[:-1:4], rows[-1])
    assert prepared(history=kept).history == kept
    assert prepared(history=rows[:10]).history == tuple(rows[:10])


def test_history_beyond_the_limit_is_not_read(tmp_path):
    texts = HISTORY | {"history": "[" + "[1, 2],\n" * 125_000 + "[1, 2]]"}
    (tmp_path / "a").write_bytes(native_bytes(PAIR, texts, long=texts))
    with pytest.raises(ModelFileError, match="history has 125001 entries"):
        read_network(tmp_path / "a")
