"""Tests contributions: exact for linear networks, true derivatives, complete along the path."""

import numpy as np
import pytest

from nn import Conv2d, Flatten, Linear, ReLU, Sequential
from nn.understanding.explanation import explain_row, explain_rows
from nn.understanding.trained import Trained

from .models import amount_model, digit_model, flower_model, flowers, linear, mixed_model


def test_a_worked_example():
    network = linear(2, 2)
    network.weight.data = np.array([[1.0, 4.0], [2.0, -1.0]])
    network.bias.data = np.array([0.0, 1.0])
    X = np.array([[0.0, 0.0], [2.0, 4.0], [4.0, 2.0]])  # the mean is (2, 2)
    found = explain_row(Trained(network, X, np.array([0, 1, 1]), ("a", "b"), ("p", "q")), 2)
    # logits: p = 4 + 4 = 8, q = 16 - 2 + 1 = 15; so q against p, with gradient (3, -3).
    assert found.quantity == "log-odds of 'q' against 'p'"
    assert found.gradients.tolist() == [3, -3]
    assert found.contributions.tolist() == [6, 0]
    assert (found.value, found.baseline_value, found.remainder) == (7, 1, 0)


@pytest.mark.parametrize(
    ("task", "outputs"),
    [("classification", 1), ("classification", 2), ("classification", 5), ("regression", 1)],
)
def test_contributions_of_a_linear_network_add_up_exactly(task, outputs):
    network = linear(5, outputs)
    mixed = mixed_model(linear(5, 2))
    labels = np.zeros(40, np.int64) if task == "classification" else np.zeros(40)
    scaled = {"target_mean": 7.0, "target_deviation": 3.0} if task == "regression" else {}
    trained = Trained(
        network,
        mixed.features,
        labels,
        mixed.feature_names,
        prepare=mixed.prepare,
        task=task,
        feature_values=mixed.feature_values,
        **scaled,
    )
    inputs = mixed.prepare(mixed.features)
    outputs_of = inputs @ network.weight.data + network.bias.data
    mean = inputs.mean(axis=0) @ network.weight.data + network.bias.data
    for row in range(40):
        found = explain_row(trained, row)
        if task == "regression":
            expected = 3 * (outputs_of[row] - mean)[0]
            assert found.value == pytest.approx(3 * outputs_of[row, 0] + 7, abs=1e-12)
        elif outputs == 1:
            sign = 1 if outputs_of[row, 0] > 0 else -1
            expected = sign * (outputs_of[row] - mean)[0]
        else:
            second, first = np.argsort(outputs_of[row])[-2:]
            expected = (outputs_of[row, first] - outputs_of[row, second]) - (
                mean[first] - mean[second]
            )
        assert found.contributions.sum() == pytest.approx(expected, abs=1e-12)
        assert found.remainder == pytest.approx(0, abs=1e-12)
        assert "left over" not in str(found)


def test_a_column_of_texts_is_the_sum_of_its_inputs_and_has_no_gradient():
    trained = mixed_model(linear(5, 2))
    found = explain_row(trained, 0, target=1, against=0)
    weights = trained.network.weight.data @ [-1, 1]
    inputs = trained.prepare(trained.features)
    shares = weights * (inputs[0] - inputs.mean(axis=0))
    assert found.contributions == pytest.approx([shares[0], shares[1:4].sum(), shares[4]])
    assert np.isnan(found.gradients[1:]).all(), "a text, and a missing cell"
    assert found.gradients[0] == pytest.approx(weights[0] / 10), "by the raw number"
    assert found.value_texts[1] in ("amber", "blue", "coral")
    assert found.value_texts[2] == "missing"


def test_gradients_are_those_of_the_raw_columns():
    trained = flower_model()
    found = explain_row(trained, 5, target=2, against=0)

    def log_odds(row):
        logits = trained.network(trained.prepare(row[None])).numpy()[0]
        return logits[2] - logits[0]

    x, step = trained.features[5], 1e-6
    for column in range(4):
        e = step * (np.arange(4) == column)
        slope = (log_odds(x + e) - log_odds(x - e)) / (2 * step)
        assert found.gradients[column] == pytest.approx(slope, rel=1e-6, abs=1e-7)
    difference = x - trained.features.mean(axis=0)  # the preparation is affine
    assert found.contributions == pytest.approx(found.gradients * difference)


