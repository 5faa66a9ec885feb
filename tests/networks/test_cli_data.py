"""Tests what the command line does with other data, odd arguments and missing streams: columns by
name, warnings in one line, numbers in digits, and no command for the terminal from a file's name.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nn import model

pytestmark = pytest.mark.filterwarnings("default")  # the command line shows warnings itself


def frame(rows=30):
    generator = np.random.default_rng(0)
    label = np.arange(rows) % 3
    x = np.array([[0, 9, 2, 5], [5, 0, 9, 2], [9, 4, 0, 9]])[label] + generator.random((rows, 4))
    return pd.DataFrame(x, columns=list("abcd")).assign(label=label)[["label", *"abcd"]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    frame(60).to_csv(folder / "train.csv", index=False)
    net = model([4, 12, 3], folder, verbose=False)
    net.fit(folder / "train.csv", epoch=40, alpha=0.2, batch_size=8, scale=10, figures=[])
    return folder / "model.safetensors"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["model.safetensors", "model.pkl"])
def test_predict_matches_columns_by_name_and_names_the_others(run, trained, name):
    file = trained.with_name(name)
    frame().to_csv("test.csv", index=False)
    expected = run(f"predict {file} test.csv")
    assert expected[2] == "accuracy 100.00% (30 of 30)\n"
    frame()[["d", "b", "label", "a", "c"]].to_csv("order.csv", index=False)
    assert run(f"predict {file} order.csv") == expected
    frame().assign(Id=range(30))[["Id", "a", "b", "c", "d"]].to_csv("id.csv", index=False)
    code, out, err = run(f"predict {file} id.csv")
    assert (code, out) == expected[:2]
    assert err == (
        "tinygrad-edu: warning: id.csv: not used, because the model has no such features: 'Id'\n"
    )
    frame()[["a", "b", "c", "d"]].to_csv("bare.csv", index=False, header=False)
    code, out, err = run(f"predict {file} bare.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--by-position" in err
    assert run(f"predict {file} bare.csv --by-position")[:2] == expected[:2]


def test_predict_names_labels_that_the_model_does_not_have(run, trained):
    data = frame()
    data.loc[[3, 4], "label"] = 7
    data.to_csv("test.csv", index=False)
    code, _, err = run(f"predict {trained} test.csv")
    assert code == 0
    assert err == (
        "tinygrad-edu: warning: test.csv: the model has no class 7, only 0 to 2; 2 rows with such "
        "a label count as wrong\naccuracy 93.33% (28 of 30)\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        "predict {} test.csv",
        "compare --model {} --data test.csv",
        "graph --model {} --data test.csv --out g.dot",
        "stepper --model {} --data test.csv --out s.html",
    ],
)
def test_features_of_another_scale_are_refused_wherever_a_model_gets_data(run, trained, line):
    data = frame()
    data[list("abcd")] /= 10
    data.to_csv("test.csv", index=False)
    code, out, err = run(line.format(trained))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "it looks divided by 10 already" in err
    assert err.endswith("; --any-range skips this check\n")
    assert run(line.format(trained) + " --any-range")[0] == 0


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("--structure 4_0,3", "'4_0,3' is not a structure"),
        ("--structure ４,3", "'４,3' is not a structure"),
        ("--structure 4,3 --epochs 1_0", "'1_0' is not a whole number"),
        ("--structure 4,3 --seed 1_0", "'1_0' is not a whole number"),
        ("--structure 4,3 --learning-rate 1_0", "'1_0' is not a number"),
        ("--structure 4,3 --scale 2_55", "'2_55' is not a number"),
        ("--structure 4,3 --max-columns 0", "--max-columns must be >= 1"),
        ("--structure 4,3 --dtype float16", "--dtype float16: expected float32 or float64"),
    ],
)
def test_numbers_are_written_in_digits(run, option, word):
    code, out, err = run(f"train train.csv {option}")
    assert (code, out) == (2, "")
    assert word in err
    assert os.listdir() == []


def test_a_terminal_does_not_obey_the_name_of_a_file(run):
    evil = "e\x1b[31mvil"
    frame().to_csv(f"{evil}.csv", index=False)
    Path("bad\x1b]0;x\x07.csv").write_text("label,a\n0,x\n", "utf-8")
    for line in (
        f"train '{evil}.csv' --structure 4,8,3 --epochs 1 --out '{evil}' --figures none",
        f"train '{evil}.csv' --structure 3,3",
        f"predict '{evil}/model.pkl' '{evil}.csv'",
        "train 'bad\x1b]0;x\x07.csv' --structure 1,2",
        f"train '{evil}' --structure 4,3",
        f"graph --structure 2,2 --out '{evil}.dot'",
        f"compare --structure 2,2 --html '{evil}.html'",
        f"{evil}",
        f"train x.csv --structure 2,2 --{evil}",
    ):
        _, out, err = run(line)
        assert "\x1b" not in out + err, line
        assert "\\x1b" in out + err or line.startswith("predict"), line


@pytest.mark.parametrize("closed", ["2", "0,1,2"])
@pytest.mark.needs("processes")
def test_closed_streams_are_not_an_error(closed):
    frame().to_csv("train.csv", index=False)
    start = "import os, sys\nfor fd in map(int, sys.argv.pop(1).split(',')): os.close(fd)\n"
    start += "os.execv(sys.executable, [sys.executable, '-m', 'nn', *sys.argv[1:]])"
    words = "train train.csv --structure 4,12,3 --epochs 20 --learning-rate 0.2 --out a --scale 10"
    done = subprocess.run(
        [sys.executable, "-c", start, closed, *words.split(), "--figures", "none"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    assert "Error" not in done.stderr
    assert sorted(os.listdir("a")) == ["history.csv", "model.pkl", "model.safetensors", "run.toml"]


@pytest.mark.needs("processes")
def test_a_warning_has_no_path_of_the_installation():
    frame().replace({"label": {2: 3}}).to_csv("train.csv", index=False)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "nn", "train", "train.csv", "--structure", "4,8,4"),
            "--figures",
            "none",
            "--out",
            "a",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr.startswith("tinygrad-edu: warning: train.csv: labels go up to 3, but no row")
    assert done.stderr.count("\n") == 1
