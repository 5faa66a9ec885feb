"""Tests the commands from a CSV file to predictions: train, resume, predict, evaluate, explain."""

import csv
import json
import os
import signal
import tomllib
from pathlib import Path

import numpy as np
import pytest

from nn import Callback, Classifier, cli
from nn.cli.options import read_run_file, run_file_text
from nn.data.digits import write_digits

from .test_tables import frame

WORDS = (
    "--label Survived --id Id --encode onehot --missing median --validation 0.2 --standardize "
    "--epochs 20 --learning-rate 0.1 --figures none"
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame().to_csv("train.csv", index=False)
    frame(20, seed=1).drop(columns="Survived").to_csv("new.csv", index=False)
    frame(20, seed=1).to_csv("test.csv", index=False)


@pytest.fixture
def run(capsys):
    def run(words):
        capsys.readouterr()
        code = cli.main(words.split() if isinstance(words, str) else words)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def trained(run):
    assert run(f"train train.csv {WORDS} --out m --quiet") == (0, "", "")
    return "m/model.safetensors"


def test_from_a_file_to_predictions(run, trained):
    code, out, err = run(f"predict {trained} new.csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(out.splitlines()))
    assert list(rows[0]) == ["Id", "prediction", "confidence"]
    assert [row["Id"] for row in rows] == [str(i) for i in range(100, 120)]
    expected = Classifier.load(trained).predict("new.csv")
    assert [int(row["prediction"]) for row in rows] == expected.tolist()

    code, out, _ = run(f"predict {trained} new.csv --as-label")
    assert out.splitlines()[0] == "Id,Survived"
    code, out, _ = run(f"predict {trained} new.csv --probabilities --out p.csv")
    assert (code, out) == (0, "")
    p = np.genfromtxt("p.csv", delimiter=",", names=True)
    assert p.dtype.names == ("Id", "prediction", "confidence", "p0", "p1")
    np.testing.assert_allclose(p["p0"] + p["p1"], 1, atol=1e-5)
    records = json.loads(run(f"predict {trained} new.csv --json")[1])
    assert records[3]["prediction"] == expected[3]
    _, out, err = run(f"predict {trained} test.csv")
    assert err.startswith("accuracy ")
    assert run(f"predict {trained} test.csv --quiet")[2] == ""
    bare = frame(20, seed=1).drop(columns=["Survived", "Id"])
    bare.to_csv("bare.csv", index=False)
    assert run(f"predict {trained} bare.csv")[1].splitlines()[1].startswith("1,")


def test_the_errors_of_a_new_user_say_what_to_pass_next(run):
    words = "train train.csv --out m --quiet --figures none --epochs 2"
    for option in ("--encode onehot", "--missing drop"):
        code, out, err = run(words)
        assert (code, out) == (2, "")
        name, _, value = option.partition(" ")
        assert name in err
        assert value in err
        assert not Path("m").exists()
        words += f" {option}"
    assert run(words)[0] in (0, 1)


def test_the_run_file_repeats_the_training(run, trained):
    found = tomllib.loads(Path("m/run.toml").read_text("utf-8"))
    assert found["label"] == "Survived"
    assert found["train"] == str(Path("train.csv").absolute())
    before = Path(trained).read_bytes()
    os.chdir("m")
    assert run("train --config run.toml --out again --quiet")[0] == 0
    assert Path("again/model.safetensors").read_bytes() == before
    assert run("train --config run.toml --seed 1 --out other --quiet")[0] == 0
    assert Path("other/model.safetensors").read_bytes() != before, "words win over the file"


def test_a_run_file_survives_writing_and_reading(tmp_path):
    values = {
        "train": ["a b.csv", 'c"d.csv'],
        "structure": [4, 8, 3],
        "learning_rate": 1e-05,
        "header": False,
        "drop": ["Name, first", "größe\n"],
        "optimizer": {"name": "sgd", "momentum": 0.9},
        "validation": 0.1,
        "label": -1.0,
        "seed": 7,
        "quiet": True,
        "run": print,
    }
    path = tmp_path / "run.toml"
    path.write_text(run_file_text(values), encoding="utf-8")
    found = read_run_file(str(path))
    assert found.pop("train") == [str(Path(name).absolute()) for name in values["train"]]
    kept = {k: v for k, v in values.items() if k not in ("train", "quiet", "run")}
    assert found == kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoks = 3", "unknown option epoks"),
        ("epochs = ", "not a TOML file"),
        ("epochs = 0\ntrain = 'train.csv'", "--epochs must be >= 1"),
        ("epochs = '3'\ntrain = 'train.csv'", "--epochs must be an int"),
        ("epochs = 3", "name a CSV file to learn from"),
        ("", "name a CSV file"),
        ("x" * 2_000_000, "larger than 1 MiB"),
    ],
)
def test_wrong_run_files_are_one_line(run, text, words):
    Path("bad.toml").write_text(text, "utf-8")
    code, out, err = run("train --config bad.toml --out m")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert not Path("m").exists()


