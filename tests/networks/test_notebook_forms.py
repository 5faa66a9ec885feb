"""Tests that modules, comparisons of gradients and histories show themselves in a notebook with
the numbers that they hold, and leave the plain text where that fails.
"""

import base64
import html
import importlib

import numpy as np
import pytest

from nn import MLP, SGD, Linear, Module, ReLU, Sequential, compare_gradients
from nn.loss import classification_loss
from nn.training.history import Epoch, History
from tinygrad_edu import Tensor

from ..engine.test_tensor_html import HOSTILE, Reader

GENERATOR = np.random.default_rng(0)


def shown(thing):
    return Reader(thing._repr_html_())


# Modules --------------------------------------------------------------------------------------


def test_parameters_of_a_network():
    net = MLP([4, 3, 2], generator=GENERATOR)
    reader = shown(net)
    assert reader.rows == [
        ["path", "layer", "shape", "count"],
        ["linear1.weight", "Linear(4 -> 3)", "(4, 3)", "12"],
        ["linear1.bias", "Linear(4 -> 3)", "(3,)", "3"],
        ["relu1", "ReLU()", "none", "0"],
        ["linear2.weight", "Linear(3 -> 2)", "(3, 2)", "6"],
        ["linear2.bias", "Linear(3 -> 2)", "(2,)", "2"],
        ["total", "", "", "23"],
    ]
    assert "gradients: not computed" in reader.typeset
    assert f"<code>MLP({html.escape(net.describe())})</code>" in net._repr_html_()


def test_norms_of_gradients():
    net = MLP([4, 3, 2], generator=GENERATOR)
    classification_loss(net(GENERATOR.normal(size=(5, 4))), np.array([0, 1, 1, 0, 1])).backward()
    first, second, third, last = net.parameters()
    second.grad = None
    third.grad = np.zeros((3, 2))
    last.grad = np.array([np.nan, 1.0])
    rows = shown(net).by_label
    assert float(rows["linear1.weight"][-1]) == pytest.approx(np.linalg.norm(first.grad), 1e-3)
    assert rows["linear1.bias"][-1] == "not computed"
    assert rows["linear2.weight"][-1] == "0 (all zero)"
    assert rows["linear2.bias"][-1] == "NaN (1 NaN)"
    assert "gradients: not computed" not in shown(net).typeset


def test_layers_without_parameters_and_parameters_in_lists():
    rows = shown(Sequential(Linear(2, 3, generator=GENERATOR), ReLU())).rows
    assert rows[3:] == [["1", "ReLU()", "none", "0"], ["total", "", "", "9"]]

    class Own(Module):
        def __init__(self):
            self.parts = {"a.b": [Tensor(1.0, requires_grad=True), Linear(1, 1)]}

    rows = shown(Own()).rows
    assert [row[:2] for row in rows[1:-1]] == [
        ["parts.a.b.0", "Own()"],
        ["parts.a.b.1.weight", "Linear(1 -> 1)"],
        ["parts.a.b.1.bias", "Linear(1 -> 1)"],
    ]
    assert "no parameters" in shown(ReLU()).typeset


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_modules(name):
    net = type(name.replace("\0", "").replace("\ud800", "") or "x", (Module,), {})()
    setattr(net, name, Tensor(1.0, requires_grad=True))
    reader = shown(net)
    assert len(reader.rows) == 3
    assert "$" not in reader.typeset
    net.describe = lambda: 1 / 0
    assert net._repr_html_() is None


# Comparisons ----------------------------------------------------------------------------------


@pytest.fixture
def comparison():
    x, labels = GENERATOR.normal(size=(5, 4)), np.array([0, 1, 0, 1, 1])
    return compare_gradients(MLP([4, 3, 2], generator=GENERATOR), x, labels)


def test_comparison(comparison):
    reader = shown(comparison)
    assert reader.rows[0] == list(comparison.columns)
    assert [row[-1] for row in reader.rows[1:]] == ["✓ match"] * 4
    assert [row[2] for row in reader.rows[1:]] == list(comparison["equation"])
    first = float(reader.rows[1][3])
    assert first == pytest.approx(comparison["max |manual-auto|"][0], rel=0.1)
    assert "✓ all match" in reader.typeset
    for note in comparison.attrs["notes"]:
        assert " ".join(note.split()) in " ".join(comparison._repr_html_().split())


def test_comparison_that_differs(comparison):
    comparison.loc[1, "verdict"] = "DIFFERS"
    comparison.loc[2, "max |auto-numeric|"] = np.nan
    comparison.attrs["agree"] = False
    page = comparison._repr_html_()
    reader = Reader(page)
    assert [row[-1] for row in reader.rows[1:]] == ["✓ match", "✗ DIFFERS", "✓ match", "✓ match"]
    assert reader.rows[3][4] == "-"
    assert "✗ 1 of 4 differ" in reader.typeset
    bold = [row for row in page.split("<tr>")[2:] if "font-weight: bold" in row]
    assert len(bold) == 1
    assert "✗ DIFFERS" in bold[0]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_comparisons(comparison, name):
    comparison.loc[0, "parameter"] = name
    comparison.attrs["notes"] = [name]
    assert "$" not in shown(comparison).typeset
    comparison.attrs["notes"] = 3
    assert comparison._repr_html_() is None


