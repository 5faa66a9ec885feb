"""Tests the options of `fit`: weights, validation, stopping, optimizers, callbacks, divergence."""

import re

import numpy as np
import pytest

from nn import MLP, Callback, Classifier, DataError, compare_gradients, model
from nn.training import loop
from nn.training.choices import OPTIMIZERS, SCHEDULES
from nn.training.dataset.splitting import split_rows
from nn.training.options import OPTIONS
from nn.training.stopping import BestEpoch, Divergence
from tinygrad_edu import GradientError


def blobs(rows=90, seed=0, classes=3):
    generator = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    centres = np.array([[0, 4], [4, 0], [-4, -4], [5, 5]])[:classes]
    return centres[y] + generator.normal(size=(rows, 2)), y


def fitted(x, y, structure=(2, 8, 3), fit=None, **settings):
    net = model(list(structure), verbose=False, dtype="float64", **settings)
    net.fit(x, y, **{"epochs": 5, "learning_rate": 0.1, "batch_size": 16} | (fit or {}))
    return net


def weights(net):
    return np.concatenate([v.ravel() for v in net.network.state_dict().values() if v.ndim])


# Weights -----------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [1, 3])
def test_weight_2_is_the_row_twice(outputs):
    x, y = blobs(30, classes=max(2, outputs))
    w = np.where(np.arange(30) % 4 == 0, 2.0, 1.0)
    twice = np.concatenate([np.arange(30), np.flatnonzero(w == 2)])
    full = {"batch_size": 1000, "epochs": 4}
    weighted = fitted(x, y, (2, 8, outputs), fit={**full, "sample_weight": w})
    doubled = fitted(x[twice], y[twice], (2, 8, outputs), fit=full)
    np.testing.assert_allclose(weights(weighted), weights(doubled), rtol=1e-9, atol=1e-12)
    plain = fitted(x, y, (2, 8, outputs), fit=full)
    assert not np.allclose(weights(weighted), weights(plain), rtol=1e-4), "a test that can fail"
    assert weighted.history[0].train_loss == pytest.approx(doubled.history[0].train_loss)


def test_weight_2_is_the_row_twice_in_a_regression_of_standardised_features():
    x = np.random.default_rng(0).normal(3, 2, size=(20, 2))
    y = x[:, 0] * 3 + 1
    w = np.where(np.arange(20) < 5, 2.0, 1.0)
    full = {"epochs": 3, "learning_rate": 0.05, "batch_size": 100, "standardize": True}
    twice = np.concatenate([np.arange(20), np.arange(5)])
    one, other = (
        model([2, 4, 1], task="regression", verbose=False, dtype="float64") for _ in range(2)
    )
    one.fit(x, y, sample_weight=w, **full)
    other.fit(x[twice], y[twice], **full)
    np.testing.assert_allclose(weights(one), weights(other), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.predict(x), other.predict(x), rtol=1e-9)


def test_balanced_classes_count_the_same():
    x, y = blobs(60, classes=2)
    keep = (y == 0) | (np.arange(60) < 12)
    x, y = x[keep], y[keep]
    counts = np.bincount(y)
    by_hand = (len(y) / (2 * counts))[y]
    full = {"batch_size": 1000}
    one = fitted(x, y, (2, 8, 2), fit={**full, "class_weight": "balanced"})
    other = fitted(x, y, (2, 8, 2), fit={**full, "sample_weight": by_hand})
    third = fitted(
        x, y, (2, 8, 2), fit={**full, "class_weight": {0: by_hand.min(), "1": by_hand.max()}}
    )
    np.testing.assert_allclose(weights(one), weights(other), rtol=1e-12)
    np.testing.assert_allclose(weights(one), weights(third), rtol=1e-12)


