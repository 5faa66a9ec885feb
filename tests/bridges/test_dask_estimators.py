"""Tests the estimators on a Dask cluster: equal to the local ones, wherever the rows are."""

import pickle
import warnings

import numpy as np
import pytest

pytest.importorskip("distributed")
pytest.importorskip("sklearn")
import dask.array
import dask.dataframe
import pandas
from distributed import Client
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import nn
from nn.bridges.dask import DaskMLPClassifier, DaskMLPRegressor, WorkerError
from nn.bridges.dask import ranks as of_ranks
from nn.bridges.sklearn import MLPClassifier, MLPRegressor
from tests.networks.test_networks import refused

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer"),
    pytest.mark.filterwarnings("ignore:Sending large graph"),
]

N, FEATURES = 90, 4
SIZES = [25, 0, 5, 40, 20]  # one partition without rows
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(N, FEATURES))
# Only the last partition has the class "left", so one worker never sees it.
LABELS = np.where(X[:, 0] * X[:, 1] > 0, "up", "down").astype("<U5")
LABELS[-15:] = "left"
NUMBERS = X @ DRAW.normal(size=(FEATURES, 2)) + 0.1
WEIGHTS = DRAW.uniform(0, 2, N)
WEIGHTS[::7] = 0
SETTINGS = {"hidden_layer_sizes": (7,), "max_iter": 6, "random_state": 3, "alpha": 0.2}


def parted(values, sizes=SIZES):
    """Make a Dask array with partitions of these sizes; `concatenate` would drop empty ones."""
    chunks = (tuple(sizes), *((size,) for size in values.shape[1:]))
    return dask.array.from_array(values, chunks=chunks)


@pytest.fixture(scope="module")
def client():
    options = {"processes": False, "n_workers": 2, "threads_per_worker": 1}
    with Client(**options, dashboard_address=":0") as client:
        yield client


def assert_equal(found, expected, atol=1e-12):
    assert found.n_iter_ == expected.n_iter_
    np.testing.assert_allclose(found.loss_curve_, expected.loss_curve_, rtol=0, atol=atol)
    for one, other in zip(
        [*found.coefs_, *found.intercepts_], [*expected.coefs_, *expected.intercepts_], strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("kind", "y", "options", "is_weighted"),
    [
        ("classifier", LABELS, {"batch_size": 16, "class_weight": "balanced"}, True),
        ("classifier", LABELS == "up", {"solver": "sgd", "learning_rate": "adaptive"}, False),
        ("classifier", NUMBERS > 0, {"class_weight": None, "batch_size": 31}, True),
        ("regressor", NUMBERS, {"batch_size": 16, "tol": 0.5, "n_iter_no_change": 1}, False),
        ("regressor", NUMBERS[:, 0] ** 2, {"loss": "poisson", "solver": nn.AdamW}, True),
    ],
)
def test_the_result_is_that_of_the_local_estimator(client, kind, y, options, is_weighted):
    local, on_cluster = {
        "classifier": (MLPClassifier, DaskMLPClassifier),
        "regressor": (MLPRegressor, DaskMLPRegressor),
    }[kind]
    y = y.astype(int) if y.dtype == bool and y.ndim == 2 else y
    weights = WEIGHTS if is_weighted else None
    expected = local(**SETTINGS, **options).fit(X, y, weights)
    found = on_cluster(client=client, **SETTINGS, **options)
    found.fit(parted(X), parted(y), parted(WEIGHTS) if is_weighted else None)
    assert_equal(found, expected)
    np.testing.assert_allclose(found.score(parted(X), parted(y)), expected.score(X, y), rtol=1e-9)


def test_four_workers_and_repeats():
    options = {"processes": False, "n_workers": 4, "threads_per_worker": 1}
    # A free port: the other cluster has the usual one.
    with Client(**options, dashboard_address=":0") as client:
        one, other = (
            DaskMLPClassifier(client=client, **SETTINGS).fit(parted(X), parted(LABELS))
            for _ in range(2)
        )
    assert_equal(one, MLPClassifier(**SETTINGS).fit(X, LABELS))
    for name, values in one.network_.state_dict().items():
        assert other.network_.state_dict()[name].tobytes() == values.tobytes()


def test_the_comparison_notices_a_rank_that_does_not_count(client, monkeypatch):
    right = of_ranks.SharedGradients.mean_of

    def wrong(self, gradients, weight, extras):
        rank = self.collective.rank
        return right(self, gradients, 0.0 if rank else weight, (0.0,) if rank else extras)

    monkeypatch.setattr(of_ranks.SharedGradients, "mean_of", wrong)
    found = DaskMLPClassifier(client=client, **SETTINGS).fit(parted(X), parted(LABELS))
    with pytest.raises(AssertionError):
        assert_equal(found, MLPClassifier(**SETTINGS).fit(X, LABELS))


def test_predictions_are_lazy_and_a_local_estimator_has_the_same(client):
    model = DaskMLPClassifier(client=client, **SETTINGS).fit(parted(X), parted(LABELS))
    local = model.to_local()
    assert type(local) is MLPClassifier
    assert local.classes_.tolist() == ["down", "left", "up"]
    for name in ("predict", "predict_proba", "predict_log_proba"):
        found = getattr(model, name)(parted(X))
        assert isinstance(found, dask.array.Array)
        assert found.chunks[0] == tuple(SIZES)
        expected = getattr(local, name)(X)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.compute(), expected)
        np.testing.assert_array_equal(getattr(model, name)(X), expected)
    assert local.partial_fit(X, LABELS).t_ == 7 * N


