"""Tests that commands lose no file, mean what they say, and print what programs can read."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nn.cli import main

ROWS = 60


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A file with the label in the middle, in the current folder."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(ROWS, 3)).round(3), columns=["a", "b", "c"])
    frame.insert(1, "kind", (frame.a > frame.b).astype(int))
    frame.to_csv("t.csv", index=False)
    return frame


TRAIN = ["--epochs", "8", "--learning-rate", "0.3", "--figures", "none", "--quiet"]


def train(*words):
    return main(["train", *words, *TRAIN])


@pytest.fixture
def model(table):
    assert train("t.csv", "--label", "kind", "--out", "m") == 0
    return "m/model.safetensors"


@pytest.mark.parametrize("victim", ["m/model.safetensors", "t.csv", "./m/../t.csv"])
def test_predictions_do_not_overwrite_what_they_are_made_from(model, victim, capsys):
    content = Path(victim).read_bytes()
    assert main(["predict", model, "t.csv", "--out", victim]) == 2
    assert "that is read; name another file" in capsys.readouterr().err
    assert Path(victim).read_bytes() == content


@pytest.mark.parametrize("words", [[], ["--out", "p.json"]])
def test_json_holds_numbers_and_goes_where_it_should(model, words, capsys):
    assert main(["predict", model, "t.csv", "--json", "--probabilities", "--quiet", *words]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    text = Path("p.json").read_text("utf-8") if words else printed.out
    assert not words or printed.out == ""
    rows = json.loads(text)
    assert len(rows) == ROWS
    assert rows[0]["confidence"] == max(rows[0]["p(0)"], rows[0]["p(1)"])


def test_a_label_counts_columns_from_1_in_a_run_file_too(table, capsys):
    assert train("t.csv", "--label", "2", "--out", "m") == 0
    text = Path("m/run.toml").read_text("utf-8")
    assert "\nlabel = 2\n" in text
    first = pd.read_csv("m/history.csv").train_loss
    assert main(["train", "--config", "m/run.toml", "--quiet"]) == 0
    assert (pd.read_csv("m/history.csv").train_loss == first).all()
    # An editor of Windows writes a mark and its own line ends.
    Path("w.toml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert main(["train", "--config", "w.toml", "--out", "w", "--quiet"]) == 0
    assert (pd.read_csv("w/history.csv").train_loss == first).all()


def test_a_label_beyond_the_columns_names_them(table, capsys):
    assert train("t.csv", "--label", "9", "--out", "m") == 2
    assert "there are only 4: 'a', 'kind', 'b', 'c'. Name the column" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["train = 3", "train = ['t.csv', 1]", "test = 4", "out = 5"])
def test_paths_in_a_run_file_are_texts(table, line, capsys):
    Path("r.toml").write_text(line, "utf-8")
    assert main(["train", "--config", "r.toml"]) == 2
    assert f"{line.split()[0]} must be a path in quotes" in capsys.readouterr().err


def test_what_is_next_can_be_copied(table, capsys):
    words = [word for word in TRAIN if word != "--quiet"]
    assert main(["train", "t.csv", "--label", "kind", "--out", "my folder", *words]) == 0
    lines = [one for one in capsys.readouterr().out.split("\n") if one.startswith("  tinygrad-edu")]
    assert len(lines) == 3
    for line in lines:
        program, command, file, *_ = shlex.split(line, comments=True)
        assert (program, file) == ("tinygrad-edu", "my folder/model.safetensors")
        assert main([command, file, "t.csv"]) == 0


@pytest.mark.parametrize("words", [[], ["--row", "2", "--train", "t.csv"], ["--out", "pictures"]])
def test_explain_prints_json(model, words, capsys):
    assert main(["explain", model, "t.csv", "--json", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == (
        {"explanation", "influence"}
        if "--row" in words
        else {"features", "mistakes", "mislabelled"}
    )
    assert len(next(iter(found.values()))) == 3  # one for each feature
    assert not words or "--row" in words or Path("pictures", "features.png").exists()


@pytest.mark.parametrize("row", ["0", "-1", "61"])
def test_rows_are_counted_from_1(model, row, capsys):
    assert main(["explain", model, "t.csv", "--row", row]) == 2
    assert f"--row {row}: t.csv has the rows 1 to 60" in capsys.readouterr().err


def test_a_picture_is_not_part_of_the_json(table, capsys):
    words = ["--label", "kind", "--steps", "20", "--json", "--plot", "p.png"]
    assert main(["find-lr", "t.csv", *words]) == 0
    json.loads(capsys.readouterr().out)
    assert Path("p.png").exists()


def test_a_training_is_not_lost_because_nobody_reads_its_lines(table):
    words = ["t.csv", "--label", "kind", "--out", "m", "--epochs", "200", "--figures", "none"]
    command = [sys.executable, "-m", "nn", "train", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
    assert len(pd.read_csv("m/history.csv")) == 200
