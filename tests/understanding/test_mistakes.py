"""Tests that the most confident mistakes are found, with what spoke for them."""

import numpy as np
import pytest

from nn.understanding.mistakes import find_mistakes
from nn.understanding.trained import Trained

from .models import amount_model, digit_model, flower_model, linear, mixed_model


def test_the_most_confident_mistakes_come_first():
    trained = digit_model()
    p = trained.probabilities()
    expected = sorted((-p[i].max(), i) for i in range(len(p)) if p[i].argmax() != trained.labels[i])
    found = find_mistakes(trained, most=5)
    assert len(found) == 5 < found.wrong == len(expected)
    assert [one.row for one in found] == [i for _, i in expected[:5]]
    for one in found:
        assert one.label == trained.labels[one.row] != one.predicted == p[one.row].argmax()
        assert one.confidence == pytest.approx(p[one.row].max())
        words = f"log-odds of '{one.predicted}' against '{one.label}'"
        assert one.explanation.quantity == words


def test_a_planted_mistake_is_blamed_on_the_planted_feature():
    trained = flower_model()
    X, y = trained.features.copy(), trained.labels
    right = np.flatnonzero((trained.predictions() == y) & (y == 0))
    X[right[0], 0] = 9.0  # longer than any other, so not an iris
    planted = Trained(
        trained.network, X, y, trained.feature_names, trained.class_names, trained.prepare
    )
    found = find_mistakes(planted)
    assert found[0].row == right[0]
    assert found[0].label_name == "iris"
    assert found[0].reasons[0] == "length = 9"
    assert "length = 9" in str(found)


def test_errors_of_a_regression_are_blamed_on_what_pushed_the_wrong_way():
    trained = amount_model()
    found = find_mistakes(trained, most=200)
    errors = np.abs(trained.predictions() - trained.labels)
    assert [one.confidence for one in found] == pytest.approx(sorted(errors)[::-1])
    for one in found:
        sign = 1 if one.predicted > one.label else -1
        pushed = sign * one.explanation.contributions
        names = [reason.split(" = ")[0] for reason in one.reasons]
        wrong = [trained.feature_names[i] for i in np.argsort(-pushed) if pushed[i] > 0]
        assert names == wrong[:3]


def test_without_mistakes_it_says_so_and_draws_nothing():
    network = linear(2, 1)
    network.weight.data, network.bias.data = np.array([[5.0], [0.0]]), np.zeros(1)
    trained = Trained(network, np.array([[1.0, 0.0], [-1.0, 3.0]]), np.array([1, 0]))
    found = find_mistakes(trained)
    assert len(found) == 0
    assert str(found) == "No mistakes in 2 rows of the data"
    assert list(found.to_frame()) == ["row", "label", "predicted", "confidence", "reasons"]
    assert found.figure().get_suptitle() == "no mistakes in 2 rows of the data"


def test_texts_are_shown_as_texts():
    network = linear(5, 2)
    network.weight.data = np.zeros((5, 2))
    network.weight.data = np.array([[0, 0], [0, 9.0], [0, 0], [0, 0], [0, 0]])
    network.bias.data = np.zeros(2)
    found = find_mistakes(mixed_model(network))
    assert found[0].reasons == ["colour = amber"]
    assert found.to_frame()["reasons"][0] == "colour = amber"


def test_the_text_names_no_variable_that_the_reader_may_lack():
    text = " ".join(str(find_mistakes(digit_model())).split())
    assert "found[" not in text
    assert "Element 0 of this result is the first one: its explanation.save('why.png')" in text