def test_tables_are_compared_by_the_names_of_their_columns(client):
    table = pandas.DataFrame(X, columns=list("pqrs"))
    tables = dask.dataframe.from_pandas(table, npartitions=3).persist()
    labels = dask.dataframe.from_pandas(pandas.Series(LABELS), npartitions=3).persist()
    model = DaskMLPClassifier(client=client, **SETTINGS).fit(tables, labels)
    assert_equal(model, MLPClassifier(**SETTINGS).fit(table, LABELS))
    assert model.feature_names_in_.tolist() == list("pqrs")
    found = model.predict_proba(tables)
    assert found.numblocks == (3, 1)
    np.testing.assert_array_equal(found.compute(), model.predict_proba(table))
    with pytest.raises(ValueError, match="same order"):  # at once, before anything is computed
        model.predict(tables[list("qprs")])
    some = model.predict(tables[tables.p > 5])  # no rows at all
    assert some.compute().shape == (0,)


def test_copies_share_the_client_and_pickles_have_none(client):
    model = DaskMLPRegressor(client=client, **SETTINGS).fit(parted(X), parted(NUMBERS))
    copy = clone(model)
    assert copy.client is client
    assert copy.client_ is client
    assert copy.get_params()["hidden_layer_sizes"] == (7,)
    assert not hasattr(copy, "network_")
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.client is None
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    with pytest.raises(NotFittedError):
        copy.to_local()
    with pytest.raises(TypeError, match="depth"):
        DaskMLPRegressor(depth=3)


@pytest.mark.parametrize(
    "option",
    [{"solver": "lbfgs"}, {"early_stopping": True}, {"warm_start": True}, {"verbose": True}],
)
def test_parameters_that_a_cluster_does_not_have_are_refused(client, option):
    model = DaskMLPClassifier(client=client, **option)
    refused(lambda: model.fit(parted(X), parted(LABELS)), ValueError, list(option))
    assert not hasattr(model, "partial_fit")


def test_wrong_data_are_refused_and_leave_no_older_model(client):
    model = DaskMLPClassifier(client=client, **SETTINGS)
    holes = X.copy()
    holes[40, 2] = np.nan
    cases = [
        ((X, parted(LABELS)), TypeError, ["ndarray", "from_array"]),
        ((parted(holes), parted(LABELS)), ValueError, ["partition 3", "NaN"]),
        ((parted(X), parted(NUMBERS[:, 0])), ValueError, ["partition 0", "continuous"]),
        ((parted(X), parted(np.full(N, "up"))), ValueError, ["one class"]),
        ((parted(X), parted(LABELS, [30, 30, 30])), ValueError, ["5 partitions", "y has 3"]),
        ((parted(X[:0], [0]), parted(LABELS[:0], [0])), ValueError, ["no rows"]),
        ((parted(X), parted(LABELS), parted(-WEIGHTS)), ValueError, ["partition 0", "egative"]),
        ((parted(X), parted(LABELS), parted(0 * WEIGHTS)), ValueError, ["weights are zero"]),
    ]
    for arguments, kind, words in cases:
        model.fit(parted(X), parted(LABELS))
        refused(lambda arguments=arguments: model.fit(*arguments), kind, words)
        with pytest.raises(NotFittedError):
            model.predict(X)


def test_a_training_that_diverges_raises_the_error_of_the_local_estimator(client):
    options = {**SETTINGS, "solver": "sgd", "learning_rate_init": 1e200}
    with pytest.raises(ValueError, match="diverged") as expected:
        MLPClassifier(**options).fit(X, LABELS)
    model = DaskMLPClassifier(client=client, **options)
    with pytest.raises(ValueError, match="diverged") as found:
        model.fit(parted(X), parted(LABELS))
    assert str(found.value) == str(expected.value)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_warnings_of_the_workers_reach_the_user(client):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DaskMLPClassifier(client=client, **SETTINGS, batch_size=500).fit(parted(X), parted(LABELS))
    messages = {item.category: str(item.message) for item in caught}
    assert "(6) reached" in messages[ConvergenceWarning]
    assert any("larger than the 90 rows" in str(item.message) for item in caught)


def test_an_error_of_a_worker_leaves_the_estimator_unfitted(client):
    class Broken(nn.SGD):
        def step(self):
            raise KeyError("no such step")

    def solver(parameters, rate):
        return Broken(parameters, lr=rate)

    model = DaskMLPClassifier(client=client, solver=solver, **SETTINGS)
    with pytest.raises(WorkerError, match="no such step"):
        model.fit(parted(X), parted(LABELS))
    with pytest.raises(NotFittedError):
        model.predict(parted(X))


def test_a_network_of_your_own_and_the_dtype(client):
    def network(features, outputs, generator, width=5):
        return nn.MLP([features, width, outputs], dtype="float32", generator=generator)

    options = {
        "network": network,
        "max_iter": 3,
        "random_state": 1,
        "network_parameters": {"width": 9},
    }
    x = X.astype("float32")
    found = DaskMLPRegressor(client=client, **options).fit(parted(x), parted(NUMBERS))
    expected = MLPRegressor(**options).fit(x, NUMBERS)
    for name, values in expected.network_.state_dict().items():
        np.testing.assert_allclose(found.network_.state_dict()[name], values, atol=1e-5)
        assert values.dtype == np.float32
        assert values.size
