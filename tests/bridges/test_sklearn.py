"""Tests the estimators for scikit-learn: its own checks, and its own networks as the oracle."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
import sklearn.neural_network as theirs
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import nn
from nn.bridges.sklearn import MLPClassifier, MLPRegressor, training
from nn.bridges.sklearn.networks import make_built_in
from nn.bridges.sklearn.training import Trainer
from nn.bridges.sklearn.updating import make_optimizer
from tinygrad_edu import Tensor

QUIET = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
pytestmark = QUIET


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


# The same weights as scikit-learn's own networks ------------------------------------------------


def data(rows=90, features=5, kinds=3):
    generator = np.random.default_rng(7)
    X = generator.normal(size=(rows, features))
    return X, (np.abs(X @ generator.normal(size=features)) * 2).astype(int) % kinds


def differences(kind, X, y, weights=None, **settings):
    """Fit both, and return the largest difference of their weights."""
    settings = {"random_state": 3, "max_iter": 12, "batch_size": 25, **settings}
    fitted = []
    for module in (theirs, nn.bridges.sklearn):
        model = getattr(module, kind)(**settings)
        fitted.append(model.fit(X, y) if weights is None else model.fit(X, y, weights))
    one, other = fitted
    assert one.n_iter_ == other.n_iter_
    np.testing.assert_allclose(other.loss_, one.loss_, rtol=1e-10)
    pairs = zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


@pytest.mark.parametrize(
    "settings",
    [
        *({}, {"solver": "sgd"}, {"solver": "lbfgs"}, {"activation": "tanh"}, {"shuffle": False}),
        *({"activation": "logistic"}, {"activation": "identity"}, {"hidden_layer_sizes": (6, 4)}),
        *({"alpha": 0.0}, {"alpha": 1.0}, {"early_stopping": True}, {"batch_size": "auto"}),
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 2},
        {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
        {"tol": 0.1, "n_iter_no_change": 2, "max_iter": 60},
    ],
    ids=str,
)
@pytest.mark.parametrize("kinds", [2, 3])
def test_weights_are_those_of_scikit_learn(settings, kinds):
    assert differences("MLPClassifier", *data(kinds=kinds), **settings) < 1e-9


def test_weights_of_regressions_are_those_of_scikit_learn():
    X, y = data()
    assert differences("MLPRegressor", X, y.astype(float)) < 1e-9
    assert differences("MLPRegressor", X, y.astype(float), solver="lbfgs") < 1e-9
    assert differences("MLPRegressor", X, y, loss="poisson") < 1e-9
    weights = np.random.default_rng(1).random(len(y))
    assert differences("MLPRegressor", X, y, weights) < 1e-9
    assert differences("MLPClassifier", X, y, weights) < 1e-9


def test_another_epsilon_is_seen():
    X, y = data()
    ours = MLPClassifier(random_state=3, max_iter=12, epsilon=1e-3).fit(X, y)
    one = theirs.MLPClassifier(random_state=3, max_iter=12).fit(X, y)
    assert np.abs(ours.coefs_[0] - one.coefs_[0]).max() > 1e-6


# Continuing --------------------------------------------------------------------------------------


def weights_of(model):
    return np.concatenate([p.numpy().ravel() for p in model.network_.parameters()])


@pytest.mark.parametrize("solver", ["adam", "sgd", nn.AdamW], ids=str)
def test_a_warm_start_equals_one_longer_fit(solver):
    X, y = data()
    settings = {"random_state": 0, "solver": solver, "batch_size": 20}
    whole = MLPClassifier(max_iter=8, **settings).fit(X, y)
    parts = MLPClassifier(max_iter=3, warm_start=True, **settings).fit(X, y)
    parts = pickle.loads(pickle.dumps(parts)).set_params(max_iter=5).fit(X, y)
    steps = MLPClassifier(**settings)
    for _ in range(8):
        steps.partial_fit(X, y, classes=[0, 1, 2])
    assert weights_of(parts).tobytes() == weights_of(whole).tobytes()
    assert weights_of(steps).tobytes() == weights_of(whole).tobytes()
    assert parts.loss_curve_ == whole.loss_curve_ == steps.loss_curve_


def test_a_weight_of_two_equals_a_repeated_row():
    X, y = data()
    weights = np.random.default_rng(2).integers(0, 3, len(y))
    settings = {"random_state": 0, "max_iter": 20}  # all rows are one batch
    one = MLPClassifier(**settings).fit(X, y, weights)
    other = MLPClassifier(**settings).fit(X.repeat(weights, 0), y.repeat(weights))
    np.testing.assert_allclose(weights_of(one), weights_of(other), rtol=1e-7, atol=1e-10)


def test_class_weights_are_weights_of_rows():
    X, y = data()
    settings = {"random_state": 0, "max_iter": 5}
    by_class = MLPClassifier(class_weight={0: 3, 1: 1, 2: 1}, **settings).fit(X, y)
    by_row = MLPClassifier(**settings).fit(X, y, np.where(y == 0, 3.0, 1.0))
    assert weights_of(by_class).tobytes() == weights_of(by_row).tobytes()


# Networks of the user ----------------------------------------------------------------------------


def convolutional(features, outputs, generator, channels=2, dropout=0.0):
    side = int(features**0.5)
    return nn.Sequential(
        nn.Unflatten(1, (1, side, side)),
        nn.Conv2d(1, channels, 3, padding="same", generator=generator),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(dropout, generator=generator),
        nn.Linear(channels * features, outputs, generator=generator),
    )


def images():
    X, y = data(60, 16)
    return X, np.array(["a", "b", "c"])[y]


def test_parameters_of_a_network_are_searched():
    X, y = images()
    model = MLPClassifier(network=convolutional, random_state=0, max_iter=3)
    assert model.get_params()["network__channels"] == 2
    grid = {"mlpclassifier__network__channels": [1, 3], "mlpclassifier__alpha": [0.0, 0.1]}
    found = GridSearchCV(make_pipeline(StandardScaler(), model), grid, cv=2, n_jobs=2).fit(X, y)
    best = found.best_estimator_[-1]
    wanted = found.best_params_["mlpclassifier__network__channels"]
    assert best.network_[1].weight.shape == (wanted, 1, 3, 3)
    assert set(found.predict(X)) <= {"a", "b", "c"}
    assert clone(best).get_params()["network__channels"] == wanted


def test_dropout_and_normalisation_are_in_evaluation_mode_at_prediction():
    X, y = images()
    settings = {"network_parameters": {"dropout": 0.5}, "random_state": 0, "max_iter": 3}
    model = MLPClassifier(network=convolutional, **settings).fit(X, y)
    assert (model.predict_proba(X) == model.predict_proba(X)).all()
    np.testing.assert_allclose(model.predict_proba(X)[:1], model.predict_proba(X[:1]), rtol=1e-5)
    again = MLPClassifier(network=convolutional, **settings).fit(X, y)
    assert weights_of(model).tobytes() == weights_of(again).tobytes()
    with pytest.raises(ValueError, match="random part"):
        model.set_params(solver="lbfgs").fit(X, y)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda n, k, g: nn.MLP([n, k + 1]), r"\(2, 4\).*n_outputs=3"),
        (lambda n, k, g: "text", "made a str"),
        (lambda n, k, g: nn.ReLU(), "no parameters"),
        (3, "pass a function"),
    ],
)
def test_functions_that_make_no_network_are_refused(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        MLPClassifier(network=make).fit(*data())


# Nothing is silently wrong -----------------------------------------------------------------------


def test_a_training_that_diverges_raises_and_leaves_no_model():
    X, y = data()
    model = MLPRegressor(solver="sgd", learning_rate_init=1e3, activation="identity")
    with pytest.raises(ValueError, match=r"diverged.*StandardScaler.*learning_rate_init=1000"):
        model.fit(X * 100, y)
    assert not hasattr(model, "network_")


def test_a_step_that_diverges_restores_the_model():
    X, y = data()
    model = MLPRegressor(solver="sgd", random_state=0).partial_fit(X, y)
    before = weights_of(model)
    with pytest.raises(ValueError, match="diverged"):
        model.partial_fit(X * 1e200, y)
    assert weights_of(model).tobytes() == before.tobytes()
    assert np.isfinite(model.partial_fit(X, y).loss_)


def test_columns_in_another_order_are_refused():
    pandas = pytest.importorskip("pandas")
    X, y = data()
    frame = pandas.DataFrame(X, columns=list("abcde"))
    model = MLPClassifier(max_iter=2).fit(frame, y)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[list("edcba")])


def test_columns_of_text_go_through_a_transformer():
    pandas = pytest.importorskip("pandas")
    X, y = data()
    frame = pandas.DataFrame({"number": X[:, 0], "text": np.array(list("xyz"))[y]})
    split = ColumnTransformer(
        [("number", StandardScaler(), ["number"]), ("text", OneHotEncoder(), ["text"])]
    )
    model = make_pipeline(split, MLPClassifier(random_state=0, learning_rate_init=0.05))
    assert cross_val_score(model, frame, y, cv=3).mean() > 0.9


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"activation": "swish"}, "activation must be one of"),
        ({"solver": "rprop"}, "solver must be one of"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
        ({"network_parameters": {"a": 1}}, "network="),
        ({"network": convolutional, "hidden_layer_sizes": (5,)}, "leave them out"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"dtype": "int32"}, "dtype"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(settings, words):
    with pytest.raises((TypeError, ValueError), match=words):
        MLPClassifier(**settings).fit(*data())


def test_what_cannot_continue_is_refused():
    X, y = data()
    model = MLPClassifier(warm_start=True, max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match="warm_start=False"):
        model.set_params(hidden_layer_sizes=(7,)).fit(X, y)
    with pytest.raises(ValueError, match="same ones"):
        MLPClassifier().partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y + 1)
    with pytest.raises(ValueError, match=r"(?i)sample weights"):
        MLPClassifier().fit(X, y, np.zeros(len(y)))


def test_a_loss_that_grows_is_a_warning():
    X, y = data()
    model = MLPRegressor(solver="sgd", learning_rate_init=0.5, max_iter=4, alpha=0.0)
    model._trainer, model.loss_ = None, 9.0
    with pytest.warns(ConvergenceWarning, match="the loss grew from 1 to 9"):
        model._warn_grown(1.0)
    with pytest.warns(ConvergenceWarning, match="hasn't converged yet; raise max_iter"):
        MLPClassifier(max_iter=2).fit(X, y)


def test_sparse_rows_and_several_labels():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    X, y = data()
    labels = np.stack([y == 0, X[:, 0] > 0], axis=1).astype(int)
    settings = {"random_state": 0, "max_iter": 30}
    dense = MLPClassifier(**settings).fit(X, labels)
    sparse = MLPClassifier(**settings).fit(scipy_sparse.csr_array(X), labels)
    assert weights_of(dense).tobytes() == weights_of(sparse).tobytes()
    assert dense.predict(X).shape == dense.predict_proba(X).shape == labels.shape
    several = MLPRegressor(**settings).fit(X, X[:, :2])
    assert several.predict(X).shape == (90, 2)


# The parameters as one vector --------------------------------------------------------------------


def trained(is_flat, solver, settings, rows_at_once=2**24, weights=None):
    """Train a built-in network for some epochs; return its weights and losses."""
    X, y = data()
    network = make_built_in([5, 7, 6, 3], "tanh", "float64", np.random.RandomState(0))
    optimizer, flat = make_optimizer(solver, network.parameters(), 0.01, settings, joins=is_flat)
    assert (flat is not None) == is_flat
    trainer = Trainer(network, "softmax", optimizer, flat)
    orders = np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_BYTES_AT_ONCE", rows_at_once)
        losses = [
            trainer.epoch(X, y, weights, orders.permutation(90), 25, alpha=0.1) for _ in range(3)
        ]
    assert all(p._data.base is None for p in network.parameters())
    return np.concatenate([p.data.ravel() for p in network.parameters()]), losses


@pytest.mark.parametrize(
    ("solver", "settings"),
    [("adam", (0.9, 0.99, 1e-8)), ("sgd", (0.9, True)), ("sgd", (0.5, False))],
)
def test_an_update_of_one_vector_is_that_of_each_parameter(solver, settings):
    weights = np.random.default_rng(3).random(90)
    for given in (None, weights):
        one, one_losses = trained(False, solver, settings, weights=given)
        other, other_losses = trained(True, solver, settings, weights=given)
        assert other.tobytes() == one.tobytes()
        np.testing.assert_allclose(other_losses, one_losses, rtol=1e-13)
    other_settings = (0.8, *settings[1:])
    assert not np.array_equal(other, trained(True, solver, other_settings, weights=given)[0])


def test_how_many_rows_are_gathered_at_once_changes_nothing():
    whole = trained(True, "sgd", (0.9, True))
    for limit in (0, 3000):
        some = trained(True, "sgd", (0.9, True), limit)
        assert some[0].tobytes() == whole[0].tobytes()
        assert some[1] == whole[1]


@pytest.mark.parametrize("name", sorted(training.LOSSES))
def test_losses_are_means_of_those_of_the_rows(name):
    generator = np.random.default_rng(5)
    values = generator.normal(size=(6, 3))
    targets = {
        "softmax": generator.integers(0, 3, 6),
        "sigmoid": generator.integers(0, 2, (6, 3)).astype(float),
        "poisson": generator.integers(0, 9, (6, 3)).astype(float),
    }.get(name, generator.normal(size=(6, 3)))
    found = []
    for loss_of in (lambda a, b: training.LOSSES[name](a, b).mean(), training._MEANS[name]):
        outputs = Tensor(values, requires_grad=True)
        loss = loss_of(outputs, Tensor(targets))
        loss.backward()
        found.append((loss.item(), outputs.grad))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-13)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-12, atol=1e-15)


def test_an_interrupted_epoch_leaves_whole_parameters():
    X, y = data()
    model = MLPClassifier(random_state=0, batch_size=20).partial_fit(X, y, classes=[0, 1, 2])
    before, take, calls = weights_of(model), model._trainer._take, []

    def interrupted(*batch):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(batch)
        return take(*batch)

    model._trainer._take = interrupted
    with pytest.warns(UserWarning, match="interrupted"):
        model.partial_fit(X, y)
    parameters = model.network_.parameters()
    values = np.concatenate([p.data.ravel() for p in sorted(parameters, key=lambda p: p.ndim < 2)])
    assert values.tobytes() == model._trainer.flat.vector.data.tobytes()
    assert all(p._data.base is None and p.grad is None for p in parameters)
    assert not np.array_equal(weights_of(model), before)


def test_fits_in_threads_are_those_one_after_another():
    X, y = data()
    found = []
    for backend in ("sequential", "threading"):
        with joblib.parallel_backend(backend):
            model = MLPClassifier(random_state=0, max_iter=5)
            grid = GridSearchCV(model, {"alpha": [0.0, 0.1, 1.0]}, cv=3, n_jobs=3).fit(X, y)
        found.append(
            (grid.cv_results_["mean_test_score"].tolist(), weights_of(grid.best_estimator_))
        )
    assert found[0][0] == found[1][0]
    assert found[0][1].tobytes() == found[1][1].tobytes()


def test_a_parameter_that_is_frozen_between_calls_keeps_its_values():
    X, y = data()
    model = MLPClassifier(random_state=0, batch_size=20).partial_fit(X, y, classes=[0, 1, 2])
    frozen = model.network_.parameters()[0]
    frozen.requires_grad = False
    before, whole = frozen.numpy().tobytes(), weights_of(model)
    model.partial_fit(X, y)
    assert frozen.numpy().tobytes() == before
    assert (weights_of(model)[frozen.size :] != whole[frozen.size :]).mean() > 0.9