def test_the_rare_class_is_found_if_classes_are_balanced(capsys):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 2))
    y = np.zeros(200, int)
    x[:4], y[:4] = x[:4] * 0.3 + 1.5, 1
    net = model([2, 8, 2])
    net.fit(x, y, epochs=3)
    printed = capsys.readouterr().out
    assert "class 1 has 4 of 200 rows, so the network may ignore it; class_weight='b" in printed
    balanced = model([2, 8, 2], verbose=False)
    balanced.fit(x, y, epochs=100, class_weight="balanced")
    assert balanced.predict(x)[:4].sum() >= 3


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"sample_weight": [1.0, 2.0]}, ValueError, r"shape \(2,\), expected \(90,\)"),
        ({"sample_weight": -np.ones(90)}, ValueError, "is -1.0 in row 0, expected 0 or more"),
        ({"sample_weight": np.zeros(90)}, ValueError, "0 in every row"),
        ({"class_weight": {"cat": 2}}, ValueError, "'cat', expected one of the classes 0, 1, 2"),
        ({"class_weight": {0: -1}}, ValueError, r"class_weight\[0\] must be > 0"),
        ({"class_weight": "even"}, ValueError, "must be 'balanced', or a dict"),
        ({"validation": 1.5}, ValueError, "validation must be < 1"),
        ({"validation": 1e-6}, ValueError, "leaves 0 rows to choose by"),
        ({"patience": 0}, ValueError, "patience must be >= 1"),
        ({"optimizer": "adamm"}, ValueError, "did you mean 'adamw'|did you mean 'adam'"),
        ({"optimizer": {"name": "sgd", "momentun": 1}}, ValueError, "no option momentun; its op"),
        ({"optimizer": {"name": "sgd", "lr": 1}}, ValueError, "pass it as learning_rate="),
        ({"optimizer": 5}, TypeError, "must be a name such as 'sgd'"),
        ({"schedule": "cos"}, ValueError, "did you mean 'cosine'"),
        ({"scale": 2, "standardize": True}, ValueError, "not both"),
        ({"epoch": 3, "epochs": 4}, TypeError, "give epochs or epoch, not both"),
        ({"callbacks": [5]}, TypeError, "callbacks has a int"),
        ({"callbacks": [Callback]}, TypeError, r"write Callback\(\)"),
        ({"checkpoint_every": 1}, ValueError, "needs a folder; make the model with base_address="),
        ({"missing": "zero"}, ValueError, "must be 'drop', 'mean' or 'median', got 'zero'"),
        ({"optimizer": "lion", "weight_decay": 0.1}, None, ""),
        ({"optimizer": "lbfgs", "weight_decay": 0.1}, ValueError, "'lbfgs' has no weight_decay"),
    ],
)
def test_options_are_refused_before_anything_happens(wrong, error, words):
    x, y = blobs()
    net = model([2, 4, 3], verbose=False)
    before = weights(net)
    if error is None:
        net.fit(x, y, epochs=1, **wrong)
        return
    with pytest.raises(error, match=words):
        net.fit(x, y, **wrong)
    np.testing.assert_array_equal(weights(net), before)
    assert net.history is None


def test_every_option_is_an_argument_of_fit_and_of_the_command_line():
    import inspect

    parameters = set(inspect.signature(Classifier.fit).parameters)
    assert {option.name for option in OPTIONS} <= parameters
    assert len({option.command for option in OPTIONS}) == len(OPTIONS)


# Validation --------------------------------------------------------------------------------


def test_a_split_keeps_the_shares_of_the_classes():
    labels = np.repeat([0, 1, 2, 3], [50, 30, 19, 1])
    training, validation = split_rows(labels, 0.2, np.random.default_rng(0), stratify=True)
    assert sorted([*training, *validation]) == list(range(100))
    assert np.bincount(labels[validation], minlength=4).tolist() == [10, 6, 4, 0]
    other = split_rows(labels, 0.2, np.random.default_rng(1), stratify=True)[1]
    assert not np.array_equal(validation, other)
    again = split_rows(labels, 0.2, np.random.default_rng(0), stratify=True)[1]
    np.testing.assert_array_equal(validation, again)
    assert validation.max() > 60, "not only the first rows"