def test_part_of_a_comparison_is_an_ordinary_table(comparison):
    assert "dataframe" in comparison[["parameter"]]._repr_html_()
    comparison.attrs.clear()
    assert "all match" not in shown(comparison).typeset  # that is not known any more


# Histories ------------------------------------------------------------------------------------


def epochs(count, kept=None):
    """Give epochs; those with `kept` are validated, and its validation loss is the lowest."""
    return [
        Epoch(n, 1 / n, 0.5, 1.5 / n, 0.6, 0.25 * n, kept and abs(n - kept) + 0.5, kept and 0.75)
        for n in range(1, count + 1)
    ]


def test_history():
    history = History(epochs(3))
    bundle = history._repr_mimebundle_(include=None, exclude=None)
    assert bundle["text/plain"] == str(history)
    reader = Reader(bundle["text/html"])
    assert reader.rows == [
        ["epoch", "train loss", "train accuracy", "test loss", "test accuracy", "time"],
        ["1", "1.0000", "50.00%", "1.5000", "60.00%", "250 ms"],
        ["2", "0.5000", "50.00%", "0.7500", "60.00%", "500 ms"],
        ["★ kept 3", "0.3333", "50.00%", "0.5000", "60.00%", "750 ms"],
    ]
    assert "3 epochs, ★ kept: epoch 3, the last" in reader.typeset
    assert history.note in reader.typeset
    bold = [row for row in bundle["text/html"].split("<tr>") if "font-weight: bold" in row]
    assert ["★ kept 3" in row for row in bold] == [True]
    picture = bundle["text/html"].partition("data:image/png;base64,")[2].partition('"')[0]
    assert base64.b64decode(picture, validate=True).startswith(b"\x89PNG")


def test_history_with_validation_rates_and_r2():
    rows = [
        Epoch(1, 0.9, 0.1, None, None, 0.25, 0.5, -0.5, 0.1),
        Epoch(2, 0.5, 0.8, None, None, 0.25, 0.75, 0.25, 0.05),
    ]
    reader = Reader(History(rows, measure="R²")._repr_mimebundle_()["text/html"])
    heads = ["train loss", "train R²", "validation loss", "validation R²", "learning rate"]
    assert reader.rows == [
        ["epoch", *heads, "time"],
        ["★ kept 1", "0.9000", "0.1000", "0.5000", "-0.5000", "0.1", "250 ms"],
        ["2", "0.5000", "0.8000", "0.7500", "0.2500", "0.05", "250 ms"],
    ]


@pytest.mark.parametrize(
    ("count", "kept", "found"),
    [
        (20, 9, [*"12345678", "★ kept 9", *map(str, range(10, 21))]),
        (30, 9, [*"12345", "… 3 more", "★ kept 9", "… 16 more", *map(str, range(26, 31))]),
        (30, 6, [*"12345", "★ kept 6", "… 19 more", *map(str, range(26, 31))]),
        (1000, 999, [*"12345", "… 990 more", "996", "997", "998", "★ kept 999", "1000"]),
    ],
)
def test_long_history(monkeypatch, count, kept, found):
    table = importlib.import_module("nn.training.history_table")
    monkeypatch.setattr(table, "training_curves", lambda history: None)  # the table alone
    page = History(epochs(count, kept))._repr_mimebundle_()["text/html"]
    assert [row[0] for row in Reader(page).rows[1:]] == found
    assert "<img" not in page  # and a picture that fails is left out


def test_empty_short_and_broken_histories():
    bundle = History()._repr_mimebundle_()
    assert bundle["text/plain"] == repr(History())
    assert "no epochs" in Reader(bundle["text/html"]).typeset

    page = History([Epoch(1, np.nan, np.nan, None, None, 2.0)])._repr_mimebundle_()["text/html"]
    reader = Reader(page)
    assert reader.rows[1] == ["★ kept 1", "NaN", "NaN", "2.00 s"]
    assert "1 epoch, ★ kept: epoch 1, the last" in reader.typeset

    extreme = [Epoch(1, 1e308, 0.5, None, None, 1.0), Epoch(2, 1.7e308, 0.5, None, None, 1.0)]
    page = History(extreme)._repr_mimebundle_()["text/html"]  # more than an axis can hold
    assert [row[1] for row in Reader(page).rows[1:]] == ["1.00e+308", "1.70e+308"]
    assert "<img" not in page

    mixed = History([*epochs(1), Epoch(2, 0.1, 0.2, None, None, 1.0)])
    assert Reader(mixed._repr_mimebundle_()["text/html"]).rows[2][3:5] == ["-", "-"]

    broken = History(["<b>no epoch</b>"])
    assert broken._repr_mimebundle_() == {"text/plain": repr(broken)}


def test_an_optimizer_says_what_it_is_set_to():
    parameters = MLP([2, 2], seed=0).parameters()
    assert repr(SGD(parameters[:1], lr=0.1)) == "SGD(1 parameter, lr=0.1)"
    told = repr(SGD(parameters, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1))
    assert told == "SGD(2 parameters, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1)"
