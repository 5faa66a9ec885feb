"""Estimators of scikit-learn that are trained on the workers of a Dask cluster.

They take the parameters of `nn.bridges.sklearn`, and have the results of its estimators. What runs
on the workers is in `ranks.py`.
"""

from __future__ import annotations

import inspect
import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils.validation import check_is_fitted

from ...checks import check_number
from ..sklearn import MLPClassifier, MLPRegressor
from .cluster import run_ranks
from .placement import place
from .prediction import map_rows
from .ranks import About, Job, check_partition, describe, train_rank
from .watching import WorkerError, client_of, results_of

__all__ = ["DaskMLPClassifier", "DaskMLPRegressor"]


class _OnCluster:
    """What both estimators share; the other base class is the local estimator."""

    client: Any
    timeout: Any
    solver: Any
    early_stopping: Any
    warm_start: Any
    verbose: Any
    _local: Any
    get_params: Any

    def _give(self, client: Any, timeout: float) -> None:
        self.client, self.timeout = client, timeout

    @property
    def client_(self) -> Any:
        """The client: that of ``client=``, or else the current one."""
        return client_of(self.client)

    @property
    def partial_fit(self) -> Any:
        """Absent: an estimator on a cluster has no steps of its own."""
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit; to_local() returns an estimator that has"
        )

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train the network on the workers that hold the partitions.

        Parameters
        ----------
        X : dask array or dataframe, shape (N, features)
            Finite numbers. They are not scaled.
        y : dask array, series or dataframe
            Targets as of the local estimator, with the partitions of `X`.
        sample_weight : dask array or series, optional
            At least 0; a row of weight 2 counts as two rows.

        Raises
        ------
        TypeError, ValueError
            For parameters and data that cannot be used, as by the local estimator.
        WorkerError
            If a worker fails, leaves or hangs. The estimator is not fitted then.
        """
        for name in set(vars(self)) - set(self.get_params(deep=False)):
            delattr(self, name)  # a fit that fails leaves no older model
        local = self._unfitted()
        hidden = local._check_parameters()
        self._check_supported()
        given = {"X": X, "y": y} | (
            {} if sample_weight is None else {"sample_weight": sample_weight}
        )
        client = self.client_
        check = partial(check_partition, estimator=local, names=list(given))
        placed = place(client, check, given)
        pairs = [
            (worker, future)
            for worker, futures in zip(placed.workers, placed.futures, strict=True)
            for future in futures
        ]
        described = [client.submit(describe, f, workers=[w], pure=False) for w, f in pairs]
        found = results_of(client, described, [worker for worker, _ in pairs])
        kept = [(about, *pair) for about, pair in zip(found, pairs, strict=True) if about.rows]
        if not kept:
            raise ValueError("X has no rows; at least two are needed to train")
        abouts = sorted((about for about, *_ in kept), key=lambda about: about.number)
        of_workers: dict[str, list[Any]] = {}
        for _, worker, future in kept:
            of_workers.setdefault(worker, []).append(future)
        placed = type(placed)(list(of_workers), list(of_workers.values()))
        job = self._prepared(local, hidden, abouts, sample_weight is not None)
        try:
            results = run_ranks(client, placed, partial(train_rank, job), self.timeout)
        except WorkerError as error:
            if isinstance(error.__cause__, ValueError):  # of the data or the training, on all ranks
                raise error.__cause__ from None
            raise
        trained, warned = results[0]
        job.estimator._random_state.set_state(trained._random_state.get_state())
        trained._random_state = job.estimator._random_state
        vars(self).update(_fitted(trained))
        for name, what in warned:
            getattr(self, name)(what)
        return self

    def _prepared(self, local: Any, hidden: Any, abouts: list[About], is_weighted: bool) -> Job:
        """Make the network of all ranks, from what the partitions are."""
        first = abouts[0]
        for about in abouts:
            if (about.features, about.names) != (first.features, first.names):
                raise ValueError(
                    f"partition {about.number} of X has the columns {about.names or about.features}"
                    f", and partition {first.number} has {first.names or first.features}"
                )
        local.n_features_in_ = first.features
        if first.names is not None:
            local.feature_names_in_ = np.array(first.names, dtype=object)
        dtype = np.result_type(*(about.dtype for about in abouts))
        dtype = dtype if local.dtype == "auto" else np.dtype(local.dtype)
        examples = np.concatenate([about.examples for about in abouts])
        # Each label three times: labels of one row each would be taken for numbers.
        targets = local._targets(np.repeat(examples, 3, axis=0), True, None, False)
        weights = self._weights_of_classes(local, abouts, examples)
        sizes = [about.rows for about in abouts]
        rows = sum(sizes)
        if local.batch_size != "auto" and local.batch_size > rows:
            warnings.warn(
                f"batch_size={local.batch_size} is larger than the {rows} rows; all of them are "
                "one batch",
                UserWarning,
                stacklevel=3,
            )
            local.batch_size = rows
        local._random_state = check_random_state(local.random_state)
        outputs = local._encoded(targets, dtype)[2]
        example = np.zeros((2, first.features), dtype)
        local._start(local._make_network(example, hidden, outputs, dtype), outputs)
        local._architecture = (hidden, local.activation, local.network, local.network_parameters)
        local._prepare_optimizer()
        starts = np.cumsum([0, *sizes[:-1]]).tolist()
        numbers = [about.number for about in abouts]
        return Job(local, dict(zip(numbers, starts, strict=True)), rows, is_weighted, weights)

    def _weights_of_classes(self, local: Any, abouts: list[About], examples: Any) -> Any:
        """Return the weight of each class, from the counts of all partitions."""
        wanted = getattr(local, "class_weight", None)
        if wanted is None:
            return None
        if local._is_multilabel:
            raise ValueError("class_weight is for one label a row; give sample_weight instead")
        classes = local.classes_
        if wanted != "balanced":
            return compute_class_weight(wanted, classes=classes, y=classes)
        counts = np.zeros(len(classes))
        of_all = np.concatenate([about.counts for about in abouts])
        np.add.at(counts, np.searchsorted(classes, examples), of_all)
        return counts.sum() / (len(classes) * counts)

    def _check_supported(self) -> None:
        """Refuse the parameters of the local estimator that a cluster does not have."""
        reasons = {
            "solver": (self.solver == "lbfgs", "takes steps on a cluster; use 'adam' or 'sgd'"),
            "early_stopping": (self.early_stopping, "holds rows out, and workers cannot"),
            "warm_start": (self.warm_start, "continues; to_local() returns an estimator that can"),
            "verbose": (self.verbose, "would print on a worker; loss_curve_ has the losses"),
        }
        for name, (is_set, why) in reasons.items():
            if is_set:
                value = getattr(self, name)
                raise ValueError(f"{name}={value!r} is not for {type(self).__name__}: it {why}")
        check_number("timeout", self.timeout, above=0.0)

    def predict(self, X: Any) -> Any:
        """Return the predictions: for a collection of Dask a Dask array that is not computed.

        Parameters
        ----------
        X : dask array or dataframe, or array_like
            With the columns of the training, in their order.
        """
        return self._mapped("predict", X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of a classifier, or R² of a regressor; predicted on the workers.

        Parameters
        ----------
        X, y, sample_weight : dask collections or arrays
            As for `fit`.
        """
        found, y, sample_weight = (
            one.compute() if hasattr(one, "__dask_graph__") else one
            for one in (self.predict(X), y, sample_weight)
        )
        metric = accuracy_score if self._local is MLPClassifier else r2_score
        return float(metric(y, found, sample_weight=sample_weight))

    def to_local(self) -> Any:
        """Return the fitted estimator of `nn.bridges.sklearn`, which needs no cluster."""
        check_is_fitted(self)
        local = self._unfitted()
        vars(local).update(_fitted(self))
        return local

    def _mapped(self, method: str, X: Any) -> Any:
        check_is_fitted(self)
        function = getattr(self.to_local(), method)
        if not hasattr(X, "__dask_graph__"):
            return function(X)
        is_table = hasattr(X, "_meta_nonempty")
        row = X._meta_nonempty.iloc[:1] if is_table else np.zeros((1, *X.shape[1:]), X.dtype)
        example = function(row)  # refuses other columns before anything is computed

        def of_partition(rows: Any) -> Any:
            return function(rows) if len(rows) else example[:0]

        return map_rows(of_partition, X, example)

    def _unfitted(self) -> Any:
        params = self.get_params(deep=False)
        return self._local(**{k: v for k, v in params.items() if k not in _OWN})

    def __sklearn_clone__(self) -> Any:
        """Copy the parameters; a client cannot be copied, and is shared."""
        copied = clone(self._unfitted()).get_params(deep=False)
        kind: Any = type(self)
        return kind(client=self.client, timeout=self.timeout, **copied)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the client out: another process has its own."""
        state: Any = super().__getstate__()
        return {**state, "client": None}


_OWN = ("client", "timeout")


def _fitted(estimator: Any) -> dict[str, Any]:
    """Return the attributes that are not parameters."""
    params = estimator.get_params(deep=False)
    return {name: value for name, value in vars(estimator).items() if name not in params}


def _signature(local: Any) -> inspect.Signature:
    """Return the signature of a local estimator with the parameters of a cluster before its own."""
    own = [
        inspect.Parameter("client", inspect.Parameter.KEYWORD_ONLY, default=None),
        inspect.Parameter("timeout", inspect.Parameter.KEYWORD_ONLY, default=300.0),
    ]
    this, *others = inspect.signature(local.__init__).parameters.values()
    return inspect.Signature([this, *others, *own])


class DaskMLPClassifier(_OnCluster, MLPClassifier):
    """`nn.bridges.sklearn.MLPClassifier`, trained on the workers of a Dask cluster.

    In float64 it has the weights of the local estimator for the same data to round-off, wherever
    the partitions are: all ranks shuffle the numbers of all rows with `random_state`, and each
    takes the rows of a batch that it holds. The bits repeat if the partitions are on the same
    number of workers in the same way.

    Parameters
    ----------
    client : distributed.Client, optional
        The cluster; by default the current client. It is not pickled.
    timeout : float
        How many seconds a worker waits for another one in a step before `fit` ends with an error.
    **parameters
        Those of `nn.bridges.sklearn.MLPClassifier`. Refused are ``solver="lbfgs"``,
        `early_stopping`, `warm_start` and `verbose`.

    Attributes
    ----------
    client_ : distributed.Client
        The client in use.
    classes_ : ndarray
        The labels of all partitions, in order; the others are those of the local estimator.

    Notes
    -----
    Each worker has 8 bytes for each row of all data, three times: an order, a place and a weight.

    Examples
    --------
    >>> import dask.array, numpy as np
    >>> from distributed import Client
    >>> from nn.bridges.dask import DaskMLPClassifier
    >>> x = np.random.default_rng(0).normal(size=(60, 2))
    >>> X = dask.array.from_array(x, chunks=(20, 2))
    >>> y = dask.array.from_array(np.where(x[:, 0] > 0, "right", "left"), chunks=20)
    >>> options = {"processes": False, "n_workers": 2, "threads_per_worker": 1}
    >>> with Client(**options, dashboard_address=":0") as client:
    ...     model = DaskMLPClassifier(
    ...         (8,), learning_rate_init=0.05, tol=0.01, random_state=0, client=client
    ...     )
    ...     model.fit(X, y).score(X, y) > 0.9
    True
    >>> model.to_local().predict([[2.0, 0.0], [-2.0, 0.0]]).tolist()
    ['right', 'left']
    """

    _local = MLPClassifier

    def __init__(self, *args: Any, client: Any = None, timeout: float = 300.0, **parameters: Any):
        super().__init__(*args, **parameters)
        self._give(client, timeout)

    __init__.__signature__ = _signature(MLPClassifier)  # type: ignore[attr-defined]

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, in the order of `classes_`; lazily as `predict`.

        Parameters
        ----------
        X
            As for `predict`.
        """
        return self._mapped("predict_proba", X)

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of the probabilities; lazily as `predict`.

        Parameters
        ----------
        X
            As for `predict`.
        """
        return self._mapped("predict_log_proba", X)


class DaskMLPRegressor(_OnCluster, MLPRegressor):
    """`nn.bridges.sklearn.MLPRegressor`, trained on the workers of a Dask cluster.

    Parameters
    ----------
    client, timeout
        As for `DaskMLPClassifier`.
    **parameters
        Those of `nn.bridges.sklearn.MLPRegressor`, except those that `DaskMLPClassifier` refuses.

    Attributes
    ----------
    client_ : distributed.Client
        The client in use; the others are those of the local estimator.
    """

    _local = MLPRegressor

    def __init__(self, *args: Any, client: Any = None, timeout: float = 300.0, **parameters: Any):
        super().__init__(*args, **parameters)
        self._give(client, timeout)

    __init__.__signature__ = _signature(MLPRegressor)  # type: ignore[attr-defined]