def test_the_best_epoch_is_kept_and_the_test_data_are_read_once(capsys):
    x, y = blobs(60, seed=1)
    noisy = np.where(np.random.default_rng(2).random(60) < 0.3, (y + 1) % 3, y)
    test = blobs(30, seed=5)
    seen = []

    class Watch(Callback):
        def on_epoch(self, run, epoch):
            seen.append((epoch.validation_loss, run.network.state_dict()))

    net = model([2, 32, 3], dtype="float64")
    history = net.fit(
        x, noisy, epochs=60, learning_rate=0.5, validation=0.3, test_data=test, callbacks=[Watch()]
    )
    losses = [loss for loss, _ in seen]
    best = int(np.argmin(losses))
    assert best < 59, "a test that can fail: the last epoch is not the best"
    assert history.best.number == best + 1
    for name, values in seen[best][1].items():
        np.testing.assert_array_equal(net.network.state_dict()[name], values)
    assert [e.number for e in history if e.test_loss is not None] == [best + 1]
    assert history.best.test_accuracy == np.mean(net.predict(test[0]) == test[1])
    printed = capsys.readouterr().out
    assert f"the validation loss was lowest after epoch {best + 1}: its weights are kept" in printed
    assert "validation: 18 of these rows" in printed
    assert f"test accuracy {history.best.test_accuracy:.2%}; nothing is saved" in printed


def test_validation_rows_are_not_learned_from():
    x, y = blobs(40, classes=2)
    split = split_rows(y, 0.25, np.random.default_rng([3, 1]), stratify=True)
    net = fitted(x, y, (2, 4, 2), seed=3, fit={"validation": 0.25, "standardize": True})
    np.testing.assert_allclose(net.knowledge.prepare.means, x[split[0]].mean(axis=0))
    given = fitted(
        x[split[0]],
        y[split[0]],
        (2, 4, 2),
        seed=3,
        fit={"validation": (x[split[1]], y[split[1]]), "standardize": True},
    )
    np.testing.assert_array_equal(weights(net), weights(given))


def test_patience_stops_and_says_so(capsys):
    x, y = blobs()
    net = model([2, 4, 3])
    history = net.fit(x, y, epochs=500, learning_rate=1.0, validation=0.2, patience=3)
    assert len(history) < 500
    printed = capsys.readouterr().out
    assert (
        f"stopped after epoch {len(history)}: the validation loss has not fallen for 3" in printed
    )


def test_tiny_improvements_do_not_count_forever():
    best, net = BestEpoch(3, chooses=False), fitted(*blobs(), fit={"epochs": 1}).network
    for number, loss in enumerate([1.0, 0.99996, 0.99993, 0.99991], start=1):
        best.note(number, loss, net)
    assert best.is_over
    assert best.epoch == 4


# How it learns -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_by_name(name):
    x, y = blobs()
    net = fitted(x, y, fit={"optimizer": name, "epochs": 40, "learning_rate": None})
    losses = [epoch.train_loss for epoch in net.history]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_by_name(name):
    x, y = blobs()
    net = fitted(x, y, fit={"schedule": name, "epochs": 9})
    rates = [epoch.learning_rate for epoch in net.history]
    assert (len(set(rates)) == 1) == (name in ("constant", "plateau"))


def test_a_schedule_has_options():
    x, y = blobs()
    net = fitted(x, y, fit={"schedule": {"name": "step", "step_size": 2, "gamma": 0.5}})
    assert [epoch.learning_rate for epoch in net.history] == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_clipping_limits_the_first_step():
    x, y = blobs()
    start = weights(model([2, 8, 3], verbose=False, dtype="float64"))
    one = {"epochs": 1, "batch_size": 1000, "learning_rate": 1.0}
    free = np.linalg.norm(weights(fitted(x, y, fit=one)) - start)
    clipped = np.linalg.norm(weights(fitted(x, y, fit={**one, "clip": 0.01})) - start)
    assert free > 0.05
    assert clipped == pytest.approx(0.01, rel=1e-3)


