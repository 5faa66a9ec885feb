"""Tests the commands that show a network: what they write, and what a wrong word gets."""

import re

import numpy as np
import pytest

from nn import MLP, cli, manual_gradients
from nn.by_hand import delta_rule


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(words):
    return cli.main(words.split())


def test_the_page_shows_the_network_its_gradients_by_hand_and_an_update(folder, capsys):
    assert run("stepper --structure 2,3,2 --learning-rate 0.5 --out s.html") == 0
    assert "written: s.html" in capsys.readouterr().out
    page = (folder / "s.html").read_text("utf-8")
    assert "One training step of 2 -&gt; 3 -&gt; 2" in page
    for text in ("linear1.weight", "linear2.bias", "they match", "0.5 × grad"):
        assert text in page


def test_graph_by_layers_in_the_dark(folder):
    words = "graph --structure 4,3,2 --view layers --theme dark --out g.dot"
    assert run(words) == 0
    text = (folder / "g.dot").read_text("utf-8")
    assert "3 modules" in text
    assert 'bgcolor="#14181C"' in text


def test_graph_shows_the_delta_rule_next_to_it(folder, monkeypatch):
    assert run("graph --structure 4,3,2 --compare --out g.txt") == 0
    assert (folder / "g.txt").read_text("utf-8").count("✓") == 4
    right = delta_rule.gradients
    monkeypatch.setattr(delta_rule, "gradients", lambda *a: [[2 * g for g in s] for s in right(*a)])
    assert run("graph --structure 4,3,2 --compare --out g.txt") == 0
    assert (folder / "g.txt").read_text("utf-8").count("✗") == 4


def test_compare_draws_the_differences_and_writes_a_page(folder, capsys):
    assert run("compare --structure 2,3,2 --plot d.png --html d.html") == 0
    assert "drawn: d.png" in capsys.readouterr().out
    assert (folder / "d.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "d.html").read_text("utf-8")
    for name in ("linear1.weight", "linear2.bias"):
        assert name in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("stepper --structure 2,3,2 --out s.png", r"saved as \.html, got 's\.png'"),
        ("stepper --structure 2,3,2 --learning-rate 0 --out s.html", "--learning-rate must be > 0"),
        ("stepper --structure 2,3,2 --rows 0 --out s.html", "rows"),
        ("compare --structure 2,3,2 --plot d.gif", r"--plot d\.gif: expected a name that ends in"),
        ("compare --structure 2,3,2 --html d.pdf", r"--html d\.pdf: expected"),
        ("graph --structure 2,3,2 --theme pink --out g.svg", "pink"),
        ("graph --structure 2,3,2 --view all --out g.svg", "all"),
        ("graph --structure 2,3,2 --out g.bmpx", "known are .svg"),
    ],
)
def test_a_wrong_word_is_a_one_line_error_and_nothing_is_written(folder, capsys, words, told):
    try:
        code = run(words)
    except SystemExit as stop:  # from argparse
        code = stop.code
    assert code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(told, err)
    assert err.count("\n") == 1
    assert not list(folder.iterdir())


def test_training_without_figures(folder):
    rows = np.column_stack([np.arange(12) % 2, np.random.default_rng(0).random((12, 3))])
    np.savetxt(folder / "t.csv", rows, fmt="%g", delimiter=",", header="label,a,b,c", comments="")
    words = "train t.csv --structure 3,2 --epochs 1 --figures none --out m"
    assert run(words) == 0
    made = sorted(path.name for path in (folder / "m").iterdir())
    assert made == ["history.csv", "model.pkl", "model.safetensors", "run.toml"]


def test_gradients_by_hand_come_by_name_and_in_shape():
    network = MLP([3, 4, 2], seed=0)
    x, labels = np.random.default_rng(0).normal(size=(5, 3)), [0, 1, 1, 0, 1]
    found = manual_gradients(network, x, labels)
    for name, parameter in network.named_parameters():
        assert found[name].shape == parameter.shape
        assert found[name].dtype == np.float64
        assert parameter.grad is None
    with pytest.raises(TypeError, match="manual_gradients takes a network, got a list"):
        manual_gradients(network.layers, x, labels)
    with pytest.raises(ValueError, match=r"expected \(N, 3\)"):
        manual_gradients(network, x[:, :2], labels)
