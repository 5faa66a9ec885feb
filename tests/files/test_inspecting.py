"""Model files described for people, and converted to the other layout."""

import json
import pickle

import numpy as np
import pytest
import safetensors.numpy

from nn.cli import main
from nn.errors import DataWarning, ModelFileError
from nn.files import SavedNetwork, convert, read_network, save_state, write_native, write_pair
from nn.files.inspecting import inspect_model
from tests.files.test_saved_parts import assert_same, outputs, prepared, regression, standardised
from tests.hostile_names import HOSTILE


def lines(path):
    """The lines of a report, after checking that all can be read in 80 columns."""
    text = str(inspect_model(path))
    assert max(map(len, text.split("\n"))) <= 80
    assert text.replace("\n", "").isprintable()
    return [line.rstrip() for line in text.split("\n")]


def test_everything_in_a_file_is_shown(tmp_path):
    found = lines(write_native(tmp_path / "titanic.safetensors", prepared()))
    assert found[:7] == [
        "titanic.safetensors: a trained network",
        "network     7 -> 2",
        "parameters  16, float64",
        "task        classification of 'a \"label\"', softmax over 2 outputs",
        "classes     2: 'no', 'yes'",
        "inputs      2 of 4 columns are text, encoded one-hot; standardised",
        "missing     missing cells are replaced by the median of the training",
    ]
    for line in (
        "dropout     0.25, in the training only",
        "format      native (safetensors), version 2",
        "  1  age            0       80  0.3333  29.5",
        "  2  sex                                'male, or not'",
        "  3  fare          -1        5  1e+300  is an error",
        "    sex  2: 'female', 'male, or not'",
        "History: 3 epochs",
        "         first, best  last",
        "  loss           0.1   inf",
        "  best: the smallest loss",
    ):
        assert line in found
    texts = safetensors.safe_open(tmp_path / "titanic.safetensors", framework="np").metadata()
    assert f"checksum    {texts['header_sha256'][:32]}, verified" in found


def test_long_lists_are_cut_with_a_count(tmp_path):
    layers = [np.eye(50, dtype="f4")] * 30
    saved = SavedNetwork(
        layers,
        [np.zeros(50, "f4")] * 30,
        feature_names=[f"pixel {n}" for n in range(50)],
        classes=[f"class {n}" for n in range(50)],
        learned=False,
        scale=255,
        history_columns=["epoch", "train_loss", "test_loss", "validation_loss"],
        history=[[n, 9 - n, n, abs(n - 2) + 1] for n in range(5)],
    )
    found = lines(write_native(tmp_path / "a", saved))
    for line in (
        "parameters  76,500, float32",
        "  ... and 10 more layers",
        "  ... and 30 more columns",
        "inputs      divided by 255",
        "note        the training did not make it better than guessing",
        "                   first  best  last",
        "  validation_loss      3     1     3",
        "  best: the smallest validation_loss",
    ):
        assert line in found
    assert any(line.endswith("... and 42 more") for line in found), "classes"
    assert len(found) < 80


def test_other_kinds_of_networks(tmp_path):
    found = lines(write_native(tmp_path / "a", regression(label_name="price")))
    assert "task        regression of 'price': output x 1e-09 + 0.3333" in found
    found = lines(write_native(tmp_path / "c", regression(target_mean=-5.0)))
    assert any(line.endswith("regression: output x 1e-09 - 5") for line in found)
    write_pair(tmp_path, standardised())
    found = lines(tmp_path / "model.pkl")
    assert "format      pickle of the original project, version 1" in found
    assert "note        the standardising is a part of the first layer" in found
    bad = {"weights": [np.array([[np.nan, 1]])], "bias": [np.array([np.inf, 0])]}
    (tmp_path / "b").write_bytes(pickle.dumps(bad))
    found = lines(tmp_path / "b")
    assert "warning     2 numbers are NaN or infinite" in found
    assert (
        "format      pickle of the original project, of version 0.1.0 or another program" in found
    )
    assert "checksum    none, so damage cannot be detected; tinygrad-edu convert adds one" in found


def test_states_and_files_of_other_programs(tmp_path):
    state = {"module": {"w": np.ones((2, 3), "f2"), "b": np.full(3, np.nan)}, "epoch": 3}
    found = lines(save_state(tmp_path / "s", state, metadata={"author": "Ada"}))
    for line in (
        "s: the state of a module or a training",
        "arrays      2, 9 numbers",
        "warning     3 numbers are NaN or infinite",
        "state       a dictionary of 2: 'module', 'epoch'",
        "  author  Ada",
        "  module.w  f16    (2, 3)        6",
    ):
        assert line in found
    assert "state       a list of 1" in lines(save_state(tmp_path / "s", [1]))
    assert "state       a single int" in lines(save_state(tmp_path / "s", 5))
    safetensors.numpy.save_file({"x": np.ones(3)}, tmp_path / "f")
    found = lines(tmp_path / "f")
    assert found[0] == "f: arrays of another program"
    assert "checksum    none, so damage cannot be detected; nn.save_state adds one" in found


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_in_their_line(name, tmp_path):
    saved = SavedNetwork(
        [np.ones((2, 2))],
        [np.zeros(2)],
        feature_names=[name, f"{name}2"],
        classes=[name, f"{name}2"],
        label_name=name,
        history_columns=[name],
        history=[[1]],
    )
    plain = SavedNetwork([np.ones((2, 2))], [np.zeros(2)], label_name="a", classes=["a", "b"])
    plain = [*lines(write_native(tmp_path / "a", plain)), *[""] * 14]
    assert len(lines(write_native(tmp_path / "a", saved))) <= len(plain) + 2
    lines(save_state(tmp_path / "s", {name: np.ones(1)}, metadata={"note": "x\n\x1b[2J"}))


