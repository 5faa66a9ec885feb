"""Tests permutation importance against a loop by hand, scikit-learn, and what was built in."""

import numpy as np
import pytest

from nn.understanding.importance import important_features
from nn.understanding.trained import Trained

from .models import amount_model, digit_model, flower_model, mixed_model


def test_it_is_the_drop_of_the_accuracy_after_shuffling():
    trained = flower_model()
    found = important_features(trained, repeats=3, seed=5)
    generator = np.random.default_rng(5)

    def accuracy(X):
        logits = trained.network(trained.prepare(X)).numpy()
        return np.mean(logits.argmax(axis=1) == trained.labels)

    whole = accuracy(trained.features)
    assert found.score == whole > 0.9
    for column in range(4):
        for repeat in range(3):
            X = trained.features.copy()
            X[:, column] = generator.permutation(X[:, column])
            assert found.drops[column, repeat] == pytest.approx(whole - accuracy(X), abs=1e-15)
    assert [found.names[i] for i in found.order[:2]] == ["length", "width"]
    assert found.means[0] > 10 * max(found.means[3], 0.005)


@pytest.mark.parametrize("measure", ["accuracy", "loss", "r2"])
def test_scikit_learn_finds_the_same(measure):
    inspection = pytest.importorskip("sklearn.inspection")
    from sklearn.base import BaseEstimator
    from sklearn.metrics import r2_score

    trained = amount_model() if measure == "r2" else flower_model()

    class Estimator(BaseEstimator):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return trained.predictions(X)

    def score(estimator, X, y):
        if measure == "accuracy":
            return np.mean(trained.predictions(X) == y)
        if measure == "r2":
            return r2_score(y, trained.predictions(X))
        return np.mean(np.log(trained.probabilities(X)[np.arange(len(y)), y]))

    settings = {"n_repeats": 40, "random_state": 0, "scoring": score}
    theirs = inspection.permutation_importance(
        Estimator(), trained.features, trained.labels, **settings
    )
    ours = important_features(trained, measure=measure, repeats=40)
    error = np.hypot(theirs.importances_std, ours.spreads) / np.sqrt(40)
    assert (np.abs(theirs.importances_mean - ours.means) <= 4 * error + 1e-12).all()


def test_a_column_of_texts_is_shuffled_as_one_column():
    trained = mixed_model()
    found = important_features(trained, repeats=20)
    assert found.drops.shape == (3, 20)
    assert found.names[found.order[0]] == "colour"
    assert found.means[1] > 0.25, "the class is the colour, and nothing else"
    assert abs(found.means[0]) < 0.1


def test_columns_that_are_constant_or_ignored_have_exactly_no_importance():
    trained = flower_model()
    X = trained.features.copy()
    X[:, 1] = 20.0
    constant = Trained(trained.network, X, trained.labels, prepare=trained.prepare)
    assert (important_features(constant).drops[1] == 0).all()


def test_many_rows_are_sampled_and_the_text_says_so():
    trained = flower_model()
    found = important_features(trained, most_rows=50, repeats=2)
    assert (found.rows, found.of) == (50, 120)
    assert "50 of 120 rows" in str(found)
    assert np.array_equal(important_features(trained, most_rows=50, repeats=2).drops, found.drops)
    assert important_features(trained, most_rows=None, repeats=1).spreads.tolist() == [0, 0, 0, 0]


def test_images_are_drawn_as_a_map():
    found = important_features(digit_model())
    assert (found.side, found.measure, found.drops.shape) == (8, "loss", (64, 3))
    assert (found.drops[0] == 0).all(), "the corner is always dark"
    figure = found.figure()
    assert len(figure.axes) == 2
    assert figure.axes[1].get_ylabel() == "rise of the loss"


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match=r"one of 'accuracy', 'loss' for classification, got 'r2'"):
        important_features(flower_model(), measure="r2")
    with pytest.raises(ValueError, match="one of 'r2', 'loss' for regression"):
        important_features(amount_model(), measure="accuracy")
    equal = amount_model()
    equal = Trained(equal.network, equal.features, np.ones(200), task="regression")
    with pytest.raises(ValueError, match=r"all targets are equal.*measure='loss'"):
        important_features(equal)
    with pytest.raises((TypeError, ValueError), match="repeats"):
        important_features(flower_model(), repeats=0)