def test_dropout_is_off_for_predictions_and_seeded():
    x, y = blobs()
    one, other = (fitted(x, y, dropout=0.5) for _ in range(2))
    np.testing.assert_array_equal(weights(one), weights(other))
    np.testing.assert_array_equal(one.predict_proba(x), one.predict_proba(x))
    assert not np.array_equal(weights(one), weights(fitted(x, y)))


def test_what_is_not_given_is_chosen_and_said(capsys):
    x, y = blobs()
    net = model()
    net.fit(x, y)
    printed = capsys.readouterr().out
    assert "chosen: adam with learning rate 0.001, features standardised, at most 200" in printed
    assert net.structure == (2, 100, 3)
    images = np.random.default_rng(0).integers(0, 17, (60, 64))
    net.__init__(verbose=True)
    net.fit(images, images[:, 0] % 2, epochs=1)
    largest = images.max()
    assert f"features / {largest}" in capsys.readouterr().out
    assert net.scale == largest
    original = model([2, 4, 3])
    original.fit(x, y, alpha=0.1)
    assert "chosen" not in capsys.readouterr().out
    assert len(original.history) == 10
    assert original.knowledge.prepare.is_plain


# Callbacks ---------------------------------------------------------------------------------


def test_callbacks_are_called_in_order():
    x, y = blobs(32)
    calls = []

    class Note(Callback):
        def on_start(self, run):
            calls.append(("start", run.epoch))

        def on_batch(self, run):
            calls.append(("batch", run.epoch))

        def on_epoch(self, run, epoch):
            calls.append(("epoch", epoch.number))
            if epoch.number == 2:
                run.stop("enough")

        def on_end(self, run):
            calls.append(("end", len(run.history)))

    functions = []
    net = fitted(x, y, fit={"callbacks": [Note(), lambda run, epoch: functions.append(epoch)]})
    assert calls == [
        ("start", 1),
        *[("batch", 1)] * 2,
        ("epoch", 1),
        *[("batch", 2)] * 2,
        ("epoch", 2),
        ("end", 2),
    ]
    assert functions == list(net.history)


# Divergence --------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [3.0, 30.0, 1000.0])
def test_a_rate_far_too_large_is_an_error_that_names_one_that_works(rate):
    x, y = blobs()
    net = model([2, 16, 3], verbose=False)
    with pytest.raises(GradientError, match=r"in epoch \d+, batch \d+; try a smaller") as caught:
        net.fit(x, y, epochs=400, learning_rate=rate, batch_size=8)
    found = re.search(
        r"rate of (\S+) was tried for one epoch, and the loss fell", str(caught.value)
    )
    again = model([2, 16, 3], verbose=False)
    again.fit(x, y, epochs=5, learning_rate=float(found[1]), batch_size=8)
    assert again.history[-1].train_accuracy > 0.8
    assert np.abs(weights(net)).max() < 1000, "the last good weights"


def test_a_loss_that_stays_high_stops_the_training(monkeypatch):
    """As after one wild step that no unit of the network survives."""
    x, y = blobs()
    monkeypatch.setattr(
        loop.Step, "__call__", lambda step, *batch: (25.5, np.zeros((16, 3))[: len(batch[0])])
    )
    net = model([2, 16, 3], verbose=False)
    start = weights(net)
    with pytest.raises(GradientError, match=r"grew to 25.5 and stayed above \S+ for 50 steps, in"):
        net.fit(x, y, epochs=400, learning_rate=0.1, batch_size=16)
    np.testing.assert_array_equal(weights(net), start)


def test_divergence_needs_fifty_steps_in_a_row():
    watch = Divergence(1.0)
    assert not any(watch.note(4.0) for _ in range(49))
    assert not watch.note(2.0)
    assert not any(watch.note(4.0) for _ in range(49))
    assert watch.note(4.0)


# Labels ------------------------------------------------------------------------------------


