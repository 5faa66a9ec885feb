"""The commands for model files: `inspect` and `convert`."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from nn.files import SavedNetwork, read_network, save_state, write_native


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder of its own, with a model in it."""
    monkeypatch.chdir(tmp_path)
    weights = [np.eye(3, dtype="f4")], [np.zeros(3, "f4")]
    known = {"feature_names": ["a", "b", "c"], "input_means": [1, 2, 3]}
    saved = SavedNetwork(*weights, **known, input_deviations=[1, 1, 2])
    write_native("model.safetensors", saved)


def test_inspect_prints_what_a_file_holds(run):
    code, out, err = run("inspect model.safetensors")
    assert (code, err) == (0, "")
    assert out.startswith("model.safetensors: a trained network\nnetwork     3 -> 3\n")
    assert "  2  b          2          1\n" in out
    save_state("state", {"epoch": 3})
    assert run("inspect state")[1].startswith("state: the state of a module or a training\n")


def test_convert_writes_the_layout_of_the_suffix(run):
    code, out, err = run("convert model.safetensors model.pkl")
    assert (code, err) == (0, "")
    assert out == "model.safetensors was converted to model.pkl\n"
    content = pickle.loads(Path("model.pkl").read_bytes())
    assert content["bias"][0].tolist() == [[-1, -2, -1.5]]
    assert run("convert model.pkl again.safetensors")[0] == 0
    assert read_network("again.safetensors").feature_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("inspect nix.pkl", ["nix.pkl", "no model file of this name"]),
        ("inspect .", ["a folder; give the name of the model file"]),
        ("convert model.safetensors model.onnx", ["ends with .onnx, expected .safetensors"]),
        ("convert model.safetensors model.safetensors", ["exists; give another name", "overwrite"]),
        ("convert nix.pkl a.safetensors", ["nix.pkl", "no model file of this name"]),
    ],
)
def test_mistakes_get_one_line_and_change_nothing(run, line, words):
    before = Path("model.safetensors").read_bytes()
    code, out, err = run(line)
    assert (code, out) == (2, "")
    assert err.startswith("tinygrad-edu: error: ")
    assert err.count("\n") == 1
    assert [word for word in words if word not in err] == []
    assert [path.name for path in Path().iterdir()] == ["model.safetensors"]
    assert Path("model.safetensors").read_bytes() == before