def test_damage_is_reported_as_when_the_file_is_loaded(tmp_path):
    path = write_native(tmp_path / "a", prepared())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match="a: checksum of the numbers"):
        inspect_model(path)
    with pytest.raises(FileNotFoundError):
        inspect_model(tmp_path / "b")


def test_a_report_is_shown_in_a_notebook(tmp_path):
    report = inspect_model(write_native(tmp_path / "a", regression()))
    assert "<table" in str(report._repr_html_())
    assert repr(report) == str(report)


@pytest.mark.parametrize("suffix", [".pkl", ".safetensors"])
def test_both_layouts_become_each_other(suffix, tmp_path):
    saved = prepared(
        feature_values=None,
        feature_fills=None,
        feature_means=None,
        feature_ranges=None,
        feature_names=list("abcdefg"),
        input_means=None,
        input_deviations=None,
        scale=255,
    )
    native = write_native(tmp_path / "model.safetensors", saved)
    legacy = convert(native, tmp_path / "model.pkl")
    assert_same(read_network(legacy), saved)  # a warning if the two were different models
    assert list(pickle.loads(legacy.read_bytes())) == ["weights", "bias", "tinygrad_edu"]
    original = {".pkl": native, ".safetensors": legacy}[suffix]
    before = (tmp_path / f"model{suffix}").read_bytes()
    convert(original, tmp_path / f"again{suffix}")
    assert (tmp_path / f"again{suffix}").read_bytes() == before


def test_standardising_is_folded_into_the_pickle(tmp_path):
    saved = standardised()
    x = np.random.default_rng(0).normal(size=(9, 3)) * saved.input_deviations + saved.input_means
    native = write_native(tmp_path / "a.safetensors", saved)
    legacy = convert(native, tmp_path / "a.pkl")
    back = convert(legacy, tmp_path / "b.safetensors")
    for path in (legacy, back):
        np.testing.assert_allclose(outputs(read_network(path), x), outputs(saved, x), atol=1e-7)


@pytest.mark.parametrize(
    ("target", "kind", "words"),
    [
        ("a.onnx", ValueError, r"a\.onnx: the name ends with \.onnx, expected \.safetensors for"),
        ("a", ValueError, "the name ends with nothing"),
        ("there.pkl", FileExistsError, "exists; give another name, or pass overwrite"),
        ("new.pkl", ValueError, "no place for columns of text"),
        ("none/new.safetensors", FileNotFoundError, "none"),
    ],
)
def test_what_cannot_be_converted_changes_nothing(target, kind, words, tmp_path):
    (tmp_path / "there.pkl").write_bytes(b"mine")
    source = write_native(tmp_path / "a.safetensors", prepared())
    with pytest.raises(kind, match=words):
        convert(source, tmp_path / target)
    assert {path.name for path in tmp_path.iterdir()} == {"there.pkl", "a.safetensors"}
    assert (tmp_path / "there.pkl").read_bytes() == b"mine"


def test_a_target_is_replaced_on_request(tmp_path):
    source = write_native(tmp_path / "a.safetensors", standardised())
    (tmp_path / "b.pkl").write_bytes(b"mine")
    convert(source, tmp_path / "b.pkl", overwrite=True)
    assert read_network(tmp_path / "b.pkl").classes == ("a", "b")


def test_a_state_and_weights_that_are_not_finite_are_not_converted(tmp_path):
    with pytest.raises(ModelFileError, match="the state of a module, not a trained network"):
        convert(save_state(tmp_path / "s", {}), tmp_path / "a.pkl")
    bad = {"weights": [np.array([[np.nan]])], "bias": [np.zeros(1)]}
    (tmp_path / "b").write_bytes(pickle.dumps(bad))
    with pytest.raises(ModelFileError, match="such a network predicts nothing; train again"):
        convert(tmp_path / "b", tmp_path / "a.safetensors")
    assert {path.name for path in tmp_path.iterdir()} == {"s", "b"}


def test_files_without_checksums_are_converted_with_a_warning(tmp_path):
    arrays = {"weights.0": np.ones((2, 1)), "biases.0": np.zeros(1)}
    safetensors.numpy.save_file(arrays, tmp_path / "a")
    with pytest.warns(DataWarning, match="no checksums"):
        convert(tmp_path / "a", tmp_path / "a.pkl")


def test_a_state_is_inspected_as_json_too(tmp_path, capsys):
    state = {"weight": np.ones((2, 3)), "steps": np.arange(4)}
    path = save_state(tmp_path / "a.safetensors", state, metadata={"author": "Ada"})
    assert main(["inspect", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metadata"] == {"author": "Ada"}
    assert found["arrays"] == {
        "steps": {"dtype": "int64", "shape": [4]},
        "weight": {"dtype": "float64", "shape": [2, 3]},
    }
