"""Tests that advice can be followed: each message that names an option is provoked in Python and on
the command line, names one that the called function or command takes, and is gone with it.
"""

import inspect
import re
import shlex

import numpy as np
import pytest

from nn import Classifier, TrainingWarning, cli, model
from nn.files import SavedNetwork, read_network, write_native
from nn.training.options import COMMAND, LIMITS, PYTHON

TRAIN = "label,a,b\n0,0,0\n1,4,0\n2,0,4\n" + "0,1,0\n1,4,1\n2,1,4\n" * 4
TEST = "label,b,a\n0,0,0\n1,0,4\n"
SETTINGS = {"epoch": 30, "alpha": 0.1, "batch_size": 4, "figures": []}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {
        "train.csv": TRAIN,
        "test.csv": TEST,
        "large.csv": "label,b,a\n0,0,0\n1,0,4000\n",
        "named.csv": "label,x,y\n0,0,0\n1,4,0\n",
        "huge.csv": TRAIN + "0,1e39,0\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "out").mkdir()
    return tmp_path


# What to call first, the option that its message names, and the value that mends it.
CASES = {
    "classes": ({"max_classes": 2}, "max_classes", 3),
    "columns": ({"max_columns": 2}, "max_columns", 3),
    "line": ({"max_line_bytes": 4}, "max_line_bytes", 100),
    "bytes": ({"max_bytes": 20}, "max_bytes", 10_000),
    "names": ({"test_data": "named.csv"}, "by_position", True),
    "range": ({"test_data": "large.csv"}, "check_ranges", False),
}


def named(message):
    """List the options in a message: in Python's spelling, and in that of the command line."""
    return re.findall(r"\b([a-z_]+)=", message), re.findall(r"(--[a-z][a-z-]*)", message)


@pytest.mark.parametrize("case", CASES)
def test_in_python(case):
    wrong, option, value = CASES[case]
    net = model([2, 8, 3], "out", verbose=False)
    arguments = {"train_data": "train.csv", **SETTINGS}
    with pytest.raises(ValueError, match=option) as caught:
        net.fit(**arguments | wrong)
    python, command = named(str(caught.value))
    assert option in python
    assert command == []
    known = {*inspect.signature(net.fit).parameters, *inspect.signature(model).parameters}
    assert set(python) <= known
    net.fit(**arguments | wrong | {option: value})


@pytest.mark.parametrize("case", CASES)
def test_on_the_command_line(case, capsys):
    wrong, option, value = CASES[case]
    line = "train train.csv --structure 2,8,3 --epochs 30 --learning-rate 0.1 --figures none"
    line += "".join(
        f" --test {v}" if k == "test_data" else f" {COMMAND[k]} {v}" for k, v in wrong.items()
    )
    assert cli.main(shlex.split(line)) == 2
    python, command = named(capsys.readouterr().err)
    assert python == []
    assert COMMAND[option] in command
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    assert set(command) <= set(named(capsys.readouterr().out)[1])
    mended = COMMAND[option] + (f" {value}" if option in LIMITS else "")
    assert cli.main(shlex.split(f"{line} {mended}")) == 0


def test_the_dtype_is_that_of_the_network(capsys):
    net = model([2, 8, 3], "out", verbose=False)
    with pytest.raises(
        ValueError, match=r"too large for float32.*model\(\.\.\., dtype='float64'\)"
    ):
        net.fit("huge.csv", **SETTINGS)
    wide = model([2, 8, 3], "out", verbose=False, dtype="float64")
    wide.fit("huge.csv", **SETTINGS | {"epoch": 1}, scale=1e39)
    line = "train huge.csv --structure 2,8,3 --scale 1e38 --figures none"
    assert cli.main(line.split()) == 2
    assert "--dtype float64" in capsys.readouterr().err
    assert cli.main([*line.split(), "--dtype", "float64"]) in (0, 1)


def test_overwrite():
    model([2, 8, 3], "out", verbose=False).fit("train.csv", **SETTINGS)
    futile = {**SETTINGS, "epoch": 1, "alpha": 1e-12}
    net = model([2, 8, 3], "out", verbose=False)
    with pytest.warns(TrainingWarning, match="overwrite=True replaces it"):
        net.fit("train.csv", **futile)
    net.fit("train.csv", **futile, overwrite=True)


@pytest.mark.parametrize("command", ["predict", "compare"])
def test_with_a_trained_model(command, capsys):
    model([2, 8, 3], "out", verbose=False).fit("train.csv", **SETTINGS)
    for data, option in (("named.csv", "--by-position"), ("large.csv", "--any-range")):
        line = f"predict out/model.pkl {data}"
        if command == "compare":
            line = f"compare --model out/model.pkl --data {data}"
        assert cli.main(line.split()) == 2
        python, found = named(capsys.readouterr().err)
        assert (python, found) == ([], [option])
        assert cli.main([*line.split(), option]) == 0
        capsys.readouterr()
    with pytest.raises(ValueError, match="check_ranges=False"):
        Classifier.load("out/model.pkl").predict([[4000, 0]])


def test_model_files(capsys):
    network = SavedNetwork([np.ones((2, 2))], [np.zeros(2)], feature_names=["a", "b"])
    write_native("a.safetensors", network)
    for wrong, right in (({"max_bytes": 10}, {"max_bytes": 10_000}),):
        with pytest.raises(ValueError, match=r"limit is 10 \(max_bytes=\)"):
            Classifier.load("a.safetensors", **wrong)
        Classifier.load("a.safetensors", **right)
    network.weights[0][0, 0] = np.nan
    with pytest.raises(ValueError, match="train again, with a smaller step"):
        write_native("b.safetensors", network)
    bad = SavedNetwork([np.array([[np.nan]])], [np.zeros(1)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nn.files.network_file._require_finite", lambda *_: None)
        patch.setattr("nn.files.network_file.require_writable", lambda *_: None, raising=False)
        write_native("b.safetensors", bad)
    with pytest.raises(ValueError, match="allow_nonfinite=True"):
        Classifier.load("b.safetensors")
    with pytest.warns(UserWarning, match="knows no names"):
        assert np.isnan(Classifier.load("b.safetensors", allow_nonfinite=True).saved().weights[0])
    assert read_network("b.safetensors", allow_nonfinite=True).structure == (1, 1)
    assert cli.main(["predict", "b.safetensors", "test.csv"]) == 2
    assert named(capsys.readouterr().err) == ([], [])


def test_both_tables_have_the_same_options():
    assert list(PYTHON) == list(COMMAND)
