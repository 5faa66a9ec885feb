"""Tests that no option is ignored in silence: misspelled ones, and those without effect."""

import json

import numpy as np
import pandas as pd
import pytest

from nn import DataWarning, model
from nn.cli import main
from nn.cli.options import run_file_text

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(60, 3)).round(3)
Y = (X[:, 0] > X[:, 1]).astype(int)
OPTIONS = {"epochs": 4, "learning_rate": 0.3, "figures": []}


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A file in the current folder."""
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(label=Y)
    frame.to_csv("t.csv", index=False)
    return frame


@pytest.fixture
def net(table):
    net = model(verbose=False)
    net.fit("t.csv", **OPTIONS)
    return net


@pytest.mark.parametrize("ask", ["predict", "predict_proba", "score", "report", "understand"])
@pytest.mark.parametrize("data", ["t.csv", X])
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("check_range", "did you mean 'check_ranges'?"),
        ("seperator", "did you mean 'sep'?"),
        ("delimiter", "did you mean 'sep'?"),
        ("optimizer", "it takes "),
        ("missing", "it takes "),
    ],
)
def test_a_question_refuses_options_that_it_does_not_take(net, ask, data, name, hint):
    with pytest.raises(TypeError) as caught:
        getattr(net, ask)(data, **{name: None})
    assert str(caught.value).startswith(f"{ask}() got an unexpected keyword argument {name!r}; ")
    assert hint in str(caught.value)


@pytest.mark.parametrize("name", ["epochs", "epoch", "alpha", "schedule", "figures", "resume"])
def test_a_search_refuses_options_that_change_nothing_in_it(name):
    with pytest.raises(TypeError, match=f"find_learning_rate.. got an unexpected .*'{name}'"):
        model(verbose=False).find_learning_rate(X, Y, **{name: 1})


@pytest.mark.parametrize("scale", [0, -1, "x", np.nan])
def test_a_search_checks_the_scale_as_a_training_does(scale):
    errors = []
    for train in ("fit", "find_learning_rate"):
        with pytest.raises((TypeError, ValueError)) as caught:
            getattr(model(verbose=False), train)(X, Y, scale=scale)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]


def test_a_search_goes_on_with_the_scale_of_the_weights():
    net = model([3, 4, 2], verbose=False)
    net.fit(X, Y, scale=2, **OPTIONS)
    with pytest.raises(ValueError, match="scale is 5, but the weights were trained with 2"):
        net.find_learning_rate(X, Y, scale=5)
    assert net.find_learning_rate(X, Y, optimizer=None, steps=10).suggestion != 0


@pytest.mark.parametrize("words", [["--resume"], ["--epochs", "3"], ["--figures", "curves"]])
def test_the_search_command_has_no_options_without_effect(table, words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["find-lr", "t.csv", *words])
    assert caught.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "m/model.safetensors", "t.csv", "--as-label", "--probabilities"], "not both"),
        (["explain", "m/model.safetensors", "t.csv", "--train", "t.csv"], "--train needs --row"),
        (
            ["explain", "m/model.safetensors", "t.csv", "--row", "1", "--question", "features"],
            "not both",
        ),
        (["train", "t.csv", "--scale", "2", "--standardize"], "give --scale or --standardize"),
        (["find-lr", "t.csv", "--scale", "0"], "scale must be > 0"),
        (["compare", "--structure", "3,4,2", "--data", "t.csv", "--label", "zzz"], "'zzz'"),
    ],
)
def test_contradicting_options_are_an_error(table, words, message, capsys):
    assert main(["train", "t.csv", "--epochs", "1", "--out", "m", "--quiet"]) == 0
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_the_comparison_takes_the_options_for_reading(table, capsys):
    assert main(["compare", "--structure", "2,4,2", "--data", "t.csv", "--drop", "c"]) == 0
    assert "all match" in capsys.readouterr().out


def test_an_option_of_an_optimizer_may_be_a_list(table, capsys):
    words = ["--optimizer", "adam:betas=[0.5, 0.9],eps=0.1", "--epochs", "1", "--out", "m"]
    assert main(["train", "t.csv", *words, "--quiet"]) == 0
    with open("m/run.toml", encoding="utf-8") as file:
        assert 'optimizer = {name = "adam", betas = [0.5, 0.9], eps = 0.1}' in file.read()


def test_a_run_file_takes_every_text_or_refuses_it_before_the_training(tmp_path):
    table = pd.DataFrame(X, columns=["a", "b", "c"]).assign(**{"k\x7f": Y})
    path, out = tmp_path / "t.csv", tmp_path / "m"
    table.to_csv(path, index=False)
    words = ["train", str(path), "--label", "k\x7f", "--epochs", "1", "--out", str(out), "--quiet"]
    assert main(words) == 0
    assert main(["train", "--config", str(out / "run.toml"), "--quiet"]) == 0
    with pytest.raises(ValueError, match=r"train is .*not UTF-8"):
        run_file_text({"train": "a\udcff.csv"})


# Missing cells ---------------------------------------------------------------------------------


def test_rows_that_the_training_would_drop_are_dropped_from_measures(tmp_path):
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(label=Y)
    holes = frame.copy()
    holes.loc[[3, 7], "b"] = np.nan
    path = tmp_path / "holes.csv"
    holes.to_csv(path, index=False)
    net = model(verbose=False)
    net.fit(frame, missing="drop", **OPTIONS)
    expected = net.score(frame.drop([3, 7]))
    for data in (path, holes):
        with pytest.warns(DataWarning, match="2 of 60 rows have missing cells and are dropped"):
            assert net.score(data) == expected
        with pytest.raises(ValueError, match="row 3"):
            net.predict(data)  # which has an answer for each row
    with pytest.warns(DataWarning, match="are dropped"):
        assert len(net.understand(path).features) == 58


def test_the_command_line_counts_rows_from_1_and_names_its_options(tmp_path, capsys):
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(label=Y)
    path, holes, out = tmp_path / "t.csv", tmp_path / "holes.csv", tmp_path / "m"
    frame.to_csv(path, index=False)
    frame.loc[3, "b"] = np.nan
    frame.to_csv(holes, index=False)
    words = ["--missing", "drop", "--epochs", "1", "--out", str(out), "--quiet"]
    assert main(["train", str(path), *words]) == 0
    assert main(["predict", str(out / "model.safetensors"), str(holes)]) == 2
    error = capsys.readouterr().err
    assert "row 4 (counted from 1) has a missing cell" in error
    assert "train with --missing mean" in error


def test_rows_have_one_number_in_all_answers(tmp_path, capsys):
    wrong = Y.copy()
    wrong[9] = 1 - wrong[9]
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(label=wrong)
    path, out = tmp_path / "t.csv", tmp_path / "m"
    frame.to_csv(path, index=False)
    words = ["--epochs", "300", "--learning-rate", "0.3", "--out", str(out), "--quiet"]
    assert main(["train", str(path), "--structure", "3,2", *words]) == 0
    saved = str(out / "model.safetensors")
    capsys.readouterr()
    assert main(["explain", saved, str(path), "--question", "mistakes", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["mistakes"][0]
    assert first["row"] == 10
    assert main(["explain", saved, str(path), "--question", "mistakes"]) == 0
    text = capsys.readouterr().out
    assert "counted from 1" in text
    assert "counted from 0" not in text
    assert main(["predict", saved, str(path), "--json", "--quiet"]) == 0
    row = json.loads(capsys.readouterr().out)[9]
    assert (row["row"], row["confidence"]) == (10, pytest.approx(first["confidence"]))
    assert main(["explain", saved, str(path), "--row", "10", "--train", str(path)]) == 0
    text = capsys.readouterr().out
    assert "row 10" in text
    assert "counted from 0" not in text