@pytest.mark.parametrize("model", [flower_model, amount_model, digit_model])
def test_integrated_gradients_are_complete(model):
    trained = model()
    for row in range(5):
        once, often = explain_row(trained, row), explain_row(trained, row, steps=300)
        assert (once.value, once.baseline_value) == (often.value, often.baseline_value)
        assert abs(often.remainder) < 0.01 * np.abs(often.contributions).sum()
    assert "integrated gradients, 300 steps" in str(often)


def test_classes_and_baseline_can_be_chosen():
    trained = flower_model()
    one = explain_row(trained, 3, target=0, against=1)
    other = explain_row(trained, 3, target=1, against=0)
    assert one.contributions == pytest.approx(-other.contributions)
    named = explain_row(trained, 3, target="iris", against="lily")
    assert np.array_equal(named.contributions, one.contributions)
    at_itself = explain_row(trained, trained.features[3], baseline=trained.features[3])
    assert at_itself.row is None
    assert not at_itself.contributions.any()
    assert at_itself.value == at_itself.baseline_value


def test_a_convolutional_network_is_explained_pixel_by_pixel():
    generator = np.random.default_rng(0)
    layers = Conv2d(1, 2, 3, generator=generator), ReLU(), Flatten(), Linear(72, 3)
    network = Sequential(*layers).astype("float64")
    X = generator.random((6, 64)) * 255
    trained = Trained(
        network,
        X,
        np.arange(6) % 3,
        tuple(f"p{i}" for i in range(64)),
        prepare=lambda rows: rows.reshape(-1, 1, 8, 8) / 255,
    )
    found = explain_row(trained, 2, steps=200)
    assert found.contributions.shape == (64,)
    assert abs(found.remainder) < 0.02 * np.abs(found.contributions).sum()
    assert found.side == 8
    assert len(found.figure().axes) == 3


def test_names_of_the_strongest_columns():
    network = linear(2, 1)
    network.weight.data, network.bias.data = np.array([[2.0], [-1.0]]), np.zeros(1)
    trained = Trained(network, np.array([[0.0, 0], [1.0, 1.0]]), np.array([0, 1]), ("a", "b"))
    found = explain_row(trained, 1)
    assert found.strongest() == ["a = 1"]
    assert found.strongest(sign=-1) == ["b = 1"]


def test_the_data_are_measured_once_for_all_rows(monkeypatch):
    trained, measured = flower_model(), []
    masked = np.ma.masked_invalid
    monkeypatch.setattr(np.ma, "masked_invalid", lambda x: measured.append(1) or masked(x))
    nothing = [None] * 3
    found = explain_rows(
        trained, trained.features[:3], numbers=[0, 1, 2], targets=nothing, against=nothing
    )
    assert len(measured) == 1
    for row, one in enumerate(found):
        np.testing.assert_array_equal(one.gradients, explain_row(trained, row).gradients)


def test_what_cannot_be_explained_is_refused():
    trained = flower_model()
    for row in (120, -1):
        with pytest.raises(ValueError, match=r"row -?\d+ does not exist; test data has 120 rows"):
            explain_row(trained, row)
    with pytest.raises(ValueError, match="expected 4 numbers"):
        explain_row(trained, [1.0, 2.0])
    for row in (True, "3", 3.0, trained.features[:2]):
        with pytest.raises((TypeError, ValueError), match=r"row .* expected 4 numbers"):
            explain_row(trained, row)
    with pytest.raises(ValueError, match=r"row 0, counted from 0, has NaN or inf; prepare must"):
        explain_row(trained, [1.0, np.nan, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"target 'oak' is not a class; .* one of iris, lily"):
        explain_row(trained, 0, target="oak")
    with pytest.raises(ValueError, match=r"target 3 is not a class; the network has 3, 0..2"):
        explain_row(trained, 0, target=3)
    with pytest.raises(ValueError, match="both class 1"):
        explain_row(trained, 0, target=1, against=1)
    with pytest.raises(ValueError, match="a regression has none"):
        explain_row(amount_model(), 0, target=1)
    X, y = flowers(9)
    wide = Trained(linear(8, 3), X, y, prepare=lambda rows: np.hstack([rows, rows]))
    with pytest.raises(ValueError, match="8 inputs of 4 columns, expected 4; pass feature_values"):
        explain_row(wide, 0)