def test_a_stopped_command_goes_on_with_resume(run, monkeypatch):
    words = f"train train.csv {WORDS} --out {{}} --quiet"
    assert run(words.format("whole"))[0] == 0

    class Interrupt(Callback):
        left = 9

        def on_batch(self, run):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT)

    right = Classifier.fit
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "fit", lambda *a, **k: right(*a, callbacks=[Interrupt()], **k))
        code, _, err = run(words.format("part"))
    assert code == 130
    assert err.endswith("go on with --resume\n")
    assert run("resume part --quiet") == (0, "", "")
    assert (
        Path("part/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()
    )
    assert not Path("part/checkpoint.safetensors").exists()


def test_evaluate_and_explain(run, trained, tmp_path):
    code, out, err = run(f"evaluate {trained} test.csv")
    assert (code, err) == (0, "")
    assert "precision" in out
    report = json.loads(run(f"evaluate {trained} test.csv --json")[1])
    assert report["accuracy"] == Classifier.load(trained).score("test.csv")
    code, out, _ = run(f"explain {trained} test.csv --out why")
    assert code == 0
    assert out.index("Sex") < out.index("Port"), "the feature that decides comes first"
    assert Path("why/features.png").stat().st_size > 1000
    code, out, _ = run(f"explain {trained} test.csv --row 3 --train train.csv")
    assert code == 0
    assert "Sex" in out
    assert run(f"explain {trained} test.csv --row 99")[0] == 2
    assert run(f"evaluate {trained} new.csv")[0] == 2, "it has no labels"


def test_results_for_programs_are_one_json_value(run, trained):
    found = json.loads(run(f"inspect {trained} --json")[1])
    assert found["label_name"] == "Survived"
    assert found["id_name"] == "Id"
    assert len(found["history"]) == 20
    answers = json.loads(run(f"explain {trained} test.csv --json")[1])
    assert list(answers) == ["features", "mistakes", "mislabelled"]
    with pytest.raises(SystemExit, match="2"):
        run("graph --structure 2,2 --json")


def test_find_lr(run):
    words = f"find-lr train.csv {WORDS} --steps 40 --optimizer adam"
    words = words.replace("--epochs 20 --learning-rate 0.1 --figures none", "")
    code, out, _ = run(f"{words} --plot rates.png")
    assert code == 0
    assert "is suggested" in out
    assert Path("rates.png").stat().st_size > 1000
    found = json.loads(run(f"{words} --json")[1])
    assert found["suggestion"] > 0
    assert len(found["steps"]) > 5


def test_train_as_json(run):
    code, out, err = run(f"train train.csv {WORDS} --out m --json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert result["saved_in"] == "m"
    assert result["epochs"] == 20
    assert 0 <= result["validation_accuracy"] <= 1


def test_debug_shows_where_an_error_was_raised(run):
    code, _, err = run("predict none.safetensors new.csv --debug")
    assert code == 2
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("tinygrad-edu: error: ")


def test_labels_by_position(run):
    table = frame()[["Age", "Alone", "Survived"]].fillna(30).astype(float)
    table.columns = ["a", "b", "c"]
    table.to_csv("t.csv", index=False)
    for label in ("3", "-1", "c"):
        words = f"train t.csv --label {label} --epochs 1 --out m --figures none --overwrite"
        assert run(words)[0] in (0, 1)
        assert Classifier.load("m/model.safetensors").knowledge.label_name == "c"
    assert run("train t.csv --label 0 --out m")[0] == 2


def test_a_drawing_is_predicted(run, tmp_path):
    from matplotlib.image import imsave

    train, test = write_digits(tmp_path)
    assert run(f"train {train} --epochs 20 --out digits --figures none --quiet")[0] == 0
    rows = np.loadtxt(test, delimiter=",", skiprows=1)
    right = 0
    for row in rows[:10]:
        big = np.kron(row[1:].reshape(8, 8), np.ones((20, 20)))
        imsave("three.png", 1 - np.pad(big, 60) / 16, cmap="gray", vmin=0, vmax=1)
        code, out, err = run("predict digits/model.safetensors three.png")
        assert code == 0
        assert "inverted" in err
        right += out.startswith(f"prediction = {int(row[0])} with")
    assert right >= 8
    found = json.loads(run("predict digits/model.safetensors three.png --json")[1])
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-4)
