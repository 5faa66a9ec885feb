"""Tests that flipped labels are found first, and that the score is what it says."""

import numpy as np
import pytest

from nn.understanding.mislabelled import find_mislabelled
from nn.understanding.trained import Trained

from .models import amount_model, digit_data, fit, flower_model, linear


def flipped(y, share, classes, seed=0):
    """Change a share of the labels to another class; return the labels and which rows."""
    generator = np.random.default_rng(seed)
    rows = generator.choice(len(y), round(share * len(y)), replace=False)
    changed = y.copy()
    changed[rows] = (y[rows] + generator.integers(1, classes, len(rows))) % classes
    return changed, rows


def refit_with(structure, epochs, scale):
    def refit(X, y):
        network = fit(X / scale, y, structure, epochs)
        return lambda new: Trained(network, new / scale, np.zeros(len(new), int)).probabilities()

    return refit


def test_flipped_labels_of_the_digits_come_first():
    X, y, _, _ = digit_data()
    X, y = X[:700], y[:700]
    changed, rows = flipped(y, 0.05, 10)
    trained = Trained(fit(X / 16, changed, [64, 24, 10], 8), X, changed, prepare=lambda x: x / 16)
    found = find_mislabelled(trained, refit_with([64, 24, 10], 12, 16), folds=3)
    first = found.order[: len(rows)]
    assert np.isin(first, rows).mean() >= 0.85
    hit = np.intersect1d(first, rows)
    assert (found.suggested[hit] == y[hit]).mean() >= 0.9, "the right label is suggested"
    assert found.is_honest
    assert found.source == "3 models, each without the rows that it predicts"


def test_a_network_that_learned_wrong_labels_by_heart_finds_few_and_says_so():
    X, y, _, _ = digit_data()
    X, y = X[:300], y[:300]
    changed, rows = flipped(y, 0.05, 10)
    network = fit(X / 16, changed, [64, 48, 10], 150)
    trained = Trained(network, X, changed, prepare=lambda x: x / 16)
    by_heart = find_mislabelled(trained)
    assert not by_heart.is_honest
    assert "by heart" in str(by_heart)
    honest = find_mislabelled(trained, refit_with([64, 24, 10], 15, 16), folds=3)
    hits = [np.isin(one.order[: len(rows)], rows).mean() for one in (by_heart, honest)]
    assert hits[0] < hits[1]


def test_the_rule_of_confident_learning_by_hand():
    network = linear(1, 1)
    p = np.array([[0.9, 0.1], [0.45, 0.55], [0.2, 0.8], [0.4, 0.6], [0.1, 0.9]])
    labels = np.array([0, 0, 0, 1, 1])
    trained = Trained(network, np.zeros((5, 1)), labels)
    found = find_mislabelled(trained, predictions=p)
    # Usual for class 0: (0.9 + 0.45 + 0.2) / 3 = 0.52; for class 1: (0.6 + 0.9) / 2 = 0.75. So
    # row 1, predicted wrongly with 0.55, is a doubtful prediction and not a doubtful label.
    assert found.suspected.tolist() == [False, False, True, False, False]
    assert found.scores == pytest.approx([0.8, -0.1, -0.6, 0.2, 0.8])
    assert found.suggested.tolist() == [1, 1, 1, 0, 0]
    assert found.order.tolist() == [2, 1, 3, 0, 4]
    frame = found.to_frame()
    assert frame.iloc[0].to_dict() == {
        "row": 2, "label": "0", "suggested": "1", "score": pytest.approx(-0.6), "suspected": True
    }  # fmt: skip


def test_each_row_is_predicted_once_by_a_model_without_it():
    trained = flower_model()
    seen = []

    def refit(X, y):
        assert set(y) == {0, 1, 2}, "each part has all classes"

        def predict(rows):
            seen.extend(map(tuple, rows))
            assert not set(map(tuple, rows)) & set(map(tuple, X))
            return np.full((len(rows), 3), 1 / 3)

        return predict

    find_mislabelled(trained, refit, folds=7)
    assert sorted(seen) == sorted(map(tuple, trained.features))


def test_targets_that_look_wrong():
    trained = amount_model()
    targets = trained.labels.copy()
    targets[[3, 90]] += 500
    wrong = Trained(
        trained.network,
        trained.features,
        targets,
        prepare=trained.prepare,
        task="regression",
        target_mean=trained.target_mean,
        target_deviation=trained.target_deviation,
    )
    found = find_mislabelled(wrong)
    assert set(found.order[:2]) == {3, 90}
    assert found.suspected[[3, 90]].all()
    assert found.suspected.mean() < 0.1


def test_what_cannot_be_used_is_refused():
    trained = flower_model()
    p = trained.probabilities()
    with pytest.raises(
        TypeError, match=r"refit must be a function \(features, labels\), got a int"
    ):
        find_mislabelled(trained, 5)
    with pytest.raises(ValueError, match="not both"):
        find_mislabelled(trained, lambda X, y: None, predictions=p)
    with pytest.raises(ValueError, match=r"shape \(120, 2\), expected \(120, 3\)"):
        find_mislabelled(trained, predictions=p[:, :2])
    with pytest.raises(ValueError, match="NaN or inf"):
        find_mislabelled(trained, predictions=p * np.nan)
    with pytest.raises(ValueError, match="folds is 121, expected 2 to 120"):
        find_mislabelled(trained, lambda X, y: None, folds=121)
    with pytest.raises(ValueError, match=r"refit's predictions have shape \(24,\)"):
        find_mislabelled(trained, lambda X, y: lambda new: np.zeros(len(new)))