def test_texts_and_gaps_are_classes(capsys, tmp_path):
    x, y = blobs(60)
    for labels in (np.array(["setosa", "virginica", "versicolor"])[y], np.array([1, 5, 9])[y]):
        net = model(base_address=tmp_path)
        net.fit(x, labels, epochs=80, figures=[], overwrite=True)
        assert np.mean(net.predict(x) == labels) > 0.9
        again = Classifier.load(tmp_path / "model.safetensors")
        np.testing.assert_array_equal(again.predict(x), net.predict(x))
        assert again.predict(x).dtype.kind == labels.dtype.kind
        assert again.score(x, labels) == np.mean(net.predict(x) == labels)
        assert set(again.class_names) == set(map(str, labels))
    assert "the labels are 1, 5, 9; the network learns them as classes 0 to 2" in (
        capsys.readouterr().out
    )


def test_labels_keep_their_numbers_if_the_network_has_outputs_for_them():
    x, y = blobs(60)
    with pytest.warns(UserWarning, match="no row has class 0"):
        net = fitted(x, y + 1, (2, 8, 4))
    assert net.knowledge.classes is None
    assert set(net.predict(x)) <= {1, 2, 3, 0}


def test_unknown_labels_of_test_data_are_named():
    x, y = blobs()
    with pytest.raises(DataError, match="found class 7"):
        model(verbose=False).fit(x, y, test_data=(x[:3], np.array([0, 1, 7])), epochs=1)


# Regression --------------------------------------------------------------------------------


def test_a_regression_learns_numbers_in_their_unit(tmp_path, capsys):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 3)) * [1, 100, 0.01]
    y = 5000 + 200 * x[:, 0] - 3 * x[:, 1] + generator.normal(0, 5, 300)
    net = model(base_address=tmp_path, task="regression")
    history = net.fit(x[:250], y[:250], test_data=(x[250:], y[250:]), figures=["predicted"])
    assert history.measure == "R²"
    error = y[250:] - net.predict(x[250:])
    r2 = 1 - np.sum(error**2) / np.sum((y[250:] - y[250:].mean()) ** 2)
    assert r2 > 0.95
    assert net.score(x[250:], y[250:]) == pytest.approx(r2, rel=1e-9)
    assert history[-1].test_accuracy == pytest.approx(r2, rel=1e-3)
    again = Classifier.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(x), net.predict(x))
    assert not (tmp_path / "model.pkl").exists()
    capsys.readouterr()
    shown = net.run(tmp_path / "model.safetensors", x[0])
    assert shown.value == net.predict(x[:1])[0]
    assert capsys.readouterr().out.startswith("prediction = ")
    with pytest.raises(TypeError, match="no probabilities; call predict"):
        net.predict_proba(x)


def test_a_regression_that_learns_nothing_is_said(capsys):
    x = np.random.default_rng(0).normal(size=(40, 2))
    net = model([2, 2, 1], task="regression")
    net.fit(x, np.arange(40.0), epochs=1, learning_rate=1e-9)
    assert "learned nothing: its train R² is" in capsys.readouterr().out


def test_many_numbers_as_classes_get_the_right_advice():
    x = np.random.default_rng(0).normal(size=(40, 2))
    with pytest.raises(ValueError, match='make the model with task="regression"'):
        model([2, 4, 1], verbose=False).fit(x, np.arange(40))


def test_dropout_does_not_disturb_the_comparison_with_the_delta_rule():
    generator = np.random.default_rng(0)
    x, labels = generator.normal(size=(8, 4)), np.arange(8) % 3
    network = MLP([4, 16, 3], dropout=0.5, seed=0)
    assert not np.array_equal(network(x).data, network(x).data), "a test that can fail"
    assert compare_gradients(network, x, labels).agree
    assert network.training
    without = MLP([4, 16, 3], seed=0)
    for name, values in without.state_dict().items():
        np.testing.assert_array_equal(network.state_dict()[name], values)
